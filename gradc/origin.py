"""Find the user's own line: the nearest stack frame outside gradc becomes an Origin."""

from __future__ import annotations

import linecache
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

PACKAGE = str(Path(__file__).parent) + "/"
# `from gradc.func import functionalize` asks for the name from inside of importlib.
SKIPPED = (PACKAGE, "<frozen importlib")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where in the user's program an operation was written.

    Args:
        file: path of the user's source file.
        line: line number, counted from 1.
        function: name of the user's function.
        visit: number that tells executions of one line apart (a loop body, a shared layer).
        scope: path of the modules that were being called, `encoder.0.linear`, or "".
    """

    file: str
    line: int
    function: str
    visit: int = 0
    scope: str = ""

    @property
    def statement(self) -> str:
        """The source text of the line, stripped, or "" where no source is to be had."""
        return linecache.getline(self.file, self.line).strip()

    @property
    def place(self) -> str:
        """`mlp.py:10`, the short form for comments."""
        return f"{Path(self.file).name}:{self.line}"

    def __str__(self) -> str:
        return f"{display_path(self.file)}:{self.line} in {self.function}:  {self.statement}"


def display_path(file: str) -> str:
    """Return `file` relative to the working directory where it lies below it."""
    try:
        return str(Path(file).relative_to(Path.cwd()))
    except ValueError:
        return file


def user_frame() -> FrameType | None:
    """Return the nearest frame that runs code from outside the gradc package."""
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage] # no public way
    while frame is not None and frame.f_code.co_filename.startswith(SKIPPED):
        frame = frame.f_back
    return frame


def here(scope: str = "", visit: int = 0) -> Origin | None:
    """Return the Origin of the user's line that is being executed now."""
    frame = user_frame()
    if frame is None:
        return None
    code = frame.f_code
    return Origin(code.co_filename, frame.f_lineno, code.co_name, visit, scope)
