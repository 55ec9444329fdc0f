"""Softmax-weighted means of values, and their adjoint, as one primitive each.

Times lie before heads, as a projection leaves them: q is [samples, queries, heads, features], k
and v likewise with keys. Layers that have the heads first permute, and the passes merge these
permutations. Kernels never hold all weights at a time; the log-sum-exp of each row of scores is
what the adjoint computes them from again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gradc.errors import ShapeError
from gradc.ir.builder import Builder
from gradc.ir.derivative import Composed
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Kind, Primitive, Sample, register
from gradc.primitives.typing_rules import same_dtype

Array = np.ndarray[Any, Any]
Params = dict[str, Any]
BATCH = (0, 2)  # axes of samples and heads


def _scores(q: Array, k: Array, mask: Array | None, scale: float, causal: bool) -> Array:
    """Return scale q k^T + mask, [samples, heads, queries, keys]; -inf where a key is hidden."""
    scores = np.matmul(q.transpose(0, 2, 1, 3), k.transpose(0, 2, 3, 1))
    scores *= np.asarray(scale, q.dtype)
    if mask is not None and mask.dtype == np.bool_:
        scores = np.where(mask, scores, np.asarray(-np.inf, q.dtype))
    elif mask is not None:
        scores = scores + mask
    if causal:
        row, column = np.indices(scores.shape[2:])
        scores[..., column > row] = -np.inf
    return scores


def _attention(
    q: Array,
    k: Array,
    v: Array,
    *mask: Array,
    scale: float,
    causal: bool,
    keep: bool = False,
) -> tuple[Array, ...]:
    with np.errstate(all="ignore"):
        scores = _scores(q, k, mask[0] if mask else None, scale, causal)
        largest = scores.max(-1, keepdims=True, initial=-np.inf)
        largest = np.where(largest == -np.inf, 0, largest)
        weights = np.exp(scores - largest)
        total = weights.sum(-1, keepdims=True)
        total = np.where(total == 0, 1, total).astype(q.dtype)
        weights /= total
        out = np.matmul(weights, v.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3)
        log_sum = (largest + np.log(total))[..., 0].transpose(0, 2, 1).astype(q.dtype)
    found = np.ascontiguousarray(out), np.ascontiguousarray(log_sum)
    return (*found, np.ascontiguousarray(weights.transpose(0, 1, 3, 2))) if keep else found


def _attention_adjoint(
    q: Array,
    k: Array,
    v: Array,
    out_bar: Array,
    log_sum: Array,
    delta: Array,
    *more: Array,
    scale: float,
    causal: bool,
    kept: bool = False,
    joined: bool = False,
) -> tuple[Array, ...] | Array:
    mask, weights = _told(more, kept)
    rows = (0, 2, 1)
    with np.errstate(all="ignore"):
        if weights is None:
            scores = _scores(q, k, mask, scale, causal)
            weights = np.exp(scores - log_sum.transpose(rows)[..., None])
        else:
            weights = weights.transpose(0, 1, 3, 2)
        out_bar = out_bar.transpose(0, 2, 1, 3)
        bar = np.matmul(out_bar, v.transpose(0, 2, 3, 1)) - delta.transpose(rows)[..., None]
        bar = weights * bar * np.asarray(scale, q.dtype)
        found = (
            np.matmul(bar, k.transpose(0, 2, 1, 3)),
            np.matmul(bar.transpose(0, 1, 3, 2), q.transpose(0, 2, 1, 3)),
            np.matmul(weights.transpose(0, 1, 3, 2), out_bar),
        )
    bars = tuple(np.ascontiguousarray(x.transpose(0, 2, 1, 3)) for x in found)
    return np.stack(bars, 2) if joined else bars


def _told(more: tuple[Any, ...], kept: bool) -> tuple[Any | None, Any | None]:
    """Return (mask, weights) of the operands of the adjoint that may be missing."""
    rest = more[:-1] if kept else more
    return (rest[0] if rest else None), (more[-1] if kept else None)


def _typing(
    q: TensorType,
    k: TensorType,
    v: TensorType,
    *mask: TensorType,
    scale: float,
    causal: bool,
    keep: bool = False,
) -> tuple[TensorType, ...]:
    del scale, causal
    same_dtype("attention", q, k, v)
    fits = q.ndim == k.ndim == v.ndim == 4 and q.shape[3] == k.shape[3]
    fits = fits and k.shape[:3] == v.shape[:3] and all(q.shape[a] == k.shape[a] for a in BATCH)
    if not fits:
        raise ShapeError(f"attention: sizes don't fit: q {q}, k {k}, v {v}")
    (samples, queries, heads, _), keys = q.shape, k.shape[1]
    whole = (samples, heads, queries, keys)
    for m in mask:
        if m.ndim != 4 or any(a not in (1, n) for a, n in zip(m.shape, whole, strict=True)):
            raise ShapeError(f"attention: mask {m} does not broadcast to the scores {whole}")
    out, log_sum = q.with_shape((*q.shape[:3], v.shape[3])), q.with_shape(q.shape[:3])
    return (out, log_sum, q.with_shape((samples, heads, keys, queries)))[: 2 + keep]


def _adjoint_typing(
    q: TensorType,
    k: TensorType,
    v: TensorType,
    out_bar: TensorType,
    log_sum: TensorType,
    delta: TensorType,
    *more: TensorType,
    scale: float,
    causal: bool,
    kept: bool = False,
    joined: bool = False,
) -> tuple[TensorType, ...] | TensorType:
    mask, weights = _told(more, kept)
    masks = () if mask is None else (mask,)
    expected = _typing(q, k, v, *masks, scale=scale, causal=causal, keep=kept)
    given = (out_bar, log_sum) if weights is None else (out_bar, log_sum, weights)
    if [t.shape for t in expected] != [t.shape for t in given] or delta.shape != log_sum.shape:
        raise ShapeError(f"attention_adjoint: sizes don't fit: {q}, {k}, {v}, {out_bar}, {delta}")
    if not joined:
        return q, k, v
    if not q.shape == k.shape == v.shape:
        raise ShapeError(f"attention_adjoint: sizes of joined results differ: {q}, {k}, {v}")
    return q.with_shape((*q.shape[:2], 3, *q.shape[2:]))


def _masked(b: Builder, q: Any, k: Any, mask: Any | None, scale: float, causal: bool) -> Any:
    """Return the scores, from other primitives."""
    scores = b.op("dot", q, k, contract=((3,), (3,)), batch=(BATCH, BATCH))
    whole = b.typeof(scores)
    scores = b.op("mul", scores, b.full(whole, scale))
    hidden = b.full(whole, -np.inf)
    if mask is not None:
        is_bool, mask = b.typeof(mask).dtype.is_bool, b.broadcast(mask, whole.shape)
        scores = b.op("where", mask, scores, hidden) if is_bool else b.op("add", scores, mask)
    if causal:
        places = {"shape": whole.shape, "dtype": whole.dtype, "device": whole.device}
        row, column = (b.op("iota", **places, axis=axis) for axis in (2, 3))
        scores = b.op("where", b.op("ge", row, column), scores, hidden)
    return scores


def _where_equal(b: Builder, x: Any, number: float, then: float) -> Any:
    """Return x with another number for one number."""
    type = b.typeof(x)
    return b.op("where", b.op("eq", x, b.full(type, number)), b.full(type, then), x)


def _parts(b: Builder, inputs: tuple[Any, ...], params: Params) -> tuple[Any, ...]:
    """Return the results of attention from other primitives."""
    q, k, v, *more = inputs
    scores = _masked(b, q, k, more[0] if more else None, params["scale"], params["causal"])
    whole = b.typeof(scores).shape
    column = (*whole[:3], 1)
    largest = b.op("max", b.op("stop_gradient", scores), axes=(3,), keepdims=False)
    largest = _where_equal(b, largest, -np.inf, 0)
    powers = b.op("exp", b.op("sub", scores, b.broadcast(b.reshape(largest, column), whole)))
    total = _where_equal(b, b.op("sum", powers, axes=(3,), keepdims=False), 0, 1)
    log_sum = b.op("add", largest, b.op("log", total))
    weights = _weights(b, scores, log_sum)
    out = b.op("dot", weights, v, contract=((3,), (1,)), batch=((0, 1), BATCH))
    found = b.op("permute", out, axes=(0, 2, 1, 3)), b.op("permute", log_sum, axes=(0, 2, 1))
    if not params.get("keep", False):
        return found
    return (*found, b.op("permute", weights, axes=(0, 1, 3, 2)))


def _weights(b: Builder, scores: Any, log_sum: Any) -> Any:
    """Return e^(scores - log_sum), which the adjoint finds again."""
    whole = b.typeof(scores).shape
    return b.op("exp", b.op("sub", scores, b.broadcast(b.reshape(log_sum, (*whole[:3], 1)), whole)))


def _adjoint_parts(b: Builder, inputs: tuple[Any, ...], params: Params) -> tuple[Any, ...]:
    """Return the results of the adjoint from other primitives."""
    q, k, v, out_bar, log_sum, delta, *more = inputs
    mask, weights = _told(tuple(more), params.get("kept", False))
    if weights is None:
        scores = _masked(b, q, k, mask, params["scale"], params["causal"])
        weights = _weights(b, scores, b.op("permute", log_sum, axes=(0, 2, 1)))
    else:
        weights = b.op("permute", weights, axes=(0, 1, 3, 2))
    bar = b.op("dot", out_bar, v, contract=((3,), (3,)), batch=(BATCH, BATCH))
    whole = b.typeof(bar)
    column = b.reshape(b.op("permute", delta, axes=(0, 2, 1)), (*whole.shape[:3], 1))
    bar = b.op("mul", weights, b.op("sub", bar, b.broadcast(column, whole.shape)))
    bar = b.op("mul", bar, b.full(whole, params["scale"]))
    pairs = (bar, k, 3), (bar, q, 2), (weights, out_bar, 2)
    bars = tuple(
        b.op(
            "permute",
            b.op("dot", x, y, contract=((axis,), (1,)), batch=((0, 1), BATCH)),
            axes=(0, 2, 1, 3),
        )
        for x, y, axis in pairs
    )
    if not params.get("joined", False):
        return bars
    shape = b.typeof(q).shape
    apart = [b.reshape(x, (*shape[:2], 1, *shape[2:])) for x in bars]
    return (b.op("concatenate", *apart, axis=2),)


def _reverse(
    b: Builder,
    inputs: tuple[Any, ...],
    outputs: tuple[Any, ...],
    cotangents: tuple[Any, ...],
    needed: tuple[bool, ...],
    params: Params,
) -> list[Any | None] | None:
    """Return the adjoints of q, k and v; None where those of the mask or weights are wanted."""
    out_bar, log_sum_bar, *others = cotangents
    if any(needed[3:]) or any(ct is not None for ct in others):
        return None
    out, log_sum = outputs[:2]
    out_bar = b.zeros_like(out) if out_bar is None else out_bar
    delta = b.op("sum", b.op("mul", out, out_bar), axes=(3,), keepdims=False)
    if log_sum_bar is not None:
        delta = b.op("sub", delta, log_sum_bar)
    q, k, v, *mask = inputs
    about = {"scale": params["scale"], "causal": params["causal"]}
    bars = b.op("attention_adjoint", q, k, v, out_bar, log_sum, delta, *mask, **about)
    return [*bars, *(None for _ in mask)]


def _samples() -> Iterable[Sample]:
    for rng, (n, t, s, h, d, e), causal in _sizes():
        q, k, v = (rng.standard_normal(x) for x in ((n, t, h, d), (n, s, h, d), (n, s, h, e)))
        about = {"scale": 0.6, "causal": causal}
        yield Sample((q, k, v), about)
        if not causal:
            yield Sample((q, k, v), {**about, "keep": True})
        shown = rng.random((1, h, t, s)) < 0.7
        shown[0, 0, 0] = False
        yield Sample((q, k, v, shown), about)
        yield Sample((q, k, v, rng.standard_normal((n, 1, t, s))), about)


def _adjoint_samples() -> Iterable[Sample]:
    for rng, (n, t, s, h, d, e), causal in _sizes():
        q, k, v = (rng.standard_normal(x) for x in ((n, t, h, d), (n, s, h, d), (n, s, h, e)))
        shown = rng.random((n, 1, 1, s)) < 0.7
        for more in ((), (shown,), (rng.standard_normal((n, 1, t, s)),)):
            found = _attention(q, k, v, *more, scale=0.6, causal=causal, keep=True)
            out_bar = rng.standard_normal((n, t, h, e))
            delta = rng.standard_normal((n, t, h))
            given = (q, k, v, out_bar, found[1], delta, *more)
            about = {"scale": 0.6, "causal": causal}
            yield Sample(given, about)
            yield Sample((*given, found[2]), {**about, "kept": True})
            if q.shape == k.shape == v.shape:
                yield Sample(given, {**about, "joined": True})


def _sizes() -> Iterable[tuple[np.random.Generator, tuple[int, ...], bool]]:
    """Yield samples, queries, keys, heads, features and outputs."""
    rng = np.random.default_rng(17)
    yield rng, (2, 3, 4, 2, 3, 2), False
    yield rng, (1, 4, 4, 2, 2, 2), True
    yield rng, (2, 5, 3, 1, 4, 3), True


attention = register(
    Primitive(
        name="attention",
        kind=Kind.ATTENTION,
        meaning=_attention,
        typing=_typing,
        derivative=Composed(_parts, _reverse, reads=(0, 1), rule="attention_adjoint"),
        maths="softmax({0} @ {1}.T) @ {2}",
        samples=_samples,
    )
)

attention_adjoint = register(
    Primitive(
        name="attention_adjoint",
        kind=Kind.ATTENTION,
        meaning=_attention_adjoint,
        typing=_adjoint_typing,
        derivative=Composed(_adjoint_parts),
        maths="attention_adjoint({0}, {1}, {2}, {3})",
        samples=_adjoint_samples,
    )
)
