"""Sorts on a GPU: ranks of short rows, runs in shared memory, merging passes."""

import numpy as np
import pytest
from emit_cuda import check, cuda_text, in_lanes
from emit_programs import Program

from gradc.build.cuda import load_cuda, ptx_of
from gradc.ir.dtype import bool_, float32, float64, int32, int64, uint8
from gradc.ir.graph import TensorType
from gradc.schedule import sorts


def program(shape, dtype, *, descending=False):
    b = Program("p")
    x = b.input(TensorType(shape, dtype), "x")
    return b.finish(b.op("sort", x, axis=1, descending=descending))


def values(shape, dtype):
    rng = np.random.default_rng(2)
    x = rng.integers(-20, 20, shape)  # many are equal
    if dtype is bool_:
        return x > 0
    if not dtype.is_floating_point:
        return np.abs(x)
    x = x.astype(dtype.numpy)
    x[0, ::7], x[-1, 3], x[-1, 5], x[0, 1] = np.nan, np.inf, -np.inf, -0.0
    return x


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("columns", [9, 33, 64, 200, 2048, 2049, 5000])
def test_numbers(columns, descending):
    check(program((3, columns), float32, descending=descending), [values((3, columns), float32)])


@pytest.mark.parametrize("dtype", [bool_, uint8, int32, int64, float64])
def test_types(dtype):
    check(program((2, 1500), dtype), [values((2, 1500), dtype)])


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
@pytest.mark.parametrize("columns", [9, 40, 130])
def test_the_order_of_lanes_does_not_matter(columns, order, monkeypatch):
    monkeypatch.setattr(sorts, "SHARED", 64)
    x = values((2, columns), float32)
    check(program((2, columns), float32, descending=True), [x], launch=in_lanes(order))


def test_passes_and_scratch():
    assert sorts.run_of(32, 4) == 0
    assert sorts.run_of(33, 4) == 64
    assert sorts.run_of(100_000, 4) == 2048
    assert sorts.run_of(100_000, 8) == 1024
    assert sorts.merges(5000, 2048) == (2048, 4096)
    assert sorts.merges(2048, 2048) == ()
    plan, emitted = cuda_text(program((3, 5000), float32))
    assert plan.memory.arena_bytes >= 3 * 5000 * 12
    assert "sort_ascending[9, 256](x, ordered, ordered_1)" in emitted.source
    assert "merge_2048[59, 256](ordered, ordered_1, merged, places)" in emitted.source
    assert "merge_4096[59, 256](merged, places, ordered, ordered_1)" in emitted.source


def test_shared_memory_is_that_of_every_gpu():
    for dtype in (float32, float64):
        _, emitted = cuda_text(program((3, 5000), dtype))
        text = ptx_of(emitted.source, "test", "sm_80")
        assert ".local" not in text
        sizes = [
            int(line.split("[")[1].rstrip("];"))
            for line in text.splitlines()
            if ".b8 shared" in line
        ]
        assert 0 < sum(sizes) <= 48 << 10


@pytest.mark.cuda_compile
@pytest.mark.parametrize("dtype", [float32, int64])
def test_cubins(dtype):
    pytest.importorskip("cuda.bindings")
    _, emitted = cuda_text(program((3, 5000), dtype, descending=True))
    assert load_cuda(emitted.source, "test", "sm_90").cubin.startswith(b"\x7fELF")
