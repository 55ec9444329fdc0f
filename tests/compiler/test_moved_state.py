"""Between two calls `.grad`s change owners and memory, and values change without being unequal."""

import math

import numpy as np
import pytest

import gradc
from gradc.errors import DTypeError, ShapeError


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache") / "gradc"))
        yield


def leaf(*values):
    return gradc.tensor(values, requires_grad=True)


def accumulating(w):
    @gradc.compile
    def step(x):
        loss = (w * x).sum()
        loss.backward()
        return loss

    return step


# ---- gradients ---------------------------------------------------------------------------------
def swap(v, w):
    v.grad, w.grad = w.grad, v.grad


def share(v, w):
    w.grad = v.grad


def move(v, w):
    v.grad, w.grad = None, v.grad


@pytest.mark.parametrize("change", [swap, share, move])
def test_gradients_that_have_changed_owners_are_not_written_over(change):
    v, w = leaf(1.0, 2.0), leaf(3.0, 4.0)

    @gradc.compile
    def step(x):
        v.grad = w.grad = None
        ((v + 10 * w) * x).sum().backward()

    x = gradc.ones(2)
    for i in range(12):
        step(x * i)
        assert v.grad.tolist() == [i] * 2
        assert w.grad.tolist() == [10 * i] * 2
        if i % 4 == 3:
            change(v, w)


def test_a_gradient_that_was_taken_away_is_made_anew():
    w = leaf(3.0)
    step, x = accumulating(w), gradc.ones(1)
    for _ in range(3):  # with and without a gradient before: two programs
        w.grad = None
        step(x)
        step(x)
    held = []
    for _ in range(4):
        w.grad = None
        step(x)
        held.append(w.grad)
    assert w.grad is held[-1]
    assert [g.tolist() for g in held] == [[1.0]] * 4


def test_gradients_are_added_where_they_lie_now():
    w = leaf(1.0, 2.0, 3.0)
    step, x = accumulating(w), gradc.ones(3)
    w.grad = gradc.ones(3, 2).T[0]
    step(x)
    step(x)
    w.grad.data = gradc.full((3,), 5.0)
    step(x)
    step(x)
    assert w.grad.tolist() == [7.0] * 3


@pytest.mark.parametrize("other", [gradc.zeros(1), gradc.zeros(4), gradc.zeros(3).double()])
def test_a_gradient_of_another_type_is_not_written_to(other):
    w = leaf(1.0, 2.0, 3.0)
    step = accumulating(w)
    for _ in range(3):
        step(gradc.ones(3))
    before = other.tolist()
    w.grad.data = other
    with pytest.raises((ShapeError, DTypeError)):
        step(gradc.ones(3))
    assert other.tolist() == before


def test_captured_views_are_read_where_they_lie_now():
    pair, w = gradc.arange(6.0), leaf(0.0, 0.0, 0.0)
    w.data = pair[:3]
    read = gradc.compile(lambda: (w * 1).detach())
    for _ in range(3):
        assert read().tolist() == [0.0, 1.0, 2.0]
    w.data = pair[3:]
    assert read().tolist() == [3.0, 4.0, 5.0]


# ---- values ------------------------------------------------------------------------------------
def test_zeros_have_signs_and_nans_are_alike():
    divided = gradc.compile(lambda x, y: x / y, on_recompile="warn")
    one = gradc.ones(1)
    for _ in range(3):
        assert divided(one, 0.0).tolist() == [math.inf]
    with pytest.warns(UserWarning, match="compiled again"):
        assert divided(one, -0.0).tolist() == [-math.inf]
    assert divided(one, 0.0).tolist() == [math.inf]
    with pytest.warns(UserWarning, match="compiled again"):
        divided(one, math.nan)
    for _ in range(3):
        assert math.isnan(divided(one, float("nan")).item())


def test_values_around_a_function_are_compared_with_their_types():
    value = 0.0
    divided = gradc.compile(lambda x: x / gradc.tensor(value))
    one = gradc.ones(1)
    assert divided(one).tolist() == [math.inf]
    value = -0.0
    assert divided(one).tolist() == [-math.inf]
    value = (1, 2)
    assert divided(one).dtype is gradc.float32
    made = gradc.compile(lambda: gradc.tensor(value) * 1)
    assert made().dtype is gradc.int64
    value = (1.0, 2.0)
    assert made().dtype is gradc.float32


def test_attributes_of_modules_have_signs():
    class Divided(gradc.nn.Module):
        by = 1.0

        def forward(self, x):
            return x / self.by

    module = Divided()
    module.by = 0.0
    run = gradc.compile(module)
    assert run(gradc.ones(1)).tolist() == [math.inf]
    module.by = -0.0
    assert run(gradc.ones(1)).tolist() == [-math.inf]


def test_the_default_dtype_is_guarded():
    made = gradc.compile(lambda: gradc.zeros(2) + 1)
    for _ in range(3):
        assert made().dtype is gradc.float32
    gradc.set_default_dtype(gradc.float64)
    try:
        assert made().dtype is gradc.float64
    finally:
        gradc.set_default_dtype(gradc.float32)
    assert made().dtype is gradc.float32


def test_calls_that_fail_leave_nothing_behind():
    run = gradc.compile(lambda x: x + 1)
    for _ in range(3):
        with pytest.raises(TypeError):
            run(object())
    assert not run.programs
    assert run(np.ones(1, "f")).tolist() == [2.0]


# ---- objects -----------------------------------------------------------------------------------
class Holder:
    __slots__ = ("_own", "held")

    def __init__(self, held):
        self.held = self._own = held

    @property
    def own(self):
        return self._own


@pytest.mark.parametrize(
    ("read", "change"),
    [
        (lambda o: lambda x: x * o.held.held.held, lambda o: setattr(o.held.held, "held", 5.0)),
        (lambda o: lambda x: x * o.held.held.own, lambda o: setattr(o.held.held, "_own", 5.0)),
        (lambda o: lambda x: x * o.held.held.held, lambda o: setattr(o.held, "held", Holder(5.0))),
        (
            lambda o: lambda x: x * o.held.held.held,
            lambda o: setattr(o.held.held, "held", gradc.tensor(5.0)),
        ),
    ],
)
def test_objects_in_objects(read, change):
    holder = Holder(Holder(Holder(2.0)))
    scaled = gradc.compile(read(holder))
    for _ in range(3):
        assert scaled(gradc.ones(1)).tolist() == [2.0]
    change(holder)
    assert scaled(gradc.ones(1)).tolist() == [5.0]


def test_results_under_inference_mode_are_inference_tensors():
    w = gradc.ones(3, requires_grad=True)
    compiled = gradc.compile(lambda x: (x * w, x + 1))
    x = gradc.ones(3)
    for mode, inference in ((gradc.no_grad, False), (gradc.inference_mode, True)) * 3:
        with mode():
            for _ in range(3):  # the second call and the third go other ways
                assert [t.is_inference() for t in compiled(x)] == [inference] * 2
