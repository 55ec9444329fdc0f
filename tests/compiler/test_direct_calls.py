"""The function written for calls like the last sees every difference, and runs only without one."""

from __future__ import annotations

import gc
import threading
import weakref
from collections import OrderedDict
from itertools import pairwise

import numpy as np
import pytest

import gradc
from gradc import nn, optim
from gradc.autograd import detect_anomaly
from gradc.compiler.latest import MISS
from gradc.errors import AnomalyError, InplaceError, TraceError


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache") / "gradc"))
        yield


def count(function):
    return sum(map(len, function.programs.values()))


def is_like_the_last(function, *args, **kwargs):
    """Run; return whether that took the short way."""
    return function.latest(args, kwargs) is not MISS


def warmed(function, *args, **kwargs):
    compiled = gradc.compile(function)
    for _ in range(3):
        compiled(*args, **kwargs)
    assert is_like_the_last(compiled, *args, **kwargs)
    return compiled


def weighted(x, y):
    return (x * 2 + y).sum(), x - y


def same(found, expected):
    assert len(found) == len(expected)
    for f, e in zip(found, expected, strict=True):
        assert f.dtype is e.dtype
        assert f.tolist() == e.tolist()
        assert f.requires_grad == e.requires_grad


# ---- arguments ---------------------------------------------------------------------------------
def other_memory(x, y):
    x.data = gradc.arange(6.0).reshape(2, 3)
    return x, y


def another_shape(x, y):
    x.data, y.data = gradc.ones(3, 2), gradc.ones(3, 2)
    return x, y


def another_dtype(x, y):
    x.data = gradc.ones(2, 3, dtype=gradc.float64)
    return x, y


def resized_by_numpy(x, y):
    for t in (x, y):
        t.numpy().resize((5, 7), refcheck=False)
        t.numpy()[:] = 3.0
    return x, y


def not_contiguous(x, y):
    return gradc.arange(6.0).reshape(3, 2).T, y


def every_other(x, y):
    return gradc.arange(24.0).reshape(4, 6)[::2, ::2], y


def read_only(x, y):
    array = np.arange(6, dtype="f").reshape(2, 3)
    array.flags.writeable = False
    return gradc.from_numpy(array), y


def a_view(x, y):
    return gradc.arange(12.0).reshape(2, 2, 3)[1], y


def twice(x, y):
    return x, x


def swapped(x, y):
    return y, x


def a_parameter(x, y):
    return nn.Parameter(gradc.ones(2, 3)), y


def wanting_a_gradient(x, y):
    return x.requires_grad_(), y


def computed_with_a_gradient(x, y):
    return gradc.ones(2, 3, requires_grad=True) * 2, y


def numpy_arrays(x, y):
    return np.full((2, 3), 4.0, "f"), y


def a_float(x, y):
    return 3.0, y


@pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
@pytest.mark.parametrize(
    "change",
    [
        other_memory,
        another_shape,
        another_dtype,
        resized_by_numpy,
        not_contiguous,
        every_other,
        read_only,
        a_view,
        twice,
        swapped,
        a_parameter,
        wanting_a_gradient,
        computed_with_a_gradient,
        numpy_arrays,
        a_float,
    ],
)
def test_an_argument_that_is_different(change):
    x, y = gradc.arange(6.0).reshape(2, 3).clone(), gradc.ones(2, 3)
    compiled = warmed(weighted, x, y)
    before = [t.tolist() for t in compiled(x, y)]
    x2, y2 = change(x, y)
    for _ in range(3):
        same(compiled(x2, y2), weighted(x2, y2))
    again = gradc.arange(6.0).reshape(2, 3).clone(), gradc.ones(2, 3)
    assert [t.tolist() for t in compiled(*again)] == before


