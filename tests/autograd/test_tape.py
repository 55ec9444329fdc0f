"""The tape: accumulation, hooks, retained graphs, higher derivatives, deep graphs."""

import gc
import weakref

import numpy as np
import pytest

import gradc
import gradc.autograd
from gradc.errors import GradientError

torch = pytest.importorskip("torch")


def leaf(lib, values):
    return lib.tensor(values, dtype=lib.float64, requires_grad=True)


def both(f):
    """Run the same program with both libraries; return what it returned."""
    return f(gradc), f(torch)


def same(a, b):
    """Compare nested results."""
    if isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif a is None or isinstance(a, bool | str | int):
        assert a == b
    else:
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10)


def accumulates(L):
    w = leaf(L, [1.0, 2.0])
    (w * w).sum().backward()
    first = w.grad
    (w * 3).sum().backward()
    return w.grad, first, w.grad is first


def gradient_argument(L):
    w = leaf(L, [1.0, 2.0])
    (w * w).backward(L.tensor([1.0, -1.0], dtype=L.float64))
    return w.grad


def retained_graph(L):
    w = leaf(L, [1.0, 2.0])
    y = w.exp().sum()
    y.backward(retain_graph=True)
    y.backward()
    return w.grad


def only_inputs(L):
    a, b = leaf(L, [1.0]), leaf(L, [2.0])
    (a * b).backward(inputs=[a])
    return a.grad, b.grad


def tensor_hooks(L):
    w = leaf(L, [1.0, 2.0])
    seen = []
    y = w * 2
    y.register_hook(lambda g: seen.append(g.clone()))
    y.register_hook(lambda g: g * 10)
    handle = y.register_hook(lambda g: g * 100)
    handle.remove()
    w.register_hook(lambda g: g + 1)
    (y * y).sum().backward()
    return w.grad, seen


def retained_gradient(L):
    w = leaf(L, [1.0, 2.0])
    y = w * 2
    y.retain_grad()
    z = (y * y).sum()
    z.backward()
    return y.grad, w.grad, y.is_leaf, w.is_leaf, y.retains_grad


def retained_after_change(L):
    w = leaf(L, [1.0, 2.0])
    y = w * 2
    y.retain_grad()
    y.mul_(3)
    (y * y).sum().backward()
    return y.grad, w.grad


def after_accumulation(L):
    w = leaf(L, [1.0, 2.0])
    seen = []

    def hook(p):
        seen.append(p.grad.clone())
        p.grad = None

    w.register_post_accumulate_grad_hook(hook)
    (w * w).sum().backward()
    return w.grad, seen


def second_order(L):
    x = leaf(L, [0.5, 2.0])
    (first,) = L.autograd.grad((x**3).sum() + (x.exp() * x).sum(), x, create_graph=True)
    (second,) = L.autograd.grad(first.sum(), x, create_graph=True)
    (third,) = L.autograd.grad((second * second).sum(), x)
    return first, second, third


def double_backward(L):
    x, w = leaf(L, [[0.5, 2.0]]), leaf(L, [[1.0], [3.0]])
    y = (x @ w).tanh()
    (gx,) = L.autograd.grad(y.sum(), x, create_graph=True)
    ((gx**2).sum() + y.sum()).backward()
    return x.grad, w.grad


def inside_views(L):
    x = leaf(L, [1.0, 2.0, 3.0])
    y = x * 1
    y[1:] *= y[:-1].clone()
    (g,) = L.autograd.grad((y**3).sum(), x, create_graph=True)
    (h,) = L.autograd.grad((g**2).sum(), x)
    return g, h


def unused(L):
    x, u = leaf(L, [1.0]), leaf(L, [2.0])
    return L.autograd.grad((x * 2).sum(), [x, u], allow_unused=True)


def materialized(L):
    x, u = leaf(L, [1.0]), leaf(L, [2.0])
    return L.autograd.grad((x * 2).sum(), [x, u], materialize_grads=True)


def between(L):
    x = leaf(L, [1.0, 2.0])
    y = x * 3
    z = (y * y).sum()
    return L.autograd.grad(z, [y, x])


def several_outputs(L):
    x = leaf(L, [1.0, 2.0])
    y, z = x * 3, x.exp()
    return L.autograd.grad([y.sum(), z], [x], grad_outputs=[None, L.ones(2, dtype=L.float64)])


def modes(L):
    w = leaf(L, [1.0])
    with L.no_grad():
        a = (w * 2).requires_grad
        with L.enable_grad():
            b = (w * 2).requires_grad
        c = L.is_grad_enabled()
    with L.inference_mode():
        d = (w * 2).requires_grad
        e = L.is_inference_mode_enabled()
    L.set_grad_enabled(False)
    f = (w * 2).requires_grad
    L.set_grad_enabled(True)
    with L.set_grad_enabled(False):
        g = (w * 2).requires_grad

    @L.no_grad()
    def quiet():
        return (w * 2).requires_grad

    @L.no_grad
    def quiet_too():
        return (w * 2).requires_grad

    return a, b, c, d, e, f, g, quiet(), quiet_too(), L.is_grad_enabled()


