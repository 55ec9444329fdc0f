"""Scalar expressions -> Python, with the brackets that they need and literals of their dtype."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gradc.ir.dtype import DType, bool_, float32, float64, int32, int64, uint8
from gradc.ir.primitive import Kind
from gradc.schedule.loops import (
    Affine,
    Argument,
    Choose,
    Compute,
    Index,
    Node,
    Number,
    Position,
    Read,
    Result,
    Test,
)

CONDITIONAL, AND, COMPARISON, SUM, PRODUCT, UNARY, ATOM = 20, 40, 60, 70, 80, 85, 100
LEFT_ASSOCIATIVE = (SUM, PRODUCT)
LONG = 70  # columns; a longer expression is computed in two statements

Text = tuple[str, int]  # an expression and the precedence of its outermost operator

FIELD = re.compile(r"\{(\w+)\}")
CONVERSIONS = {float32: "f", float64: "float64", int32: "int32", int64: "int64", uint8: "uint8"}


@dataclass(slots=True)
class Names:
    """What an expression may refer to.

    Args:
        axes: names of the loop axes.
        array: name of the array that a read comes from.
        scalar: name of a value of one element.
        local: name of a node's own variable, or None where it has none here.
        fold: name of a fold's variable.
        spill: put a node into a variable before the current statement; return its name.
        used: functions and constants that the text needs imported or defined.
    """

    axes: list[str]
    array: Callable[[Read], str]
    scalar: Callable[[Argument], str]
    local: Callable[[Node], str | None]
    fold: Callable[[Result], str]
    spill: Callable[[Node, str], str]
    used: set[str] = field(default_factory=set[str])


def text(node: Node, names: Names, *, guarded: bool = False) -> Text:
    """Return a node as Python.

    Args:
        node: what to write.
        names: what it may refer to.
        guarded: whether it stands inside a choice, where nothing may be computed beforehand.
    """
    name = names.local(node)
    if name is not None:
        return name, ATOM
    match node:
        case Number():
            return literal(node.number, node.dtype, names.used)
        case Argument():
            return names.scalar(node), ATOM
        case Result():
            return names.fold(node), ATOM
        case Read():
            return f"{names.array(node)}[{subscript(node.index, names, guarded=guarded)}]", ATOM
        case Position():
            return position(node, names, guarded=guarded)
        case Choose():
            return choice(node, names, guarded=guarded)
        case Compute():
            return computed(node, names, guarded=guarded)
        case _:
            raise AssertionError(f"no text for {type(node).__name__}")


def computed(node: Compute, names: Names, *, guarded: bool) -> Text:
    """Return an application of a primitive."""
    operands = [text(n, names, guarded=guarded) for n in node.operands]
    whole = _filled(node, operands, names)
    while len(whole[0]) > LONG and not guarded:
        long = [
            (len(o[0]), i)
            for i, (o, n) in enumerate(zip(operands, node.operands, strict=True))
            if len(o[0]) > LONG // 4 and isinstance(n, Compute | Choose) and not names.local(n)
        ]
        if not long:
            break
        _, i = max(long)
        operands[i] = names.spill(node.operands[i], operands[i][0]), ATOM
        whole = _filled(node, operands, names)
    return whole


def _filled(node: Compute, operands: list[Text], names: Names) -> Text:
    """Return a primitive's template with its operands filled in."""
    primitive = node.primitive
    quotient = _whole_quotient(node, operands)
    if quotient is not None:
        return quotient
    if primitive.name == "cast":
        return converted(operands[0], node.operands[0].dtype, node.dtype, names.used)
    if primitive.code == "{0}":
        return operands[0]
    template = primitive.code
    if primitive.kind is Kind.RANDOM:
        template = "philox({0}, {1}, {2})"
    filled = _fill(template, primitive.precedence, operands, node, names.used)
    names.used.update(re.findall(r"(\w+)\(", template))
    if node.dtype in (int32, uint8) and primitive.name != "where":
        names.used.add(CONVERSIONS[node.dtype])
        return f"{CONVERSIONS[node.dtype]}({filled})", ATOM
    return filled, primitive.precedence


def _whole_quotient(node: Compute, operands: list[Text]) -> Text | None:
    """Return `i // 256`, which rounds down as floor_divide does where nothing can go wrong."""
    if node.primitive.name != "floor_divide" or node.dtype is not int64:
        return None
    divisor = node.operands[1]
    if not isinstance(divisor, Number) or divisor.number <= 0:
        return None
    inner, own = operands[0]
    return f"{inner if own >= PRODUCT else f'({inner})'} // {int(divisor.number)}", PRODUCT


def _fill(
    template: str, precedence: int, operands: list[Text], node: Compute, used: set[str]
) -> str:
    """Return a template with operands, bracketed where precedence demands it."""
    dtype = node.operands[0].dtype

    def replaced(match: re.Match[str]) -> str:
        key = match[1]
        if key in ("zero", "one"):
            return literal(int(key == "one"), dtype, used)[0]
        if not key.isdigit():
            return str(node.params[key])
        inner, own = operands[int(key)]
        before = template[: match.start()]
        if before.count("(") > before.count(")"):
            return inner
        first = not before and precedence in LEFT_ASSOCIATIVE
        return f"({inner})" if own < precedence or (own == precedence and not first) else inner

    return FIELD.sub(replaced, template)