def test_new_tensors_of_the_same_kind_take_the_short_way():
    compiled = warmed(weighted, gradc.ones(2, 3), gradc.ones(2, 3))
    for i in range(4):
        x, y = gradc.ones(2, 3) * i, gradc.arange(6.0).reshape(2, 3).clone()
        assert is_like_the_last(compiled, x, y)
        same(compiled(x, y), weighted(x, y))
    assert count(compiled) == 1


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64, np.bool_])
def test_numbers_of_numpy_are_read_where_they_lie(kind):
    compiled = warmed(lambda a, b: (a + b, a * b), kind(1), gradc.ones(2))
    for i in range(3):
        assert is_like_the_last(compiled, kind(i), gradc.ones(2))
        a, b = gradc.tensor(kind(i)), gradc.ones(2) * 5
        same(compiled(kind(i), b), [a + b, a * b])
    assert count(compiled) == 1


def test_python_numbers_stay_constants():
    compiled = warmed(lambda x, power: x**power, gradc.tensor([3.0]), 2)
    assert not is_like_the_last(compiled, gradc.tensor([3.0]), 2.0)
    assert not is_like_the_last(compiled, gradc.tensor([3.0]), True)
    assert compiled(gradc.tensor([3.0]), 3).tolist() == [27.0]
    assert compiled(gradc.tensor([3.0]), 2).tolist() == [9.0]


def test_forms_of_a_call():
    def form(pair, *, table, scale=1):
        return {"a": [pair[0] * scale], "b": (table["x"] - table["y"],), "c": None}

    x, y = gradc.ones(2), gradc.arange(2.0)
    compiled = warmed(form, (x, y), table={"x": x * 2, "y": y})
    assert not is_like_the_last(compiled, (x, y), table={"y": y, "x": x * 2})
    assert not is_like_the_last(compiled, [x, y], table={"x": x * 2, "y": y})
    assert not is_like_the_last(compiled, (x, y), table=OrderedDict(x=x * 2, y=y))
    assert not is_like_the_last(compiled, (x, y), table={"x": x * 2, "y": y}, scale=1)
    assert not is_like_the_last(compiled, (x, y, x), table={"x": x * 2, "y": y})
    assert not is_like_the_last(compiled, (x, y), {"x": x * 2, "y": y})
    assert not is_like_the_last(compiled, (x, None), table={"x": x * 2, "y": y})
    for table in ({"y": y, "x": x * 2}, {"x": x * 2, "y": y}):
        out = compiled((y, x), table=table)
        assert out["a"][0].tolist() == [0.0, 1.0]
        assert out["b"][0].tolist() == [2.0, 1.0]
        assert out["c"] is None


def test_arguments_called_like_the_functions_own_names():
    def names(args, kwargs, run, before, seen, out):
        return args + kwargs + run + before + seen + out, run

    given = [gradc.tensor([float(i)]) for i in range(6)]
    compiled = warmed(names, *given)
    total, run = compiled(*given)
    assert total.tolist() == [15.0]
    assert run is given[2]


# ---- what is around ----------------------------------------------------------------------------
def test_modes_of_the_thread():
    w = gradc.tensor([2.0], requires_grad=True)
    square = warmed(lambda x: x * x * w.detach(), gradc.ones(1))
    with gradc.no_grad():
        assert not is_like_the_last(square, gradc.ones(1))
    log = warmed(lambda x: gradc.log(x), gradc.ones(1))
    with detect_anomaly(), pytest.raises(AnomalyError):
        log(-gradc.ones(1))
    outer = gradc.compile(lambda x: square(x) + 1)
    for _ in range(3):
        assert outer(gradc.tensor([3.0])).tolist() == [19.0]


def test_captured_tensors_and_variables():
    w, scale = gradc.tensor([2.0]), 3.0

    def scaled(x):
        return x * w * scale  # noqa: F821 # it is deleted below

    compiled = warmed(scaled, gradc.ones(1))
    w.data = gradc.tensor([5.0])
    assert compiled(gradc.ones(1)).tolist() == [15.0]
    w.add_(1)
    assert compiled(gradc.ones(1)).tolist() == [18.0]
    scale = 0.5
    assert compiled(gradc.ones(1)).tolist() == [3.0]
    w = gradc.tensor([8.0])
    assert compiled(gradc.ones(1)).tolist() == [4.0]
    del scale
    with pytest.raises(NameError):
        compiled(gradc.ones(1))


