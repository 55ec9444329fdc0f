"""Random numbers: seeds, states, ranges and moments."""

import numpy as np
import pytest

import gradc
from gradc.errors import GradcError

N = 20_000


@pytest.fixture(autouse=True)
def seeded():
    gradc.manual_seed(11)


def test_seeds_and_states():
    gradc.manual_seed(5)
    a = gradc.rand(3)
    state = gradc.get_rng_state()
    b = gradc.rand(3)
    assert a.tolist() != b.tolist()
    gradc.set_rng_state(state)
    assert gradc.rand(3).tolist() == b.tolist()
    gradc.manual_seed(5)
    assert gradc.rand(3).tolist() == a.tolist()
    assert gradc.initial_seed() == 5
    own = gradc.Generator().manual_seed(5)
    assert gradc.rand(3, generator=own).tolist() == a.tolist()
    assert gradc.Generator().manual_seed(2**64 - 1).initial_seed() == 2**64 - 1
    assert gradc.seed() == gradc.initial_seed()


MOMENTS = {
    "rand": (lambda: gradc.rand(N), 0.5, 1 / 12),
    "rand_double": (lambda: gradc.rand(N, dtype=gradc.float64), 0.5, 1 / 12),
    "randn": (lambda: gradc.randn(N), 0.0, 1.0),
    "randn_double": (lambda: gradc.randn(N, dtype=gradc.float64), 0.0, 1.0),
    "normal": (lambda: gradc.normal(2.0, 3.0, (N,)), 2.0, 9.0),
    "normal_": (lambda: gradc.empty(N).normal_(1.0, 0.5), 1.0, 0.25),
    "uniform_": (lambda: gradc.empty(N).uniform_(-1.0, 3.0), 1.0, 16 / 12),
    "exponential_": (lambda: gradc.empty(N).exponential_(2.0), 0.5, 0.25),
    "bernoulli": (lambda: gradc.bernoulli(gradc.full((N,), 0.3)), 0.3, 0.21),
    "bernoulli_": (lambda: gradc.empty(N).bernoulli_(0.7), 0.7, 0.21),
    "randint": (lambda: gradc.randint(-2, 3, (N,)).double(), 0.0, 2.0),
    "randint_wide": (lambda: gradc.randint(2**40, (N,)).double() / 2**40, 0.5, 1 / 12),
    "random_": (lambda: gradc.zeros(N, dtype=gradc.int64).random_(0, 2).double(), 0.5, 0.25),
    "multinomial": (
        lambda: gradc.multinomial(gradc.tensor([1.0, 0.0, 3.0]), N, True).double(), 1.5, 0.75
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MOMENTS)
def test_mean_and_variance(name):
    draw, mean, variance = MOMENTS[name]
    x = draw().numpy().astype(np.float64)
    assert x.mean() == pytest.approx(mean, abs=5 * (variance / N) ** 0.5)
    assert x.var() == pytest.approx(variance, rel=0.08)


def test_ranges():
    assert set(gradc.randint(3, (200,)).tolist()) == {0, 1, 2}
    x = gradc.rand(N)
    assert 0.0 <= x.min().item() < x.max().item() < 1.0
    assert sorted(gradc.randperm(100).tolist()) == list(range(100))
    picked = gradc.multinomial(gradc.ones(5, 4), 4)
    assert [sorted(row) for row in picked.tolist()] == [[0, 1, 2, 3]] * 5
    assert gradc.rand_like(gradc.zeros(2, 3, dtype=gradc.float64)).dtype is gradc.float64
    assert gradc.randn(2, requires_grad=True).requires_grad


FAILURES = {
    "rand_int": (lambda: gradc.rand(2, dtype=gradc.int64), "rand: expected a floating dtype"),
    "uniform": (
        lambda: gradc.empty(2).uniform_(1, 0),
        "uniform_ expects to return a [from, to) range, but found from=1 > to=0",
    ),
    "normal": (lambda: gradc.empty(2).normal_(0, -1), "normal_ expects std >= 0.0"),
    "randint": (lambda: gradc.randint(3, 3, (2,)), "randint: expects 'from' to be less than 'to'"),
    "randperm": (lambda: gradc.randperm(-1), "randperm: n must be non-negative, got -1"),
    "seed": (lambda: gradc.manual_seed("x"), "manual_seed expected a long, but got str"),
    "state": (lambda: gradc.set_rng_state(gradc.zeros(3)), "set_state: expected the result of"),
    "multinomial": (
        lambda: gradc.multinomial(gradc.ones(2), 3),
        "multinomial: cannot sample n_sample > prob_dist.size(-1)",
    ),
    "leaf": (
        lambda: gradc.ones(2, requires_grad=True).normal_(),
        "normal_: a leaf Variable that requires grad",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_messages(name):
    f, expected = FAILURES[name]
    with pytest.raises(GradcError) as caught:
        f()
    assert str(caught.value).startswith(expected)
    assert "test_random.py:" in str(caught.value)
