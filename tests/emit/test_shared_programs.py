"""Programs shared by threads: right, and the same to the last bit, whoever runs first."""

import emit_programs
import numpy as np
import pytest
from emit_team import outcomes, share_everything
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from test_random_graphs import Maker

from gradc.ir.dtype import float32
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import TensorType
from gradc.schedule import product_tiles, spread
from gradc.schedule.plan import Product
from gradc.schedule.share import Way

# Missing meetings show when one thread is far ahead of the others.
ORDERS = ([0], [0, 1], [1, 0], [0, 1, 2], [2, 1, 0])


def agree(graph, arrays, rtol, atol):
    with np.errstate(all="ignore"):
        outputs, updated = evaluate(graph, arrays)
    expected = [*outputs, *updated]
    if not all(np.isfinite(a).all() and (np.abs(a) < 1e8).all() for a in expected):
        return None
    plan, emitted, (one, *others) = outcomes(graph, arrays, ORDERS)
    place = {v: len(graph.outputs) + i for i, v in enumerate(graph.inputs)}
    found = [*one[: len(graph.outputs)], *(one[place[old]] for old, _ in graph.updates)]
    for want, got in zip(expected, found, strict=True):
        np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)
    for order, other in zip(ORDERS[1:], others, strict=True):
        for a, b in zip(one, other, strict=True):
            assert a.tobytes() == b.tobytes(), f"{order}\n{emitted.source}"
    return plan, emitted


@pytest.mark.parametrize("name", ["mlp_step", "softmax_cross_entropy", "neuron"])
def test_known_programs_are_the_same_for_any_order(name, monkeypatch):
    share_everything(monkeypatch)
    graph = getattr(emit_programs, name)()
    agree(graph, emit_programs.arrays(graph), 2e-4, 1e-5)


def test_products_cut_by_columns_and_copies_of_rows(monkeypatch):
    share_everything(monkeypatch)
    for module, name, value in (
        (product_tiles, "CACHED", 2**8),
        (product_tiles, "ALIASED", 64),
        (product_tiles, "PANEL_TERMS", 48),
        (product_tiles, "FEW", 1),
        (spread, "EVEN", 1),
    ):
        monkeypatch.setattr(module, name, value)
    b = emit_programs.Program("layers")
    x, v, w = (
        b.input(TensorType(shape, float32), name)
        for shape, name in (((16, 64), "x"), ((128, 64), "v"), ((128, 128), "w"))
    )
    first = b.op("dot", x, v, contract=((1,), (1,)), batch=((), ()))
    hidden = b.op("relu", first)
    last = b.op("dot", hidden, w, contract=((1,), (0,)), batch=((), ()))
    change = b.op("dot", last, hidden, contract=((0,), (0,)), batch=((), ()))
    graph = b.finish((first, last, change))
    made = agree(graph, emit_programs.arrays(graph), 1e-3, 1e-3)
    assert made is not None
    plan, emitted = made
    ways = [k.share.way for k in plan.kernels if isinstance(k.work, Product)]
    assert ways == [Way.COLUMNS, Way.COLUMNS, Way.ROWS]
    assert "pack(strips[" in emitted.source


@settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
@given(st.integers(0, 2**32 - 1))
@example(10722)  # a number was overwritten in place before all threads had read it
@example(11794)  # scratch of a sort lay where another thread still read
def test_random_programs_are_the_same_for_any_order(seed):
    with pytest.MonkeyPatch.context() as patch:
        share_everything(patch)
        graph, arrays = Maker(seed).make()
        agree(graph, arrays, 1e-7, 1e-9)
