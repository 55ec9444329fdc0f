"""Definitions -> partial derivatives by SymPy, as text; run as a module it rewrites derived.py."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gradc.errors import GradientError
from gradc.ir.derivative import Partials
from gradc.symbolic.algebra import sp
from gradc.symbolic.definitions import DEFINITIONS, Definition
from gradc.symbolic.program import LARGEST_UNROLLED_POWER, free_names, parse
from gradc.symbolic.read import read, symbols
from gradc.symbolic.stable import stabilise
from gradc.symbolic.write import write

TABLE = Path(__file__).with_name("derived.py")
OUT = sp.Symbol("out", real=True)
WIDTH = 100

# What an operation costs relative to a multiplication, where operands are in registers.
CHEAP, DIVISION, ROOT, TRANSCENDENTAL = 1, 4, 5, 10
COSTS = {
    "where": CHEAP,
    "abs": CHEAP,
    "sign": CHEAP,
    "maximum": CHEAP,
    "minimum": CHEAP,
    "sqrt": ROOT,
    "rsqrt": ROOT,
    "floor_divide": DIVISION,
}

INVERSES: dict[Any, Any] = {
    sp.exp: sp.log,
    sp.log: sp.exp,
    sp.tan: sp.atan,
    sp.tanh: sp.atanh,
    sp.sinh: sp.asinh,
}


def derive(definition: Definition) -> Partials:
    """Return the partial derivatives of a definition.

    Raises:
        GradientError: where SymPy finds no derivative.
    """
    expression = read(definition.text, symbols(definition.operands))
    return partials(expression, definition)


def partials(expression: Any, definition: Definition) -> Partials:
    """Return the partials of a SymPy expression; the definition gives names and kinks."""
    texts = tuple(_partial(expression, name, definition) for name in definition.operands)
    return Partials(definition.operands, texts)


def _partial(expression: Any, name: str, definition: Definition) -> str | None:
    """Return the cheapest text of the partial by one operand; None where it is zero."""
    if name in definition.conditions:
        return None
    exact = sp.diff(expression, sp.Symbol(name, real=True)).replace(sp.DiracDelta, _nothing)
    if exact.has(sp.Derivative, sp.Subs):
        raise GradientError(f"elementwise: {expression} has no derivative by {name}")
    if exact == 0:
        return None
    exact = _with_facts(exact, definition)
    candidates = list(_forms(exact, definition.combine_roots))
    candidates += _through_out(exact, expression, definition.operands)
    texts = {write(stabilise(c), definition.operands) for c in candidates}
    best = min(texts, key=lambda t: (cost(t), "out" in free_names(t), len(t), t))
    for kink in definition.kinks:
        if kink.operand == name:
            best = f"where({kink.condition}, {kink.value}, {best})"
    return best


def _nothing(*_: Any) -> Any:
    """The derivative of a step is declared zero."""
    return sp.Integer(0)


def _with_facts(exact: Any, definition: Definition) -> Any:
    """Return a derivative with the declared equalities put in."""
    names = {**symbols(definition.operands), "out": OUT}
    for fact, through in definition.facts:
        exact = exact.subs(read(fact, names), read(through, names))
    return exact


def _forms(exact: Any, combine_roots: bool) -> Iterable[Any]:
    """Yield equal forms of a derivative that are as accurate as it is."""
    yield exact
    yield sp.powsimp(exact)
    yield sp.factor_terms(exact)
    if exact.is_rational_function():
        yield sp.factor(exact)
    if combine_roots:
        yield sp.powsimp(exact, combine="base", force=True)


def _through_out(exact: Any, expression: Any, operands: tuple[str, ...]) -> list[Any]:
    """Return forms in which `out` replaces work.

    They must be rational in `out`, so that no accuracy is lost, and must not divide by what the
    derivative doesn't divide by: y * out / x instead of y * x ** (y - 1) is 0 / 0 at x = 0.
    """
    allowed = _divisors(sp.powsimp(exact))
    replaced = [(e.subs(expression, OUT), allowed | {OUT}) for e in (exact, sp.powsimp(exact))]
    for name in operands:
        symbol = sp.Symbol(name, real=True)
        inverse = _invert(expression, symbol)
        if inverse is not None:
            replaced.append((exact.subs(symbol, inverse), allowed))
    return [
        form
        for e, divisors in replaced
        if e.has(OUT) and _rational_in_out(e)
        for form in (e, sp.factor(e), sp.expand(e))
        if _divisors(form) <= divisors
    ]


def _divisors(expression: Any) -> set[Any]:
    """Return what an expression divides by, powers and constant factors aside."""
    below = {p.base for p in expression.atoms(sp.Pow) if p.exp.is_number and p.exp.is_negative}
    return {f.as_base_exp()[0] for b in below for f in sp.Mul.make_args(b) if not f.is_number}


def _rational_in_out(expression: Any) -> bool:
    """Return whether `out` meets only sums, products, whole powers and comparisons."""
    powers = (p for p in expression.atoms(sp.Pow) if p.has(OUT))
    functions = (f for f in expression.atoms(sp.Function) if f.has(OUT))
    whole = all(p.exp.is_Integer for p in powers)
    return whole and all(isinstance(f, sp.Piecewise) for f in functions)


def _invert(expression: Any, symbol: Any) -> Any:
    """Return `symbol` in terms of OUT where it occurs once under invertible steps, else None."""
    if sum(1 for node in sp.preorder_traversal(expression) if node == symbol) != 1:
        return None
    value: Any = OUT
    while expression != symbol:
        if expression.is_Add or expression.is_Mul:
            others, inner = expression.as_independent(symbol)
            value = value - others if expression.is_Add else value / others
        elif expression.is_Pow and expression.exp in (-1, sp.Rational(1, 2), -sp.Rational(1, 2)):
            inner, value = expression.base, value ** (1 / expression.exp)
        elif expression.func in INVERSES:
            inner, value = expression.args[0], INVERSES[expression.func](value)
        else:
            return None
        expression = inner
    return value


def cost(text: str) -> int:
    """Return the cost of evaluating a text once, equal subexpressions counted once."""
    seen: set[str] = set()
    total = 0
    for node in ast.walk(parse(text)):
        key = ast.dump(node)
        if key not in seen:
            seen.add(key)
            total += _cost_of(node)
    return total


def _cost_of(node: ast.AST) -> int:
    """Return the cost of one operation."""
    match node:
        case ast.Call(func=ast.Name(id=name)):
            return COSTS.get(name, TRANSCENDENTAL)
        case ast.BinOp(op=ast.Div()):
            return DIVISION
        case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=int() as exponent)) if (
            exponent <= LARGEST_UNROLLED_POWER
        ):
            return exponent.bit_length() * CHEAP
        case ast.BinOp(op=ast.Pow()):
            return TRANSCENDENTAL
        case ast.BinOp() | ast.UnaryOp() | ast.Compare():
            return CHEAP
        case _:
            return 0


def table() -> str:
    """Return the text of derived.py."""
    lines = [
        '"""The partial derivatives of the elementwise primitives, derived by SymPy.',
        "",
        "Written by `python -m gradc.symbolic.derive` from definitions.py, which is to be edited.",
        "`out` is the result; None is a derivative that is zero wherever there is one.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from gradc.ir.derivative import Partials",
        "",
        "PARTIALS: dict[str, Partials] = {",
    ]
    for name, definition in DEFINITIONS.items():
        application = f"{name}({', '.join(definition.operands)})"
        if definition.text != application:
            lines.append(f"    # {application} = {definition.text}")
        lines += _entry(name, derive(definition))
    return "\n".join([*lines, "}", ""])


def _entry(name: str, facts: Partials) -> list[str]:
    """Return the lines of one entry, as `ruff format` leaves them."""
    operands = [f'"{o}"' for o in facts.operands]
    texts = ["None" if e is None else f'"{e}"' for e in facts.expressions]
    line = f'    "{name}": Partials({_tuple(operands)}, {_tuple(texts)}),'
    if len(line) <= WIDTH:
        return [line]
    indented = [f"            {t}," for t in texts]
    head = [f'    "{name}": Partials(', f"        {_tuple(operands)},", "        ("]
    return [*head, *indented, "        ),", "    ),"]


def _tuple(items: list[str]) -> str:
    """Return the source of a tuple."""
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
