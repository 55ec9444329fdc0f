"""Slide a window of weights over a signal or an image."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.errors import ArgumentError, DTypeError, ShapeError
from gradc.functional.reduction import check_tensor
from gradc.functional.spatial import Ints, batched, per_axis, sizes_of
from gradc.ir.primitive import lookup
from gradc.primitives.convolution import reach
from gradc.tensor import Tensor
from gradc.tensor.dispatch import apply
from gradc.tensor.lowered import product
from gradc.tensor.moving import check_beside

Size = int | Sequence[int]


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Return y[n, o, p] = b[o] + sum over c, k of x[n, c, s p + d k] w[o, c, k].

    Args:
        input: `[N, C, L]` or `[C, L]`.
        weight: `[O, C / groups, K]`.
        bias: `[O]`.
        stride: s, distance of two windows.
        padding: zeros added at both ends; `"valid"` for none, `"same"` for an output as long as
            the input (stride 1 only).
        dilation: d, distance of two elements of a window.
        groups: into how many blocks the channels are cut, each with weights of its own.

    Returns:
        `[N, O, P]` with P = (L + 2 padding - d (K - 1) - 1) // s + 1.

    Raises:
        ShapeError: channels that don't fit, or a window longer than the padded input.
        ArgumentError: numbers out of range.

    Example:
        >>> import gradc
        >>> x = gradc.tensor([[[1.0, 2.0, 4.0, 8.0]]])
        >>> conv1d(x, gradc.tensor([[[-1.0, 1.0]]])).tolist()
        [[[1.0, 2.0, 4.0]]]
    """
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Size = 1,
    padding: Size | str = 0,
    dilation: Size = 1,
    groups: int = 1,
) -> Tensor:
    """Return y[n,o,p,q] = b[o] + sum over c, i, j of x[n, c, s p + d i, s q + d j] w[o,c,i,j].

    Args:
        input: `[N, C, H, W]` or `[C, H, W]`.
        weight: `[O, C / groups, KH, KW]`.
        bias: `[O]`.
        stride: s, distance of two windows; one number, or one per axis.
        padding: zeros added on all sides; `"valid"` for none, `"same"` for an output as large
            as the input (stride 1 only).
        dilation: d, distance of two elements of a window.
        groups: into how many blocks the channels are cut, each with weights of its own.

    Returns:
        `[N, O, P, Q]` with P = (H + 2 padding - d (KH - 1) - 1) // s + 1, Q likewise.

    Raises:
        ShapeError: channels that don't fit, or a window larger than the padded input.
        ArgumentError: numbers out of range.

    Example:
        >>> import gradc
        >>> x, w = gradc.ones(1, 3, 8, 8), gradc.ones(6, 3, 3, 3)
        >>> conv2d(x, w, padding=1, stride=2).shape
        gradc.Size([1, 6, 4, 4])
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


def _convolve(
    name: str,
    count: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Size,
    padding: Size | str,
    dilation: Size,
    groups: int,
) -> Tensor:
    """Pad, move the channels last, apply the primitive, and move them back."""
    x, alone = batched(name, input, count)
    check_convolution(name, x, weight, bias, count, groups)
    steps = per_axis(name, "stride", stride, count, 1)
    spread = per_axis(name, "dilation", dilation, count, 1)
    covered = reach(sizes_of(weight, count), spread)
    low, high = amounts(name, padding, covered, steps, count)
    padded = tuple(n + a + b for n, a, b in zip(sizes_of(x, count), low, high, strict=True))
    if any(c > n for c, n in zip(covered, padded, strict=True)):
        raise ShapeError(
            f"{name}: the window covers {list(covered)} elements, more than the padded input "
            f"{list(padded)}"
        )
    if any(low) or any(high):
        none = (0,) * (count + 2)
        x = apply(lookup("pad"), x, low=(0, 0, *low), high=(0, 0, *high), interior=none, value=0)
    outputs, inner = int(weight.shape[0]), int(weight.shape[1])
    space = tuple(range(2, count + 2))
    x = x.permute(0, *space, 1).reshape(int(x.shape[0]), *padded, groups, inner)
    w = weight.permute(*space, 1, 0)
    w = w.reshape(*sizes_of(weight, count), inner, groups, outputs // groups).transpose(count, -2)
    y = product(lookup("conv"), x, w, stride=steps, dilation=spread)
    y = y.reshape(*y.shape[: count + 1], outputs)
    return channels_second(y, bias, count, alone=alone)


def check_convolution(
    name: str, x: Tensor, weight: Tensor, bias: Tensor | None, count: int, groups: int
) -> None:
    """Refuse weights and biases that don't fit the input."""
    given = check_weight(name, x, weight, bias, count, groups, "O, C / groups")
    channels, outputs = int(x.shape[1]), int(weight.shape[0])
    if channels != int(weight.shape[1]) * groups:
        raise ShapeError(
            f"{name}: with groups={groups} the weight takes {int(weight.shape[1]) * groups} "
            f"channels, got {given}"
        )
    if outputs % groups:
        raise ShapeError(f"{name}: {outputs} outputs can't be cut into groups={groups}, {given}")
    check_beside_input(name, x, weight, bias, outputs)