def converted(operand: Text, source: DType, dtype: DType, used: set[str]) -> Text:
    """Return a conversion; anything but 0 is True."""
    inner, own = operand
    if dtype is source:
        return operand
    if dtype is bool_:
        zero, _ = literal(0, source, used)
        return f"{inner if own > COMPARISON else f'({inner})'} != {zero}", COMPARISON
    used.add(CONVERSIONS[dtype])
    return f"{CONVERSIONS[dtype]}({inner})", ATOM


def literal(number: float | int | bool, dtype: DType, used: set[str]) -> Text:
    """Return a constant of a dtype."""
    if dtype is bool_:
        return str(bool(number)), ATOM
    if dtype is int64:
        return str(int(number)), ATOM if number >= 0 else UNARY
    if not dtype.is_floating_point:
        used.add(CONVERSIONS[dtype])
        return f"{CONVERSIONS[dtype]}({int(number)})", ATOM
    plain = dtype is float64
    if math.isnan(number) or math.isinf(number):
        name = ("NAN" if math.isnan(number) else "INF") + ("64" if plain else "")
        used.add(name)
        return (f"-{name}", UNARY) if number < 0 else (name, ATOM)
    if plain:
        return repr(float(number)), UNARY if math.copysign(1.0, number) < 0 else ATOM
    used.add("f")
    value = float(str(np.float32(number)))  # the shortest text that is this float32
    whole = value.is_integer() and abs(value) < 2**24 and math.copysign(1.0, value) > 0
    fraction, exponent = math.frexp(float(np.float32(number)))
    if fraction == 0.5 and -126 < exponent < -9:
        return f"f(2**{exponent - 1})", ATOM
    return f"f({int(value) if whole else repr(value)})", ATOM


def subscript(index: Index, names: Names, *, guarded: bool = False) -> str:
    """Return the inside of `x[...]`; an array of one element has one axis."""
    return ", ".join(affine(p, names, guarded=guarded)[0] for p in index) or "0"


def affine(place: Affine, names: Names, *, guarded: bool = False) -> Text:
    """Return an index."""
    pieces: list[tuple[str, bool]] = []
    # positive terms first, so that 7 - i needs no leading minus
    terms = sorted(place.terms, key=lambda t: t[1] < 0)
    for atom, factor in terms:
        if isinstance(atom, int):
            inner, own = names.axes[atom], ATOM
        else:
            inner, own = text(atom, names, guarded=guarded)
        if abs(factor) != 1:
            inner = f"{abs(factor)} * {inner if own >= UNARY else f'({inner})'}"
            own = PRODUCT
        bare = own > SUM if factor < 0 else own >= SUM
        pieces.append((inner if bare else f"({inner})", factor < 0))
    if place.offset or not pieces:
        pieces.append((str(abs(place.offset)), place.offset < 0))
        if place.offset > 0 and pieces[0][1]:
            pieces.insert(0, pieces.pop())
    result = f"-{pieces[0][0]}" if pieces[0][1] else pieces[0][0]
    for inner, minus in pieces[1:]:
        result += f" {'-' if minus else '+'} {inner}"
    if len(pieces) > 1:
        return result, SUM
    (_, factor), *_ = [*place.terms, (0, 1)]
    return result, ATOM if abs(factor) == 1 and not pieces[0][1] else PRODUCT


def position(node: Position, names: Names, *, guarded: bool) -> Text:
    """Return an index as a number."""
    inner, own = affine(node.place, names, guarded=guarded)
    if node.divisor == 1:
        return inner, own
    return f"{inner if own > PRODUCT else f'({inner})'} // {node.divisor}", PRODUCT


def choice(node: Choose, names: Names, *, guarded: bool) -> Text:
    """Return a choice; only the chosen branch is evaluated."""
    then, own = text(node.operands[0], names, guarded=True)
    other, outer = text(node.operands[1], names, guarded=True)
    condition = tests(node.tests, names, guarded=guarded)
    then = then if own > CONDITIONAL else f"({then})"
    other = other if outer > CONDITIONAL else f"({other})"
    return f"{then} if {condition} else {other}", CONDITIONAL


def tests(conditions: tuple[Test, ...], names: Names, *, guarded: bool) -> str:
    """Return conditions joined by `and`."""
    found: list[str] = []
    for t in conditions:
        inner, own = affine(t.place, names, guarded=guarded)
        if t.low is not None or t.high is not None:
            low = f"{t.low} <= " if t.low is not None else ""
            high = f" < {t.high}" if t.high is not None else ""
            found.append(f"{low}{inner}{high}")
        if t.divisor != 1:
            found.append(f"{inner if own > PRODUCT else f'({inner})'} % {t.divisor} == 0")
    return " and ".join(found) or "True"
