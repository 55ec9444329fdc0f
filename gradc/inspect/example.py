"""Types as text, `float32[8, 4], int64[8]` -> tensors of those types, to trace a function with."""

from __future__ import annotations

import re

from gradc.errors import ArgumentError
from gradc.ir.dtype import ALL, DType
from gradc.tensor import Tensor, zeros

_ONE = re.compile(r"\s*([A-Za-z_]\w*)\s*(?:\[([^\[\]]*)\])?\s*")
_SHORT = {"float": "float32", "double": "float64", "int": "int32", "long": "int64"}
_HINT = "write a dtype and sizes, float32[8, 4]; several in a row: float32[8, 4], int64[8]"


def example_tensors(text: str) -> tuple[Tensor, ...]:
    """Return one tensor of zeros for each type in `text`.

    Zeros are legal class indices, probabilities and masks alike.

    Args:
        text: types as graphs show them, separated by commas: a dtype and its sizes in brackets;
            no brackets, or empty ones, make a single number.

    Raises:
        ArgumentError: the text is not a list of types.

    Example:
        >>> [tuple(t.shape) for t in example_tensors("float32[8, 4], int64[8]")]
        [(8, 4), (8,)]
    """
    return tuple(zeros(*shape, dtype=dtype) for dtype, shape in parse(text))


def parse(text: str) -> list[tuple[DType, tuple[int, ...]]]:
    """Return the dtype and shape of each type in `text`."""
    found: list[tuple[DType, tuple[int, ...]]] = []
    position = 0
    while True:
        match = _ONE.match(text, position)
        if match is None:
            raise _refusal(text, f"a type was expected at {_rest(text, position)}")
        found.append((_dtype(match[1], text), _shape(match[2] or "", text)))
        position = match.end()
        if position == len(text):
            return found
        if text[position] != ",":
            raise _refusal(text, f"a comma was expected at {_rest(text, position)}")
        position += 1


def _dtype(name: str, text: str) -> DType:
    dtypes = {d.name: d for d in ALL}
    found = dtypes.get(_SHORT.get(name, name))
    if found is None:
        raise _refusal(text, f"{name!r} is no dtype (there are {', '.join(dtypes)})")
    return found


def _shape(sizes: str, text: str) -> tuple[int, ...]:
    parts = sizes.split(",") if sizes.strip() else []
    if parts and not parts[-1].strip():
        parts.pop()
    if not all(p.strip().isdecimal() for p in parts):
        raise _refusal(text, f"[{sizes}] is no list of sizes")
    return tuple(int(p) for p in parts)


def _rest(text: str, position: int) -> str:
    return repr(text[position:]) if text[position:].strip() else "the end"


def _refusal(text: str, reason: str) -> ArgumentError:
    return ArgumentError(f"example inputs {text!r}: {reason}", hint=_HINT)
