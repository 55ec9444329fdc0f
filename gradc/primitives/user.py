"""A user's SymPy expression -> an elementwise primitive, with derivatives and generated code."""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterable
from typing import Any

from gradc.errors import ArgumentError, ArgumentTypeError, DTypeError
from gradc.ir.builder import ArrayBuilder, GraphBuilder
from gradc.ir.derivative import Partials
from gradc.ir.dtype import float64
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Primitive, Sample, lookup, register, registered
from gradc.primitives.elementwise import Array, elementwise
from gradc.primitives.elementwise_samples import spaced
from gradc.symbolic.lower import apply_expression
from gradc.symbolic.program import free_names, parse, program

RESERVED = ("out", "pi", "factor_")  # autodiff's product_text has the last


def define(name: str, expression: Any, operands: tuple[str, ...] | None = None) -> Primitive:
    """Add an elementwise primitive that is given by an expression.

    The expression is rewritten in numerically stable functions and differentiated by SymPy;
    eager values, forward and reverse mode and generated code all follow from it.

    Args:
        name: of the primitive, a Python identifier.
        expression: a SymPy expression, or text in Python syntax: operand names, numbers,
            operators, comparisons and names of primitives (`exp`, `where`, `maximum` ...).
        operands: names of the operands in order. By default a text's names in order of
            appearance; a SymPy expression of several symbols needs them, since it has no order.

    Returns:
        The primitive; the one that exists already if it is the same.

    Raises:
        ArgumentError: if the name is taken, an operand is unknown or unused, or a function has
            no primitive.
        ArgumentTypeError: if the expression is neither text nor SymPy.
        GradientError: if SymPy finds no derivative.

    Example:
        >>> import gradc.primitives
        >>> swish = define("doc_swish", "x / (1 + exp(-beta * x))")
        >>> swish.operands, swish.expansion
        (('x', 'beta'), 'x * sigmoid(x * beta)')
        >>> swish.derivative.expressions[1]
        'out * x * (1 - sigmoid(x * beta))'
    """
    _check_name(name)
    sympy_expression, operands = _read(name, expression, operands)
    _check_used(name, operands, {s.name for s in sympy_expression.free_symbols})
    text, facts = _derive(name, sympy_expression, operands)
    if name in registered():
        existing = lookup(name)
        if existing.expansion == text and existing.operands == operands:
            return existing
        raise ArgumentError(
            f"elementwise: a primitive called {name!r} exists already", hint="another name"
        )
    _check_types(name, text, facts)
    return register(_record(name, text, operands, facts))


def formula(expression: Any, operands: tuple[str, ...]) -> str:
    """Return the text by which to compute a SymPy expression of some operands.

    Raises:
        ArgumentError: if a name can't be an operand or is missing, or a function has no primitive.
        ArgumentTypeError: if the expression is not SymPy's.
    """
    from gradc.symbolic.algebra import sp
    from gradc.symbolic.foreign import prepare
    from gradc.symbolic.stable import stabilise
    from gradc.symbolic.write import write

    if not isinstance(expression, sp.Expr | sp.logic.boolalg.Boolean):
        raise ArgumentTypeError(
            f"from_sympy: expected a SymPy expression, got {type(expression).__name__}",
            hint="sympy.sympify(...)",
        )
    used = tuple(sorted(s.name for s in expression.free_symbols))
    names = _operand_names("from_sympy", str(expression), used, operands)
    text = write(stabilise(prepare(_real(expression, names))), names)
    program(text)
    return text


def _real(expression: Any, names: tuple[str, ...]) -> Any:
    """Return a SymPy expression over the real symbols of the same names."""
    from gradc.symbolic.read import symbols

    real = symbols(names)
    return expression.subs({s: real[s.name] for s in expression.free_symbols}, simultaneous=True)


def _check_name(name: str) -> None:
    """Raise unless a primitive can be called so."""
    if not name.isidentifier() or keyword.iskeyword(name) or name in RESERVED:
        raise ArgumentError(f"elementwise: {name!r} can't be the name of a primitive")


