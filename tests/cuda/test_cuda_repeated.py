"""Numbers and small operands are read where they lie: no array of the repeated elements is made."""

from __future__ import annotations

import numpy as np
import pytest

import gradc
from gradc.compiler import cuda_eager
from gradc.devices.driver import driver
from gradc.devices.eager import set_eager
from gradc.devices.repeated import KEPT, Repeated, forget_numbers

ON_REAL_DEVICES = True
A = np.arange(6, dtype="f").reshape(2, 3)


@pytest.fixture(autouse=True)
def kernels(emulated, where):
    if where == "emulated":
        set_eager(cuda_eager.run)


@pytest.fixture
def x():
    return gradc.tensor(A, device="cuda")


def pieces(work):
    """Return how many pieces of memory `work` takes when it is done again, and its result."""
    work()
    before = driver().statistics.made
    result = work()
    return driver().statistics.made - before, result


OPERATIONS = {
    "a number": (lambda x, b: x * 2.5 + 1, lambda x, b: x * 2.5 + 1, 2),
    "a row": (lambda x, b: x + b, lambda x, b: x + b, 1),
    "a column": (lambda x, b: x - x[:, :1] * b, lambda x, b: x - x[:, :1] * b, 3),
    "all of them small": (
        lambda x, b: b.expand(4, 2, 3) * b[:1].expand(4, 2, 3),
        lambda x, b: np.broadcast_to(b * b[:1], (4, 2, 3)),
        2,
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_only_results_take_memory(name, x):
    ours, numpys, count = OPERATIONS[name]
    b = np.array([1.0, 10.0, 100.0], "f")
    theirs = gradc.tensor(b, device="cuda")
    made, result = pieces(lambda: ours(x, theirs))
    np.testing.assert_allclose(result.cpu().numpy(), numpys(A, b), rtol=1e-6)
    assert made == count


def test_whoever_asks_gets_all_the_elements(x):
    row = gradc.tensor([1.0, 2.0, 3.0], device="cuda")
    wide = row.expand(2, 3)
    full = np.broadcast_to(np.array([1, 2, 3], "f"), (2, 3))
    np.testing.assert_array_equal(wide.cpu().numpy(), full)
    np.testing.assert_array_equal((wide @ x.t()).cpu().numpy(), full @ A.T)
    np.testing.assert_array_equal(wide.sum(1).cpu().numpy(), [6, 6])
    np.testing.assert_array_equal(wide.expand(4, 2, 3)[3, 1].cpu().numpy(), [1, 2, 3])
    np.testing.assert_array_equal(wide.contiguous().view(6).cpu().numpy(), full.ravel())
    assert gradc.compile(lambda w: w.sum() + w[1, 2])(wide).item() == 15.0
    row.add_(1)
    np.testing.assert_array_equal(wide.cpu().numpy(), full + 1)


def test_views_see_what_a_program_has_changed(x):
    row = gradc.zeros(3, device="cuda")

    @gradc.compile
    def add():
        row.add_(1)

    wide = row.expand(2, 3)
    results = []
    for _ in range(3):
        add()
        results.append((x + wide).cpu().numpy())
    for i, result in enumerate(results, 1):
        np.testing.assert_array_equal(result, A + i)


def test_what_is_saved_for_backward_is_guarded():
    row = gradc.ones(3, device="cuda")
    w = gradc.tensor(A, device="cuda", requires_grad=True)

    @gradc.compile
    def add():
        row.add_(1)

    y = (w * row).sum()
    add()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_a_gradient_that_repeats_has_elements_of_its_own():
    w = gradc.tensor(A, device="cuda", requires_grad=True)
    seed = gradc.tensor(2.0, device="cuda")
    w.sum().backward(seed)
    seed.fill_(9.0)
    (w * 0 + 3.0).sum().backward()
    np.testing.assert_array_equal(w.grad.cpu().numpy(), np.full((2, 3), 2.0))
    w.grad.add_(1)
    np.testing.assert_array_equal(w.grad.cpu().numpy(), np.full((2, 3), 3.0))


def test_numbers_keep_their_sign_and_kind(x):
    for value in (0.0, -0.0, float("nan"), float("inf"), 1e-45, 7):
        with np.errstate(all="ignore"):
            expected = np.copysign(A, value) if value == value else A * value
        found = gradc.copysign(x, value) if value == value else x * value
        np.testing.assert_array_equal(found.cpu().numpy(), expected)
    whole = gradc.tensor([1, 2], device="cuda")
    assert (whole + 2**40).tolist() == [1 + 2**40, 2 + 2**40]
    assert (whole > 1).tolist() == [False, True]


def test_numbers_are_kept_up_to_a_limit_and_given_back(x):
    forget_numbers()
    live = driver().statistics.live
    for i in range(KEPT + 50):
        x + float(i)
    assert driver().statistics.live == live + KEPT
    gradc.cuda.empty_cache()
    assert driver().statistics.live == live


def test_a_repeated_array_tells_what_it_is(x):
    content = gradc.ones(3, device="cuda").expand(2, 3)._data
    assert type(content) is Repeated
    assert (content.shape, content.size, content.nbytes, content.index) == ((2, 3), 6, 24, 0)
    assert "shape=(2, 3)" in repr(content)
    assert content.source.shape == (3,)
    assert content.address == content.memory.address != content.source.address
