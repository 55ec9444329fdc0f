"""A root -> its fragment: what computing it by itself reads and computes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradc.ir.graph import Value
from gradc.schedule import attention, convolutions, products
from gradc.schedule.loops import Argument, Compute, Index, Node, Read, walk
from gradc.schedule.lower import Lowering, full_index
from gradc.schedule.roots import Form, Program, Root


@dataclass(frozen=True, slots=True)
class Fragment:
    """What computing one root by itself reads.

    Args:
        node: the expression, or None for roots with kernels of their own.
        reads: elements read, each once.
        sources: roots needed in any way.
        computed: (value, index, node) of everything computed on the way.
        work: each computation, once, the root's own included.
    """

    node: Node | None
    reads: tuple[Read, ...]
    sources: tuple[Value, ...]
    computed: tuple[tuple[Value, Index, Node], ...] = ()
    work: frozenset[tuple[Value, Index]] = frozenset()


def fragments(
    program: Program, before: tuple[Program, dict[Value, Fragment]] | None = None
) -> dict[Value, Fragment]:
    """Return what each computed root reads.

    Args:
        program: the program.
        before: the same with fewer roots, and its fragments: those without a new root in them
            still hold.
    """
    known, new = {}, set[Value]()
    if before is not None:
        new = program.roots.keys() - before[0].roots.keys()
        if not any(program.known[v].primitive.name == "reshape" for v in new):
            known = {
                value: part
                for value, part in before[1].items()
                if before[0].roots[value] == program.roots.get(value)
                and new.isdisjoint(v for v, _, _ in part.computed)
            }
    return {
        v: known[v] if v in known else fragment(program, r)
        for v, r in program.roots.items()
        if r.form is not Form.INPUT
    }


def fragment(program: Program, root: Root) -> Fragment:
    """Return what computing `root` reads."""
    equation = root.equation
    assert equation is not None
    lowering = Lowering(program)
    if root.form is Form.PRODUCT:
        pair = products.operands(equation, program.known)
        assert pair is not None
        homes = [program.home(m.value) for m in pair]
        return Fragment(None, (), tuple(r.value for r in homes if r is not None))
    if root.form is Form.CONVOLUTION:
        seen = convolutions.operands(equation, program.known)
        homes = [program.home(s.value) for s in seen]
        return Fragment(None, (), tuple(r.value for r in homes if r is not None))
    if root.form is Form.ATTENTION:
        homes = [program.home(s.value) for s in attention.operands(equation, program.known)]
        return Fragment(None, (), tuple(dict.fromkeys(r.value for r in homes if r is not None)))
    if root.form is Form.LOOP:
        homes = [program.home(v) for v in equation.inputs]
        return Fragment(None, (), tuple(dict.fromkeys(r.value for r in homes if r is not None)))
    if root.form in (Form.SCATTER, Form.SCAN, Form.SORT):
        tops = [lowering.pull(v, full_index(v)) for v in equation.inputs]
        node = None
    elif root.form is Form.FOLD:
        tops = [lowering.pull(equation.inputs[0], root.index)]
        node = tops[0]
    elif root.pieces > 1:
        tops = [lowering.pull(v, full_index(v)) for v in equation.inputs]
        node = None
    else:
        index = full_index(root.value)
        tops = [lowering.define(equation, root.value, index)]
        node = tops[0]
        lowering.nodes[root.value, index] = node
    nodes = list(_all(tops))
    unique = {(n.root, n.dims, n.index): n for n in nodes if isinstance(n, Read)}
    sources: dict[Value, None] = {}
    for n in nodes:
        match n:
            case Read() | Argument():
                sources[n.root] = None
            case _:
                pass
    computed = tuple((v, i, n) for (v, i), n in lowering.nodes.items() if v is not root.value)
    work = frozenset(key for key, n in lowering.nodes.items() if isinstance(n, Compute))
    return Fragment(node, tuple(unique.values()), tuple(sources), computed, work)


def _all(tops: list[Node]) -> Iterator[Node]:
    seen: set[Node] = set()
    for top in tops:
        yield from walk(top, seen)
