"""Expression text -> SymPy expression; SymPy functions stand for the primitives it has no name for.

Importing this module imports SymPy, so nothing that `import gradc` imports may import it.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from gradc.errors import ArgumentError, GradientError
from gradc.ir.derivative import Partials, Zero
from gradc.ir.primitive import Kind, lookup, registered
from gradc.symbolic.algebra import sp
from gradc.symbolic.definitions import DEFINITIONS
from gradc.symbolic.derived import PARTIALS
from gradc.symbolic.program import free_names, parse

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


def _quotient(x: Any, y: Any) -> Any:
    return x / y


ARITHMETIC: dict[type[ast.AST], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _quotient,
    ast.Pow: sp.Pow,
}
LOGIC: dict[type[ast.AST], Any] = {
    ast.BitAnd: sp.And,
    ast.BitOr: sp.Or,
    ast.BitXor: sp.Xor,
    ast.And: sp.And,
    ast.Or: sp.Or,
}
PRIMITIVE: dict[type[ast.AST], str] = {ast.FloorDiv: "floor_divide", ast.Mod: "remainder"}
RELATIONS: dict[type[ast.AST], Any] = {
    ast.Eq: sp.Eq,
    ast.NotEq: sp.Ne,
    ast.Lt: sp.Lt,
    ast.LtE: sp.Le,
    ast.Gt: sp.Gt,
    ast.GtE: sp.Ge,
}
# Names that SymPy has as operators, by number of operands.
ONE: dict[str, Callable[[Any], Any]] = {
    "neg": operator.neg,
    "reciprocal": lambda x: 1 / x,
    "rsqrt": lambda x: 1 / sp.sqrt(x),
    "relu": lambda x: sp.Piecewise((0, x <= 0), (x, True)),
}
TWO: dict[str, Any] = {
    "pow": sp.Pow,
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": _quotient,
}
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

    def number(child: ast.AST) -> Any:
        value = of(child)
        if isinstance(value, sp.Expr):
            return value
        raise ArgumentError(
            f"expression {text!r}: {ast.unparse(child)!r} is bool, not a number",
            hint="where(condition, 1, 0)",
        )

    match node:
        case ast.Constant(value=bool() as truth):
            return sp.true if truth else sp.false
        case ast.Constant(value=int() | float() as constant):
            return literal(constant)
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.Name(id="pi"):
            return sp.pi
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -number(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return number(operand)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return sp.Not(of(operand))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in LOGIC:
            return LOGIC[type(op)](of(left), of(right))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            return ARITHMETIC[type(op)](number(left), number(right))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in PRIMITIVE:
            return function(PRIMITIVE[type(op)])(number(left), number(right))
        case ast.BoolOp(op=op, values=values):
            return LOGIC[type(op)](*(of(v) for v in values))
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in RELATIONS:
            return RELATIONS[type(op)](of(left), of(right))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            build = _callable(name, len(arguments), text)
            native = name in NATIVE or name in ONE or name in TWO
            return build(*((number if native else of)(a) for a in arguments))
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
    if name == "where":
        return _choice
    return NATIVE.get(name) or ONE.get(name) or TWO.get(name) or function(name)


def _choice(condition: Any, a: Any, b: Any) -> Any:
    """Return a where the condition holds, else b."""
    return sp.Piecewise((a, condition), (b, True))


def literal(number: float) -> Any:
    """Return a finite number as SymPy: exact where it is a short fraction, else with its digits."""
    short = float(number).is_integer() or float(number * 1024).is_integer()
    return sp.nsimplify(number, rational=True) if short else sp.Float(number)
