"""The text of a kernel's signature, such as `"f32[:,:], i64[:], f64"` -> its argument types."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gradc.errors import BuildError

CODES = ("f32", "f64", "i32", "i64", "u8", "b1")
ROWS, COLUMNS = "rows", "columns"  # this thread's part of an axis
_ARGUMENT = re.compile(r"(\w+)(?:\[((?:::?)(?:,(?:::?))*)?\])?")


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument: a scalar (`axes` is None) or an array of that many axes."""

    code: str
    axes: int | None
    contiguous: bool = True


def parse(text: str) -> tuple[Argument, ...]:
    """Return the arguments that a signature names, in order."""
    pieces = re.findall(r"\w+(?:\[[^\]]*\])?|[^\s,]+", text)
    return tuple(_argument(piece, text) for piece in pieces)


def _argument(piece: str, text: str) -> Argument:
    """Return the argument that one piece of a signature names."""
    if piece in (ROWS, COLUMNS):
        return Argument(piece, None)
    match = _ARGUMENT.fullmatch(piece.replace(" ", ""))
    if match is None or match[1] not in CODES:
        raise BuildError(
            f"kernel: can't read {piece!r} in the signature {text!r}",
            hint=f"an element type of {', '.join(CODES)}, then [:,:] (C order) or [::,::]",
        )
    if "[" not in piece:
        return Argument(match[1], None)
    axes = match[2].split(",") if match[2] else []
    return Argument(match[1], len(axes), contiguous="::" not in axes)
