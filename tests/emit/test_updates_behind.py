"""Updates behind the products that make their gradients: where they may be, and the results."""

import emit_programs
import pytest
from emit_team import share_everything
from test_shared_programs import agree

from gradc.ir.dtype import float32
from gradc.ir.graph import Section, TensorType
from gradc.schedule import behind, product_tiles
from gradc.schedule.make import schedule
from gradc.schedule.plan import Product


@pytest.fixture
def small(monkeypatch):
    """Let small operands be large ones."""
    share_everything(monkeypatch)
    monkeypatch.setattr(product_tiles, "CACHED", 2**8)
    monkeypatch.setattr(product_tiles, "ALIASED", 64)
    monkeypatch.setattr(behind, "CACHED", 2**8)


def test_an_update_follows_its_product_block_by_block(small):
    graph = emit_programs.mlp_step(rows=48, inputs=64, hidden=64)
    made = agree(graph, emit_programs.arrays(graph), 2e-4, 1e-5)
    assert made is not None
    plan, emitted = made
    pairs = [(plan.kernels[i], plan.kernels[i + 1]) for i in sorted(plan.together)]
    assert [p.values[0].type.shape for p, _ in pairs] == [(64, 64), (64, 64)]
    for product, update in pairs:
        assert isinstance(product.work, Product)
        assert product.values[0] in update.reads
        assert (product.section, update.section) == (Section.BACKWARD, Section.UPDATE)
    assert emitted.source.count("elements(chunk, 64)") == 2
    loop = emitted.source.index("for chunk in chunks(")
    assert loop < emitted.source.index("t_matmul_tiles", loop) < emitted.source.index("adam(", loop)
    assert emitted.source.count("---- update") == 1
    for i in plan.together:
        assert f", each before one of kernel {i + 1}" in plan.describe()


def weight_step(b, *, late):
    """A product, an update of w by it, and something else that reads w before or after."""
    x = b.input(TensorType((48, 64), float32), "x")
    w = b.input(TensorType((64, 64), float32), "w")
    hidden = b.op("dot", x, w, contract=((1,), (0,)))
    b.section = Section.BACKWARD
    other = None if late else b.op("dot", hidden, w, contract=((1,), (1,)))
    change = b.op("dot", x, hidden, contract=((0,), (0,)))
    if other is None:
        other = b.op("dot", change, w, contract=((1,), (1,)))
    b.section = Section.UPDATE
    new = b.op("sub", w, b.op("mul", change, b.full(change.type, 0.01)))
    graph = b.finish((other,))
    graph.updates = ((w, new),)
    return graph


@pytest.mark.parametrize("late", [False, True])
def test_a_weight_that_is_read_later_is_updated_later(small, late):
    graph = weight_step(emit_programs.Program("step"), late=late)
    made = agree(graph, emit_programs.arrays(graph), 2e-3, 1e-3)
    assert made is not None
    assert bool(made[0].together) is not late


def test_an_update_that_needs_all_gradients_stays_where_it_is(small):
    b = emit_programs.Program("step")
    x, w = (b.input(TensorType(s, float32), n) for s, n in (((48, 64), "x"), ((64, 64), "w")))
    b.section = Section.BACKWARD
    change = b.op("dot", x, x, contract=((0,), (0,)))
    b.section = Section.UPDATE
    norm = b.op("sum", b.op("mul", change, change), axes=(0, 1))
    scale = b.op("div", b.full(norm.type, 0.5), b.op("add", norm, b.full(norm.type, 1)))
    new = b.op("sub", w, b.op("mul", change, b.broadcast(scale, change.shape)))
    graph = b.finish((norm,))
    graph.updates = ((w, new),)
    made = agree(graph, emit_programs.arrays(graph), 2e-3, 1e-3)
    assert made is not None
    assert not made[0].together


def test_a_gradient_that_stays_in_the_cache_is_left_to_the_end():
    graph = emit_programs.mlp_step(rows=48, inputs=64, hidden=64)
    plan = schedule(graph)
    assert not plan.together
    sections = [list(Section).index(k.section) for k in plan.kernels if not k.is_scalar]
    assert sections == sorted(sections)
