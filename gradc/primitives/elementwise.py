"""A NumPy function, a code template and partials -> the record of an elementwise primitive."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from gradc.errors import DeviceError, DTypeError, ShapeError
from gradc.ir.derivative import Derivative
from gradc.ir.dtype import bool_
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Kind, Primitive, Sample
from gradc.primitives.precedence import ATOM

Array = np.ndarray[Any, Any]


class Accepts(enum.Enum):
    """The element types that an elementwise primitive takes."""

    FLOATS = "floating point"
    NUMBERS = "numbers"
    BOOLS = "bool"
    INTEGERS = "integers"
    ANY = "any dtype"

    def includes(self, type: TensorType) -> bool:
        """Return whether operands of `type` are taken."""
        if self is Accepts.FLOATS:
            return type.dtype.is_floating_point
        if self is Accepts.NUMBERS:
            return not type.dtype.is_bool
        if self is Accepts.INTEGERS:
            return not (type.dtype.is_bool or type.dtype.is_floating_point)
        return self is Accepts.ANY or type.dtype.is_bool


def elementwise(
    name: str,
    meaning: Callable[..., Any],
    derivative: Derivative,
    *,
    operands: tuple[str, ...],
    maths: str,
    samples: Callable[[], Iterable[Sample]],
    code: str = "",
    expansion: str = "",
    precedence: int = ATOM,
    accepts: Accepts = Accepts.FLOATS,
    to_bool: bool = False,
    typing: Callable[..., TensorType] | None = None,
    expensive: bool = False,
    reference: str = "",
    hint: str = "",
) -> Primitive:
    """Return the record of an elementwise primitive.

    Args:
        name: the primitive's name.
        meaning: NumPy function of arrays of one shape and dtype; may return NumPy scalars.
        derivative: how it differentiates.
        operands: names of the operands.
        maths: text for comments.
        samples: operands for the tests.
        code: template of the generated expression.
        expansion: the expression in other primitives that it stands for, where `code` is "".
        precedence: of the outermost operator of `code`.
        accepts: dtypes taken.
        to_bool: whether the result is bool (comparisons), otherwise it has the operands' dtype.
        typing: replaces the rule that `accepts` and `to_bool` stand for.
        expensive: whether it is worth keeping rather than computing twice.
        reference: PyTorch's name.
        hint: a way out, shown when the dtype is not accepted.
    """
    return Primitive(
        name=name,
        kind=Kind.ELEMENTWISE,
        meaning=quiet(meaning),
        typing=typing or rule(name, operands, accepts, to_bool, hint),
        derivative=derivative,
        maths=maths,
        samples=samples,
        code=code,
        precedence=precedence,
        expensive=expensive,
        reference=reference,
        operands=operands,
        expansion=expansion,
    )


def quiet(meaning: Callable[..., Any]) -> Callable[..., Array]:
    """Return `meaning` giving arrays also for 0-d operands, and NaN and inf without warnings."""

    def silent(*arrays: Array, **params: Any) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(meaning(*arrays, **params))

    silent.__name__ = getattr(meaning, "__name__", "meaning")
    return silent


def rule(
    name: str, operands: tuple[str, ...], accepts: Accepts, to_bool: bool, hint: str = ""
) -> Callable[..., TensorType]:
    """Return the typing rule: operands of one shape, dtype and device."""

    def typing(*types: TensorType) -> TensorType:
        check_count(name, operands, types)
        check_agree(name, types)
        if not accepts.includes(types[0]):
            given = " and ".join(map(str, types))
            raise DTypeError(f"{name}: takes {accepts.value}, got {given}", hint=hint)
        return types[0].with_dtype(bool_) if to_bool else types[0]

    return typing


def check_count(name: str, operands: tuple[str, ...], types: tuple[TensorType, ...]) -> None:
    """Raise unless there is one type per operand."""
    if len(types) != len(operands):
        wanted = f"{len(operands)} operand{'s' if len(operands) != 1 else ''}"
        raise ShapeError(f"{name}: takes {wanted} ({', '.join(operands)}), got {len(types)}")


def check_agree(name: str, types: tuple[TensorType, ...]) -> None:
    """Raise unless all types have one shape, one dtype and one device."""
    given = " and ".join(map(str, types))
    if len({t.shape for t in types}) > 1:
        raise ShapeError(f"{name}: shapes differ: {given}")
    if len({t.dtype for t in types}) > 1:
        raise DTypeError(f"{name}: dtypes differ: {given}")
    if len({t.device for t in types}) > 1:
        raise DeviceError(f"{name}: devices differ: {given}")
