"""What a kernel computes -> its name and the line of maths above its loops."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from gradc.emit.brackets import bracketed
from gradc.ir.graph import Section
from gradc.ir.primitive import Kind
from gradc.primitives.sixteen_bits import ROUNDS
from gradc.schedule.loops import (
    Argument,
    Choose,
    Compute,
    Node,
    Number,
    Position,
    Read,
    Result,
    Store,
    walk,
)
from gradc.schedule.nest import Nest
from gradc.schedule.roots import Form

PLAIN = ("add", "sub", "mul", "div", "neg", "where", "cast", "eq", "ne", "lt", "le", "gt", "ge")
COMPARISONS = {"eq", "ne", "lt", "le", "gt", "ge"}
SILENT = ("stop_gradient", "cast", "broadcast")
FIELD = re.compile(r"\{(\w+)\}")


def title(nest: Nest, section: Section) -> str:
    """Return a short name for a kernel, from the dominant operations."""
    roots = nest.roots
    if section is Section.UPDATE:
        return _from_rule(nest) or "update"
    form = roots[0].form
    if form is Form.SCATTER:
        return "scatter_add" if _adds(nest) else "copy"
    if form is Form.SCAN:
        return "running_sum"
    nodes = _nodes(nest)
    folds = {r.equation.primitive.name for r in roots if r.form is Form.FOLD and r.equation}
    end = "_bar" if section is Section.BACKWARD else ""
    special = _known_shape(nodes, folds, nest.rows)
    if special:
        return special + end
    words = _told(_words(nodes))
    inner = [w for w in words if w not in PLAIN and w not in SILENT]
    if not inner:
        inner = [w for w in words if w not in SILENT][:2]
        if "where" in words and any(w in words for w in ("gt", "lt", "ge", "le")):
            inner = ["relu"] if end else ["choose"]
    if end and _where_positive(nodes):
        inner = ["relu", *(w for w in inner if w != "relu")]
    if not end and _adds_bias(nodes):
        inner = ["bias", *(w for w in inner if w != "add")]
    if not inner and not folds:
        return "copy" if any(isinstance(n, Read) for n in nodes) else "fill"
    if end and inner:
        folds = set[str]()  # sums of adjoints, such as a bias's, say less than the rule
    if folds and set(inner) <= COMPARISONS:
        return "count" + end
    return "_".join([*inner[:3], *sorted(folds)]) + end


def _nodes(nest: Nest) -> list[Node]:
    seen: set[Node] = set()
    tops = [s.node for s in _stores(nest)] + [f.operand for f in nest.folds]
    return [n for top in tops for n in walk(top, seen)]


def _stores(nest: Nest) -> list[Store]:
    return [a.touched for a in nest.accesses if isinstance(a.touched, Store)]


def _adds(nest: Nest) -> bool:
    return any(s.fold for s in _stores(nest))


def _words(nodes: list[Node]) -> list[str]:
    words = dict.fromkeys(_word(n) for n in nodes if isinstance(n, Compute))
    if "random" in words:
        words.pop("floor_divide", None)  # of bits: part of making a number from them
    return list(words)


def _word(node: Compute) -> str:
    if node.primitive.name in ROUNDS:
        return f"to_{ROUNDS[node.primitive.name].name}"
    return "random" if node.primitive.kind is Kind.RANDOM else node.primitive.name


def _told(words: list[str]) -> list[str]:
    """Return the words, where random numbers that are compared with one are dropout."""
    return ["dropout" if w == "random" and "ge" in words else w for w in words]


def _known_shape(nodes: list[Node], folds: set[str], rows: int) -> str:
    """Return the name of a well-known kernel, or ""."""
    words = set(_words(nodes))
    picked = any(isinstance(n, Choose) for n in nodes) or "eq" in words
    if {"max", "sum"} <= folds and "exp" in words:
        if "log" not in words:
            return "softmax"
        return "cross_entropy" if picked else "log_softmax"
    per_row = {_word(n) for n in nodes if isinstance(n, Compute) and 0 < n.depth <= rows}
    if "sum" in folds and per_row & {"rsqrt", "sqrt"}:
        return "normalise"
    if folds and not words - set(SILENT):
        return {"sum": "sum_up", "max": "largest", "min": "smallest"}.get(min(folds), min(folds))
    return ""


def _adds_bias(nodes: list[Node]) -> bool:
    """Return whether something is added that is the same for each row."""
    for n in nodes:
        if isinstance(n, Compute) and n.primitive.name == "add" and n.depth > 1:
            for operand in n.operands:
                if isinstance(operand, Read) and len(operand.dims) == 1:
                    if operand.index[0].axis == n.depth - 1:
                        return True
    return False


def _where_positive(nodes: list[Node]) -> bool:
    """Return whether something is let through where something else is positive."""
    tests = (n.operands[0] for n in nodes if isinstance(n, Compute) and _word(n) == "where")
    return any(
        isinstance(t, Compute)
        and _word(t) in ("gt", "le")
        and isinstance(t.operands[1], Number)
        and t.operands[1].number == 0
        for t in tests
    )


def _from_rule(nest: Nest) -> str:
    """Return the name that the rules of an update give, such as `adam: p -= ...`."""
    for root in nest.roots:
        head = root.equation.rule.partition(":")[0].strip() if root.equation else ""
        if head.isidentifier():
            return head
    return ""


def maths(node: Node, name: Callable[[Node], str | None], room: int) -> str | None:
    """Return a node as maths, in terms of what has a name; None where that gets too long."""
    if _terms(node, name, room) > room:
        return None
    text = _maths(node, name, top=True)
    return text if len(text) <= room else None


def _terms(node: Node, name: Callable[[Node], str | None], most: int) -> int:
    """Count the names and numbers that maths would spell out, up to `most` or a little more."""
    count, stack = 0, list(node.operands) or [node]
    while stack and count <= most:
        at = stack.pop()
        below = at.operands if name(at) is None else ()
        stack.extend(below)
        count += not below
    return count + len(stack)


def _maths(node: Node, name: Callable[[Node], str | None], *, top: bool = False) -> str:
    known = None if top else name(node) or _chance(node)
    if known is not None:
        return known
    match node:
        case Number():
            value = float(node.number)
            whole = value.is_integer() and abs(value) < 1e9
            if 0 < value < 2**-10 and math.frexp(value)[0] == 0.5:
                return f"2^{math.frexp(value)[1] - 1}"
            return str(int(value)) if whole else f"{value:.6g}"
        case Position():
            return "position"
        case Choose():
            return _maths(node.operands[0], name)
        case Compute():
            return _applied(node, name)
        case Read() | Argument() | Result():
            return name(node) or "?"
        case _:
            raise AssertionError(type(node).__name__)


def _chance(node: Node) -> str | None:
    """Return the name of what is made of nothing but random bits: `mask`, `uniform`."""
    if not isinstance(node, Compute) or node.value is None or not node.value.name:
        return None
    below = list(walk(node, set()))
    random = any(isinstance(n, Compute) and n.primitive.kind is Kind.RANDOM for n in below)
    return None if not random or any(isinstance(n, Read) for n in below) else node.value.name


def _applied(node: Compute, name: Callable[[Node], str | None]) -> str:
    if node.primitive.name in SILENT:
        return _maths(node.operands[0], name)
    if node.primitive.kind is Kind.RANDOM:
        return "random bits"
    template = node.primitive.maths

    def filled(match: re.Match[str]) -> str:
        key = match[1]
        if not key.isdigit():
            return str(node.params.get(key, ""))
        inner = _maths(node.operands[int(key)], name)
        return bracketed(inner, template[: match.start()], template[match.end() :])

    return FIELD.sub(filled, template)