def check_weight(
    name: str,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    count: int,
    groups: int,
    channels: str,
) -> str:
    """Refuse a weight that is none of a convolution; return what is given, for messages.

    Args:
        name: of the function.
        x: its input.
        weight: its weight.
        bias: one number per output, or None.
        count: number of spatial axes.
        groups: at least 1.
        channels: what the first two axes of a weight are.
    """
    check_tensor(name, "weight", weight)
    check_beside(name, input=x, weight=weight, bias=bias)
    if groups < 1:
        raise ArgumentError(f"{name}: groups must be at least 1, got {groups}")
    window = ", ".join(("KD", "KH", "KW")[3 - count :]) if count > 1 else "K"
    given = f"input {list(x.shape)} and weight {list(weight.shape)}"
    if weight.ndim != count + 2 or 0 in weight.shape[2:]:
        raise ShapeError(f"{name}: expected weight [{channels}, {window}], got {given}")
    return given


def check_beside_input(
    name: str, x: Tensor, weight: Tensor, bias: Tensor | None, outputs: int
) -> None:
    """Refuse a weight of another dtype than the input, and a bias that isn't one per output."""
    if x.dtype is not weight.dtype:
        raise DTypeError(
            f"{name}: input is {x.dtype}, weight is {weight.dtype}",
            hint=f"input.to(gradc.{weight.dtype})",
        )
    if bias is not None:
        check_tensor(name, "bias", bias)
        if tuple(bias.shape) != (outputs,):
            raise ShapeError(f"{name}: expected bias [{outputs}], got {list(bias.shape)}")


def channels_second(y: Tensor, bias: Tensor | None, count: int, *, alone: bool) -> Tensor:
    """Return a result with the channels before the spatial axes, with its bias; [O, ...] if alone.

    It is not a view: like PyTorch's, the result is contiguous.
    """
    y = apply(lookup("permute"), y, axes=(0, count + 1, *range(1, count + 1)))
    if bias is not None:
        y = y + bias.reshape(*bias.shape, *(1,) * count)
    return y.squeeze(0) if alone else y


def amounts(
    name: str, padding: Size | str, covered: Ints, stride: Ints, count: int
) -> tuple[Ints, Ints]:
    """Return how many zeros come before and behind each spatial axis."""
    if not isinstance(padding, str):
        both = per_axis(name, "padding", padding, count, 0)
        return both, both
    if padding == "valid":
        return (0,) * count, (0,) * count
    if padding != "same":
        raise ArgumentError(f"{name}: padding must be ints, 'same' or 'valid', got {padding!r}")
    if max(stride) > 1:
        raise ArgumentError(
            f"{name}: padding='same' is not supported for stride {list(stride)}",
            hint="give the padding as a number",
        )
    return same_padding(covered)


def same_padding(covered: Ints) -> tuple[Ints, Ints]:
    """Return the zeros before and behind each axis that keep its length; the odd one behind."""
    low = tuple((c - 1) // 2 for c in covered)
    return low, tuple(c - 1 - a for c, a in zip(covered, low, strict=True))
