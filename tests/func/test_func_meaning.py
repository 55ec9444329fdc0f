"""What the transforms mean: structures, captured tensors, modes, nesting, memory."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import gradc
from gradc import func

X = [1.0, 2.0]


@pytest.fixture
def x():
    return gradc.tensor(X)


def cube(x):
    return (x**3).sum()


def test_orders_of_results(x):
    def f(x):
        return cube(x), {"double": x * 2, "word": "aux"}

    assert func.grad(cube)(x).tolist() == [3.0, 12.0]
    gradient, value = func.grad_and_value(cube)(x)
    assert (gradient.tolist(), value.item()) == ([3.0, 12.0], 9.0)
    value, gradient = func.value_and_grad(cube)(x)
    assert (gradient.tolist(), value.item()) == ([3.0, 12.0], 9.0)
    gradient, aux = func.grad(f, has_aux=True)(x)
    assert (aux["double"].tolist(), aux["word"]) == ([2.0, 4.0], "aux")
    _, (value, aux) = func.grad_and_value(f, has_aux=True)(x)
    assert (value.item(), aux["word"]) == (9.0, "aux")
    (value, aux), _ = func.value_and_grad(f, has_aux=True)(x)
    assert (value.item(), aux["word"]) == (9.0, "aux")
    value, pull, aux = func.vjp(f, x, has_aux=True)
    assert (value.item(), pull(gradc.tensor(1.0))[0].tolist(), aux["word"]) == (9, [3, 12], "aux")
    value, dot, aux = func.jvp(f, (x,), (x,), has_aux=True)
    assert (value.item(), dot.item(), aux["word"]) == (9.0, 27.0, "aux")
    for mode in (func.jacrev, func.jacfwd):
        jacobian, aux = mode(f, has_aux=True)(x)
        assert (jacobian.tolist(), aux["word"]) == ([3.0, 12.0], "aux")


def test_argnums(x):
    def f(a, b, *, k):
        return (a * b * k).sum()

    y = x + 2
    assert func.grad(f)(x, y, k=2).tolist() == [6.0, 8.0]
    assert func.grad(f, 1)(x, y, k=2).tolist() == [2.0, 4.0]
    assert func.grad(f, -1)(x, y, k=2).tolist() == [2.0, 4.0]
    found = func.grad(f, (1, 0))(x, y, k=2)
    assert [g.tolist() for g in found] == [[2.0, 4.0], [6.0, 8.0]]
    assert isinstance(func.grad(f, (0,))(x, y, k=2), tuple)


def test_one_tensor_for_two_arguments(x):
    assert [g.tolist() for g in func.grad(lambda a, b: (a * a * b).sum(), (0, 1))(x, x)] == [
        [2.0, 8.0],
        [1.0, 4.0],
    ]


def test_wrapped_functions_keep_their_names():
    assert func.grad(cube).__name__ == "cube"


def test_float32_and_float64_stay_what_they_are(x):
    for dtype in (gradc.float32, gradc.float64):
        t = x.to(dtype)
        results = [
            func.grad(cube)(t),
            func.jvp(cube, (t,), (t,))[1],
            func.hessian(cube)(t),
            func.vjp(cube, t)[1](gradc.ones((), dtype=dtype))[0],
        ]
        assert {r.dtype for r in results} == {dtype}


def test_mixed_dtypes():
    def f(a, b):
        return (a.double() * b).sum()

    a, b = gradc.tensor([2.0]), gradc.tensor([3.0], dtype=gradc.float64)
    found = func.grad(f, (0, 1))(a, b)
    assert [g.dtype for g in found] == [gradc.float32, gradc.float64]
    assert func.jvp(f, (a, b), (a, b))[1].item() == 12.0


def test_results_are_off_the_tape(x):
    value, pull = func.vjp(lambda x: x * x, x)
    dot = func.jvp(lambda x: x * x, (x,), (x,))[1]
    results = [func.grad(cube)(x), *func.grad_and_value(cube)(x), value, *pull(x), dot]
    results.append(func.grad(lambda x: (cube(x), x), has_aux=True)(x)[1])
    assert not any(t.requires_grad for t in results)
    assert not x.requires_grad


def test_the_tape_is_freed_at_once(x):
    kept = []

    def f(x):
        y = x * x
        kept.append(weakref.ref(y.grad_fn))
        return y.sum()

    gc.disable()
    try:
        func.grad(f)(x)
        func.jvp(f, (x,), (x,))
        func.hessian(f)(x)
        assert [node() for node in kept] == [None] * 3
    finally:
        gc.enable()


def test_captured_tensors_that_require_grad_stay_on_their_own_tape(x):
    w = gradc.tensor([3.0, 4.0], requires_grad=True)

    def f(x):
        return w * x * x

    gradient, value = func.grad_and_value(lambda x: f(x).sum())(x)
    assert gradient.requires_grad
    assert value.requires_grad
    gradient.sum().backward()
    assert w.grad.tolist() == [2.0, 4.0]
    w.grad = None
    y, y_dot = func.jvp(f, (x,), (gradc.ones(2),))
    assert y.requires_grad
    y_dot.sum().backward()
    assert w.grad.tolist() == [2.0, 4.0]
    w.grad = None
    func.vjp(f, x)[1](gradc.ones(2))[0].sum().backward()
    assert w.grad.tolist() == [2.0, 4.0]
    w.grad = None
    func.jacfwd(f)(x).sum().backward()
    assert w.grad.tolist() == [2.0, 4.0]


def test_only_outputs_that_lead_outside_require_grad(x):
    w = gradc.tensor([3.0, 4.0], requires_grad=True)
    (a, b), _ = func.vjp(lambda x: (x * 2, x * w), x)
    assert (a.requires_grad, b.requires_grad) == (False, True)


def test_inputs_that_require_grad_outside():
    x = gradc.tensor(X, requires_grad=True)
    gradient = func.grad(cube)(x)
    gradient.sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]
    x.grad = None
    func.jvp(cube, (x,), (gradc.ones(2),))[1].backward()
    assert x.grad.tolist() == [6.0, 12.0]


def test_cotangents_and_tangents_that_require_grad(x):
    v = gradc.ones(2, requires_grad=True)
    func.jvp(lambda x: x * x, (x,), (v,))[1].sum().backward()
    assert v.grad.tolist() == [2.0, 4.0]
    v.grad = None
    func.vjp(lambda x: x * x, x)[1](v)[0].sum().backward()
    assert v.grad.tolist() == [2.0, 4.0]


def test_no_grad_around_is_not_seen_by_the_function(x):
    w = gradc.ones(2, requires_grad=True)
    with gradc.no_grad():
        found = [
            func.grad(lambda x: (w * x**3).sum())(x),
            *func.jvp(lambda x: w * x**3, (x,), (gradc.ones(2),)),
            func.hessian(lambda x: (w * x**3).sum())(x),
        ]
    assert [t.tolist() for t in found] == [[3, 12], [1, 8], [3, 12], [[6, 0], [0, 12]]]
    assert not any(t.requires_grad for t in found)


def test_inference_mode_around_is_not_seen_by_the_function(x):
    with gradc.inference_mode():
        assert func.grad(cube)(x).tolist() == [3.0, 12.0]
        assert func.jvp(cube, (x,), (x,))[1].item() == 27.0
        assert func.hessian(cube)(x * 1).tolist() == [[6.0, 0.0], [0.0, 12.0]]


def test_no_grad_inside_is_respected(x):
    def f(x):
        with gradc.no_grad():
            gradient = func.grad(cube)(x)
        return (gradient * x).sum()

    assert func.grad(f)(x).tolist() == [3.0, 12.0]
    assert func.jvp(f, (x,), (gradc.ones(2),))[1].item() == 15.0


def test_nested_derivatives_are_not_confused():
    one = gradc.tensor(1.0)

    def by_grad(x):
        return x * func.grad(lambda y: x + y)(one)

    def by_jvp(x):
        return x * func.jvp(lambda y: x + y, (one,), (one,))[1]

    for f in (by_grad, by_jvp):
        assert func.grad(f)(one).item() == 1.0
        assert func.jvp(f, (one,), (one,))[1].item() == 1.0


def test_derivatives_of_high_order():
    f, x = gradc.sin, gradc.tensor(0.5, dtype=gradc.float64)
    for order in range(1, 5):
        f = (
            func.grad(f)
            if order % 2
            else (lambda g: lambda x: func.jvp(g, (x,), (x * 0 + 1,))[1])(f)
        )
        assert f(x).item() == pytest.approx(np.sin(0.5 + order * np.pi / 2), rel=1e-12)


def test_autograd_grad_inside(x):
    def f(x):
        (gradient,) = gradc.autograd.grad(cube(x), x, create_graph=True)
        return gradient.sum()

    assert func.grad(f)(x).tolist() == [6.0, 12.0]


def test_hooks_inside(x):
    def f(x):
        y = x * x
        y.register_hook(lambda g: g * 10)
        return y.sum()

    assert func.grad(f)(x).tolist() == [20.0, 40.0]


def test_products_can_be_taken_many_times(x):
    y, pull = func.vjp(lambda x: x * x, x)
    y_2, push = func.linearize(lambda x: x * x, x)
    for k in range(3):
        v = gradc.tensor([1.0, k])
        assert pull(v)[0].tolist() == [2.0, 4.0 * k]
        assert push(v).tolist() == [2.0, 4.0 * k]
    assert y.tolist() == y_2.tolist()


def test_linearize_at_several_arguments(x):
    y, push = func.linearize(lambda a, d: {"p": a * d["b"]}, x, {"b": x + 1})
    assert y["p"].tolist() == [2.0, 6.0]
    assert push(gradc.ones(2), {"b": gradc.zeros(2)})["p"].tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    "f", [lambda x: x, lambda x: x.sum(), lambda x: x.reshape(2, 1), lambda x: x + x]
)
def test_results_have_memory_of_their_own(x, f):
    y, pull = func.vjp(lambda a, b: f(a) + f(b), x, x + 1)
    y_bar = gradc.ones_like(y)
    first, second = pull(y_bar)
    dot = func.jvp(f, (x,), (y_2 := gradc.ones(2),))[1]
    expected = second.tolist()
    first.mul_(5)
    dot.mul_(5)
    assert y_bar.tolist() == gradc.ones_like(y).tolist()
    assert y_2.tolist() == [1.0, 1.0]
    assert second.tolist() == expected


def test_random_numbers_are_drawn_once(x):
    def f(x):
        return x * gradc.rand(2)

    gradc.manual_seed(0)
    expected = gradc.rand(2).tolist()
    for make in (
        lambda: func.grad(lambda x: f(x).sum())(x).tolist(),
        lambda: func.jacrev(f)(x).sum(1).tolist(),
        lambda: func.jacfwd(f, randomness="same")(x).sum(1).tolist(),
        lambda: func.jvp(f, (x,), (gradc.ones(2),))[1].tolist(),
    ):
        gradc.manual_seed(0)
        assert make() == expected


def test_in_place_changes_of_new_tensors_and_of_captured_constants(x):
    count = gradc.zeros(())

    def f(x):
        count.add_(1)
        y = gradc.zeros(2)
        y.add_(x)
        y.mul_(x)
        return y.sum()

    assert func.grad(f)(x).tolist() == [2.0, 4.0]
    assert func.jvp(f, (x,), (gradc.ones(2),))[1].item() == 6.0
    assert count.item() == 2.0


def test_detached_values_may_be_written_outside(x):
    mean = gradc.zeros(2)

    def f(x):
        mean.copy_(x.detach())
        return cube(x)

    assert func.grad(f)(x).tolist() == [3.0, 12.0]
    assert mean.tolist() == X
    assert not mean.requires_grad


def test_custom_functions_in_reverse_mode(x):
    w = gradc.ones(2, requires_grad=True)

    class Scaled(gradc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 3

        @staticmethod
        def backward(ctx, grad_output):
            return grad_output * 3 * w

    gradient = func.grad(lambda x: Scaled.apply(x).sum())(x)
    assert gradient.tolist() == [3.0, 3.0]
    gradient.sum().backward()  # what only the backward rule reads is on the tape too
    assert w.grad.tolist() == [3.0, 3.0]


def test_jacobian_shapes(x):
    def f(a, b):
        return {"s": a.sum(), "m": a[:, None] * b}

    a, b = gradc.randn(2), gradc.randn(3)
    for mode in (func.jacrev, func.jacfwd):
        found = mode(f, (0, 1))(a, b)
        assert [tuple(t.shape) for t in found["s"]] == [(2,), (3,)]
        assert [tuple(t.shape) for t in found["m"]] == [(2, 3, 2), (2, 3, 3)]


def test_hessian_of_several_arguments(x):
    h = func.hessian(lambda a, b: (a * a * b).sum(), (0, 1))(x, x)
    assert [[block.tolist() for block in row] for row in h] == [
        [[[2, 0], [0, 4]], [[2, 0], [0, 4]]],
        [[[2, 0], [0, 4]], [[0, 0], [0, 0]]],
    ]
