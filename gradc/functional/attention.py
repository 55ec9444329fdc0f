"""Turn queries, keys and values into the values' means, weighted by how well the keys fit."""

from __future__ import annotations

import math

from gradc.errors import ArgumentError, DTypeError, ShapeError
from gradc.functional.dropout import dropout
from gradc.functional.reduction import check_floating, check_tensor
from gradc.ir.dtype import DType, float32
from gradc.ir.primitive import lookup
from gradc.tensor import Tensor, arange, where
from gradc.tensor.axes import broadcast_shapes
from gradc.tensor.dispatch import apply
from gradc.tensor.lowered import format_for


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Return softmax(scale Q K^T + mask) V.

    A query to which the mask leaves no key gets zeros.

    Args:
        query: `[*, heads, queries, features]`, floating; the heads may be left away.
        key: `[*, heads, keys, features]`.
        value: `[*, heads, keys, outputs]`.
        attn_mask: broadcast to `[*, heads, queries, keys]`: bool, True where a key takes part; or
            floating, added to the scores.
        dropout_p: probability with which a weight is set to 0; applied whenever it is positive.
        is_causal: query i sees the keys 0 to i only.
        scale: factor of the scores, 1 / sqrt(features) where it is None.
        enable_gqa: each head of key and value serves several heads of the query.

    Returns:
        `[*, heads, queries, outputs]`.

    Raises:
        ShapeError: sizes that don't fit.
        DTypeError: query, key and value of different dtypes; a mask of another kind.
        ArgumentError: both attn_mask and is_causal.

    Example:
        >>> import gradc
        >>> x = gradc.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> scaled_dot_product_attention(x, x, x, is_causal=True)[0].tolist()
        [1.0, 0.0]

    Source: Vaswani, Shazeer, Parmar, et al., "Attention is all you need", 2017, arXiv:1706.03762.
    """
    name = "scaled_dot_product_attention"
    _check(name, query, key, value)
    if enable_gqa:
        key, value = _shared_heads(name, query, key), _shared_heads(name, query, value)
    if is_causal and attn_mask is not None:
        raise ArgumentError(
            f"{name}: give either attn_mask or is_causal=True", hint="make the mask causal itself"
        )
    return attended(name, query, key, value, attn_mask, dropout_p, is_causal, scale)


def attended(
    name: str,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Return the attention of operands that fit together; `name` is who was called."""
    lead = broadcast_shapes(*(tuple(x.shape[:-2]) for x in (query, key, value)))
    whole = all(x.numel() for x in (query, key, value))
    rounds = format_for(query) is not None  # the weights in between too
    if lead is None or not whole or dropout_p or isinstance(scale, Tensor) or rounds:
        shown = scores(query, key, scale)
        if is_causal:
            shown = causal(shown)
        if mask is not None:
            shown = masked(name, shown, mask)
        return dropout(safe_softmax(shown), dropout_p) @ value
    heads = lead[-1] if lead else 1

    def times_first(x: Tensor) -> Tensor:
        rows, features = x.shape[-2:]
        return x.expand(*lead, rows, features).reshape(-1, heads, rows, features).transpose(1, 2)

    q, k, v = times_first(query), times_first(key), times_first(value)
    more: list[Tensor] = []
    if mask is not None:
        check_mask(name, mask, (*lead, query.shape[-2], key.shape[-2]), query.dtype)
        more.append(_four_axes(mask if mask.dtype.is_bool else mask.to(query.dtype), lead))
    factor = scale if scale is not None else 1.0 / math.sqrt(int(query.shape[-1]))
    about = {"scale": float(factor), "causal": is_causal}
    mixed, log_sum = apply(lookup("attention"), q, k, v, *more, **about)
    del log_sum  # what the adjoint computes the weights from
    return mixed.transpose(1, 2).reshape(*lead, query.shape[-2], value.shape[-1])


