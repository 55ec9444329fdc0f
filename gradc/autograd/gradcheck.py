"""Compare gradients with central differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradc.errors import ArgumentError, GradientError
from gradc.ir.dtype import float64
from gradc.tensor.core import is_tensor
from gradc.tensor.data import tensor
from gradc.tensor.gradient import grad
from gradc.tensor.kinds import several
from gradc.tensor.modes import GradMode
from gradc.tensor.tensor import Tensor

Array = np.ndarray[Any, Any]


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Return whether the gradients of a function agree with central differences.

    |J - (f(x + eps) - f(x - eps)) / (2 eps)| <= atol + rtol |J|, for every entry of the Jacobian.

    Args:
        func: takes the inputs, returns a tensor or several.
        inputs: tensors, float64 where they require grad, and other arguments.
        eps: step of the differences.
        atol: absolute tolerance.
        rtol: relative tolerance.
        raise_exception: raise instead of returning False.

    Raises:
        ArgumentError: no input requires grad, or one that does is not float64.
        GradientError: a Jacobian that differs; shows both.

    Example:
        >>> import gradc
        >>> x = gradc.tensor([0.5, 2.0], dtype=gradc.float64, requires_grad=True)
        >>> gradc.autograd.gradcheck(lambda x: x.sin() * x, (x,))
        True
    """
    args = several(inputs)
    wanted = [i for i, a in enumerate(args) if is_tensor(a) and a.requires_grad]
    if not wanted:
        raise ArgumentError("gradcheck expects at least one input tensor to require gradient")
    for i in wanted:
        if args[i].dtype is not float64:
            raise ArgumentError(
                f"gradcheck: input {i} is {args[i].dtype}; differences need float64",
                hint="x.double()",
            )
    outputs = [y for y in several(func(*args)) if y.dtype.is_floating_point]
    for k, output in enumerate(outputs):
        for i in wanted:
            analytic = _jacobian(output, args[i])
            numeric = _differences(func, args, i, k, eps)
            if not np.allclose(analytic, numeric, rtol, atol, equal_nan=True):
                if not raise_exception:
                    return False
                raise GradientError(
                    f"gradcheck: Jacobian mismatch for output {k} with respect to input {i},\n"
                    f"numerical:\n{numeric}\nanalytical:\n{analytic}"
                )
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Return whether second derivatives agree with differences of first ones; as `gradcheck`."""
    args = several(inputs)
    wanted = [i for i, a in enumerate(args) if is_tensor(a) and a.requires_grad]

    def first(*given: Any) -> tuple[Tensor, ...]:
        outputs = [y for y in several(func(*given)) if y.requires_grad]
        # Weights that differ tell apart entries that a plain sum would mix.
        seeds = [
            tensor(np.cos(np.arange(float(y.numel()))).reshape(y.shape), device=y.device)
            for y in outputs
        ]
        found = grad(outputs, [given[i] for i in wanted], seeds, create_graph=True)
        return tuple([g for g in found if g is not None])

    return gradcheck(first, args, eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception)


def _jacobian(output: Tensor, x: Tensor) -> Array:
    """Return the Jacobian by one backward pass per element of the output."""
    rows: list[Array] = []
    for j in range(output.numel()):
        seed = np.zeros(output.numel())
        seed[j] = 1.0
        weights = tensor(seed.reshape(output.shape), device=output.device)
        (row,) = (
            grad(output, x, weights, retain_graph=True, allow_unused=True)
            if output.requires_grad
            else (None,)
        )
        rows.append(np.zeros(x.numel()) if row is None else row.detach().cpu().numpy().ravel())
    return np.array(rows).reshape(output.numel(), x.numel())


def _differences(
    func: Callable[..., Any], args: Sequence[Any], i: int, k: int, eps: float
) -> Array:
    """Return the Jacobian of output k by input i by central differences."""
    columns: list[Array] = []
    base, device = args[i].detach().cpu().numpy(), args[i].device
    for j in range(base.size):
        sides: list[Array] = []
        for step in (eps, -eps):
            moved = base.copy()
            moved.flat[j] += step
            x = tensor(moved, requires_grad=True, device=device)
            given = [*args[:i], x, *args[i + 1 :]]
            with GradMode(True):
                out = [y for y in several(func(*given)) if y.dtype.is_floating_point][k]
            sides.append(out.detach().cpu().numpy().ravel().copy())
        columns.append((sides[0] - sides[1]) / (2.0 * eps))
    return np.array(columns).T.reshape(-1, base.size)
