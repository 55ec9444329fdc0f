"""PyTorch's older names for whole derivatives: functions and inputs -> derivatives at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from gradc.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from gradc.func import forward, reverse
from gradc.func import jacobian as whole
from gradc.tensor import Tensor, ones_like

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Inputs = Tensor | tuple[Tensor, ...]


def jacobian(
    func: Callable[..., Any],
    inputs: Inputs,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Return dy[i] / dx[j] of a function at given inputs.

    Args:
        func: takes the inputs, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        create_graph: record the result, for higher derivatives.
        strict: must be False: what doesn't depend on an input has zeros.
        vectorize: accepted for PyTorch's sake: all rows are computed at once in any case.
        strategy: `reverse-mode`, or `forward-mode`, better for more outputs than inputs.

    Returns:
        `[*output, *input]`; with several outputs or inputs a tuple of them, of both a tuple of
        tuples.

    Raises:
        ArgumentError: another strategy.

    Example:
        >>> import gradc
        >>> gradc.autograd.functional.jacobian(lambda x: x * x, gradc.tensor([1.0, 2.0])).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
    """
    _refuse_strict("jacobian", strict)
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ArgumentError(
            f"jacobian: strategy must be 'reverse-mode' or 'forward-mode', got {strategy!r}"
        )
    given, by = _given("jacobian", inputs, create_graph)
    make = whole.jacrev if strategy == "reverse-mode" else whole.jacfwd
    return _result(make(func, argnums=by)(*given), create_graph)


