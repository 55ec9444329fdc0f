"""Expression text -> a short program of primitive applications, made once per text.

The text is Python syntax over operand names, numbers and primitive names:
`where(out > 0, 1, 0)`, `1.1283791670955126 * exp(-x * x)`, `(x == 0) & (y >= 0)`.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gradc.errors import ArgumentError
from gradc.ir.primitive import Kind, lookup, registered

Number = bool | int | float

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
UNARY: dict[type[ast.AST], str] = {ast.USub: "neg", ast.Not: "logical_not"}
LOGIC: dict[type[ast.AST], str] = {ast.And: "logical_and", ast.Or: "logical_or"}


@dataclass(frozen=True, slots=True)
class Name:
    """An operand, by name."""

    name: str


@dataclass(frozen=True, slots=True)
class Result:
    """The result of the step at a position."""

    step: int


Argument = Name | Result | Number


@dataclass(frozen=True, slots=True)
class Step:
    """One application: primitive and arguments."""

    primitive: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """Steps in order, equal ones once; the value of the expression is `value`."""

    steps: tuple[Step, ...]
    value: Argument


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


@lru_cache(maxsize=4096)
def program(text: str) -> Program:
    """Return the program of an expression."""
    writer = _Writer(text)
    value = writer.value(parse(text))
    return Program(tuple(writer.steps), value)


class _Writer:
    """One walk over one syntax tree; numbers fold with each other, equal steps are shared."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.steps: list[Step] = []
        self.places: dict[str, Result] = {}

    def value(self, node: ast.AST) -> Argument:
        """Return the value of a node."""
        match node:
            case ast.Constant(value=bool() | int() | float() as number):
                return number
            case ast.Name(id=name):
                return Name(name)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in UNARY:
                return self.apply(UNARY[type(op)], self.value(operand))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in BINARY:
                return self.binary(BINARY[type(op)], self.value(left), self.value(right))
            case ast.BoolOp(op=op, values=values):
                result = self.value(values[0])
                for other in values[1:]:
                    result = self.apply(LOGIC[type(op)], result, self.value(other))
                return result
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in BINARY:
                return self.binary(BINARY[type(op)], self.value(left), self.value(right))
            case ast.Call(func=ast.Name(id="where"), args=[condition, a, b], keywords=[]):
                return self.where(self.value(condition), self.value(a), self.value(b))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self.apply(name, *(self.value(a) for a in arguments))
            case _:
                raise ArgumentError(
                    f"expression {self.text!r}: can't use {ast.unparse(node)!r}",
                    hint="operands, numbers, operators, comparisons and calls of primitives",
                )

    def binary(self, name: str, x: Argument, y: Argument) -> Argument:
        """Apply an operator of two operands, simplified where that is exact."""
        if isinstance(x, Number) and isinstance(y, Number):
            return self.apply(name, x, y)
        if name == "mul" and _is_one(x):
            return y
        if name in ("mul", "div", "pow") and _is_one(y):
            return x
        if name == "pow" and isinstance(y, Number):
            return self.power(x, y)
        if name == "div" and _is_one(x):
            return self.apply("reciprocal", y)
        return self.apply(name, x, y)

    def power(self, x: Argument, exponent: Number) -> Argument:
        """Return x ** exponent, small whole powers by multiplications."""
        if exponent == 0.5:
            return self.apply("sqrt", x)
        if exponent == -0.5:
            return self.apply("rsqrt", x)
        count = int(abs(exponent))
        if count != abs(exponent) or not 1 <= count <= LARGEST_UNROLLED_POWER:
            return self.apply("pow", x, exponent)
        result = self.product(x, count)
        return self.apply("reciprocal", result) if exponent < 0 else result

    def product(self, x: Argument, count: int) -> Argument:
        """Return x * ... * x by repeated squaring."""
        if count == 1:
            return x
        half = self.product(x, count // 2)
        square = self.apply("mul", half, half)
        return self.apply("mul", square, x) if count % 2 else square

    def where(self, condition: Argument, a: Argument, b: Argument) -> Argument:
        """Choose; a condition known now chooses now."""
        if isinstance(condition, Number):
            return a if condition else b
        return self.apply("where", condition, a, b)

    def apply(self, name: str, *arguments: Argument) -> Argument:
        """Apply the primitive called `name`."""
        if name not in registered() or lookup(name).kind is not Kind.ELEMENTWISE:
            raise ArgumentError(
                f"expression {self.text!r}: unknown function {name!r}",
                hint="an elementwise primitive, such as exp, log, tanh, where, maximum",
            )
        numbers = [a for a in arguments if isinstance(a, Number)]
        if arguments and len(numbers) == len(arguments):
            return _fold(name, numbers)
        step = Step(name, arguments)
        place = self.places.setdefault(repr(step), Result(len(self.steps)))
        if place.step == len(self.steps):
            self.steps.append(step)
        return place


def _fold(name: str, numbers: list[Number]) -> Number:
    """Return what a primitive makes of numbers, whole where they all are and it is."""
    arrays = [np.asarray(n, np.bool_ if isinstance(n, bool) else np.float64) for n in numbers]
    result: Number = lookup(name).meaning(*arrays).item()
    whole = all(isinstance(n, int) for n in numbers) and isinstance(result, float)
    return int(result) if whole and float(result).is_integer() else result


def _is_one(value: Argument) -> bool:
    return isinstance(value, Number) and value == 1