def test_what_a_module_has_and_does():
    net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    compiled = gradc.compile(lambda x: net(x).detach())
    x = gradc.ones(4, 2)
    for _ in range(3):
        compiled(x)
    net.eval()
    for _ in range(3):
        assert compiled(x).tolist() == net(x).tolist()
    net[0].bias = nn.Parameter(gradc.ones(2) * 7)
    for _ in range(3):
        assert compiled(x).tolist() == net(x).tolist()
    assert count(compiled) == 3


# ---- results -----------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [1, 300, 5000])
def test_results_keep_their_values(size):
    compiled = warmed(lambda x: (x + 1, x * 2), gradc.ones(size))
    kept = [compiled(gradc.ones(size) * i) for i in range(6)]
    views = [r[0].numpy()[:1] for r in kept]
    for i, (plus, times) in enumerate(kept):
        assert plus.tolist() == [i + 1.0] * size
        assert times.tolist() == [i * 2.0] * size
        assert views[i] == i + 1
        assert plus._version == 0
        plus.add_(1)
        assert plus._version == 1


def test_results_are_tensors_like_any_other():
    out = warmed(lambda x: x + 1, gradc.ones(2))(gradc.ones(2))
    assert type(out) is gradc.Tensor
    out.requires_grad_()
    (out * out).sum().backward()
    assert out.grad.tolist() == [4.0, 4.0]


def test_arguments_are_let_go_of():
    compiled = warmed(weighted, gradc.ones(2, 3), gradc.ones(2, 3))
    x = gradc.ones(2, 3)
    compiled(x, gradc.ones(2, 3))
    gone = weakref.ref(x)
    del x
    compiled(gradc.ones(2, 3), gradc.ones(2, 3))
    gc.collect()
    assert gone() is None


# ---- steps that change state -------------------------------------------------------------------
def training(size=3, **options):
    p = nn.Parameter(gradc.ones(size))
    optimizer = optim.SGD([p], **{"lr": 0.5, **options})

    def step(x):
        optimizer.zero_grad()
        loss = (p * x).sum()
        loss.backward()
        optimizer.step()
        return loss

    return p, optimizer, step


def test_hyper_parameters_are_read_at_each_call():
    p, optimizer, step = training()
    zero = gradc.zeros(3)
    compiled = warmed(step, zero)
    rates = [0.25, 1, np.float64(0.5), np.float32(2.0), True, 0.125]
    for rate in rates:
        optimizer.param_groups[0]["lr"] = rate
        assert is_like_the_last(compiled, zero)
    values = [p.tolist()[0]]
    for rate in rates:
        optimizer.param_groups[0]["lr"] = rate
        compiled(gradc.ones(3))
        values.append(p.tolist()[0])
    assert [b - a for a, b in pairwise(values)] == [-float(rate) for rate in rates]
    optimizer.param_groups[0]["lr"] = "fast"
    with pytest.raises(ValueError, match="could not convert string to float"):
        compiled(zero)


