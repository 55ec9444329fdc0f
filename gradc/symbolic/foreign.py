"""A user's SymPy expression -> the same in the functions that gradc has primitives for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradc.symbolic.algebra import sp
from gradc.symbolic.read import function, operands_of

# Functions with declared derivatives: steps, where SymPy leaves it open, and atan2 at (0, 0).
DECLARED: dict[Any, str] = {
    sp.atan2: "atan2",
    sp.sign: "sign",
    sp.floor: "floor",
    sp.ceiling: "ceil",
    sp.Mod: "remainder",
}
QUOTIENTS: dict[Any, Callable[[Any], Any]] = {
    sp.sec: lambda u: 1 / sp.cos(u),
    sp.csc: lambda u: 1 / sp.sin(u),
    sp.cot: lambda u: 1 / sp.tan(u),
    sp.sech: lambda u: 1 / sp.cosh(u),
    sp.csch: lambda u: 1 / sp.sinh(u),
    sp.coth: lambda u: 1 / sp.tanh(u),
}


def prepare(expression: Any) -> Any:
    """Return an expression in our functions.

    A power of a variable by a variable becomes the primitive `pow`, for its declared values at
    0; `sympy.Function("softplus")(x)` becomes the primitive of that name.
    """
    if not expression.args:
        return expression
    arguments = [prepare(a) for a in expression.args]
    kind = expression.func
    if kind in DECLARED:
        return function(DECLARED[kind])(*arguments)
    if kind in QUOTIENTS:
        return QUOTIENTS[kind](*arguments)
    if kind is sp.Pow and all(a.free_symbols for a in arguments):
        return function("pow")(*arguments)
    if isinstance(expression, sp.core.function.AppliedUndef):
        name = str(kind.__name__)
        return function(name)(*arguments) if operands_of(name) is not None else expression
    return kind(*arguments) if arguments != list(expression.args) else expression
