"""Bring values to mean 0 and variance 1, or to length 1."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.errors import ShapeError, UnsupportedError
from gradc.functional.reduction import check_floating
from gradc.tensor import Tensor, norm


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return (x - mean) / sqrt(var + eps) * weight + bias over the last axes.

    Args:
        input: `[*, *normalized_shape]`, floating.
        normalized_shape: sizes of the axes that mean and variance are taken over.
        weight: of normalized_shape.
        bias: of normalized_shape.
        eps: added to the variance (divided by N, not N - 1).

    Raises:
        ShapeError: shapes that don't end in normalized_shape.

    Source: Ba, Kiros, Hinton, "Layer normalization", 2016, arXiv:1607.06450.
    """
    check_floating("layer_norm", "input", input)
    shape = tuple(int(n) for n in normalized_shape)
    if not shape or tuple(input.shape)[-len(shape) :] != shape:
        raise ShapeError(
            f"layer_norm: expected input [*, {', '.join(map(str, shape))}] for normalized_shape "
            f"{list(shape)}, got {list(input.shape)}"
        )
    for name, given in (("weight", weight), ("bias", bias)):
        if given is not None and tuple(given.shape) != shape:
            raise ShapeError(f"layer_norm: expected {name} {list(shape)}, got {list(given.shape)}")
    axes = tuple(range(-len(shape), 0))
    centred = input - input.mean(axes, keepdim=True)
    variance = (centred * centred).mean(axes, keepdim=True)
    normal = centred * (variance + eps).rsqrt()
    if weight is not None:
        normal = normal * weight
    return normal if bias is None else normal + bias


def normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """Return x / max(|x|_p, eps), the norm taken along an axis.

    Args:
        input: any shape, floating.
        p: order of the norm, `inf` for the largest absolute value.
        dim: the axis.
        eps: smallest divisor.
        out: must be None.
    """
    if out is not None:
        raise UnsupportedError("normalize: out is not supported")
    check_floating("normalize", "input", input)
    return input / norm(input, p, dim, keepdim=True).clamp(min=eps)
