"""SymPy functions for the primitives that SymPy has no name for; they differentiate by our table.

Importing this module imports SymPy: only derive, read, write and stable do so, when asked.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sympy as sp

from gradc.errors import GradientError
from gradc.ir.derivative import Partials, Zero
from gradc.ir.primitive import lookup, registered
from gradc.symbolic.definitions import DEFINITIONS
from gradc.symbolic.derived import PARTIALS

# SymPy's own functions under the primitives' names; SymPy differentiates these.
NATIVE: dict[str, Any] = {
    "exp": sp.exp,
    "log": sp.log,
    "sin": sp.sin,
    "cos": sp.cos,
    "tan": sp.tan,
    "asin": sp.asin,
    "acos": sp.acos,
    "atan": sp.atan,
    "atan2": sp.atan2,
    "sinh": sp.sinh,
    "cosh": sp.cosh,
    "tanh": sp.tanh,
    "asinh": sp.asinh,
    "acosh": sp.acosh,
    "atanh": sp.atanh,
    "erf": sp.erf,
    "erfc": sp.erfc,
    "abs": sp.Abs,
    "sqrt": sp.sqrt,
    "maximum": sp.Max,
    "minimum": sp.Min,
}
STEPS = ("sign", "floor", "ceil", "trunc", "round", "floor_divide")


def is_known(name: str) -> bool:
    """Return whether a primitive of that name is defined here or registered by a user."""
    return name in DEFINITIONS or name in registered()


@lru_cache(maxsize=256)
def function(name: str) -> Any:
    """Return a SymPy function class that stands for the primitive called `name`."""

    def fdiff(self: Any, argindex: int = 1) -> Any:
        return derivative_of(name, self, argindex - 1)

    return type(name, (sp.Function,), {"fdiff": fdiff, "is_real": True})


def derivative_of(name: str, application: Any, position: int) -> Any:
    """Return the partial derivative of an applied primitive by one operand."""
    from gradc.symbolic.read import read

    if name in STEPS:
        return sp.Integer(0)
    facts = PARTIALS.get(name) or (lookup(name).derivative if name in registered() else None)
    if isinstance(facts, Zero):
        return sp.Integer(0)
    if not isinstance(facts, Partials):
        raise GradientError(f"elementwise: {name} has no derivative")
    text = facts.expressions[position]
    if text is None:
        return sp.Integer(0)
    operands = dict(zip(facts.operands, application.args, strict=True))
    return read(text, {**operands, "out": application})


def prepare(expression: Any) -> Any:
    """Return a user's SymPy expression in the functions that we differentiate and write."""
    steps: tuple[tuple[Any, str], ...] = (
        (sp.sign, "sign"),
        (sp.floor, "floor"),
        (sp.ceiling, "ceil"),
        (sp.Mod, "remainder"),
    )
    for theirs, ours in steps:
        expression = expression.replace(theirs, function(ours))
    return expression
