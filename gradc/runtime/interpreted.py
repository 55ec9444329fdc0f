"""The decorators and views of generated text, for the Python interpreter (NUMBA_DISABLE_JIT=1)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradc.runtime import signature as signatures

_ELEMENT = {
    "f32": np.float32,
    "f64": np.float64,
    "i32": np.int32,
    "i64": np.int64,
    "u8": np.uint8,
    "b1": np.bool_,
}
Array = NDArray[Any]
View = Callable[[Any, int, int, tuple[int, ...]], Array]


@dataclass(frozen=True, slots=True)
class Step:
    """The entry point of a generated file, run by the interpreter."""

    function: Callable[..., None]

    def run(self, table_address: int, team_address: int = 0) -> int:
        """Run the step on a table of addresses; return 0, as the compiled step does.

        The interpreter is a team of one, so it has no use for a team's address.
        """
        table = ctypes.cast(table_address, ctypes.POINTER(ctypes.c_int64))
        team = (None,) * (self.function.__code__.co_argcount - 1)
        with np.errstate(all="ignore"):
            self.function(table, *team)
        return 0


def kernel(
    text: str, overlap: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Check the signature and leave the function as it is."""
    signatures.parse(text)
    return lambda function: function


def step(function: Callable[..., None]) -> Step:
    """Declare the entry point."""
    return Step(function)


def loop_body(function: Callable[..., None]) -> Callable[..., None]:
    """Declare one step of a loop, and leave the function as it is."""
    return function


def _view(code: str) -> View:
    """Return the function `view_<code>(buffers, slot, offset, shape)`."""
    dtype = np.dtype(_ELEMENT[code])

    def view(buffers: Any, slot: int, offset: int, shape: tuple[int, ...]) -> Array:
        size = dtype.itemsize
        for length in shape:
            size *= length
        if size == 0:
            return np.empty(shape, dtype)
        memory = (ctypes.c_char * size).from_address(buffers[slot] + offset)
        return np.ndarray(shape, dtype, memoryview(memory))

    view.__name__ = f"view_{code}"
    return view


view_f32 = _view("f32")
view_f64 = _view("f64")
view_i32 = _view("i32")
view_i64 = _view("i64")
view_u8 = _view("u8")
view_b1 = _view("b1")
