"""The record that says everything about one primitive operation, and the registry of them."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from gradc.ir.derivative import Derivative
from gradc.ir.graph import TensorType

Types = TensorType | tuple[TensorType, ...]


class Kind(enum.Enum):
    """How a primitive touches its operands; emitters know kinds, not operations."""

    CREATION = "creation"  # no operands: constants, counters
    ELEMENTWISE = "elementwise"  # out[i] from x[i], y[i]: equal shapes
    REDUCTION = "reduction"  # folds axes
    SCAN = "scan"  # running fold along one axis
    CONTRACTION = "contraction"  # sum of products
    ATTENTION = "attention"  # sums of products weighted by the softmax of sums of products
    MOVEMENT = "movement"  # out[i] = x[f(i)], f known when compiling
    INDEXING = "indexing"  # out[i] = x[index[i]] and its transposes
    WINDOW = "window"  # out[i] from x[stride i + dilation k], k over a window; for pooling
    SORT = "sort"
    RANDOM = "random"
    CONTROL = "control"  # runs a graph of its own, once per step


@dataclass(frozen=True, slots=True)
class Sample:
    """Operands to test a primitive with.

    Args:
        arrays: NumPy operands (float64 for floating operands; tests cast them).
        params: static parameters.
        smooth: whether finite differences hold here (False at kinks).
    """

    arrays: tuple[Any, ...]
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    smooth: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Primitive:
    """One operation, in one place.

    Args:
        name: unique; the field's standard term.
        kind: how it touches its operands.
        meaning: NumPy meaning, `meaning(*arrays, **params)` -> array, or tuple of arrays.
        typing: shape and dtype rule, `typing(*types, **params)` -> type, or tuple of types.
        derivative: the one fact that forward and reverse mode come from; None: an error when
            a gradient is asked for.
        maths: LaTeX-free text of what it computes, `sum of {0} over {axes}`; for comments.
        code: for elementwise: expression template for generated code, `{0} + {1}`; it may hold
            `{zero}` and `{one}`, literals of operand 0's dtype, and names of params.
        precedence: of the outermost operator of `code`: Python's, 100 for calls and atoms.
        expensive: whether computing it twice costs more than keeping it (transcendental).
        samples: operands for the tests, as a function so that importing costs nothing.
        reference: PyTorch's name for it, for the parity tests, or "".
        operands: names of the operands, where the record gives them (all elementwise ones do).
        expansion: for elementwise without `code`: the expression over `operands` in other
            primitives that it stands for; generated code is had by applying it instead.
    """

    name: str
    kind: Kind
    meaning: Callable[..., Any]
    typing: Callable[..., Types]
    derivative: Derivative | None
    maths: str
    samples: Callable[[], Iterable[Sample]]
    code: str = ""
    precedence: int = 100
    expensive: bool = False
    reference: str = ""
    operands: tuple[str, ...] = ()
    expansion: str = ""

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


_REGISTRY: dict[str, Primitive] = {}


def register(primitive: Primitive) -> Primitive:
    """Add a primitive to the language; two of one name are an error."""
    if primitive.name in _REGISTRY:
        raise ValueError(f"primitive {primitive.name!r} is registered already")
    _REGISTRY[primitive.name] = primitive
    return primitive


def lookup(name: str) -> Primitive:
    """Return the primitive called `name`; KeyError if there is none."""
    return _REGISTRY[name]


def registered() -> dict[str, Primitive]:
    """Return all primitives by name, in the order of registration."""
    return dict(_REGISTRY)
