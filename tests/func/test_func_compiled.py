"""Inside compiled functions the transforms give what they give eagerly."""

from __future__ import annotations

import pytest
from func_table import FUNCTIONS
from test_func_products import ours, same, scalar, weights

import gradc
from gradc import func, nn


@pytest.mark.parametrize("name", FUNCTIONS)
def test_products(name):
    f, args = ours(name)
    y, _ = func.vjp(f, *args)
    x_dot, y_bar = weights(args, 1, gradc.tensor), weights(y, 2, gradc.tensor)

    def products(args, x_dot, y_bar):
        y, pull = func.vjp(f, *args)
        return y, pull(y_bar), func.jvp(f, args, x_dot)

    same(gradc.compile(products)(args, x_dot, y_bar), products(args, x_dot, y_bar))


NESTED = ("fan_out", "broadcast", "reduce", "in_place", "softmax", "without_grad")


@pytest.mark.parametrize("name", NESTED)
def test_second_order(name):
    f, args = ours(name)
    v = weights(args, 1, gradc.tensor)
    numbers = tuple(range(len(args)))

    def second(args, v):
        gradient = func.grad(scalar(f), numbers)
        return (
            func.jvp(gradient, args, v)[1],
            func.vjp(gradient, *args)[1](v),
            func.grad(lambda *xs: func.jvp(scalar(f), xs, v)[1], numbers)(*args),
        )

    same(gradc.compile(second)(args, v), second(args, v))


def test_whole_functions_and_their_derivatives():
    x = gradc.tensor([0.3, 0.7], dtype=gradc.float64)
    for transform in (func.grad, func.hessian, func.value_and_grad):
        f = transform(lambda x: (x * x.sin()).sum())
        same(gradc.compile(f)(x), f(x))


POWER = 2


def test_constants_around_the_innermost_function_are_guarded(monkeypatch):
    x = gradc.tensor([1.0, 2.0])
    compiled = gradc.compile(func.hessian(lambda x: (x**POWER).sum()))
    assert compiled(x).diag().tolist() == [2.0, 2.0]
    monkeypatch.setitem(globals(), "POWER", 3)
    assert compiled(x).diag().tolist() == [6.0, 12.0]


def test_a_compiled_function_inside_a_transform():
    inside = gradc.compile(lambda x: (x * x).sum())
    x = gradc.tensor([1.0, 2.0])
    assert func.grad(inside)(x).tolist() == [2.0, 4.0]
    value, tangent = func.jvp(inside, (x,), (x,))
    assert (value.item(), tangent.item()) == (5.0, 10.0)


def test_captured_parameters_get_gradients():
    layer, x = nn.Linear(2, 1).double(), gradc.tensor([[1.0, 2.0]], dtype=gradc.float64)

    def penalty(x):
        return func.grad(lambda x: layer(x).tanh().sum())(x).square().sum()

    def gradients(f):
        layer.zero_grad()
        f(x).backward()
        return [p.grad for p in layer.parameters()]

    same(gradients(gradc.compile(penalty)), gradients(penalty))


def test_a_training_step_on_state_compiles_once():
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    own = dict(model.named_parameters())

    def step(state, x, t):
        def loss(state):
            return (func.functional_call(model, state, x) - t).square().mean()

        gradient, value = func.grad_and_value(loss)(state)
        return {k: p - 0.1 * gradient[k] for k, p in state.items()}, value

    compiled = gradc.compile(step, on_recompile="error")
    x = gradc.randn(8, 3)
    mine = others = {k: p.detach() for k, p in own.items()}
    for _ in range(3):
        (mine, value), (others, expected) = compiled(mine, x, x[:, :1]), step(others, x, x[:, :1])
        assert value.item() == pytest.approx(expected.item(), rel=1e-5)
    assert dict(model.named_parameters()) == own
    assert not value.requires_grad


def test_random_numbers_move_on_as_eagerly():
    x = gradc.ones(4)

    def f(x):
        return func.grad(lambda x: (x * gradc.rand(4)).sum())(x)

    compiled = gradc.compile(f)
    gradc.manual_seed(5)
    eager = [f(x).tolist() for _ in range(2)]
    gradc.manual_seed(5)
    assert [compiled(x).tolist() for _ in range(2)] == eager
    assert eager[0] != eager[1]


def test_captured_tensors_are_not_changed_to_values_of_inputs():
    outside = gradc.zeros(2)

    def f(x):
        return func.grad(lambda x: outside.add_(x).sum())(x)

    with pytest.raises(gradc.errors.GradientError, match="changes a tensor"):
        gradc.compile(f)(gradc.ones(2))
    assert outside.tolist() == [0.0, 0.0]


def test_tangents_have_names_in_generated_code():
    @gradc.compile
    def f(x, v):
        def g(x):
            hidden = gradc.sin(x) @ x
            return hidden * hidden

        return func.jvp(g, (x,), (v,))

    f(gradc.ones(3), gradc.ones(3))
    assert "hidden_dot" in f.source
