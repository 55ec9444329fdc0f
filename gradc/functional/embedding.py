"""Table look-ups: indices -> rows of a weight, kept short and counted as asked for."""

from __future__ import annotations

from gradc.errors import ArgumentError, DTypeError, ShapeError, TensorIndexError, UnsupportedError
from gradc.functional.reduction import check_floating, check_tensor
from gradc.ir.dtype import int32, int64
from gradc.ir.primitive import lookup
from gradc.tensor import Tensor, no_grad, norm, ones_like, where
from gradc.tensor.dispatch import apply
from gradc.tensor.moving import check_beside
from gradc.tensor.state import active_trace

_SMALL = 1e-7


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Return the rows of a table at given indices.

    Args:
        input: int64 indices of any shape.
        weight: `[rows, features]`.
        padding_idx: a row that gets no gradient.
        max_norm: where given, rows that are looked up and longer are made so long, in `weight`.
        norm_type: the order of that norm.
        scale_grad_by_freq: divide the gradient of a row by how often it is looked up here.
        sparse: must be False.

    Returns:
        `[*, features]`.

    Raises:
        TensorIndexError: an index outside [0, rows) (eager; compiled code gives NaN).
    """
    if sparse:
        raise UnsupportedError("embedding: sparse=True is not supported")
    index = checked_index("embedding", input, weight)
    padding = checked_padding("embedding", padding_idx, weight)
    if max_norm is not None:
        renorm(weight, index, max_norm, norm_type)
    found: Tensor = apply(lookup("index_select"), weight, index, axis=0)
    if scale_grad_by_freq:
        found = by_frequency(found, index, int(weight.shape[0]))
    if padding is None:
        return found
    return where((index == padding).unsqueeze(-1), found.detach(), found)


def renorm(weight: Tensor, index: Tensor, max_norm: float, norm_type: float) -> None:
    """Shorten the rows at `index` that are longer than max_norm, in place."""
    flat = index.reshape(-1)
    with no_grad():
        rows: Tensor = apply(lookup("index_select"), weight, flat, axis=0)
        length = norm(rows, norm_type, 1, keepdim=True)
        shorter = rows * (max_norm / (length + _SMALL))
        weight.index_copy_(0, flat, where(length > max_norm, shorter, rows))


def by_frequency(found: Tensor, index: Tensor, rows: int) -> Tensor:
    """Return `found` with its gradient divided by how often each index occurs."""
    flat = index.reshape(-1)
    ones = ones_like(flat).to(found.dtype)
    often: Tensor = ones.new_zeros(rows).index_add(0, flat, ones)
    share = 1.0 / apply(lookup("index_select"), often, index, axis=0).unsqueeze(-1)
    # The value to the last bit: what is added is 0, with the derivative `share`.
    return found.detach() + (found - found.detach()) * share


def checked_index(name: str, input: Tensor, weight: Tensor) -> Tensor:
    """Return the indices as int64, after checks of them and of the table."""
    check_tensor(name, "input", input)
    check_floating(name, "weight", weight)
    check_beside(name, input=input, weight=weight)
    if weight.ndim != 2:
        raise ShapeError(f"{name}: expected weight [rows, features], got {list(weight.shape)}")
    if input.dtype is int32:
        input = input.to(int64)
    if input.dtype is not int64:
        raise DTypeError(
            f"{name}: input must be int64 indices, got {input.dtype}", hint="input.long()"
        )
    check_rows(name, input, int(weight.shape[0]))
    return input


def checked_padding(name: str, padding_idx: int | None, weight: Tensor) -> int | None:
    """Return the row of padding, counted from the first."""
    rows = int(weight.shape[0])
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise ArgumentError(
            f"{name}: padding_idx must be from {-rows} to {rows - 1}, got {padding_idx}"
        )
    return padding_idx % rows


def check_rows(name: str, index: Tensor, rows: int) -> None:
    """Refuse indices outside [0, rows); eager only."""
    if active_trace() is not None:
        return
    values = index.cpu().numpy()
    wrong = values[(values < 0) | (values >= rows)]
    if wrong.size:
        raise TensorIndexError(
            f"{name}: index {int(wrong.flat[0])} is out of bounds: weight has {rows} rows, "
            f"expected indices from 0 to {rows - 1}"
        )
