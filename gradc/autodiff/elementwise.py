"""Partial derivatives as expressions -> products with an adjoint or a tangent.

The factor is multiplied into the branches of `where` and the numerator of a quotient, so that
an infinite or NaN adjoint doesn't leak through a branch that was not taken (0 * inf is NaN).
"""

from __future__ import annotations

import ast
from functools import cache
from typing import Any

from gradc.ir.builder import Builder
from gradc.ir.derivative import Partials
from gradc.symbolic.lower import apply_expression, free_names

FACTOR = "factor_"  # stands for the adjoint or tangent in a product's text


def product(
    b: Builder, rule: Partials, position: int, inputs: tuple[Any, ...], out: Any, factor: Any
) -> Any | None:
    """Return (partial derivative by input `position`) * factor, or None where it is zero."""
    text = rule.expressions[position]
    if text is None:
        return None
    operands = dict(zip(rule.operands, inputs, strict=True))
    operands |= {"out": out, FACTOR: factor}
    result = apply_expression(b, product_text(text), operands, b.typeof(factor))
    steps = names_of_steps(text)
    return b.tied(result, tuple([operands[n] for n in steps])) if steps else result


@cache
def product_text(text: str) -> str:
    """Return the text of `text * factor_`, with the factor moved inside.

    Example:
        >>> product_text("where(out > 0, 1, 0)")
        'where(out > 0, factor_, 0)'
        >>> product_text("1 / y"), product_text("-x / y")
        ('factor_ / y', '-(factor_ * x) / y')
    """
    return ast.unparse(_multiply(ast.parse(text, mode="eval").body))


def _multiply(node: ast.expr) -> ast.expr:
    match node:
        case ast.Constant(value=0):
            return node
        case ast.Constant(value=1):
            return ast.Name(FACTOR)
        case ast.UnaryOp(op=ast.USub()):
            return ast.UnaryOp(ast.USub(), _multiply(node.operand))
        case ast.BinOp(op=ast.Div()):
            return ast.BinOp(_multiply(node.left), ast.Div(), node.right)
        case ast.Call(func=ast.Name(id="where"), args=[condition, yes, no]):
            return ast.Call(ast.Name("where"), [condition, _multiply(yes), _multiply(no)], [])
        case ast.BinOp(op=ast.Mult()):
            return ast.BinOp(_multiply(node.left), ast.Mult(), node.right)
        case _:
            return ast.BinOp(ast.Name(FACTOR), ast.Mult(), node)


@cache
def names_of_steps(text: str) -> tuple[str, ...]:
    """Return the names that a partial derivative reads, if only to choose between numbers.

    Example:
        >>> names_of_steps("where(out > 0, 1, 0)"), names_of_steps("where(x > 0, y, 0)")
        (('out',), ())
    """
    node = ast.parse(text, mode="eval").body
    read = tuple(sorted(free_names(text)))
    return read if read and _chooses_numbers(node) else ()


def _chooses_numbers(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="where"), args=[_, yes, no]):
            return _chooses_numbers(yes) and _chooses_numbers(no)
        case _:
            return isinstance(node, ast.Constant)


@cache
def names_used(rule: Partials) -> frozenset[str]:
    """Return the operand names, and `out`, whose values some partial derivative reads."""
    texts = (text for text in rule.expressions if text is not None)
    return frozenset[str]().union(*(free_names(product_text(t)) - {FACTOR} for t in texts))
