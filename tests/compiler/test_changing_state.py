"""Python state that changes while a function is traced, or later: what compiles it anew."""

import warnings
from types import SimpleNamespace

import pytest

import gradc
from gradc import nn
from gradc.errors import TraceError

CALLS = 0


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache") / "gradc"))
        yield


def count(compiled):
    return sum(map(len, compiled.programs.values()))


class Counting(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0
        self.shapes = []
        self.first = None

    def forward(self, x):
        self.calls += 1
        self.shapes.append(x.shape)
        self.first = x[0]
        return x * 2.0


def test_what_only_counts_or_takes_notes_runs_while_tracing():
    model = Counting()
    step = gradc.compile(model)
    for _ in range(3):
        assert step(gradc.ones(2)).tolist() == [2.0, 2.0]
        model.calls += 10  # nothing that is compiled looks at it
        model.shapes.append(None)
    assert count(step) == 1
    assert (model.calls, model.shapes) == (31, [(2,), None, None, None])


def test_counters_of_every_kind_run_while_tracing(monkeypatch):
    monkeypatch.setitem(globals(), "CALLS", 0)
    calls, holder = 0, SimpleNamespace(calls=0, first=0)

    @gradc.compile
    def step(x):
        global CALLS
        nonlocal calls
        CALLS += 1
        calls -= 1
        holder.calls += x.shape[0]
        return x * 2.0

    for _ in range(3):
        assert step(gradc.ones(2)).tolist() == [2.0, 2.0]
    assert (CALLS, calls, holder.calls, count(step)) == (1, -1, 2, 1)


def test_a_first_call_may_differ_from_the_others():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.ready, self.scale = False, nn.Parameter(gradc.ones(1))

        def forward(self, x):
            if not self.ready:
                self.scale.data.copy_(x.mean())
                self.ready = True
            return x * self.scale

    eager, compiled = Scaled(), Scaled()
    step = gradc.compile(compiled)
    for i in range(3):
        x = gradc.full((2,), 3.0 + i)
        assert step(x).tolist() == eager(x).tolist() == [9.0 + 3 * i] * 2
    assert count(step) == 1


@pytest.mark.parametrize("kind", [nn.Module, object])
def test_what_changes_at_each_call_is_right_or_an_error(kind):
    class Growing(kind):
        def __init__(self):
            super().__init__()
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            return x * self.calls

    step = gradc.compile(Growing().forward)
    assert [step(gradc.ones(1)).item() for _ in range(2)] == [1.0, 2.0]
    with pytest.raises(TraceError) as error:
        step(gradc.ones(1))
    assert error.value.message == (
        "compile: forward depends on Growing.calls and changes it at each call"
    )
    assert error.value.hint == (
        "keep what changes in a tensor (register_buffer), or change it outside of the compiled "
        "function"
    )


def test_a_reason_to_compile_again_and_again_is_said_once():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = self.unread = 0.0

        def forward(self, x):
            return x * self.scale

    model = Scaled()
    step = gradc.compile(model)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(6):
            model.scale, model.unread = float(i), i
            assert step(gradc.ones(1)).item() == i
    assert [str(w.message) for w in caught] == [
        "compile: Scaled is compiled again, for signature number 4, because Scaled.scale changed; "
        "numbers that change belong into a tensor: gradc.tensor(number) as an argument"
    ]


def test_a_list_in_a_tuple_of_a_module_is_looked_into():
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.held = (1, [2.0], {"a": (3.0,)})

        def forward(self, x):
            return x * self.held[1][0] + self.held[2]["a"][0]

    model = Shifted()
    step = gradc.compile(model)
    seen = [step(gradc.ones(1)).item()]
    model.held[1][0] = 5.0
    seen.append(step(gradc.ones(1)).item())
    model.held[2]["a"] = (4.0,)
    seen.append(step(gradc.ones(1)).item())
    assert seen == [5.0, 8.0, 9.0]


def test_iterators_that_only_the_caller_advances_may_count():
    class Batches:
        def __next__(self, count=[0]):  # noqa: B006
            count[0] += 1
            return gradc.full((1,), count[0])

    class Trainer:
        def __init__(self):
            self.batches = Batches()

        def step(self, x):
            return x * (2.0 if self.batches else 1.0)

        def ahead(self, x):
            return x * next(self.batches)

    trainer = Trainer()
    step = gradc.compile(trainer.step)
    assert [step(next(trainer.batches)).item() for _ in range(3)] == [2.0, 4.0, 6.0]
    assert count(step) == 1
    ahead = gradc.compile(trainer.ahead)
    ahead(gradc.ones(1))
    next(trainer.batches)
    ahead(gradc.ones(1))
    assert count(ahead) == 2
