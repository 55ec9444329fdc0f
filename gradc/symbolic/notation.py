"""Expression text -> plain maths in the user's names: `out * (1 - out)` -> `y (1 - y)`."""

from __future__ import annotations

import ast
from functools import lru_cache

from gradc.symbolic.program import parse

SUM, PRODUCT, SIGN, POWER, ATOM = 1, 2, 3, 4, 5
OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Eq: "=",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.And: "and",
    ast.Or: "or",
}
SPELLED: dict[str, str] = {"maximum": "max", "minimum": "min"}
CONSTANTS: dict[float, str] = {
    1.1283791670955126: "2/sqrt(pi)",
    3.141592653589793: "pi",
}


def plain(text: str, names: dict[str, str]) -> str:
    """Return an expression as plain maths.

    Args:
        text: the expression, `-out / y`.
        names: what to call its operands, `{"out": "z", "y": "w"}`; others keep their names.

    Example:
        >>> plain("out * (1 - out)", {"out": "y"})
        'y (1 - y)'
        >>> plain("where(out > 0, 1, 0)", {"out": "h"})
        '1 where h > 0, else 0'
        >>> plain("1.1283791670955126 * exp(-x * x)", {})
        '2/sqrt(pi) e^(-x^2)'
    """
    return _plain(text, tuple(sorted(names.items())))


@lru_cache(maxsize=4096)
def _plain(text: str, names: tuple[tuple[str, str], ...]) -> str:
    return _Notation(dict(names)).node(parse(text))[0]


class _Notation:
    """Writes nodes as (text, level); a text of a lower level than its place needs gets brackets."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def at(self, node: ast.AST, level: int) -> str:
        """Return the text of a node for a place that needs `level`."""
        text, own = self.node(node)
        return text if own >= level else f"({text})"

    def node(self, node: ast.AST) -> tuple[str, int]:
        """Return the text of a node and its level."""
        match node:
            case ast.Constant(value=bool() | int() | float() as number):
                return CONSTANTS.get(number, f"{number:g}"), ATOM
            case ast.Name(id=name):
                return self.names.get(name, name), ATOM
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return f"-{self.at(operand, PRODUCT)}", SIGN
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return f"not {self.at(operand, ATOM)}", SUM
            case ast.BinOp(op=ast.Mult()):
                return self.product(node), PRODUCT
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return f"{self.at(left, PRODUCT)} / {self.at(right, SIGN)}", PRODUCT
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return f"{self.at(left, ATOM)}^{self.at(right, ATOM)}", POWER
            case ast.BinOp(left=left, op=ast.FloorDiv(), right=right):
                return f"floor({self.at(left, PRODUCT)} / {self.at(right, SIGN)})", ATOM
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                sign = OPERATORS[type(op)]
                return f"{self.at(left, SUM)} {sign} {self.at(right, PRODUCT)}", SUM
            case ast.BoolOp(op=op, values=values):
                return f" {OPERATORS[type(op)]} ".join(self.at(v, SUM) for v in values), SUM
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                sign = OPERATORS[type(op)]
                return f"{self.at(left, SUM)} {sign} {self.at(right, SUM)}", PRODUCT
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self.call(name, arguments)
            case _:
                return ast.unparse(node), 0

    def product(self, node: ast.BinOp) -> str:
        """Return juxtaposed factors, repeated names as powers."""
        factors = _factors(node)
        sign = ""
        if isinstance(factors[0], ast.UnaryOp) and isinstance(factors[0].op, ast.USub):
            sign, factors[0] = "-", factors[0].operand
        texts = [self.at(f, SIGN if i == 0 else POWER) for i, f in enumerate(factors)]
        parts: list[str] = []
        for text in dict.fromkeys(texts):
            count = texts.count(text)
            parts.append(text if count == 1 else f"{text}^{count}")
        return sign + " ".join(parts)

    def call(self, name: str, arguments: list[ast.expr]) -> tuple[str, int]:
        """Return a call; powers of e, absolute values and choices have their own notation."""
        if name == "exp":
            return f"e^{self.at(arguments[0], ATOM)}", POWER
        if name == "abs":
            return f"|{self.at(arguments[0], 0)}|", ATOM
        if name == "where":
            condition, a, b = (self.at(argument, SUM) for argument in arguments)
            return f"{a} where {condition}, else {b}", 0
        inside = ", ".join(self.at(argument, 0) for argument in arguments)
        if name in ("rsqrt", "reciprocal"):
            return (
                (f"1 / sqrt({inside})", PRODUCT)
                if name == "rsqrt"
                else (
                    f"1 / {self.at(arguments[0], SIGN)}",
                    PRODUCT,
                )
            )
        if name == "floor_divide":
            x, y = arguments
            return f"floor({self.at(x, PRODUCT)} / {self.at(y, SIGN)})", ATOM
        return f"{SPELLED.get(name, name)}({inside})", ATOM


def _factors(node: ast.AST) -> list[ast.AST]:
    """Return the factors of a chain of multiplications."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*_factors(node.left), node.right]
    return [node]
