"""Expression text -> SymPy expression; SymPy functions stand for the primitives it has no name for.

Importing this module imports SymPy, so nothing that `import gradc` imports may import it.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import Any

import sympy as sp

from gradc.errors import ArgumentError, GradientError
from gradc.ir.derivative import Partials, Zero
from gradc.ir.primitive import lookup, registered
from gradc.symbolic.definitions import DEFINITIONS
from gradc.symbolic.derived import PARTIALS
from gradc.symbolic.lower import free_names, parse

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


ARITHMETIC: dict[type[ast.AST], Any] = {
    ast.Add: lambda x, y: x + y,
    ast.Sub: lambda x, y: x - y,
    ast.Mult: lambda x, y: x * y,
    ast.Div: lambda x, y: x / y,
    ast.Pow: lambda x, y: x**y,
    ast.FloorDiv: lambda x, y: function("floor_divide")(x, y),
    ast.Mod: lambda x, y: function("remainder")(x, y),
    ast.BitAnd: sp.And,
    ast.BitOr: sp.Or,
    ast.BitXor: sp.Xor,
    ast.And: sp.And,
    ast.Or: sp.Or,
}
RELATIONS: dict[type[ast.AST], Any] = {
    ast.Eq: sp.Eq,
    ast.NotEq: sp.Ne,
    ast.Lt: sp.Lt,
    ast.LtE: sp.Le,
    ast.Gt: sp.Gt,
    ast.GtE: sp.Ge,
}
SPELLED: dict[str, Any] = {
    "pow": lambda x, y: x**y,
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "neg": lambda x: -x,
    "reciprocal": lambda x: 1 / x,
    "rsqrt": lambda x: 1 / sp.sqrt(x),
    "relu": lambda x: sp.Piecewise((x, x > 0), (0, True)),
    "where": lambda c, a, b: sp.Piecewise((a, c), (b, True)),
}


def symbols(operands: tuple[str, ...]) -> dict[str, Any]:
    """Return a real symbol for each name."""
    return {name: sp.Symbol(name, real=True) for name in operands}


def read(text: str, names: dict[str, Any] | None = None) -> Any:
    """Return an expression text as a SymPy expression.

    Args:
        text: the expression, `x / (1 + exp(-beta * x))`.
        names: what the names stand for; real symbols of those names by default.
    """
    known = names if names is not None else symbols(tuple(sorted(free_names(text))))
    return _read(parse(text), text, known)


def _read(node: ast.AST, text: str, names: dict[str, Any]) -> Any:
    """Return one node as SymPy."""

    def of(child: ast.AST) -> Any:
        return _read(child, text, names)

    match node:
        case ast.Constant(value=bool() as truth):
            return sp.true if truth else sp.false
        case ast.Constant(value=int() | float() as number):
            return sp.nsimplify(number, rational=True) if _is_short(number) else sp.Float(number)
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.Name(id="pi"):
            return sp.pi
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -of(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return of(operand)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return sp.Not(of(operand))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            return ARITHMETIC[type(op)](of(left), of(right))
        case ast.BoolOp(op=op, values=values):
            return ARITHMETIC[type(op)](*(of(v) for v in values))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in RELATIONS:
            return RELATIONS[type(op)](of(left), of(right))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _callable(name, text)(*(of(a) for a in arguments))
        case _:
            raise ArgumentError(
                f"expression {text!r}: can't use {ast.unparse(node)!r}",
                hint="names, numbers, operators, comparisons and calls of primitives",
            )


def _callable(name: str, text: str) -> Any:
    """Return what builds the SymPy expression of a call."""
    if name in NATIVE:
        return NATIVE[name]
    if name in SPELLED:
        return SPELLED[name]
    if is_known(name):
        return function(name)
    raise ArgumentError(
        f"expression {text!r}: unknown function {name!r}",
        hint="a registered primitive, such as exp, log, tanh, where, maximum",
    )


def _is_short(number: float) -> bool:
    """Return whether a number is an exact short fraction, better kept exact."""
    return float(number).is_integer() or float(number * 1024).is_integer()
