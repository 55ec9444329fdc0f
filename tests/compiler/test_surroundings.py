"""What a compiled function depends on around it: hooks, rebound names, arguments that overlap."""

import pytest

import gradc
from gradc import nn, optim
from gradc.errors import TraceError


def count(compiled):
    return sum(map(len, compiled.programs.values()))


@pytest.mark.parametrize("compiled", [False, True])
def test_hooks_of_parameters_take_part_whenever_they_come_and_go(compiled):
    p, x = nn.Parameter(gradc.ones(2)), gradc.ones(2)

    def step(x):
        p.grad = None
        (p * x).sum().backward()
        return x * 2.0

    step = gradc.compile(step) if compiled else step
    seen = []
    step(x)
    seen.append(p.grad.tolist())
    first = p.register_hook(lambda g: g * 10.0)
    step(x)
    seen.append(p.grad.tolist())
    second = p.register_post_accumulate_grad_hook(lambda t: t.grad.add_(1.0))
    step(x)
    seen.append(p.grad.tolist())
    first.remove()
    second.remove()
    step(x)
    seen.append(p.grad.tolist())
    assert seen == [[1.0, 1.0], [10.0, 10.0], [11.0, 11.0], [1.0, 1.0]]


@pytest.mark.parametrize("compiled", [False, True])
def test_hooks_of_arguments_belong_to_the_argument(compiled):
    def whole(x):
        (x * 3.0).sum().backward()

    run = gradc.compile(whole) if compiled else whole
    x, y = gradc.ones(2, requires_grad=True), gradc.ones(2, requires_grad=True)
    run(y)
    x.register_hook(lambda g: g * 10.0)
    run(x)
    run(y)
    assert x.grad.tolist() == [30.0, 30.0]
    assert y.grad.tolist() == [6.0, 6.0]
    y.register_hook(lambda g: g * 0.0)
    run(y)
    assert y.grad.tolist() == [6.0, 6.0]


def test_hooks_run_once_where_gradients_flow_on_to_eager_code():
    p, x = nn.Parameter(gradc.ones(2)), gradc.ones(2, requires_grad=True)
    for leaf in (p, x):
        leaf.register_hook(lambda g: g * 10.0)
    gradc.compile(lambda x: x * p * 3.0)(x).sum().backward()
    assert p.grad.tolist() == x.grad.tolist() == [30.0, 30.0]


SCALE = gradc.ones(1)


def scaled(x):
    return x.mean() * SCALE


def test_tensors_bound_to_other_names_are_seen(monkeypatch):
    local = gradc.ones(1)
    by_closure = gradc.compile(lambda x: x * local)
    by_global = gradc.compile(scaled)
    assert by_closure(gradc.ones(1)).item() == by_global(gradc.ones(1)).item() == 1.0
    local = gradc.full((1,), 5.0)
    monkeypatch.setitem(globals(), "SCALE", local)
    assert by_closure(gradc.ones(1)).item() == by_global(gradc.ones(1)).item() == 5.0
    monkeypatch.setitem(globals(), "mean", 7)  # an attribute's name only
    by_global(gradc.ones(1))
    assert count(by_global) == count(by_closure) == 2


def test_another_model_of_the_same_name_is_trained():
    def fresh():
        model = nn.Linear(2, 1)
        return model, optim.SGD(model.parameters(), lr=0.1)

    model, optimizer = fresh()

    @gradc.compile
    def step(x):
        optimizer.zero_grad()
        model(x).sum().backward()
        optimizer.step()

    step(gradc.ones(3, 2))
    old, kept = model, model.weight.tolist()
    model, optimizer = fresh()
    before = model.weight.tolist()
    step(gradc.ones(3, 2))
    assert old.weight.tolist() == kept
    assert model.weight.tolist() != before


def test_arguments_that_overlap_are_refused_where_one_is_changed():
    @gradc.compile
    def change(a, b):
        a.mul_(2.0)
        b.add_(1.0)
        return a.sum()

    x = gradc.arange(4.0)
    with pytest.raises(TraceError) as error:
        change(x[:3], x[1:])
    assert error.value.message == (
        "compile: change: arguments a and b share memory, and one of them is changed"
    )
    assert error.value.hint == "pass b.clone()"
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert change(x[:2], x[2:]).item() == 2.0
    assert x.tolist() == [0.0, 2.0, 3.0, 4.0]
    table = gradc.arange(4.0).reshape(2, 2)
    assert change(table[:, 0], table[:, 1]).item() == 4.0
    assert table.tolist() == [[0.0, 2.0], [4.0, 4.0]]
    added = gradc.compile(lambda a, b: a + b)
    assert added(x[:3], x[1:]).tolist() == [2.0, 5.0, 7.0]
