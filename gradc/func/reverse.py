"""Reverse mode: functions -> functions that return gradients; products J^T y_bar."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from gradc.errors import ArgumentTypeError, ShapeError
from gradc.func.arguments import check_function, choose, chosen, matching
from gradc.func.record import Recording
from gradc.tensor.core import is_tensor, shape_of, type_text
from gradc.tensor.creation import ones_like


def _gradients(
    name: str,
    func: Callable[..., Any],
    argnums: int | tuple[int, ...],
    has_aux: bool,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[Any, Any, Any]:
    """Return (gradients, value, aux) of a scalar function."""
    by = choose(name, args, argnums)
    run = Recording(
        name, lambda xs: func(*by.replaced(args, xs), **kwargs), by.leaves, has_aux=has_aux
    )
    value = run.result()
    if not is_tensor(value):
        raise ArgumentTypeError(
            f"{name}: the function must return one tensor, got {type(value).__name__}",
            hint="gradc.func.vjp or gradc.func.jacrev, or has_aux=True",
        )
    if shape_of(value) != ():
        raise ShapeError(
            f"{name}: the function must return a scalar tensor, got {type_text(value)}",
            hint="return result.sum(), or use gradc.func.vjp or gradc.func.jacrev",
        )
    return by.tree(run.pull([ones_like(value)])), value, run.aux


def grad(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that computes the gradient of `func`.

    grad(f)(x) = df/dx

    Args:
        func: takes tensors (or tuples, lists, dicts of them), returns a scalar tensor.
        argnums: the arguments to differentiate by: a position, or a tuple of positions.
        has_aux: whether `func` returns (output, aux), where aux is not differentiated.

    Returns:
        A function of the arguments of `func`. It returns the gradient in the structure of the
        argument, a tuple of them where argnums is a tuple; with has_aux, (gradient, aux).

    Raises:
        ShapeError: the result is not a scalar.
        ArgumentTypeError: an argument or a result is no tensor.

    Example:
        >>> import gradc
        >>> gradc.func.grad(gradc.sin)(gradc.tensor(0.0))
        tensor(1.)
        >>> gradc.func.grad(gradc.func.grad(lambda x: x**3))(gradc.tensor(2.0))
        tensor(12.)

    Source: Griewank, Walther, "Evaluating Derivatives", 2nd ed., chapter 3.
    """
    check_function("grad", func)

    @functools.wraps(func, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, _, aux = _gradients("grad", func, argnums, has_aux, args, kwargs)
        return (found, aux) if has_aux else found

    return gradient


def grad_and_value(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that computes (gradient, value) of `func`.

    Args:
        func: takes tensors (or tuples, lists, dicts of them), returns a scalar tensor.
        argnums: the arguments to differentiate by: a position, or a tuple of positions.
        has_aux: whether `func` returns (output, aux), where aux is not differentiated.

    Returns:
        A function of the arguments of `func`, which returns (gradient, value); with has_aux,
        (gradient, (value, aux)).

    Raises:
        ShapeError: the result is not a scalar.
        ArgumentTypeError: an argument or a result is no tensor.

    Example:
        >>> import gradc
        >>> gradc.func.grad_and_value(lambda x: x * x)(gradc.tensor(3.0))
        (tensor(6.), tensor(9.))
    """
    check_function("grad_and_value", func)

    @functools.wraps(func, updated=())
    def gradient_and_value(*args: Any, **kwargs: Any) -> Any:
        found, value, aux = _gradients("grad_and_value", func, argnums, has_aux, args, kwargs)
        return found, ((value, aux) if has_aux else value)

    return gradient_and_value


def value_and_grad(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that computes (value, gradient) of `func`: JAX's name and order.

    Args:
        func: takes tensors (or tuples, lists, dicts of them), returns a scalar tensor.
        argnums: the arguments to differentiate by: a position, or a tuple of positions.
        has_aux: whether `func` returns (output, aux), where aux is not differentiated.

    Returns:
        A function of the arguments of `func`, which returns (value, gradient); with has_aux,
        ((value, aux), gradient).

    Raises:
        ShapeError: the result is not a scalar.
        ArgumentTypeError: an argument or a result is no tensor.

    Example:
        >>> import gradc
        >>> gradc.func.value_and_grad(lambda x: x * x)(gradc.tensor(3.0))
        (tensor(9.), tensor(6.))
    """
    check_function("value_and_grad", func)

    @functools.wraps(func, updated=())
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        found, value, aux = _gradients("value_and_grad", func, argnums, has_aux, args, kwargs)
        return ((value, aux) if has_aux else value), found

    return value_and_gradient


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Return the value of `func` and a function that multiplies by its transposed Jacobian.

    x_bar = J^T y_bar

    Args:
        func: takes tensors (or tuples, lists, dicts of them), returns the same.
        primals: its arguments, all of them differentiated by.
        has_aux: whether `func` returns (output, aux), where aux is not differentiated.

    Returns:
        (output, vjp_fn); with has_aux, (output, vjp_fn, aux). vjp_fn(cotangents) takes what has
        the structure of the output and returns a tuple with one entry per primal; it can be
        called many times.

    Raises:
        ArgumentTypeError: an argument or a result is no tensor.
        DTypeError: an argument or a result is not floating.

    Example:
        >>> import gradc
        >>> x = gradc.tensor([1.0, 2.0])
        >>> y, pull = gradc.func.vjp(lambda x: x * x, x)
        >>> pull(gradc.ones(2))
        (tensor([2., 4.]),)

    Source: Griewank, Walther, "Evaluating Derivatives", 2nd ed., chapter 3.
    """
    check_function("vjp", func)
    by = chosen("vjp", primals, tuple(range(len(primals))), single=False)
    run = Recording("vjp", lambda xs: func(*by.replaced(primals, xs)), by.leaves, has_aux=has_aux)

    def vjp_fn(cotangents: Any) -> Any:
        """Return J^T y_bar for each primal."""
        given = matching("vjp", "cotangents", cotangents, "result", run.outputs, run.spec)
        return by.tree(run.pull(given))

    return (run.result(), vjp_fn, run.aux) if has_aux else (run.result(), vjp_fn)