def _four_axes(mask: Tensor, lead: tuple[int, ...]) -> Tensor:
    """Return a mask as `[samples or 1, heads or 1, queries or 1, keys or 1]`."""
    shape = (1,) * (len(lead) + 2 - mask.ndim) + tuple(mask.shape)
    *samples, heads = shape[:-2] or (1,)
    if any(n != 1 for n in samples):
        shape = (*lead[:-1], heads, *shape[-2:])
        mask = mask.expand(*shape)
    return mask.reshape(-1, heads, *shape[-2:])


def scores(query: Tensor, key: Tensor, scale: float | None = None) -> Tensor:
    """Return scale Q K^T, `[*, queries, keys]`; scale 1 / sqrt(features) where it is None."""
    features = int(query.shape[-1])
    factor = scale if scale is not None else 1.0 / math.sqrt(features) if features else math.inf
    return (query @ key.transpose(-2, -1)) * factor


def causal(shown: Tensor) -> Tensor:
    """Return scores with -inf where a key comes after the query."""
    queries, keys = int(shown.shape[-2]), int(shown.shape[-1])
    place = arange(queries, device=shown.device)
    return where(place.unsqueeze(1) >= arange(keys, device=shown.device), shown, -math.inf)


def masked(name: str, shown: Tensor, mask: Tensor) -> Tensor:
    """Return scores with a mask: -inf where it is False, or its numbers added."""
    check_mask(name, mask, tuple(shown.shape), shown.dtype)
    if mask.dtype.is_bool:
        return where(mask, shown, -math.inf)
    return shown + mask.to(shown.dtype)


def check_mask(name: str, mask: Tensor, shape: tuple[int, ...], dtype: DType) -> None:
    """Refuse a mask that doesn't fit scores of a shape and dtype."""
    check_tensor(name, "attn_mask", mask)
    sizes = zip(reversed(mask.shape), reversed(shape), strict=False)
    if mask.ndim > len(shape) or any(m not in (1, n) for m, n in sizes):
        raise ShapeError(
            f"{name}: attn_mask {list(mask.shape)} does not broadcast to the scores {list(shape)}"
        )
    if not mask.dtype.is_bool and mask.dtype not in (dtype, float32):
        raise DTypeError(
            f"{name}: attn_mask must be bool, float32 or {dtype} as the query, got {mask.dtype}"
        )


def safe_softmax(shown: Tensor) -> Tensor:
    """Return the softmax along the last axis, and zeros where all scores are -inf."""
    if shown.shape[-1] == 0:
        return shown
    largest = shown.detach().amax(-1, keepdim=True)
    empty = largest == -math.inf
    powers = (shown - where(empty, 0.0, largest)).exp()
    return powers / where(empty, 1.0, powers.sum(-1, keepdim=True))


def _check(name: str, query: Tensor, key: Tensor, value: Tensor) -> None:
    """Refuse operands that don't fit together."""
    operands = {"query": query, "key": key, "value": value}
    for argument, given in operands.items():
        check_floating(name, argument, given)
    shapes = ", ".join(f"{n} {list(x.shape)}" for n, x in operands.items())
    if len({x.dtype for x in operands.values()}) > 1:
        dtypes = ", ".join(f"{n} {x.dtype}" for n, x in operands.items())
        raise DTypeError(f"{name}: query, key and value must be of one dtype, got {dtypes}")
    if min(x.ndim for x in operands.values()) < 2:
        raise ShapeError(f"{name}: expected at least two axes each, got {shapes}")
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ShapeError(
            f"{name}: expected query [*, queries, features], key [*, keys, features] and value "
            f"[*, keys, outputs], got {shapes}"
        )


def _shared_heads(name: str, query: Tensor, x: Tensor) -> Tensor:
    """Return key or value with each head repeated for the heads of the query that it serves."""
    if min(query.ndim, x.ndim) < 3 or x.shape[-3] == 0 or query.shape[-3] % x.shape[-3]:
        raise ShapeError(
            f"{name}: with enable_gqa the heads of key and value must divide the query's, got "
            f"{list(query.shape)} and {list(x.shape)}"
        )
    times = query.shape[-3] // x.shape[-3]
    return x if times == 1 else x.repeat_interleave(times, -3)