def _read(
    name: str, expression: Any, operands: tuple[str, ...] | None
) -> tuple[Any, tuple[str, ...]]:
    """Return the SymPy expression over real symbols, and the operand names."""
    from gradc.symbolic.algebra import sp
    from gradc.symbolic.foreign import prepare
    from gradc.symbolic.read import read, symbols

    if isinstance(expression, str):
        used = _in_order(expression)
        names = _operand_names("elementwise", name, used, operands or used)
        return prepare(read(expression, symbols(names))), names
    if not isinstance(expression, sp.Expr):
        raise ArgumentTypeError(
            f"elementwise: {name} must be text or a SymPy expression, got "
            f"{type(expression).__name__}"
        )
    used = tuple(sorted(s.name for s in expression.free_symbols))
    if operands is None and len(used) > 1:
        raise ArgumentError(
            f"elementwise: {name} = {expression} has several symbols, in no order",
            hint=f"operands=({', '.join(map(repr, used))})",
        )
    names = _operand_names("elementwise", name, used, operands or used)
    return prepare(_real(expression, names)), names


def _in_order(text: str) -> tuple[str, ...]:
    """Return the operand names of a text in order of appearance."""
    used = free_names(text) - {"pi"}
    found = [n for n in ast.walk(parse(text)) if isinstance(n, ast.Name) and n.id in used]
    return tuple(dict.fromkeys(n.id for n in sorted(found, key=lambda n: n.col_offset)))


def _operand_names(
    caller: str, name: str, used: tuple[str, ...], given: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the operand names, checked against those that the expression uses."""
    if isinstance(given, str):
        raise ArgumentTypeError(
            f"{caller}: {name}: operands must be a tuple of names, got {given!r}",
            hint=f"operands=({given!r},)",
        )
    names = tuple(given)
    listed = ", ".join(names)
    if not names:
        raise ArgumentError(f"{caller}: {name} has no operands", hint="gradc.full")
    if len(set(names)) != len(names):
        raise ArgumentError(f"{caller}: {name} has an operand twice: {listed}")
    for operand in names:
        if not operand.isidentifier() or keyword.iskeyword(operand) or operand in RESERVED:
            raise ArgumentError(f"{caller}: {name}: {operand!r} can't be the name of an operand")
    for operand in used:
        if operand not in names:
            raise ArgumentError(
                f"{caller}: {name} uses {operand!r}, which is not among its operands {listed}"
            )
    return names


def _check_used(name: str, operands: tuple[str, ...], used: set[str]) -> None:
    """Raise if the expression, simplified, does not depend on an operand."""
    for operand in operands:
        if operand not in used:
            raise ArgumentError(f"elementwise: {name} does not use its operand {operand!r}")


def _derive(name: str, expression: Any, operands: tuple[str, ...]) -> tuple[str, Partials]:
    """Return the text to compute the expression by, and its partial derivatives."""
    from gradc.symbolic.algebra import sp
    from gradc.symbolic.definitions import Definition
    from gradc.symbolic.derive import partials
    from gradc.symbolic.stable import stabilise
    from gradc.symbolic.write import write

    stable = stabilise(expression)
    text = write(stable, operands)
    if not isinstance(stable, sp.Expr):
        raise DTypeError(
            f"elementwise: {name}: {text!r} is bool, not a number", hint="where(condition, 1, 0)"
        )
    return text, partials(stable, Definition(operands, text))


def _check_types(name: str, text: str, facts: Partials) -> None:
    """Apply the value and the partials to typed operands: bool and numbers must not mix."""
    builder, like = GraphBuilder(name), TensorType((2,), float64)
    named = {operand: builder.input(like, operand) for operand in (*facts.operands, "out")}
    for expression in (text, *facts.expressions):
        if expression is not None:
            apply_expression(builder, expression, named, like)


def _record(name: str, text: str, operands: tuple[str, ...], facts: Partials) -> Primitive:
    """Return the record."""

    def meaning(*arrays: Array) -> Array:
        builder = ArrayBuilder()
        named = dict(zip(operands, arrays, strict=True))
        return apply_expression(builder, text, named, builder.typeof(arrays[0]))

    def samples() -> Iterable[Sample]:
        for shape in ((3, 5), (), (0, 2)):
            yield Sample(tuple(spaced(0.2, 0.9, shape, 1 + 2 * i) for i in range(len(operands))))

    calls = [
        node.func.id
        for node in ast.walk(parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    return elementwise(
        name,
        meaning,
        facts,
        operands=operands,
        maths=f"{name}({', '.join(f'{{{i}}}' for i in range(len(operands)))})",
        expansion=text,
        expensive=any(lookup(c).expensive for c in calls),
        samples=samples,
        hint="convert with .to(gradc.float32)",
    )
