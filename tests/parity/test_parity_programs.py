"""Small programs that once gave wrong results when compiled, against eager runs and PyTorch."""

import numpy as np
import pytest

import gradc

torch = pytest.importorskip("torch")

rng = np.random.default_rng(5)
MATRIX = rng.standard_normal((4, 5))
INDEX = rng.integers(0, 5, (4, 5))


def gather_in_the_row_that_computes_it(lib, x):
    """The gathered values must be complete before the first of them is read."""
    y = x * x
    return y, (y.gather(1, lib.tensor(INDEX)) * x).sum(1)


def one_element_read_by_a_loop_that_overwrites_it(lib, a, b):
    """Element 0 of an adjoint is read for all others while its memory gets another adjoint."""
    v = a - a + 0.01
    v = v / lib.clamp(v.norm(), min=1e-12)
    y = lib.maximum(v.scatter_add(0, lib.tensor([0, 0]), a), (b + a * a * 0.3).flip(0).roll(-1, 0))
    return (y * (y > 0),)


def long_index_inside_a_choice(lib, x):
    """Nothing is read for the branch of a concatenation that is not taken."""
    picked = x[lib.tensor([0, 1, 0]), lib.tensor([3, 0, -1])]
    return (lib.cat([picked, picked], 0),)


PROGRAMS = [
    (gather_in_the_row_that_computes_it, MATRIX),
    (one_element_read_by_a_loop_that_overwrites_it, np.array([-0.2, 0.4]), np.array([-1.5, 1.8])),
    (long_index_inside_a_choice, MATRIX),
]


def run(lib, program, arrays, *, compiled=False):
    """Return results and the gradients of the inputs."""

    def whole(*xs):
        results = program(lib, *xs)
        sum((r * (1.0 + i)).sum() for i, r in enumerate(results)).backward()
        return [r.detach() for r in results]

    xs = [lib.tensor(a, requires_grad=True) for a in arrays]
    results = (gradc.compile(whole) if compiled else whole)(*xs)
    return [r.numpy() for r in results] + [x.grad.numpy() for x in xs]


@pytest.mark.parametrize("case", PROGRAMS, ids=lambda case: case[0].__name__)
def test_program(case):
    program, *arrays = case
    expected = run(torch, program, arrays)
    for got in (run(gradc, program, arrays), run(gradc, program, arrays, compiled=True)):
        for g, e in zip(got, expected, strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-12, atol=1e-14)
