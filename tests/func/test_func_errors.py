"""Bad use of gradc.func: the full text of each message."""

from __future__ import annotations

import pytest

import gradc
from gradc import func
from gradc.errors import (
    ArgumentError,
    ArgumentTypeError,
    DTypeError,
    GradientError,
    InplaceError,
    ShapeError,
    TraceError,
    UnsupportedError,
)

X = gradc.tensor([1.0, 2.0])
INTS = gradc.tensor([1, 2])
OUTSIDE = gradc.zeros(2)


def total(x):
    return x.sum()


def changes_input(x):
    return x.add_(1).sum()


def changes_view_of_input(x):
    x[0] = 1
    return x.sum()


def changes_captured(x):
    OUTSIDE[1:] += x[1:]
    return OUTSIDE.sum()


def runs_backward(x):
    x.sum().backward()
    return x.sum()


def changes_what_it_saved(x):
    y = x * 2
    z = y * y
    y.add_(1)
    return z.sum()


class Triple(gradc.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 3

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output * 3


def functionalize():
    from gradc.func import functionalize

    return functionalize


CASES = {
    "no_function": (
        lambda: func.grad(X),
        ArgumentTypeError,
        "grad: expected a function, got Tensor",
        "gradc.func.grad takes the function, and what it returns takes the tensors",
    ),
    "argnums_outside": (
        lambda: func.grad(total, 1)(X),
        ArgumentError,
        "grad: argnums=1, but there are 1 positional arguments",
        "arguments given by keyword are not differentiated: give them by position",
    ),
    "argnums_empty": (
        lambda: func.jacrev(total, ())(X),
        ArgumentError,
        "jacrev: argnums must not be empty",
        "",
    ),
    "argnums_twice": (
        lambda: func.jacfwd(total, (0, -1))(X),
        ArgumentError,
        "jacfwd: argnums must not repeat an argument, got (0, -1)",
        "",
    ),
    "argnums_kind": (
        lambda: func.grad(total, [0])(X),
        ArgumentTypeError,
        "grad: argnums must be an int or a tuple of ints, got [0]",
        "",
    ),
    "number": (
        lambda: func.grad(lambda d: d["w"].sum())({"w": 1.0}),
        ArgumentTypeError,
        "grad: argument 0['w'] must be a tensor, got float",
        "differentiate by other arguments, or make it a gradc.tensor",
    ),
    "integers": (
        lambda: func.vjp(lambda p: p[1].sum(), (X, INTS)),
        DTypeError,
        "vjp: only tensors of floating point dtype can be differentiated by, argument 0[1] is "
        "int64[2]",
        "differentiate by other arguments, or convert it with .float()",
    ),
    "not_scalar": (
        lambda: func.value_and_grad(lambda x: x)(X),
        ShapeError,
        "value_and_grad: the function must return a scalar tensor, got float32[2]",
        "return result.sum(), or use gradc.func.vjp or gradc.func.jacrev",
    ),
    "several_results": (
        lambda: func.grad(lambda x: (x.sum(), x.sum()))(X),
        ArgumentTypeError,
        "grad: the function must return one tensor, got tuple",
        "gradc.func.vjp or gradc.func.jacrev, or has_aux=True",
    ),
    "result_number": (
        lambda: func.grad_and_value(lambda x: 1.0)(X),
        ArgumentTypeError,
        "grad_and_value: the function must return tensors, the result is float",
        "return (output, aux) and set has_aux=True for other results",
    ),
    "no_aux": (
        lambda: func.grad(total, has_aux=True)(X),
        ArgumentTypeError,
        "grad: with has_aux=True the function must return a tuple (output, aux), got Tensor",
        "",
    ),
    "integer_result": (
        lambda: func.jacrev(lambda x: {"n": x.long()})(X),
        DTypeError,
        "jacrev: the function must return floating point tensors, the result['n'] is int64[2]",
        "return (output, aux) and set has_aux=True for other results",
    ),
    "cotangent_structure": (
        lambda: func.vjp(lambda x: (x, {"a": x}), X)[1](X),
        ArgumentError,
        "vjp: cotangents must have the structure of the result: expected (tensor, {'a': "
        "tensor}), got tensor",
        "",
    ),
    "cotangent_shape": (
        lambda: func.vjp(lambda x: (x, x), X)[1]((X, gradc.ones(3))),
        ShapeError,
        "vjp: cotangents[1] must have shape and dtype of the result: expected float32[2], got "
        "float32[3]",
        "",
    ),
    "tangent_dtype": (
        lambda: func.jvp(total, (X,), (X.double(),)),
        DTypeError,
        "jvp: tangents[0] must have shape and dtype of the primals: expected float32[2], got "
        "float64[2]",
        "",
    ),
    "tangent_count": (
        lambda: func.linearize(total, X)[1](X, X),
        ArgumentError,
        "linearize: tangents must have the structure of the primals: expected (tensor,), got "
        "(tensor, tensor)",
        "",
    ),
    "no_tuple": (
        lambda: func.jvp(total, X, X),
        ArgumentTypeError,
        "jvp: primals must be a tuple, got Tensor",
        "jvp(f, (x,), (x_dot,))",
    ),
    "no_primals": (
        lambda: func.jvp(lambda: X, (), ()),
        ArgumentError,
        "jvp: primals must not be empty",
        "",
    ),
    "integer_primal": (
        lambda: func.jvp(total, (INTS,), (INTS,)),
        DTypeError,
        "jvp: only tensors of floating point dtype can be differentiated by, primal 0 is int64[2]",
        "differentiate by other arguments, or convert it with .float()",
    ),
    "strict": (
        lambda: func.jvp(lambda x: (x, gradc.ones(1)), (X,), (X,), strict=True),
        GradientError,
        "jvp: strict=True, and result 1 does not depend on the primals",
        "strict=False gives zeros for it",
    ),
    "random": (
        lambda: func.jacfwd(lambda x: x * gradc.rand(2))(X),
        GradientError,
        "jacfwd: the function draws random numbers, and randomness is 'error'",
        "randomness='same'",
    ),
    "different": (
        lambda: func.jacfwd(total, randomness="different"),
        UnsupportedError,
        "jacfwd: randomness='different' is not supported: the function runs once",
        "randomness='same'",
    ),
    "randomness": (
        lambda: func.jacfwd(total, randomness="some"),
        ArgumentError,
        "jacfwd: randomness must be 'error', 'same' or 'different', got 'some'",
        "",
    ),
    "chunks": (
        lambda: func.jacrev(total, chunk_size=0),
        ArgumentError,
        "jacrev: chunk_size must be None or greater than 0, got 0",
        "",
    ),
    "changes_input": (
        lambda: func.grad(changes_input)(X),
        GradientError,
        "add_: an input of a function under a transform of gradc.func is being used in an "
        "in-place operation.",
        "change a .clone() instead",
    ),
    "changes_view_of_input": (
        lambda: func.jvp(changes_view_of_input, (X,), (X,)),
        GradientError,
        "fill_: an input of a function under a transform of gradc.func is being used in an "
        "in-place operation.",
        "change a .clone() instead",
    ),
    "changes_captured": (
        lambda: func.grad(changes_captured)(X),
        GradientError,
        "gradc.func.grad: the function changes a tensor float32[1] from outside in place, to a "
        "value that depends on its inputs",
        "pass the tensor as an argument and return its new value, or write value.detach()",
    ),
    "backward": (
        lambda: func.grad(runs_backward)(X),
        GradientError,
        "backward: called inside a function under gradc.func.grad",
        "gradc.func.grad or gradc.autograd.grad inside, or backward() outside of it",
    ),
    "custom_function": (
        lambda: func.jvp(Triple.apply, (X,), (X,)),
        UnsupportedError,
        "TripleBackward: has no forward rule, which jvp, jacfwd, hessian and linearize need",
        "use gradc.func.vjp or gradc.func.jacrev",
    ),
    "functionalize": (
        functionalize,
        UnsupportedError,
        "gradc.func.functionalize is not supported",
        "gradc.compile, which does that to all in-place operations",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_messages(name):
    call, kind, message, hint = CASES[name]
    before = OUTSIDE.tolist(), X.tolist()
    with pytest.raises(kind) as caught:
        call()
    lines = str(caught.value).splitlines()
    place = [i for i, line in enumerate(lines) if line.startswith("  at ")]
    assert "test_func_errors.py:" in lines[place[0]]
    assert "\n".join(lines[: place[0]]) == message
    assert "\n".join(lines[place[0] + 1 :]) == (f"  try: {hint}" if hint else "")
    assert (OUTSIDE.tolist(), X.tolist()) == before


def test_values_changed_in_place_are_refused_in_both_modes():
    for call in (
        lambda: func.grad(changes_what_it_saved)(X),
        lambda: func.jvp(changes_what_it_saved, (X,), (X,)),
    ):
        with pytest.raises(InplaceError, match="MulBackward0 needs version 0, found version 1"):
            call()


def test_a_failing_function_leaves_no_scope_open():
    def fails(x):
        raise KeyError("mine")

    with pytest.raises(KeyError):
        func.grad(fails)(X)
    w = gradc.ones(2, requires_grad=True)
    (w * w).sum().backward()
    assert w.grad.tolist() == [2.0, 2.0]


def test_unknown_names_are_attribute_errors():
    assert not hasattr(func, "no_such_name")


def test_products_do_not_cross_the_border_of_a_compiled_function():
    _, pull = func.vjp(lambda x: x * x, X)
    with pytest.raises(TraceError) as caught:
        gradc.compile(lambda v: pull(v)[0])(X)
    assert str(caught.value).splitlines()[0] == (
        "vjp: the function it returned was called on the other side of a compiled function's border"
    )
