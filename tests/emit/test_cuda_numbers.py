"""Numbers of many parameters are computed side by side; their updates read four at once."""

import re

import pytest
from emit_cuda import check, cuda_text, in_lanes
from emit_programs import Program

from gradc.build.cuda import ptx_of
from gradc.ir.dtype import float32, float64
from gradc.ir.graph import Role, Section, TensorType

NUMBER = TensorType((), float64)


def steps(sizes, *, exchanged=False):
    """Parameters that shrink by a power of their own counts, which are counted on."""
    b = Program("update")
    b.section = Section.UPDATE
    beta = b.input(NUMBER, "beta")
    updates = []
    for i, size in enumerate(sizes):
        p, count = b.input(TensorType((size,), float32), f"p{i}"), b.input(NUMBER, f"count{i}")
        b.graph.roles |= {p: Role.PARAMETER, count: Role.STATE}
        after = b.op("add", count, b.full(NUMBER, 1))
        scale = b.cast(b.op("sub", b.full(NUMBER, 1), b.op("pow", beta, after)), float32)
        updates += [(p, b.op("mul", p, b.broadcast(scale, p.shape))), (count, after)]
    if exchanged:
        (first, after), (second, other) = updates[1], updates[3]
        updates[1], updates[3] = (first, other), (second, after)
    graph = b.finish(())
    graph.updates = tuple(updates)
    return graph


def given(graph):
    return [0.9 if v.name == "beta" else 3.0 + i for i, v in enumerate(graph.inputs)]


def arrays(graph):
    return [
        [x] * v.type.size if v.shape else x for v, x in zip(graph.inputs, given(graph), strict=True)
    ]


@pytest.mark.parametrize("launch", [None, in_lanes((0,))], ids=["compiled", "interpreted"])
def test_those_of_many_parameters_are_one_launch(launch):
    graph = steps([5, 300, 8, 2000])
    how = {} if launch is None else {"launch": launch}
    _, emitted = check(graph, arrays(graph), rtol=1e-6, **how)
    assert "# numbers, by one thread for each of 4 sets of arrays" in emitted.source
    assert "sizes=(1,) * 4" in emitted.source
    assert re.search(r"numbers\[4, 1\]\(\s+count0,", emitted.source)


def test_memory_that_another_set_reads_is_not_written():
    graph = steps([5, 300, 8], exchanged=True)
    _, emitted = check(graph, arrays(graph), rtol=1e-6)
    assert "for each of" not in emitted.source


def test_one_launch_has_not_too_many_arrays():
    graph = steps([4] * 150)
    _, emitted = check(graph, arrays(graph), rtol=1e-6)
    launched = [int(n) for n in re.findall(r"numbers\w*\[(\d+), 1\]", emitted.source)]
    assert sum(launched) == 150
    assert max(launched) * 4 <= 400


@pytest.mark.parametrize("count", [2, 3, 13, 64])
def test_updates_read_neighbours_at_once(count):
    _, emitted = cuda_text(steps([64 * i + 3 for i in range(1, count + 1)]))
    text = ptx_of(emitted.source, "test", "sm_90")
    (kernel,) = [k for k in text.split(".visible .entry ")[1:] if "st.global.v4" in k]
    assert re.search(r"ld\.global(\.nc)?\.v4", kernel)