def detached(L):
    w = leaf(L, [1.0, 2.0])
    d = (w * 2).detach()
    d.add_(1)
    return d, d.requires_grad, (w * d).sum().requires_grad


def data_changes(L):
    w = leaf(L, [1.0, 2.0])
    y = w * w
    w.data.add_(1)
    y.sum().backward()
    return w, w.grad, w._version


def leaf_update(L):
    w = leaf(L, [1.0, 2.0])
    (w * w).sum().backward()
    with L.no_grad():
        w -= 0.1 * w.grad
        w.grad.zero_()
    (w * w).sum().backward()
    return w, w.grad


def expanded_gradient(L):
    w = leaf(L, [1.0, 2.0])
    w.sum().backward()
    w.grad.add_(1)
    return w.grad


def shared_cotangent(L):
    a, b = leaf(L, [1.0]), leaf(L, [2.0])
    (a + b).backward()
    a.grad.mul_(5)
    return a.grad, b.grad


def no_derivative(L):
    w = leaf(L, [1.5, -2.5])
    (w.floor() + w.round() + w.sign()).sum().backward()
    return w.grad


def in_place_chain(L):
    w = leaf(L, [1.0, 2.0])
    y = w.clone()
    for _ in range(3):
        y.mul_(w).add_(1)
    y.sum().backward()
    return w.grad


def requires_grad_spreads(L):
    x, w = L.zeros(3, dtype=L.float64), leaf(L, [2.0])
    before = x.requires_grad
    x[1:] = w * 2
    view = x[0:2]
    view.mul_(3)
    (x * x).sum().backward()
    return before, x.requires_grad, view.requires_grad, w.grad


def frozen_leaf(L):
    w = leaf(L, [2.0])
    w.requires_grad_(False)
    return (w * 2).requires_grad, w.requires_grad_().requires_grad


def detach_in_place(L):
    w = leaf(L, [2.0])
    y = w * 2
    y.detach_()
    return y.requires_grad, y.is_leaf


