"""Expression text -> SymPy expression; SymPy functions stand for the primitives it has no name for.

Importing this module imports SymPy, so nothing that `import gradc` imports may import it.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from gradc.errors import ArgumentError, GradientError
from gradc.ir.derivative import Partials, Zero
from gradc.ir.primitive import Kind, lookup, registered
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


def operands_of(name: str) -> tuple[str, ...] | None:
    """Return the operands of the elementwise primitive called `name`; None if there is none."""
    if name in DEFINITIONS:
        return DEFINITIONS[name].operands
    if name in registered() and lookup(name).kind is Kind.ELEMENTWISE:
        return lookup(name).operands
    return None


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


# SymPy's functions in terms of ours: steps, whose derivative we declare, and quotients.
FOREIGN: tuple[tuple[Any, Any], ...] = (
    (sp.sign, lambda u: function("sign")(u)),
    (sp.floor, lambda u: function("floor")(u)),
    (sp.ceiling, lambda u: function("ceil")(u)),
    (sp.Mod, lambda u, v: function("remainder")(u, v)),
    (sp.sec, lambda u: 1 / sp.cos(u)),
    (sp.csc, lambda u: 1 / sp.sin(u)),
    (sp.cot, lambda u: 1 / sp.tan(u)),
    (sp.sech, lambda u: 1 / sp.cosh(u)),
    (sp.csch, lambda u: 1 / sp.sinh(u)),
    (sp.coth, lambda u: 1 / sp.tanh(u)),
)
PARAMETRIC = ("cast",)  # elementwise, but not functions of their operands alone


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
            return _callable(name, len(arguments), text)(*(of(a) for a in arguments))
        case _:
            raise ArgumentError(
                f"expression {text!r}: can't use {ast.unparse(node)!r}",
                hint="names, numbers, operators, comparisons and calls of primitives",
            )


def _callable(name: str, count: int, text: str) -> Any:
    """Return what builds the SymPy expression of a call."""
    operands = operands_of(name)
    if operands is None or name in PARAMETRIC:
        raise ArgumentError(
            f"expression {text!r}: unknown function {name!r}",
            hint="an elementwise primitive, such as exp, log, tanh, where, maximum",
        )
    if count != len(operands):
        raise ArgumentError(
            f"expression {text!r}: {name} takes {', '.join(operands)}, got {count} operands"
        )
    return NATIVE.get(name) or SPELLED.get(name) or function(name)


def _is_short(number: float) -> bool:
    """Return whether a number is an exact short fraction, better kept exact."""
    return float(number).is_integer() or float(number * 1024).is_integer()


def prepare(expression: Any) -> Any:
    """Return a user's SymPy expression in the functions that we differentiate and write.

    A power of a variable by a variable becomes the primitive, for its declared values at 0;
    `Function("softplus")(x)` becomes the primitive of that name.
    """
    for theirs, ours in FOREIGN:
        expression = expression.replace(theirs, ours)
    expression = expression.replace(
        lambda e: e.is_Pow and bool(e.base.free_symbols and e.exp.free_symbols),
        lambda e: function("pow")(e.base, e.exp),
    )
    return expression.replace(
        lambda e: isinstance(e, AppliedUndef) and operands_of(e.func.__name__) is not None,
        lambda e: function(e.func.__name__)(*e.args),
    )
