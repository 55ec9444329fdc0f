"""Whole programs, and kernels whose threads work together, as a GPU would run them."""

import emit_programs
import numpy as np
import pytest
import test_cuda_running
import test_cuda_sorts
from emit_ptx import check
from ptx.schedule import ORDERS, Order
from test_attention_kernels import program as attention
from test_cuda_attention import SIZES
from test_cuda_emitted_programs import PROGRAMS
from test_random_graphs import Maker

from gradc.ir.dtype import float32
from gradc.ir.evaluate import evaluate


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name, order):
    graph = PROGRAMS[name]()
    check(graph, emit_programs.arrays(graph), order=Order(order), rtol=2e-4, atol=1e-5)


def test_rows_of_a_block_and_sums_in_parts():
    graph = emit_programs.softmax_cross_entropy(64, 2000)
    check(graph, emit_programs.arrays(graph), order=Order("backwards"), rtol=2e-4, atol=1e-5)
    graph = emit_programs.mlp_step(64, 48, 40, 10)
    check(graph, emit_programs.arrays(graph), order=Order("shuffled"), rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("order", ["together", "backwards"])
@pytest.mark.parametrize(("columns", "descending"), [(20, True), (300, False), (5000, True)])
def test_sorts(columns, descending, order):
    graph = test_cuda_sorts.program((2, columns), float32, descending=descending)
    check(graph, [test_cuda_sorts.values((2, columns), float32)], order=Order(order))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("shape", "axis"), [((3, 700), 1), ((60, 40), 0), ((40_000,), 0)])
def test_running_sums(shape, axis, order):
    graph = test_cuda_running.program(shape, axis)
    check(graph, test_cuda_running.arrays(graph), order=Order(order), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("size", "mask", "order"),
    [
        (SIZES[1], "bool", "together"),
        pytest.param(SIZES[2], "float", "backwards", marks=pytest.mark.slow),
        pytest.param(SIZES[0], "", "shuffled", marks=pytest.mark.slow),
        pytest.param(SIZES[3], "bool", "forwards", marks=pytest.mark.slow),
        pytest.param(SIZES[5], "float", "shuffled", marks=pytest.mark.slow),
    ],
)
def test_attention(size, mask, order):
    graph, arrays = attention(float32, size, causal=True, mask=mask)
    check(graph, arrays, order=Order(order), rtol=3e-5, atol=3e-5)


@pytest.mark.parametrize("seed", range(3))
def test_random_programs(seed):
    for s in range(10 * seed, 10 * seed + 3):
        graph, arrays = Maker(s).make()
        with np.errstate(all="ignore"):
            outputs, updated = evaluate(graph, arrays)
        if all(np.isfinite(a).all() and (np.abs(a) < 1e8).all() for a in (*outputs, *updated)):
            check(graph, arrays, order=Order("shuffled", s))
