"""What happens around a compiled call: `.grad`, guards, aliasing, anomalies, reused memory."""

from __future__ import annotations

import numpy as np
import pytest

import gradc
from gradc import nn, optim
from gradc.autograd import detect_anomaly
from gradc.errors import AnomalyError, TraceError


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache") / "gradc"))
        yield


def count(function):
    return sum(map(len, function.programs.values()))


def test_gradients_accumulate_over_calls_without_recompiling():
    p = nn.Parameter(gradc.ones(3))

    @gradc.compile
    def micro(x):
        loss = (p * x).sum()
        loss.backward()
        return loss

    for i in range(6):
        micro(gradc.ones(3) * i)
        if i % 2:
            assert p.grad.tolist() == [2.0 * i - 1] * 3
            p.grad = None
    assert count(micro) == 2


def test_gradients_of_arguments_go_to_the_argument_of_each_call():
    @gradc.compile
    def inner(w, x):
        loss = (w * x).sum()
        loss.backward()
        return loss

    for k in range(3):
        a = gradc.ones(3, requires_grad=True)
        inner(a, gradc.arange(3.0) + k)
        inner(a, gradc.arange(3.0))
        assert a.grad.tolist() == [k, k + 2.0, k + 4.0]
    assert count(inner) == 2


def test_one_tensor_given_twice_gets_both_gradients():
    @gradc.compile
    def product(a, b):
        loss = (a * b).sum()
        loss.backward()
        return loss

    a = gradc.tensor([1.0, 2.0], requires_grad=True)
    product(a, a)
    assert a.grad.tolist() == [2.0, 4.0]


def test_a_gradient_that_the_user_holds_is_not_overwritten():
    p = nn.Parameter(gradc.tensor([1.0, 2.0]))
    optimizer = optim.SGD([p], lr=0.0)

    @gradc.compile
    def step(x):
        optimizer.zero_grad()
        loss = (p * x).sum()
        loss.backward()
        optimizer.step()
        return loss

    held, views, losses = [], [], []
    for i in range(5):
        losses.append(step(gradc.ones(2) * i))
        held.append(p.grad)
        views.append(p.grad.numpy()[:1])
    assert [g.tolist() for g in held] == [[i, i] for i in range(5)]
    assert [v.tolist() for v in views] == [[i] for i in range(5)]
    assert [x.item() for x in losses] == [3.0 * i for i in range(5)]
    first = step(gradc.ones(2))
    del held, views
    step(gradc.ones(2) * 7)
    assert first.item() == 3.0
    assert p.grad.tolist() == [7.0, 7.0]


def test_memory_of_dropped_results_is_used_again():
    double = gradc.compile(lambda x: x + x)
    places = {double(gradc.ones(1000)).data_ptr() for _ in range(6)}
    assert len(places) == 1


def test_the_gradient_before_may_be_read_while_a_new_one_is_made():
    p = nn.Parameter(gradc.ones(2))

    @gradc.compile
    def step(x):
        before = None if p.grad is None else p.grad.clone()
        p.grad = None
        (p * x).sum().backward()
        return before

    step(gradc.ones(2))
    for i in range(2, 5):
        assert step(gradc.ones(2) * i).tolist() == [i - 1.0] * 2
    assert count(step) == 2


def test_a_constant_around_the_function_is_guarded():
    def make():
        scale = 2.0
        compiled = gradc.compile(lambda x: x * scale)
        first = compiled(gradc.ones(1)).item()
        scale = 3.0
        return first, compiled(gradc.ones(1)).item(), count(compiled)

    assert make() == (2.0, 3.0, 2)


def test_an_argument_that_overlaps_changed_state_is_refused():
    total = gradc.zeros(6)

    @gradc.compile
    def add(x):
        total.add_(x)
        return total.sum()

    assert add(gradc.ones(6)).item() == 6.0
    with pytest.raises(TraceError) as error:
        add(total)
    assert error.value.message == (
        "compile: add: argument x shares memory with a tensor that the function reads from around "
        "it, and one of them is changed"
    )
    assert error.value.hint == "pass x.clone()"
    assert total.tolist() == [1.0] * 6


def test_the_same_tensor_may_be_argument_and_captured_where_nothing_changes():
    w = gradc.ones(3)
    product = gradc.compile(lambda x: (x * w).sum())
    assert product(w).item() == 3.0
    assert product(gradc.ones(3) * 2).item() == 6.0
    assert product(w).item() == 3.0


def test_an_anomaly_in_a_compiled_step_names_the_line_and_changes_nothing():
    model = nn.Linear(2, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    @gradc.compile
    def step(x):
        optimizer.zero_grad()
        loss = model(x).log().sum()
        loss.backward()
        optimizer.step()
        return loss

    with gradc.no_grad():
        model.weight.fill_(-1.0)
        model.bias.fill_(0.0)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    with detect_anomaly(), pytest.raises(AnomalyError) as error:
        step(gradc.ones(3, 2))
    assert error.value.message == "log: made a NaN from operands without one (float32[3, 1])"
    assert "loss = model(x).log().sum()" in str(error.value)
    assert all((model.state_dict()[k] == v).all() for k, v in before.items())
    assert model.weight.grad is None


def test_an_anomaly_in_the_backward_pass_of_a_step():
    w = nn.Parameter(gradc.zeros(2))

    @gradc.compile
    def step(x):
        loss = ((w * x).sqrt() * 0.0).sum()
        loss.backward()
        return loss

    with detect_anomaly(), pytest.raises(AnomalyError) as error:
        step(gradc.ones(2))
    assert error.value.message.startswith("backward: ")
    assert "loss = ((w * x).sqrt() * 0.0).sum()" in str(error.value)


def test_a_compiled_method():
    class Double(nn.Module):
        @gradc.compile
        def forward(self, x):
            return x * 2.0

    assert Double()(gradc.ones(2)).tolist() == [2.0, 2.0]


def test_a_compiled_module_has_the_modules_methods():
    layer = gradc.compile(nn.Linear(2, 3))
    assert len(list(layer.parameters())) == 2
    layer.eval()
    assert not layer.training


def test_names_of_nested_arguments_in_the_text():
    @gradc.compile
    def join(batch, *rest, scale):
        return batch["image"] * scale + rest[0][1]

    x = gradc.ones(2, 3)
    join({"image": x}, (x, x * 1.0), scale=x * 3.0)
    line = next(n for n in join.source.splitlines() if n.startswith("takes"))
    assert "batch_image" in line
    assert "rest_0_1" in line
    assert "scale" in line


def test_arrays_of_any_layout_are_read():
    double = gradc.compile(lambda x: x + x)
    base = np.arange(24.0, dtype="f").reshape(4, 6)
    for array in (base, base[::2, ::-1], base.T, base[:, 1:3]):
        assert (
            double(gradc.from_numpy(np.ascontiguousarray(array))).tolist() == (2 * array).tolist()
        )
    turned = gradc.from_numpy(base).T
    assert double(turned).tolist() == (2 * base.T).tolist()
