"""Attention equations -> weights kept, adjoints joined; other primitives where no kernel is."""

from __future__ import annotations

from collections import Counter

from gradc.ir.builder import several
from gradc.ir.derivative import Composed
from gradc.ir.graph import Equation, Graph, Value
from gradc.ir.primitive import Kind
from gradc.passes.dead import dead
from gradc.passes.pipeline import optimise
from gradc.passes.rewrite import Rewriter, rewrite
from gradc.schedule.attention import ONE_BLOCK
from gradc.schedule.attention_blocks import why_not
from gradc.schedule.target import CPU, Target

Key = tuple[object, ...]


def keep_weights(graph: Graph, target: Target) -> tuple[Graph, tuple[str, ...]]:
    """Return `graph` with the weights of small attentions kept for their adjoints.

    They are kept where they take no more memory than q, k, v and the result and are all computed
    before any is used; else, and on a GPU, they are computed again. The adjoints of q, k and v
    are one array where that is what is made of them: the adjoint of a packed projection.
    Operands without elements, and on a GPU features that a block has no room for, get the
    primitives that attention stands for; which ones these are, and why, is returned too.
    """
    if not any(e.primitive.kind is Kind.ATTENTION for e in graph.equations):
        return graph, ()
    adjoints = [e for e in graph.equations if _is(e, "attention_adjoint") and target is CPU]
    wanted = {_key(e, e.inputs[4]) for e in adjoints}
    kept: dict[Key, Value] = {}
    expanded: list[str] = []
    joined = _joins(graph)
    packed: dict[Value, Value] = {}

    def rule(b: Rewriter, e: Equation) -> Value | None:
        if e.outputs[0] in packed:
            return b.reshape(packed[e.outputs[0]], e.outputs[0].shape)
        if e.primitive.kind is not Kind.ATTENTION:
            return None
        if why := _why_not(e, target):
            assert isinstance(e.primitive.derivative, Composed)
            expanded.append(f"{_title(e)}: {why}")
            return _replaced(b, e, e.primitive.derivative.parts(b, e.inputs, dict(e.params)))
        if _is(e, "attention") and _key(e, e.outputs[1]) in wanted and is_small(e):
            *results, weights = b.apply(e.primitive, e.inputs, {**e.params, "keep": True})
            weights.name = "weights"
            kept[_key(e, results[1])] = weights
            return _replaced(b, e, tuple(results))
        if _is(e, "attention_adjoint"):
            operands, params = e.inputs, dict(e.params)
            if (weights := kept.get(_key(e, e.inputs[4]))) is not None:
                operands, params = (*operands, weights), {**params, "kept": True}
            if e.outputs[0] in joined:
                whole = b.apply(e.primitive, operands, {**params, "joined": True})
                whole.name = "bars"
                packed[joined[e.outputs[0]]] = whole
                return _replaced(b, e, tuple(_part(b, whole, i) for i in range(3)))
            return _replaced(b, e, several(b.apply(e.primitive, operands, params)))
        return None

    changed = dead(rewrite(graph, rule))
    return (optimise(changed) if expanded else changed), tuple(dict.fromkeys(expanded))


def _title(e: Equation) -> str:
    """Return what an attention is called where it gets other primitives."""
    q, _, v = e.inputs[:3]
    sizes = f"[{q.shape[1]}, {q.shape[3]}] of [{v.shape[1]}, {v.shape[3]}]"
    return f"{e.primitive.name.replace('_', ' ')} {q.shape[0] * q.shape[2]} x {sizes}"


def _why_not(e: Equation, target: Target) -> str:
    """Return why an equation has no kernel; "" where it has one."""
    if target is CPU:
        return "" if all(v.type.size for v in e.inputs) else "operands without elements"
    return why_not(e)


def _joins(graph: Graph) -> dict[Value, Value]:
    """Return the first result of each adjoint all of whose results are joined, and into what."""
    makers = {v: e for e in graph.equations for v in e.outputs}
    uses = Counter(v for e in graph.equations for v in e.inputs)
    uses.update(graph.results())
    found: dict[Value, Value] = {}
    for e in graph.equations:
        last = e.outputs[0].type.ndim - 1
        if not _is(e, "concatenate") or len(e.inputs) != 3 or e.params["axis"] != last:
            continue
        flat = [makers.get(v) for v in e.inputs]
        sources = [f.inputs[0] for f in flat if f is not None and _is(f, "reshape")]
        made = makers.get(sources[0]) if len(sources) == 3 else None
        if made is None or not _is(made, "attention_adjoint") or sources != [*made.outputs]:
            continue
        shapes = {v.shape for v in sources}
        rows = {v.shape[-1] for v in e.inputs} == {sources[0].shape[2] * sources[0].shape[3]}
        if len(shapes) == 1 and rows and all(uses[v] == 1 for v in (*sources, *e.inputs)):
            found[made.outputs[0]] = e.outputs[0]
    return found


def _part(b: Rewriter, whole: Value, number: int) -> Value:
    """Return one of three joined results."""
    start = tuple(number if a == 2 else 0 for a in range(5))
    stop = tuple(number + 1 if a == 2 else n for a, n in enumerate(whole.shape))
    part = b.op("slice", whole, start=start, stop=stop, step=(1,) * 5)
    return b.reshape(part, (*whole.shape[:2], *whole.shape[3:]))


def is_small(e: Equation) -> bool:
    """Return whether the weights are no more than the operands and the result, of one block."""
    q, k, v = e.inputs[:3]
    if k.shape[1] > ONE_BLOCK:  # an earlier block's weights change while the sums grow
        return False
    weights = q.type.size // max(q.shape[3], 1) * k.shape[1]
    return weights <= sum(x.type.size for x in (q, k, v, e.outputs[0]))


def _is(e: Equation, name: str) -> bool:
    return e.primitive.name == name


def _key(e: Equation, log_sum: Value) -> Key:
    """Return what an attention and its adjoint have in common."""
    masks = e.inputs[3:] if _is(e, "attention") else e.inputs[6:]
    return (*e.inputs[:3], log_sum, *masks, e.params["scale"], e.params["causal"])


def _replaced(b: Rewriter, e: Equation, results: tuple[Value, ...]) -> Value:
    """Let results stand for those of an equation; return the first."""
    for old, new in zip(e.outputs[1:], results[1:], strict=False):
        b.replace(old, new)
    return results[0]
