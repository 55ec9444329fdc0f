"""`@kernel("f32[:], f32[:]")` and `@step`: Python functions -> what the build compiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core import types
from numba.extending import models, register_model

from gradc.runtime import signature as signatures
from gradc.runtime.operation import Operation, signature
from gradc.runtime.row_types import COLUMNS, ROWS

ELEMENT = {
    "f32": types.float32,
    "f64": types.float64,
    "i32": types.int32,
    "i64": types.int64,
    "u8": types.uint8,
    "b1": types.boolean,
}
TABLE = types.CPointer(types.int64)


class _Team(types.CPointer):
    """A pointer to the numbers of one thread; a table is not one."""

    def __init__(self) -> None:
        types.CPointer.__init__(self, types.int64)
        self.name = "team"


TEAM = _Team()
register_model(_Team)(models.PointerModel)


class Kernel(Operation):
    """A function of a generated file with typed arguments; `function` is the Python original."""

    def __init__(
        self, function: Callable[..., None], arguments: tuple[Any, ...], overlap: bool = True
    ) -> None:
        """Keep the function with the Numba types of its arguments."""
        self.function = function
        self.arguments = arguments
        self.overlap = overlap
        super().__init__(function.__name__, self._typing, None)

    def _typing(self, context: Any, *args: Any) -> Any:
        """Return the declared signature where the arguments convert to it."""
        if len(args) != len(self.arguments):
            return None
        pairs = zip(args, self.arguments, strict=True)
        if any(context.can_convert(given, declared) is None for given, declared in pairs):
            return None
        return signature(types.void, *self.arguments)

    def __call__(self, *args: object) -> Any:
        """Run the Python original on arrays and numbers."""
        return self.function(*args)


def loop_body(function: Callable[..., None]) -> Kernel:
    """Declare one step of a loop: a function of the table of addresses and of the times.

    One that several threads share takes the `team` last.
    """
    names = function.__code__.co_varnames[1 : function.__code__.co_argcount]
    arguments = [TEAM if name == "team" else types.int64 for name in names]
    return Kernel(function, (TABLE, *arguments))


class Step(Kernel):
    """The entry point of a generated file: a function of the table of addresses.

    One that several threads may run takes the `team` too.
    """


def kernel(text: str, overlap: bool = False) -> Callable[[Callable[..., None]], Kernel]:
    """Declare a kernel with the argument types that `text` names.

    Args:
        text: the types.
        overlap: whether an array that is written may lie in the memory of another one.
    """
    arguments = tuple(_numba_type(argument) for argument in signatures.parse(text))
    return lambda function: Kernel(function, arguments, overlap)


def step(function: Callable[..., None]) -> Step:
    """Declare the entry point: `step(buffers)` or `step(buffers, team)`."""
    return Step(function, (TABLE, TEAM)[: function.__code__.co_argcount])


def _numba_type(argument: signatures.Argument) -> Any:
    """Return the Numba type of one declared argument."""
    if argument.code in (signatures.ROWS, signatures.COLUMNS):
        return ROWS if argument.code == signatures.ROWS else COLUMNS
    element = ELEMENT[argument.code]
    if argument.axes is None:
        return element
    return types.Array(element, argument.axes, "C" if argument.contiguous else "A")
