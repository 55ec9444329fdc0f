"""The one fact about a primitive's derivative from which forward and reverse mode both follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Partials:
    """Elementwise: the partial derivative by each operand, as an expression.

    y_dot = sum_i p_i * x_i_dot;  x_i_bar = p_i * y_bar.

    Args:
        operands: names of the operands in the expressions, `("x", "y")`.
        expressions: one per operand over the operand names and `out`, the result; None where
            the derivative is declared zero (steps, integer operands).
    """

    operands: tuple[str, ...]
    expressions: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Linear:
    """Linear in some operands jointly, the others being indices or the like.

    y_dot = f(x_dot, others);  x_bar = transpose(y_bar).

    Args:
        transpose: `transpose(b, y_bar, inputs, params)` -> one adjoint per linear operand.
        operands: positions of the linear operands; None means all of them.
        others: positions of the operands whose values the rules read (an index).
        tangent_params: params for the tangent where they differ (pad by a value -> by zero).
        rule: maths of the transpose, for comments.
    """

    transpose: Callable[..., tuple[Any, ...]]
    operands: tuple[int, ...] | None = None
    others: tuple[int, ...] = ()
    tangent_params: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Bilinear:
    """Linear in each of two operands: y_dot = f(a_dot, b) + f(a, b_dot).

    Args:
        left: `left(b, y_bar, x, y, params)` -> x_bar.
        right: `right(b, y_bar, x, y, params)` -> y_bar.
    """

    left: Callable[..., Any]
    right: Callable[..., Any]
    rule_left: str = ""
    rule_right: str = ""


@dataclass(frozen=True, slots=True)
class Weighted:
    """A reduction whose differential is a weighted sum: y_dot = sum(w * x_dot) over its axes.

    Args:
        weight: `weight(b, x, out, params)` -> w, of x's shape.
        rule: maths of w.
    """

    weight: Callable[..., Any]
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Selection:
    """values, index = f(x): moves elements along an axis; the index says whence.

    Args:
        axis: `axis(params)` -> the axis.
    """

    axis: Callable[[dict[str, Any]], int]


@dataclass(frozen=True, slots=True)
class Looped:
    """A loop: its derivative is a loop over the derivative of its body."""


@dataclass(frozen=True, slots=True)
class Composed:
    """It stands for other primitives, and so do its derivatives.

    Args:
        parts: `parts(b, inputs, params)` -> its results, from other primitives.
        reverse: `reverse(b, inputs, outputs, cotangents, needed, params)` -> the adjoints, where
            there is a better way than that of the parts; its result None means these.
        reads: positions of the results that `reverse` reads.
        rule: maths of the adjoint.
    """

    parts: Callable[..., tuple[Any, ...]]
    reverse: Callable[..., list[Any | None] | None] | None = None
    reads: tuple[int, ...] = ()
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Zero:
    """The derivative is zero, and that is declared (integers, comparisons, stop_gradient)."""


Derivative = Partials | Linear | Bilinear | Weighted | Selection | Looped | Composed | Zero