def test_gradients_that_others_hold_are_not_written_over():
    p, _, step = training()
    compiled = warmed(step, gradc.zeros(3))
    held = []
    for i in range(5):
        compiled(gradc.ones(3) * i)
        held.append(p.grad)
        held.append(p.grad.detach())
        held.append(p.grad.numpy()[:1])
    assert [g.tolist()[0] for g in held] == [i // 3 for i in range(15)]
    held.clear()
    compiled(gradc.ones(3))
    compiled(gradc.ones(3))
    assert is_like_the_last(compiled, gradc.ones(3) * 9)
    assert p.grad.tolist() == [9.0] * 3


def test_two_ways_into_one_step_see_the_gradients_that_the_other_made():
    p, _, step = training()
    compiled = gradc.compile(step)
    held = []
    for i in range(24):
        x = np.full(3, i, "f")
        compiled(x if i % 4 < 2 else gradc.from_numpy(x))
        if i % 3 == 0:
            held.append((i, p.grad))
    assert count(compiled) == 1
    assert len(next(iter(compiled.programs.values()))[0].shortcuts) == 2
    assert [g.tolist() for _, g in held] == [[float(i)] * 3 for i, _ in held]
    assert p.tolist() == [1 - 0.5 * sum(range(24))] * 3


@pytest.mark.parametrize(
    "change",
    [
        lambda p: setattr(p, "grad", None),
        lambda p: setattr(p, "grad", gradc.ones(3) * 100),
        lambda p: (p * 1000).sum().backward(),
        lambda p: setattr(p, "data", p.detach().clone()),
        lambda p: p.data.mul_(1.0),
        lambda p: p.register_hook(lambda g: g * 1),
    ],
)
def test_a_parameter_changed_between_calls(change):
    found = []
    for compiled in (False, True):
        p, _, step = training(momentum=0.5)
        run = gradc.compile(step) if compiled else step
        for i in range(12):
            if i % 4 == 3:
                change(p)
            run(gradc.ones(3) * (i % 3))
        found.append((p.tolist(), p.grad.tolist()))
    assert found[0] == found[1]


def test_options_that_choose_operations():
    found = []
    for compiled in (False, True):
        p, optimizer, step = training(momentum=0.5)
        run = gradc.compile(step) if compiled else step
        for i in range(12):
            optimizer.param_groups[0]["maximize"] = i % 4 == 3
            run(gradc.ones(3))
        found.append(p.tolist())
    assert found[0] == found[1]


def test_changes_are_counted():
    p, _, step = training()
    compiled = warmed(step, gradc.ones(3))
    before = p._version
    product = p * p
    assert is_like_the_last(compiled, gradc.ones(3))
    assert p._version == before + 1
    with pytest.raises(InplaceError):
        product.sum().backward()


def test_an_argument_in_memory_that_changes_is_refused():
    p, _, step = training()
    compiled = warmed(step, gradc.ones(3))
    for bad in (p.data, p.detach()):
        with pytest.raises(TraceError, match="shares memory with a tensor"):
            compiled(bad)
    pair = gradc.ones(4)
    q = nn.Parameter(pair[1:])

    @gradc.compile
    def change(x):
        with gradc.no_grad():
            q.add_(x)

    for _ in range(3):
        change(gradc.ones(3))
    with pytest.raises(TraceError, match="shares memory with a tensor"):
        change(pair[:3])
    assert q.tolist() == [4.0] * 3


def test_long_programs_take_the_short_way_too():
    p, _, step = training(size=2_000_000)
    x = gradc.ones(2_000_000)
    compiled = warmed(step, x)
    assert not next(iter(compiled.programs.values()))[0].code.brief
    for _ in range(3):
        compiled(x)
    assert p.tolist()[::100_000] == [1 - 7 * 0.5] * 20


# ---- threads -----------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [1, 400, 2_000_000])
def test_python_threads_call_one_program(size):
    compiled = warmed(lambda x: (x * 2 + 1, x.sum()), gradc.ones(size))
    wrong = []

    def work(number):
        x = gradc.ones(size) * number
        for _ in range(400 if size < 1000 else 5):
            y, total = compiled(x)
            if y.numpy()[-1] != number * 2 + 1 or total.item() != number * size:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []


def test_python_threads_take_steps_of_one_model():
    p, _, step = training(lr=1.0)
    compiled = warmed(step, gradc.zeros(3))

    def work():
        for i in range(200):
            compiled(gradc.ones(3) if i % 2 else gradc.ones(6)[::2])

    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert p.tolist() == [1.0 - 600] * 3