def hessian(
    func: Callable[..., Any],
    inputs: Inputs,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Return d^2 y / dx[i] dx[j] of a function of one number at given inputs.

    Args:
        func: takes the inputs, returns a tensor with one element.
        inputs: a tensor or a tuple of tensors.
        create_graph: record the result, for higher derivatives.
        strict: must be False: what doesn't depend on an input has zeros.
        vectorize: accepted for PyTorch's sake: all rows are computed at once in any case.
        outer_jacobian_strategy: `reverse-mode` or `forward-mode`: the same numbers; forward is
            used in any case.

    Returns:
        `[*input, *input]`, or a tuple of tuples.

    Example:
        >>> import gradc
        >>> gradc.autograd.functional.hessian(lambda x: (x**3).sum(), gradc.tensor([1.0, 2.0]))
        tensor([[ 6.,  0.],
                [ 0., 12.]])
    """
    _refuse_strict("hessian", strict)
    if outer_jacobian_strategy not in ("reverse-mode", "forward-mode"):
        raise ArgumentError(
            "hessian: outer_jacobian_strategy must be 'reverse-mode' or 'forward-mode', got "
            f"{outer_jacobian_strategy!r}"
        )
    given, by = _given("hessian", inputs, create_graph)
    return _result(whole.hessian(_number("hessian", func), argnums=by)(*given), create_graph)


def vjp(
    func: Callable[..., Any],
    inputs: Inputs,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Return the function's value and v J, the gradient of v . y.

    Args:
        func: takes the inputs, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        v: of the output's structure and shapes; None for an output of one element: 1.
        create_graph: record the result, for higher derivatives.
        strict: must be False: what doesn't depend on an input has zeros.

    Example:
        >>> import gradc
        >>> x, v = gradc.tensor([1.0, 2.0]), gradc.tensor([1.0, 10.0])
        >>> gradc.autograd.functional.vjp(lambda x: x**3, x, v)[1]
        tensor([  3., 120.])
    """
    _refuse_strict("vjp", strict)
    given, _ = _given("vjp", inputs, create_graph)
    output, pull = reverse.vjp(func, *given)
    found = pull(_one("vjp", output) if v is None else v)
    return _result(output, create_graph), _like(inputs, _result(found, create_graph))


def jvp(
    func: Callable[..., Any],
    inputs: Inputs,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Return the function's value and J v, its derivative along v.

    Args:
        func: takes the inputs, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple of tensors.
        v: of the inputs' structure and shapes; None for an input of one element: 1.
        create_graph: record the result, for higher derivatives.
        strict: must be False: what doesn't depend on an input has zeros.

    Example:
        >>> import gradc
        >>> x, v = gradc.tensor([1.0, 2.0]), gradc.tensor([1.0, 10.0])
        >>> gradc.autograd.functional.jvp(lambda x: x**3, x, v)[1]
        tensor([  3., 120.])
    """
    _refuse_strict("jvp", strict)
    given, _ = _given("jvp", inputs, create_graph)
    along = _tuple(_one("jvp", inputs) if v is None else v)
    output, change = forward.jvp(func, given, along)
    return _result(output, create_graph), _result(change, create_graph)


def hvp(
    func: Callable[..., Any],
    inputs: Inputs,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Return the value of a function of one number, and its Hessian times v.

    Args:
        func: takes the inputs, returns a tensor with one element.
        inputs: a tensor or a tuple of tensors.
        v: of the inputs' structure and shapes; None for an input of one element: 1.
        create_graph: record the result, for higher derivatives.
        strict: must be False: what doesn't depend on an input has zeros.

    Example:
        >>> import gradc
        >>> x, v = gradc.tensor([1.0, 2.0]), gradc.tensor([0.0, 1.0])
        >>> gradc.autograd.functional.hvp(lambda x: (x**3).sum(), x, v)[1]
        tensor([ 0., 12.])
    """
    return _second("hvp", func, inputs, v, create_graph, strict)


def vhp(
    func: Callable[..., Any],
    inputs: Inputs,
    v: Any = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """Return the value of a function of one number, and v times its Hessian, which is symmetric.

    Args:
        func: takes the inputs, returns a tensor with one element.
        inputs: a tensor or a tuple of tensors.
        v: of the inputs' structure and shapes; None for an input of one element: 1.
        create_graph: record the result, for higher derivatives.
        strict: must be False: what doesn't depend on an input has zeros.

    Example:
        >>> import gradc
        >>> x, v = gradc.tensor([1.0, 2.0]), gradc.tensor([1.0, 0.0])
        >>> gradc.autograd.functional.vhp(lambda x: (x**3).sum(), x, v)[1]
        tensor([6., 0.])
    """
    return _second("vhp", func, inputs, v, create_graph, strict)


def _second(
    name: str, func: Callable[..., Any], inputs: Inputs, v: Any, create_graph: bool, strict: bool
) -> tuple[Any, Any]:
    """Return the value of a function of one number, and its Hessian times v."""
    _refuse_strict(name, strict)
    given, by = _given(name, inputs, create_graph)
    along = _tuple(_one(name, inputs) if v is None else v)
    gradient = reverse.grad_and_value(_number(name, func), argnums=by)
    (_, value), (change, _) = forward.jvp(lambda *xs: gradient(*xs), given, along)
    return _result(value, create_graph), _like(inputs, _result(change, create_graph))


def _given(name: str, inputs: Any, create_graph: bool) -> tuple[tuple[Tensor, ...], Any]:
    """Return the inputs as a tuple, and which arguments to differentiate by."""
    given = _tuple(inputs)
    for x in given:
        if not isinstance(cast("object", x), Tensor):
            raise ArgumentTypeError(
                f"{name}: inputs must be a Tensor or a tuple of them, got {type(x).__name__}"
            )
    by = tuple(range(len(given))) if isinstance(inputs, tuple | list) else 0
    return (given if create_graph else tuple(x.detach() for x in given)), by


def _tuple(given: Any) -> tuple[Any, ...]:
    return tuple(cast("tuple[Any, ...]", given)) if isinstance(given, tuple | list) else (given,)


def _like(inputs: Any, found: Any) -> Any:
    """Return derivatives by the inputs in their structure: alone for one tensor."""
    return found if isinstance(inputs, tuple | list) else _tuple(found)[0]


def _result(found: Any, create_graph: bool) -> Any:
    """Return tensors without their history where none is wanted."""
    if isinstance(found, Tensor):
        return found if create_graph else found.detach()
    return tuple(_result(x, create_graph) for x in found)


def _number(name: str, func: Callable[..., Any]) -> Callable[..., Tensor]:
    """Return a function of one number, without axes."""

    def scalar(*inputs: Tensor) -> Tensor:
        y = func(*inputs)
        if not isinstance(y, Tensor) or y.numel() != 1:
            raise ArgumentError(f"{name}: the function must return a tensor with one element")
        return y.reshape(())

    return scalar


def _one(name: str, of: Any) -> Tensor:
    """Return the v that needn't be given."""
    if not isinstance(of, Tensor) or of.numel() != 1:
        raise ArgumentError(f"{name}: v must be given, but for one tensor with one element")
    return ones_like(of)


def _refuse_strict(name: str, strict: bool) -> None:
    if strict:
        raise UnsupportedError(f"{name}: strict=True is not supported")
