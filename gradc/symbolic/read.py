"""Expression text -> SymPy expression."""

from __future__ import annotations

import ast
from typing import Any

import sympy as sp

from gradc.errors import ArgumentError
from gradc.symbolic.functions import NATIVE, function, is_known
from gradc.symbolic.lower import free_names, parse

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
