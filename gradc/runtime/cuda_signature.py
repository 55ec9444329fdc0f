"""The text of a CUDA kernel's signature, such as `"f32[64,256], i64[1]"` -> its parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gradc.errors import BuildError
from gradc.runtime.signature import CODES

SEGMENT = "segment"  # the positions of one array, where a launch has several
_PIECE = re.compile(r"(\w+)\[(:|\d+(?:,\d+)*)\]")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a kernel.

    Args:
        code: element type, as in `f32`.
        sizes: of an array in C order, (-1,) where any length will do; None for a segment.
    """

    code: str
    sizes: tuple[int, ...] | None

    @property
    def is_array(self) -> bool:
        """Whether it is a pointer to elements in device memory."""
        return self.sizes is not None


def parse(text: str) -> tuple[Parameter, ...]:
    """Return the parameters that a signature names, in order."""
    pieces = re.findall(r"\w+(?:\[[^\]]*\])?|[^\s,]+", text)
    return tuple(_parameter(piece, text) for piece in pieces)


def _parameter(piece: str, text: str) -> Parameter:
    """Return the parameter that one piece of a signature names."""
    if piece == SEGMENT:
        return Parameter(SEGMENT, None)
    match = _PIECE.fullmatch(piece.replace(" ", ""))
    if match is None or match[1] not in CODES:
        raise BuildError(
            f"kernel: can't read {piece!r} in the signature {text!r}",
            hint=f"an element type of {', '.join(CODES)}, then sizes as in [64,256], or [:]",
        )
    sizes = (-1,) if match[2] == ":" else tuple(map(int, match[2].split(",")))
    return Parameter(match[1], sizes)
