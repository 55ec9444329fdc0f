"""Random programs as CUDA text, against the evaluator: whoever runs first, and compiled."""

import numpy as np
import pytest
from emit_cuda import check, in_lanes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_random_graphs import Maker

from gradc.ir.evaluate import evaluate

FORWARD, BACKWARD = in_lanes((0, 1, 2)), in_lanes((2, 1, 0))


def run(seed, *launches):
    graph, arrays = Maker(seed).make()
    with np.errstate(all="ignore"):
        outputs, updated = evaluate(graph, arrays)
    # sums that nearly overflow or cancel say nothing about the generated text
    if all(np.isfinite(a).all() and (np.abs(a) < 1e8).all() for a in (*outputs, *updated)):
        for launch in launches:
            check(graph, arrays, rtol=1e-7, atol=1e-9, **launch)


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(st.integers(0, 10**6))
def test_random_programs_in_lanes_that_take_turns(seed):
    run(seed, {"launch": FORWARD}, {"launch": BACKWARD})


@pytest.mark.parametrize("seed", range(4))
def test_compiled_text_of_random_programs(seed):
    run(seed, {})


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 1100, 10))
def test_many_random_programs(seed):
    for s in range(seed, seed + 10):
        run(s, {"launch": FORWARD}, {"launch": BACKWARD})
    run(seed, {})
