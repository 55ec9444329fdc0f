"""Expression text -> applications of primitives through a Builder.

The text is Python syntax over operand names, numbers and primitive names:
`where(out > 0, 1, 0)`, `1.1283791670955126 * exp(-x * x)`, `(x == 0) & (y >= 0)`.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import Any

import numpy as np

from gradc.errors import ArgumentError
from gradc.ir.builder import Builder
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Kind, lookup, registered

Number = float | int | bool
Operands = dict[str, Any]

LARGEST_UNROLLED_POWER = 8

BINARY: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.FloorDiv: "floor_divide",
    ast.Mod: "remainder",
    ast.Pow: "pow",
    ast.BitAnd: "logical_and",
    ast.BitOr: "logical_or",
    ast.BitXor: "logical_xor",
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
}
UNARY: dict[type[ast.AST], str] = {
    ast.USub: "neg",
    ast.Not: "logical_not",
}
LOGIC: dict[type[ast.AST], type[ast.AST]] = {ast.And: ast.BitAnd, ast.Or: ast.BitOr}


def apply_expression(builder: Builder, text: str, operands: Operands, like: TensorType) -> Any:
    """Return the value of an expression.

    Args:
        builder: applies the primitives.
        text: the expression, `out * (1 - out)`.
        operands: values by name, all of `like`'s shape.
        like: type of the result where the expression is a mere number.
    """
    lowering = _Lowering(builder, operands, like, text)
    return lowering.operand(lowering.value(parse(text)), like)


@lru_cache(maxsize=4096)
def parse(text: str) -> ast.expr:
    """Return the syntax tree of an expression."""
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        raise ArgumentError(f"expression {text!r}: not a Python expression: {error.msg}") from None


@lru_cache(maxsize=4096)
def free_names(text: str) -> frozenset[str]:
    """Return the operand names that an expression uses (`out` among them), functions excluded."""
    tree = parse(text)
    functions = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    return frozenset(
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in functions
    )


class _Lowering:
    """One walk over one syntax tree; equal subexpressions are applied once.

    A value is a Python number until it meets an operand, so that numbers fold with each other.
    """

    def __init__(self, builder: Builder, operands: Operands, like: TensorType, text: str) -> None:
        self.builder = builder
        self.operands = operands
        self.like = like
        self.text = text
        self.known: dict[str, Any] = {}

    def value(self, node: ast.AST) -> Any:
        """Return the value of a node, from memory where an equal node was met before."""
        key = ast.dump(node)
        if key not in self.known:
            self.known[key] = self.compute(node)
        return self.known[key]

    def compute(self, node: ast.AST) -> Any:
        """Return the value of a node."""
        match node:
            case ast.Constant(value=bool() | int() | float() as number):
                return number
            case ast.Name(id=name) if name in self.operands:
                return self.operands[name]
            case ast.Name(id=name):
                raise ArgumentError(
                    f"expression {self.text!r}: unknown name {name!r}",
                    hint=f"the names are {', '.join(self.operands)}",
                )
            case ast.UnaryOp(op=op, operand=operand) if type(op) in UNARY:
                return self.unary(type(op), self.value(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
                return self.binary(type(op), self.value(left), self.value(right))
            case ast.BoolOp(op=op, values=values):
                result = self.value(values[0])
                for other in values[1:]:
                    result = self.binary(LOGIC[type(op)], result, self.value(other))
                return result
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in BINARY:
                return self.binary(type(op), self.value(left), self.value(right))
            case ast.Call(func=ast.Name(id="where"), args=[condition, a, b], keywords=[]):
                return self.where(self.value(condition), self.value(a), self.value(b))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self.call(name, [self.value(a) for a in arguments])
            case _:
                raise ArgumentError(
                    f"expression {self.text!r}: can't use {ast.unparse(node)!r}",  # type: ignore[arg-type]
                    hint="operands, numbers, operators, comparisons and calls of primitives",
                )

    def unary(self, op: type[ast.AST], x: Any) -> Any:
        """Apply an operator of one operand."""
        return self.call(UNARY[op], [x])

    def binary(self, op: type[ast.AST], x: Any, y: Any) -> Any:
        """Apply an operator of two operands."""
        if _is_number(x) and _is_number(y):
            return _fold(BINARY[op], [x, y])
        if op is ast.Mult and _is_one(x):
            return y
        if op in (ast.Mult, ast.Div, ast.Pow) and _is_one(y):
            return x
        if op is ast.Pow and _is_number(y):
            return self.power(x, y)
        if op is ast.Div and _is_one(x):
            return self.builder.op("reciprocal", y)
        return self.call(BINARY[op], [x, y])

    def power(self, x: Any, exponent: Number) -> Any:
        """Return x ** exponent, small whole powers by multiplications."""
        if exponent == 0.5:
            return self.builder.op("sqrt", x)
        if exponent == -0.5:
            return self.builder.op("rsqrt", x)
        count = int(abs(exponent))
        if count != abs(exponent) or not 1 <= count <= LARGEST_UNROLLED_POWER:
            return self.call("pow", [x, exponent])
        result = self.product(x, count)
        return self.builder.op("reciprocal", result) if exponent < 0 else result

    def product(self, x: Any, count: int) -> Any:
        """Return x * ... * x by repeated squaring."""
        if count == 1:
            return x
        half = self.product(x, count // 2)
        square = self.builder.op("mul", half, half)
        return self.builder.op("mul", square, x) if count % 2 else square

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        """Choose; a condition known now chooses now."""
        if _is_number(condition):
            return a if condition else b
        type = self.like_of(a, b)
        return self.builder.op("where", condition, self.operand(a, type), self.operand(b, type))

    def call(self, name: str, arguments: list[Any]) -> Any:
        """Apply the primitive called `name`."""
        if name not in registered() or lookup(name).kind is not Kind.ELEMENTWISE:
            raise ArgumentError(
                f"expression {self.text!r}: unknown function {name!r}",
                hint="an elementwise primitive, such as exp, log, tanh, where, maximum",
            )
        if arguments and all(_is_number(a) for a in arguments):
            return _fold(name, arguments)
        type = self.like_of(*arguments)
        return self.builder.op(name, *(self.operand(a, type) for a in arguments))

    def like_of(self, *values: Any) -> TensorType:
        """Return the type that numbers beside these values get."""
        types = [self.builder.typeof(v) for v in values if not _is_number(v)]
        return self.like.with_dtype(types[0].dtype) if types else self.like

    def operand(self, value: Any, type: TensorType) -> Any:
        """Return a value as an operand: numbers become constants, made once each."""
        if not _is_number(value):
            return value
        key = f"{value!r}: {type}"
        if key not in self.known:
            self.known[key] = self.builder.full(type, value)
        return self.known[key]


def _fold(name: str, numbers: list[Number]) -> Number:
    """Return what a primitive makes of numbers, whole where they all are and it is."""
    arrays = [np.asarray(n, np.bool_ if isinstance(n, bool) else np.float64) for n in numbers]
    result: Number = lookup(name).meaning(*arrays).item()
    whole = all(isinstance(n, int) for n in numbers) and isinstance(result, float)
    return int(result) if whole and float(result).is_integer() else result


def _is_number(value: Any) -> bool:
    return isinstance(value, bool | int | float)


def _is_one(value: Any) -> bool:
    return _is_number(value) and value == 1
