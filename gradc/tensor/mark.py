"""A cheap note of where the user's program is, which becomes an Origin when a message needs it."""

from __future__ import annotations

import sys
from types import CodeType, FrameType

from gradc.origin import PACKAGE, Origin

Mark = tuple[CodeType, int]


def user_frame() -> FrameType | None:
    """Return the nearest frame that runs code from outside the gradc package."""
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage] # no public way
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
    return frame


def mark() -> Mark | None:
    """Note the user's code object and instruction; reads no source."""
    frame = user_frame()
    return None if frame is None else (frame.f_code, frame.f_lasti)


def line_of(code: CodeType, instruction: int) -> int:
    """Return the line number of an instruction of a code object."""
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            return line
    return code.co_firstlineno


def origin_of(noted: Mark | None) -> Origin | None:
    """Turn a note into an Origin."""
    if noted is None:
        return None
    code, instruction = noted
    return Origin(code.co_filename, line_of(code, instruction), code.co_name)
