"""A function of one example -> a function of a batch of examples."""

# The fields of a tensor are shared between the rooms that make tensors.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from gradc.errors import ArgumentError, TraceError
from gradc.func.arguments import check_function
from gradc.func.dims import batch_size, check_chunk_size, mapped_axes, result_axes
from gradc.func.example import Example
from gradc.tensor import cat, no_grad
from gradc.tensor.axes import axis as checked_axis
from gradc.tensor.core import shape_of
from gradc.tensor.dispatch import TENSORS
from gradc.tensor.movement import between, movedim
from gradc.tensor.tensor import Tensor
from gradc.tensor.tree import flatten, unflatten

Run = tuple[list[tuple[Tensor, bool]], list[Tensor], list[Tensor]]


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that maps `func` over an axis of its arguments.

    out[i] = func(x[i], y[i], ...)

    `func` runs once, on stand-ins for one example; its operations are then applied to all
    examples at once. It may take gradients, and gradients flow through the result; it may not look
    at values (`.item()`, `if x > 0`). Tensors from outside are the same for every example.

    Args:
        func: takes tensors (or tuples, lists, dicts of them), returns the same.
        in_dims: the axis of each positional argument along which the examples lie: an int for all
            of them; or a tuple with an int, None (the same for every example) or, for an argument
            that is a tuple, list or dict, the like of it, for each. Arguments given by keyword are
            the same for every example.
        out_dims: where the examples lie in the results, in the structure of the result; None for
            a result that doesn't depend on the example.
        randomness: "error": drawing random numbers is an error; "same": every example sees the
            same numbers; "different": each its own.
        chunk_size: run so many examples at once; None: all.

    Returns:
        A function of the arguments of `func`.

    Raises:
        ArgumentError: in_dims or out_dims that don't fit; mapped axes of different sizes.
        TraceError: `func` looks at a value, changes a tensor from outside, or draws random numbers
            under randomness="error".
        UnsupportedError: an operation without a rule for batches.

    Example:
        >>> import gradc
        >>> dot = gradc.func.vmap(lambda x, y: (x * y).sum())
        >>> dot(gradc.tensor([[1.0, 2.0], [3.0, 4.0]]), gradc.tensor([[1.0, 1.0], [2.0, 0.0]]))
        tensor([3., 6.])
        >>> w = gradc.tensor([1.0, -1.0])
        >>> slope = gradc.func.grad(lambda w, x: (w * x).sum() ** 2)
        >>> gradc.func.vmap(slope, in_dims=(None, 0))(w, gradc.tensor([[1.0, 0.0], [2.0, 1.0]]))
        tensor([[2., 0.],
                [4., 2.]])

    Source: the semantics are those of torch.func.vmap.
    """
    check_function("vmap", func)
    if randomness not in ("error", "same", "different"):
        raise ArgumentError(
            f"vmap: randomness must be 'error', 'same' or 'different', got {randomness!r}"
        )
    check_chunk_size("vmap", chunk_size)
    name = str(getattr(func, "__name__", "function")).strip("<>")

    @functools.wraps(func, updated=())
    def batched(*args: Any, **kwargs: Any) -> Any:
        leaves, spec = flatten(args, "argument")
        axes = mapped_axes(in_dims, spec, leaves)
        size = batch_size(axes, leaves)
        example = Example(name, lambda ts: func(*unflatten(spec, ts), **kwargs), leaves, axes)
        if randomness == "error" and example.drawn is not None:
            raise TraceError(
                "vmap: the function draws random numbers, and randomness is 'error'",
                hint="randomness='different' or 'same', or draw them outside of the function",
                origin=example.drawn.origin,
            )
        wanted = result_axes(out_dims, example.spec, example.count)
        operands = [movedim(leaves[i], axes[i], 0) for i in example.mapped]
        before = [example.outside[i].detach().clone() for i in example.changed]
        runs = _runs(example, operands, before, size, chunk_size, randomness == "different")
        for i, new in zip(example.changed, runs[-1][1], strict=True):
            with no_grad():
                example.outside[i].copy_(new)
        for k, place in enumerate(example.rewritten):
            operands[place].copy_(cat([run[2][k] for run in runs]))
        results = [_result([run[0][k] for run in runs], size, dim) for k, dim in enumerate(wanted)]
        return unflatten(example.spec, results)

    return batched


def _runs(
    example: Example,
    operands: Sequence[Tensor],
    state: list[Tensor],
    size: int,
    chunk_size: int | None,
    different: bool,
) -> list[Run]:
    """Return what the chunks of a batch give, in order; at least one, which may be empty."""
    step = max(size, 1) if chunk_size is None else chunk_size
    runs: list[Run] = []
    for first in range(0, max(size, 1), step):
        last = min(first + step, size)
        whole = last - first == size
        part = operands if whole else [between(t, 0, first, last) for t in operands]
        given = runs[-1][1] if runs and different else state
        runs.append(example.run(part, given, last - first, different=different))
    return runs


def _result(parts: list[tuple[Tensor, bool]], size: int, dim: int | None) -> Tensor:
    """Return a result of all chunks, with the examples where out_dims say."""
    tensor, flag = parts[-1]
    if dim is None:
        if flag:
            raise ArgumentError(
                "vmap: out_dims is None for a result that depends on the example", hint="out_dims=0"
            )
        return tensor
    if flag:
        tensor = tensor if len(parts) == 1 else cat([t for t, _ in parts])
    else:
        tensor = TENSORS.broadcast(tensor, (size, *shape_of(tensor)))
    place = checked_axis("vmap: out_dims", dim, len(shape_of(tensor)))
    return tensor if place == 0 else movedim(tensor, 0, place)
