"""Elementwise primitive -> LaTeX of its definition and of its partial derivatives, for the docs."""

from __future__ import annotations

from typing import Any

from gradc.errors import ArgumentError
from gradc.ir.derivative import Partials
from gradc.ir.primitive import lookup, registered
from gradc.symbolic.definitions import DEFINITIONS
from gradc.symbolic.derived import PARTIALS

RESULT = "out"
ERF_SLOPE = 1.1283791670955126  # 2 / sqrt(pi), the derivative of erf at 0
RESULT_SHOWN = "r"  # how the result is called in the formulas


def definition_latex(name: str) -> str:
    r"""Return the formula of a primitive.

    Args:
        name: of a primitive that is defined by an expression, built in or the user's.

    Raises:
        ArgumentError: if no expression defines it.

    Example:
        >>> definition_latex("sigmoid")
        '\\frac{1}{1 + e^{- x}}'
    """
    return _latex(definition_text(name))


def partials_latex(name: str) -> dict[str, str]:
    r"""Return the formula of each partial derivative by operand name; r is the result.

    Args:
        name: of a primitive that is defined by an expression.

    Raises:
        ArgumentError: if no expression defines it.

    Example:
        >>> partials_latex("tanh")
        {'x': '1 - r^{2}'}
    """
    definition_text(name)
    facts = PARTIALS.get(name) or lookup(name).derivative
    assert isinstance(facts, Partials)
    pairs = zip(facts.operands, facts.expressions, strict=True)
    return {operand: "0" if text is None else _latex(text) for operand, text in pairs}


def definition_text(name: str) -> str:
    """Return the expression that defines a primitive."""
    if name in DEFINITIONS:
        return DEFINITIONS[name].text
    if name in registered() and lookup(name).expansion:
        return lookup(name).expansion
    raise ArgumentError(f"latex: no primitive {name!r} is defined by an expression")


def _floored(x: Any, y: Any) -> Any:
    """Return floor(x / y) in SymPy's own function, which has a notation."""
    from gradc.symbolic.algebra import sp

    return sp.floor(x / y)


def _latex(text: str) -> str:
    """Return the LaTeX of an expression text, as it stands: SymPy must not rearrange it."""
    from gradc.symbolic.algebra import sp
    from gradc.symbolic.lower import free_names
    from gradc.symbolic.read import function, read

    names: dict[str, Any] = {n: sp.Symbol(n, real=True) for n in free_names(text)}
    if RESULT in names:
        names[RESULT] = sp.Symbol(RESULT_SHOWN, real=True)
    expression = read(text, names)
    expression = expression.replace(function("floor_divide"), _floored)
    expression = expression.replace(function("ceil"), sp.ceiling)
    return str(sp.latex(expression.subs(sp.Float(ERF_SLOPE), 2 / sp.sqrt(sp.pi))))
