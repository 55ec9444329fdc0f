"""Forward mode: products J x_dot along a function's tape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from gradc.errors import ArgumentError, ArgumentTypeError, GradientError
from gradc.func.arguments import check_function, chosen, matching
from gradc.func.record import Recording
from gradc.tensor.tree import unflatten


def jvp(
    func: Callable[..., Any],
    primals: tuple[Any, ...],
    tangents: tuple[Any, ...],
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> tuple[Any, ...]:
    """Return the value of `func` and its derivative along the tangents.

    y_dot = J x_dot

    The function is recorded as for a backward pass: what it computes under no_grad or after
    detach() is constant, and values that a derivative reads must not be changed in place.

    Args:
        func: takes tensors (or tuples, lists, dicts of them), returns the same.
        primals: its arguments, a tuple.
        tangents: x_dot: a tuple of the same structure, shapes and dtypes.
        strict: whether a result that doesn't depend on the primals is an error, not zeros.
        has_aux: whether `func` returns (output, aux), where aux is not differentiated.

    Returns:
        (output, output_dot); with has_aux, (output, output_dot, aux).

    Raises:
        ArgumentTypeError: an argument or a result is no tensor.
        ArgumentError: tangents of another structure.
        GradientError: strict, and a result is independent.

    Example:
        >>> import gradc
        >>> x, v = gradc.tensor([1.0, 2.0]), gradc.tensor([1.0, 0.0])
        >>> gradc.func.jvp(lambda x: (x * x).sum(), (x,), (v,))
        (tensor(5.), tensor(2.))

    Source: Griewank, Walther, "Evaluating Derivatives", 2nd ed., chapter 3.
    """
    check_function("jvp", func)
    for what, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(cast("object", given), tuple | list):
            raise ArgumentTypeError(
                f"jvp: {what} must be a tuple, got {type(given).__name__}",
                hint="jvp(f, (x,), (x_dot,))",
            )
    primals, tangents = tuple(primals), tuple(tangents)
    if not primals:
        raise ArgumentError("jvp: primals must not be empty")
    by = chosen("jvp", primals, tuple(range(len(primals))), single=False, what="primal ")
    dots = matching("jvp", "tangents", tangents, "primals", by.leaves, by.spec)
    run = Recording(
        "jvp",
        lambda xs: func(*by.replaced(primals, xs)),
        by.leaves,
        has_aux=has_aux,
        floating=False,
    )
    if strict and not all(run.depends()):
        raise GradientError(
            f"jvp: strict=True, and result {run.depends().index(False)} does not depend on the "
            "primals",
            hint="strict=False gives zeros for it",
        )
    found = unflatten(run.spec, run.push(dots))
    return (run.result(), found, run.aux) if has_aux else (run.result(), found)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Return the value of `func` and a function that multiplies by its Jacobian there.

    Args:
        func: takes tensors (or tuples, lists, dicts of them), returns the same.
        primals: its arguments.

    Returns:
        (output, jvp_fn): jvp_fn(*tangents) = J x_dot, without running `func` again.

    Raises:
        ArgumentTypeError: an argument or a result is no tensor.

    Example:
        >>> import gradc
        >>> y, push = gradc.func.linearize(gradc.sin, gradc.tensor(0.0))
        >>> push(gradc.tensor(2.0))
        tensor(2.)
    """
    check_function("linearize", func)
    if not primals:
        raise ArgumentError("linearize: primals must not be empty")
    by = chosen("linearize", primals, tuple(range(len(primals))), single=False, what="primal ")
    run = Recording(
        "linearize", lambda xs: func(*by.replaced(primals, xs)), by.leaves, floating=False
    )

    def jvp_fn(*tangents: Any) -> Any:
        """Return J x_dot."""
        dots = matching("linearize", "tangents", tangents, "primals", by.leaves, by.spec)
        return unflatten(run.spec, run.push(dots))

    return run.result(), jvp_fn
