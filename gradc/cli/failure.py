"""What stops a command, as one sentence."""

from __future__ import annotations

import traceback
from pathlib import Path

from gradc.errors import GradcError
from gradc.origin import PACKAGE, display_path


class CommandError(Exception):
    """A command that can't be done; its message is all that the user sees."""


def described(error: BaseException) -> str:
    """Return an exception as `file.py:3: ZeroDivisionError: division by zero`.

    gradc's own errors name the user's line themselves; for others it is the deepest line outside
    of gradc and Python's import machinery.
    """
    message = str(error) or "no message"
    if isinstance(error, GradcError):
        return f"{type(error).__name__}: {message}"
    if isinstance(error, SyntaxError) and error.filename:
        place = f"{display_path(error.filename)}:{error.lineno}"
        return f"{place}: {type(error).__name__}: {error.msg}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _is_user(f.filename)]
    place = f"{display_path(frames[-1].filename)}:{frames[-1].lineno}: " if frames else ""
    return f"{place}{type(error).__name__}: {message}"


def _is_user(file: str) -> bool:
    outside = not file.startswith((PACKAGE, "<"))
    return outside and Path(file).parent.name != "importlib"
