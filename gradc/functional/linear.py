"""Affine maps: products with a weight; class indices -> rows of zeros and a one."""

from __future__ import annotations

from gradc.errors import ArgumentError, DTypeError, ShapeError
from gradc.functional.reduction import check_tensor
from gradc.ir.dtype import int64
from gradc.tensor import Tensor, arange
from gradc.tensor.core import resolve
from gradc.tensor.moving import check_beside
from gradc.tensor.refusal import refuse_value
from gradc.tensor.state import active_trace


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x W^T + b.

    Args:
        input: `[*, in]`.
        weight: `[out, in]`, or `[in]` for a single output without its axis.
        bias: `[out]`, or a scalar.

    Returns:
        `[*, out]`.

    Raises:
        ShapeError: sizes that don't fit.
        DTypeError: input and weight of different dtypes.
    """
    check_tensor("linear", "input", input)
    check_tensor("linear", "weight", weight)
    check_beside("linear", input=input, weight=weight, bias=bias)
    if input.ndim == 0 or weight.ndim not in (1, 2) or input.shape[-1] != weight.shape[-1]:
        raise ShapeError(
            f"linear: expected input [*, in] and weight [out, in], got input {list(input.shape)} "
            f"and weight {list(weight.shape)}"
        )
    if input.dtype is not weight.dtype:
        raise DTypeError(
            f"linear: input is {input.dtype}, weight is {weight.dtype}",
            hint=f"input.to(gradc.{weight.dtype})",
        )
    outputs = tuple(weight.shape[:-1])
    if bias is not None and tuple(bias.shape) not in (outputs, ()):
        raise ShapeError(
            f"linear: expected bias {list(outputs)} for weight {list(weight.shape)}, got "
            f"{list(bias.shape)}"
        )
    # one expression: in generated code the module or statement around it names the result
    return input @ _transposed(weight) + bias if bias is not None else input @ _transposed(weight)


def _transposed(weight: Tensor) -> Tensor:
    """Return the weight as the right operand of a product."""
    return weight if weight.ndim == 1 else weight.t()


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return y_o = x1^T W_o x2 + b_o.

    Args:
        input1: x1, `[*, in1]`, floating.
        input2: x2, `[*, in2]`, with the same leading axes.
        weight: `[out, in1, in2]`.
        bias: `[out]`.

    Returns:
        `[*, out]`.

    Raises:
        ShapeError: shapes that don't fit.
        DTypeError: operands of different dtypes.
    """
    for name, given in (("input1", input1), ("input2", input2), ("weight", weight)):
        check_tensor("bilinear", name, given)
    check_beside("bilinear", input1=input1, input2=input2, weight=weight, bias=bias)
    fits = weight.ndim == 3 and input1.ndim > 0 and input1.shape[:-1] == input2.shape[:-1]
    if not fits or (input1.shape[-1], input2.shape[-1]) != tuple(weight.shape[1:]):
        raise ShapeError(
            "bilinear: expected input1 [*, in1], input2 [*, in2] and weight [out, in1, in2], got "
            f"{list(input1.shape)}, {list(input2.shape)} and {list(weight.shape)}"
        )
    if not input1.dtype is input2.dtype is weight.dtype:
        raise DTypeError(
            f"bilinear: input1 is {input1.dtype}, input2 {input2.dtype}, weight {weight.dtype}"
        )
    outputs, first, second = (int(n) for n in weight.shape)
    if bias is not None and tuple(bias.shape) != (outputs,):
        raise ShapeError(
            f"bilinear: expected bias [{outputs}] for weight {list(weight.shape)}, got "
            f"{list(bias.shape)}"
        )
    rows = input1.reshape(-1, first)
    wide = weight.transpose(0, 1).reshape(first, outputs * second)
    partial = (rows @ wide).reshape(rows.shape[0], outputs, second)
    y = (partial * input2.reshape(-1, 1, second)).sum(-1)
    y = y.reshape(*input1.shape[:-1], outputs)
    return y if bias is None else y + bias


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Return 1 at the index and 0 elsewhere, along a new last axis.

    Args:
        tensor: int64 indices of any shape.
        num_classes: length of the new axis; -1 takes the largest index + 1 (eager only).

    Returns:
        int64 `[*, num_classes]`.

    Example:
        >>> import gradc
        >>> one_hot(gradc.tensor([0, 2])).tolist()
        [[1, 0, 0], [0, 0, 1]]
    """
    check_tensor("one_hot", "tensor", tensor)
    if tensor.dtype is not int64:
        raise DTypeError(
            f"one_hot: tensor must be int64 indices, got {tensor.dtype}", hint="tensor.long()"
        )
    if num_classes == -1:
        if tensor.numel() == 0:
            raise ArgumentError(
                "one_hot: the number of classes can't be told from an empty tensor",
                hint="give num_classes",
            )
        refuse_value(resolve(tensor), "one_hot without num_classes", "one_hot(tensor, num_classes)")
        num_classes = int(tensor.max().item()) + 1
    if num_classes < 1:
        raise ArgumentError(f"one_hot: num_classes must be positive or -1, got {num_classes}")
    if active_trace() is None and tensor.numel():
        values = tensor.cpu().numpy()
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= num_classes:
            raise ArgumentError(
                f"one_hot: indices must be from 0 to {num_classes - 1}, got {low} to {high}"
            )
    return (tensor.unsqueeze(-1) == arange(num_classes, device=tensor.device)).to(int64)
