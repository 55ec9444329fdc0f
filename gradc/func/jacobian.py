"""Functions -> functions that return whole Jacobians and Hessians, by rows or by columns."""

# The fields of a tensor are shared between the rooms that make tensors.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from gradc.errors import ArgumentError, GradientError, UnsupportedError
from gradc.func.arguments import Chosen, check_function, choose
from gradc.func.record import Recording
from gradc.ir.graph import TensorType
from gradc.tensor.core import home, shape_of
from gradc.tensor.creation import arange
from gradc.tensor.dispatch import tape_builder
from gradc.tensor.generator import draws
from gradc.tensor.joining import stack
from gradc.tensor.logic import eq
from gradc.tensor.movement import reshape_to, size_of
from gradc.tensor.promotion import cast
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

    J[i, j] = dy[i] / dx[j], by one backward pass per element of y.

    Args:
        func: takes tensors (or tuples, lists, dicts of them), returns the same.
        argnums: the arguments to differentiate by: a position, or a tuple of positions.
        has_aux: whether `func` returns (output, aux), where aux is not differentiated.
        chunk_size: rows computed at once; None or 1.

    Returns:
        A function of the arguments of `func`. It returns, in the structure of the output, and in
        it of the argument, tensors of shape `[*output, *argument]`; with has_aux, (jacobian, aux).

    Raises:
        ArgumentTypeError: an argument or a result is no tensor.
        UnsupportedError: another chunk_size.

    Example:
        >>> import gradc
        >>> gradc.func.jacrev(lambda x: x * x)(gradc.tensor([1.0, 2.0]))
        tensor([[2., 0.],
                [0., 4.]])
    """
    check_function("jacrev", func)
    if chunk_size not in (None, 1):
        raise UnsupportedError(
            f"jacrev: chunk_size={chunk_size!r} is not supported: rows are computed one by one",
            hint="chunk_size=None",
        )

    @functools.wraps(func, updated=())
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        by = choose("jacrev", args, argnums)
        run = _record("jacrev", func, by, args, kwargs, has_aux)
        rows = [_rows(run, k) for k in range(len(run.outputs))]
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

    J[i, j] = dy[i] / dx[j], by one forward pass per element of x.

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


def _rows(run: Recording, k: int) -> list[Tensor]:
    """Return the Jacobian of output k by each input."""
    output = run.outputs[k]
    pulled: list[list[Tensor]] = []
    for j in range(size_of(shape_of(output))):
        cotangents: list[Tensor | None] = [None] * len(run.outputs)
        cotangents[k] = unit(output, j)
        pulled.append(run.pull(cotangents))
    return [
        _joined([row[i] for row in pulled], 0, shape_of(output), shape_of(x), x)
        for i, x in enumerate(run.primals)
    ]


def _columns(run: Recording, i: int) -> list[Tensor]:
    """Return the Jacobian of each output by input i."""
    x = run.primals[i]
    pushed: list[list[Tensor]] = []
    for j in range(size_of(shape_of(x))):
        tangents: list[Tensor | None] = [None] * len(run.primals)
        tangents[i] = unit(x, j)
        pushed.append(run.push(tangents))
    return [
        _joined([column[k] for column in pushed], -1, shape_of(y), shape_of(x), y)
        for k, y in enumerate(run.outputs)
    ]


def _joined(
    parts: list[Tensor], axis: int, rows: tuple[int, ...], columns: tuple[int, ...], like: Tensor
) -> Tensor:
    """Return rows (axis 0) or columns (axis -1) as one tensor `[*rows, *columns]`."""
    shape = (*rows, *columns)
    if not parts:
        return tape_builder(home(like)).full(TensorType(shape, like._dtype), 0)
    return reshape_to(stack(parts, axis), shape)


def unit(like: Tensor, j: int) -> Tensor:
    """Return a tensor of one at element j, in row-major order, and zero elsewhere."""
    hit = eq(arange(size_of(shape_of(like)), device=like.device), j)
    return reshape_to(cast(hit, like._dtype), shape_of(like))