PROGRAMS = [
    accumulates, gradient_argument, retained_graph, only_inputs, tensor_hooks, retained_gradient,
    retained_after_change, after_accumulation, second_order, double_backward, inside_views, unused,
    materialized, between, several_outputs, modes, detached, data_changes, leaf_update,
    expanded_gradient, shared_cotangent, no_derivative, in_place_chain, requires_grad_spreads,
    frozen_leaf, detach_in_place,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_as_in_pytorch(program):
    same(*both(program))


def test_deep_graphs_need_no_recursion():
    x = gradc.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.backward()
    assert x.grad.item() == 1.0
    del y


def test_a_finished_graph_is_freed_without_the_garbage_collector():
    gc.disable()
    try:
        x = gradc.ones(3, requires_grad=True)
        y = x.exp()
        node = weakref.ref(y.grad_fn)
        del y
        assert node() is None
    finally:
        gc.enable()


def test_grad_fn_names_the_operation():
    x = gradc.ones(3, requires_grad=True)
    y = (x * 2).sum()
    assert repr(y.grad_fn) == "<SumBackward0>"
    ((mul, _),) = y.grad_fn.next_functions
    assert mul.name() == "MulBackward0"
    assert x.grad_fn is None


def error_text(f):
    with pytest.raises(GradientError) as caught:
        f()
    return str(caught.value)


def test_second_pass_through_a_freed_graph():
    w = gradc.ones(2, requires_grad=True)
    y = w.exp().sum()
    y.backward()
    text = error_text(y.backward)
    assert "backward through the graph a second time" in text
    assert "saved by ExpBackward0" in text
    assert "y = w.exp().sum()" in text
    assert text.endswith("try: backward(retain_graph=True) the first time")


def test_value_changed_after_it_was_saved():
    w = gradc.ones(2, requires_grad=True)
    y = w * 2
    z = y * y
    y.add_(1)
    text = error_text(lambda: z.sum().backward())
    assert "MulBackward0 needs version 0, found version 1" in text
    assert "z = y * y" in text
    assert "y.add_(1)" in text


CHANGED = {
    "leaf": lambda L, w: w.add_(1),
    "view_of_leaf": lambda L, w: w[0].add_(1),
    "set_leaf": lambda L, w: w.__setitem__(0, 1.0),
    "saved_operand": lambda L, w: saved_operand(w),
    "saved_result": lambda L, w: saved_result(w),
    "saved_through_view": lambda L, w: saved_through_view(w),
    "saved_through_base": lambda L, w: saved_through_base(w),
    "saved_by_detach": lambda L, w: saved_by_detach(w),
    "leaf_without_grad": lambda L, w: leaf_without_grad(L, w),
    "result_of_inplace": lambda L, w: result_of_inplace(w),
    "expanded": lambda L, w: (w * 1)[:1].expand(3).add_(1),
}


def saved_operand(w):
    y = w * 1
    z = y * w
    y.mul_(2)
    z.sum().backward()


def saved_result(w):
    y = w.exp()
    y.mul_(2)
    y.sum().backward()


def saved_through_view(w):
    y = w * 1
    z = y * w
    y[0] = 3.0
    z.sum().backward()


def saved_through_base(w):
    y = w * 1
    z = y[1:] * w[1:]
    y.zero_()
    z.sum().backward()


def saved_by_detach(w):
    y = w * 1
    z = y.sin()
    y.detach().zero_()
    z.sum().backward()


def leaf_without_grad(L, w):
    z = (w * w).sum()
    with L.no_grad():
        w.add_(1)
    z.backward()


def result_of_inplace(w):
    y = (w * 1).tanh_()
    y.add_(1)
    y.sum().backward()


@pytest.mark.parametrize("name", CHANGED)
def test_changes_that_pytorch_refuses(name):
    with pytest.raises(RuntimeError):
        CHANGED[name](torch, leaf(torch, [1.0, 2.0]))
    with pytest.raises(RuntimeError):
        CHANGED[name](gradc, leaf(gradc, [1.0, 2.0]))


def unneeded_operand(L):
    w = leaf(L, [1.0, 2.0])
    y = w * 1
    z = y * 3
    y.zero_()
    z.sum().backward()
    return w.grad


def own_old_value(L):
    w = leaf(L, [1.0, 2.0])
    y = w * 1
    y.mul_(w)
    y.pow_(2)
    y.sin_()
    y.sum().backward()
    return w.grad


@pytest.mark.parametrize("program", [unneeded_operand, own_old_value], ids=lambda p: p.__name__)
def test_changes_that_pytorch_allows(program):
    same(*both(program))


ERRORS = {
    "no_grad_at_all": (
        lambda: gradc.ones(2).sum().backward(),
        "backward: element 0 of tensors does not require grad and does not have a grad_fn",
    ),
    "not_scalar": (
        lambda: (gradc.ones(2, requires_grad=True) * 2).backward(),
        "backward: grad can be implicitly created only for scalar outputs, got float32[2]",
    ),
    "wrong_gradient": (
        lambda: (gradc.ones(2, requires_grad=True) * 2).backward(gradc.ones(3)),
        "backward: Mismatch in shape: the gradient has a shape of [3] and the output has a shape",
    ),
    "not_used": (
        lambda: gradc.autograd.grad(
            gradc.ones((), requires_grad=True), gradc.ones(1, requires_grad=True)
        ),
        "grad: One of the differentiated Tensors appears to not have been used in the graph",
    ),
    "integers": (
        lambda: gradc.zeros(2, dtype=gradc.int64).requires_grad_(),
        "only Tensors of floating point dtype can require gradients, got int64[2]",
    ),
    "not_a_leaf": (
        lambda: (gradc.ones(2, requires_grad=True) * 2).requires_grad_(False),
        "you can only change requires_grad flags of leaf variables.",
    ),
    "own_grad_shape": (
        lambda: setattr(gradc.ones(2, requires_grad=True), "grad", gradc.ones(3)),
        "grad: a gradient has its tensor's shape: expected [2], got [3]",
    ),
    "leaf_changed": (
        lambda: gradc.ones(2, requires_grad=True).mul_(2),
        "mul_: a leaf Variable that requires grad is being used in an in-place operation.",
    ),
    "numpy": (
        lambda: gradc.ones(2, requires_grad=True).numpy(),
        "Can't call numpy() on Tensor that requires grad.",
    ),
    "inference": (
        lambda: gradc.ones(2, requires_grad=True) * made_in_inference(),
        "Inference tensors cannot be saved for backward.",
    ),
    "no_grad_view": (
        lambda: view_made_quietly(),
        "a view was created in no_grad mode and is being modified inplace with grad mode enabled",
    ),
}


def made_in_inference():
    with gradc.inference_mode():
        x = gradc.ones(2) * 2
    assert x.is_inference()
    return x


def view_made_quietly():
    w = gradc.ones(2, requires_grad=True)
    y = w * 2
    with gradc.no_grad():
        v = y[0]
    v.mul_(w[0])


@pytest.mark.parametrize("name", ERRORS)
def test_messages(name):
    f, expected = ERRORS[name]
    with pytest.raises(gradc.errors.GradcError) as caught:
        f()
    text = str(caught.value)
    assert text.startswith(expected)
    assert "test_tape.py:" in text


def test_values_of_a_recorded_backward_pass_are_guarded_too():
    def second(lib):
        x = leaf(lib, [1.0, 2.0])
        (g,) = lib.autograd.grad(x.sin().sum(), x, create_graph=True)
        with lib.no_grad():
            x.mul_(10)
        lib.autograd.grad(g.sum(), x)

    for lib in (gradc, torch):
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            second(lib)
