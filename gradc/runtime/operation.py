"""A typing rule and a lowering rule -> one name that generated text can call and Numba compiles.

Numba's `@intrinsic` does the same through its overload machinery; resolving an `Operation`
asks one Python function instead, which keeps the compilation of a kernel short.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numba.core import errors, types, typing
from numba.core.imputils import lower_constant
from numba.extending import lower_builtin, models, register_model, typeof_impl

Typing = Callable[..., Any]
Lowering = Callable[[Any, Any, Any, Sequence[Any]], Any]


class Operation:
    """A named operation of generated code.

    Args:
        name: how generated text calls it.
        typing: argument types -> signature, or None where they don't fit.
        lowering: (context, builder, signature, values) -> the LLVM value of the result.
    """

    def __init__(self, name: str, typing: Typing, lowering: Lowering | None) -> None:
        """Register the lowering; without one the build supplies it."""
        self.__name__ = name
        self.typing, self.lowering = typing, lowering
        self.numba_type = OperationType(self)
        if lowering is not None:
            lower_builtin(self, types.VarArg(types.Any))(lowering)

    def __call__(self, *args: object) -> Any:
        """Refuse: compiled operations run inside a compiled step only."""
        raise errors.NumbaError(f"{self.__name__} runs inside a compiled step only")

    def __repr__(self) -> str:
        """Return the name for messages."""
        return f"<operation {self.__name__}>"


class OperationType(types.Callable, types.Opaque):
    """The Numba type of one operation."""

    def __init__(self, operation: Operation) -> None:
        """Make the type, unlike that of any other operation."""
        self.operation = operation
        types.Opaque.__init__(self, f"operation({operation.__name__}, {id(operation)})")

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        """Return the signature of a call with arguments of these types."""
        signature = None if kws else self.operation.typing(context, *args)
        if signature is None:
            given = ", ".join(str(argument) for argument in args)
            raise errors.TypingError(f"{self.operation.__name__} does not take ({given})")
        return signature

    def get_call_signatures(self) -> tuple[list[Any], bool]:
        """Return the known signatures: none are listed, the rule is a function."""
        return [], True

    def get_impl_key(self, sig: Any) -> Operation:
        """Return what the lowering is registered under."""
        return self.operation


register_model(OperationType)(models.OpaqueModel)


@typeof_impl.register(Operation)
def _type_of_operation(value: Operation, context: Any) -> OperationType:
    """Return the Numba type of an operation met as a global of a kernel."""
    return value.numba_type


@lower_constant(OperationType)
def _constant_operation(context: Any, builder: Any, type_: Any, value: Any) -> Any:
    """Return a placeholder: an operation has no value at run time."""
    return context.get_dummy_value()


def same_type(context: Any, *args: Any) -> Any:
    """Return the one type that all arguments convert to, or None."""
    return context.unify_types(*(types.unliteral(argument) for argument in args))


def signature(result: Any, *args: Any) -> Any:
    """Return a Numba signature."""
    return typing.signature(result, *args)
