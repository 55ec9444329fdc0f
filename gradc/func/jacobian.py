"""Functions -> functions that return whole Jacobians and Hessians, by rows or by columns."""

# The fields of a tensor are shared between the rooms that make tensors.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from gradc.errors import ArgumentError, GradientError, UnsupportedError
from gradc.func.arguments import Chosen, check_function, choose
from gradc.func.dims import check_chunk_size
from gradc.func.mapped import vmap
from gradc.func.record import Recording
from gradc.ir.graph import TensorType
from gradc.tensor.core import home, shape_of
from gradc.tensor.creation import eye
from gradc.tensor.dispatch import tape_builder
from gradc.tensor.generator import draws
from gradc.tensor.joining import stack
from gradc.tensor.movement import movedim, reshape_to, select, size_of
from gradc.tensor.tensor import Tensor
from gradc.tensor.tree import unflatten


def jacrev(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian of `func` in reverse mode.

    J[i, j] = dy[i] / dx[j], by one backward pass for all elements of y at once (see `vmap`).

    Args:
        func: takes tensors (or tuples, lists, dicts of them), returns the same.
        argnums: the arguments to differentiate by: a position, or a tuple of positions.
        has_aux: whether `func` returns (output, aux), where aux is not differentiated.
        chunk_size: rows computed at once; None: all.

    Returns:
        A function of the arguments of `func`. It returns, in the structure of the output, and in
        it of the argument, tensors of shape `[*output, *argument]`; with has_aux, (jacobian, aux).

    Raises:
        ArgumentError: a chunk_size below 1.
        ArgumentTypeError: an argument or a result is no tensor.

    Example:
        >>> import gradc
        >>> gradc.func.jacrev(lambda x: x * x)(gradc.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    check_function("jacrev", func)
    check_chunk_size("jacrev", chunk_size)

    @functools.wraps(func, updated=())
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        by = choose("jacrev", args, argnums)
        run = _record("jacrev", func, by, args, kwargs, has_aux)
        rows = [_rows(run, k, chunk_size) for k in range(len(run.outputs))]
        return _result(run, by, rows, has_aux)

    return jacobian


def jacfwd(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Callable[..., Any]:
    """Return a function that computes the Jacobian of `func` in forward mode.

    J[i, j] = dy[i] / dx[j], by one forward pass for all elements of x at once (see `vmap`).

    Args:
        func: takes tensors (or tuples, lists, dicts of them), returns the same.
        argnums: the arguments to differentiate by: a position, or a tuple of positions.
        has_aux: whether `func` returns (output, aux), where aux is not differentiated.
        randomness: "same": all columns see the same random numbers; "error": drawing from the
            default generator is an error.

    Returns:
        As `jacrev`.

    Raises:
        ArgumentTypeError: an argument or a result is no tensor.
        GradientError: random numbers under randomness="error".
        UnsupportedError: randomness="different".

    Example:
        >>> import gradc
        >>> gradc.func.jacfwd(lambda x: x * x)(gradc.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    check_function("jacfwd", func)
    if randomness == "different":
        raise UnsupportedError(
            "jacfwd: randomness='different' is not supported: the function runs once",
            hint="randomness='same'",
        )
    if randomness not in ("error", "same"):
        raise ArgumentError(
            f"jacfwd: randomness must be 'error', 'same' or 'different', got {randomness!r}"
        )

    @functools.wraps(func, updated=())
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        by = choose("jacfwd", args, argnums)
        before = draws()
        run = _record("jacfwd", func, by, args, kwargs, has_aux)
        if randomness == "error" and draws() != before:
            raise GradientError(
                "jacfwd: the function draws random numbers, and randomness is 'error'",
                hint="randomness='same'",
            )
        columns = [_columns(run, i) for i in range(len(run.primals))]
        rows = [[column[k] for column in columns] for k in range(len(run.outputs))]
        return _result(run, by, rows, has_aux)

    return jacobian


def hessian(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """Return a function that computes the Hessian of `func`, forward over reverse.

    H[i, j] = d^2 y / dx[i] dx[j]

    Args:
        func: takes tensors (or tuples, lists, dicts of them), returns a tensor.
        argnums: the arguments to differentiate by: a position, or a tuple of positions.

    Returns:
        A function of the arguments of `func`: jacfwd(jacrev(func, argnums), argnums).

    Raises:
        ArgumentTypeError: an argument or a result is no tensor.

    Example:
        >>> import gradc
        >>> gradc.func.hessian(lambda x: (x**3).sum())(gradc.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    check_function("hessian", func)
    return jacfwd(jacrev(func, argnums), argnums)


def _record(
    name: str,
    func: Callable[..., Any],
    by: Chosen,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    has_aux: bool,
) -> Recording:
    return Recording(
        name,
        lambda xs: func(*by.replaced(args, xs), **kwargs),
        by.leaves,
        has_aux=has_aux,
        floating=name == "jacrev",
    )


def _result(run: Recording, by: Chosen, rows: Sequence[Sequence[Tensor]], has_aux: bool) -> Any:
    found = unflatten(run.spec, [by.tree(row) for row in rows])
    return (found, run.aux) if has_aux else found


def _rows(run: Recording, k: int, chunk_size: int | None) -> list[Tensor]:
    """Return the Jacobian of output k by each input, each row by one backward pass."""
    output = run.outputs[k]

    def row(cotangent: Tensor) -> list[Tensor]:
        cotangents: list[Tensor | None] = [None] * len(run.outputs)
        cotangents[k] = cotangent
        return run.pull(cotangents)

    found = _each(run, row, output, run.primals, chunk_size)
    return [
        reshape_to(rows, (*shape_of(output), *shape_of(x)))
        for rows, x in zip(found, run.primals, strict=True)
    ]


def _columns(run: Recording, i: int) -> list[Tensor]:
    """Return the Jacobian of each output by input i, each column by one forward pass."""
    x = run.primals[i]

    def column(tangent: Tensor) -> list[Tensor]:
        tangents: list[Tensor | None] = [None] * len(run.primals)
        tangents[i] = tangent
        return run.push(tangents)

    found = _each(run, column, x, run.outputs, None)
    return [
        reshape_to(movedim(columns, 0, -1), (*shape_of(y), *shape_of(x)))
        for columns, y in zip(found, run.outputs, strict=True)
    ]


def _each(
    run: Recording,
    product: Callable[[Tensor], list[Tensor]],
    seed: Tensor,
    results: Sequence[Tensor],
    chunk_size: int | None,
) -> list[Tensor]:
    """Return products with each unit tensor like `seed`, stacked.

    Where the user's own code runs in a pass it gets real tensors, so passes run one by one.
    """
    count = size_of(shape_of(seed))
    if count > 1 and chunk_size != 1 and not run.opaque():
        return vmap(product, chunk_size=chunk_size)(units(seed))
    made = [product(select(units(seed), 0, j)) for j in range(count)]
    like = tape_builder(home(seed))
    return [
        stack([row[i] for row in made])
        if made
        else like.full(TensorType((0, *shape_of(t)), t._dtype), 0)
        for i, t in enumerate(results)
    ]


def units(like: Tensor) -> Tensor:
    """Return all tensors of one at one element and zero elsewhere, stacked in row-major order."""
    count = size_of(shape_of(like))
    return reshape_to(eye(count, dtype=like._dtype, device=like.device), (count, *shape_of(like)))
