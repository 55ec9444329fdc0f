"""Products of all forms and sizes as generated kernels, for several processors, against NumPy."""

import numpy as np
import pytest
from emit_programs import Program
from emit_run import interpreted, tables

import gradc
from gradc.build import load
from gradc.emit.cpu import emit
from gradc.ir.dtype import float32, float64, int64
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import TensorType
from gradc.passes.pipeline import optimise
from gradc.runtime.blas import find_blas
from gradc.schedule import product_tiles
from gradc.schedule.make import schedule
from gradc.schedule.product_tiles import Sizes, choose
from gradc.schedule.registers import Registers, host_registers

FORMS = ("matmul", "matmul_t", "t_matmul", "t_matmul_t")
# rows, terms, columns: full tiles, remainders, single rows and columns, less than a register
SIZES = [
    (32, 24, 64),
    (13, 17, 37),
    (9, 5, 33),
    (2, 3, 2),
    (1, 40, 50),
    (50, 40, 1),
    (17, 1, 16),
    (8, 19, 7),
    (33, 5, 1),
    (4, 21, 1),
    (20, 33, 10),
    (8, 3, 1),
    (8, 29, 1),
    (8, 40, 1),
]
PROCESSORS = {
    "avx512": Registers(32, 64),
    "avx2": Registers(16, 32),
    "sse": Registers(16, 16),
    "host": host_registers(),
}


@pytest.fixture(autouse=True)
def tiles_only(monkeypatch):
    """Let a product be made from tiles wherever that is possible."""
    monkeypatch.setattr(product_tiles, "BLAS_FLOPS_PER_NS", 1e-3)
    monkeypatch.setattr(product_tiles, "SMALL_FLOPS_PER_NS", 1e-3)


def program(dtype, form, sizes, batch=0):
    """Products of one form with their operands; the results of later ones stay apart."""
    b, arrays, outputs = Program("products"), [], []
    rng = np.random.default_rng(5)
    lead = (batch,) if batch else ()
    n = len(lead)
    for number, (rows, terms, columns) in enumerate(sizes):
        left = (terms, rows) if form.startswith("t_") else (rows, terms)
        right = (columns, terms) if form.endswith("_t") else (terms, columns)
        given = []
        for name, shape in (("a", left), ("b", right)):
            arrays.append(rng.standard_normal((*lead, *shape)))
            given.append(b.input(TensorType((*lead, *shape), dtype), f"{name}{number}"))
        axes = n + (not form.startswith("t_")), n + form.endswith("_t")
        pairs = ((axes[0],), (axes[1],))
        shared = (tuple(range(n)),) * 2
        outputs.append(b.op("dot", *given, contract=pairs, batch=shared))
    return b.finish(tuple(outputs)), arrays


def compare(graph, arrays, registers, rtol, *, native):
    plan = schedule(optimise(graph), registers)
    emitted = emit(plan)
    blas = find_blas()
    given = (blas.sgemm_address, blas.dgemm_address) if native else (0, 0)
    table, inputs, outputs, arena = tables(graph, emitted, arrays, given)
    with np.errstate(all="ignore"):
        expected, _ = evaluate(graph, inputs)
    if native:
        load(emitted.source, "test").call(table.ctypes.data)
    else:
        interpreted(emitted.source, table)
    for want, got in zip(expected, outputs, strict=True):
        np.testing.assert_allclose(got, want, rtol, 10 * rtol)
    del arena
    return emitted.source


@pytest.mark.parametrize("processor", PROCESSORS)
@pytest.mark.parametrize("batch", [0, 3])
@pytest.mark.parametrize("form", FORMS)
def test_interpreted(form, batch, processor):
    graph, arrays = program(float64, form, SIZES, batch)
    source = compare(graph, arrays, PROCESSORS[processor], 1e-11, native=False)
    assert "tiles(" in source


@pytest.mark.parametrize(
    ("dtype", "form", "batch", "processor"),
    [
        (float32, "matmul", 0, "host"),
        (float32, "matmul_t", 0, "host"),
        (float64, "t_matmul", 0, "host"),
        (float64, "t_matmul_t", 2, "host"),
        (float32, "matmul_t", 3, "avx2"),
    ],
)
def test_compiled(dtype, form, batch, processor):
    graph, arrays = program(dtype, form, SIZES, batch)
    rtol = 3e-5 if dtype is float32 else 1e-11
    compare(graph, arrays, PROCESSORS[processor], rtol, native=True)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("native", [False, True])
def test_many_terms_are_added_part_by_part(form, native, monkeypatch):
    monkeypatch.setattr(product_tiles, "PANEL_TERMS", 16)
    monkeypatch.setattr(product_tiles, "CACHED", 2**10)
    graph, arrays = program(float32, form, [(64, 37, 64), (64, 45, 32)])
    source = compare(graph, arrays, PROCESSORS["avx512"], 3e-5, native=native)
    assert "terms = minimum(" in source
    assert "pack" in source


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("native", [False, True])
def test_panels_are_kept_for_several_columns(form, native, monkeypatch):
    monkeypatch.setattr(product_tiles, "PANEL_TERMS", 16)
    monkeypatch.setattr(product_tiles, "CACHED", 2**10)
    monkeypatch.setattr(product_tiles, "KEPT", 2**12)
    monkeypatch.setattr(product_tiles, "EVEN", 1)
    graph, arrays = program(float32, form, [(128, 37, 128), (128, 16, 128)])
    source = compare(graph, arrays, PROCESSORS["avx512"], 3e-5, native=native)
    assert "panels = panel_f32(2, 13, 32)" in source
    assert "panels = panel_f32(2, 16, 32)" in source


@pytest.mark.parametrize("form", ["t_matmul", "t_matmul_t"])
@pytest.mark.parametrize("native", [False, True])
def test_a_left_operand_whose_rows_evict_each_other_is_copied(form, native, monkeypatch):
    monkeypatch.setattr(product_tiles, "PANEL_TERMS", 32)
    monkeypatch.setattr(product_tiles, "CACHED", 2**10)
    monkeypatch.setattr(product_tiles, "ALIASED", 64)
    graph, arrays = program(float32, form, [(64, 39, 64), (32, 29, 32), (16, 29, 45)])
    source = compare(graph, arrays, PROCESSORS["avx512"], 3e-5, native=native)
    assert "pack(strips[s, k:], a, (first + k, i + 8 * s), few, 8)" in source
    assert "pack(strips[s, k:], a, (k, i + 8 * s), few, 8)" in source
    assert source.count("fill_panels(") == 3  # the kernel, and a call for each of two products


def test_where_terms_are_cut_tiles_must_not_overlap(monkeypatch):
    monkeypatch.setattr(product_tiles, "PANEL_TERMS", 16)
    even = Sizes(64, 64, 40, left_turned=False, right_turned=True)
    assert choose(even, float32, PROCESSORS["avx512"]).tiles is not None
    odd = Sizes(61, 37, 40, left_turned=False, right_turned=True)
    made = choose(odd, float32, PROCESSORS["avx512"])
    assert (made.tiles, made.reason) == (None, "tiles don't fit evenly")


@pytest.mark.parametrize("form", FORMS)
def test_nan_and_infinity_reach_just_the_results_that_read_them(form):
    graph, (a, b) = program(float32, form, [(11, 9, 35)])
    a[2, 3], a[5, 1], b[4, 2] = np.nan, np.inf, -np.inf
    compare(graph, [a, b], PROCESSORS["host"], 3e-5, native=True)


@pytest.mark.parametrize("sizes", [(0, 4, 5), (4, 0, 5), (4, 5, 0), (0, 0, 0)])
def test_nothing_to_multiply(sizes):
    graph, arrays = program(float32, "matmul", [sizes])
    for native in (False, True):
        compare(graph, arrays, PROCESSORS["host"], 1e-6, native=native)


def test_rows_of_any_part_are_the_same_to_the_last_bit():
    """A row's sums don't depend on the tile, so that threads may have any rows."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((96, 70)).astype("f"), rng.standard_normal((70, 50)).astype("f")
    product = gradc.compile(lambda a, b: a @ b)
    whole = product(gradc.from_numpy(x), gradc.from_numpy(w)).numpy()
    for rows in (1, 5, 8, 13, 40):
        part = product(gradc.from_numpy(x[:rows].copy()), gradc.from_numpy(w)).numpy()
        assert part.tobytes() == whole[:rows].tobytes()


def test_strided_operands():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((64, 96)).astype("f"), rng.standard_normal((40, 96)).astype("f")
    a, b = gradc.from_numpy(x), gradc.from_numpy(w)
    product = gradc.compile(lambda a, b: a @ b.T)
    for rows, columns in ((slice(None, None, 2), slice(None)), (slice(None), slice(None, None, 3))):
        made = product(a[rows, columns], b[:, columns]).numpy()
        np.testing.assert_allclose(made, x[rows, columns] @ w[:, columns].T, 1e-4, 1e-4)


def test_the_choice_depends_on_sizes():
    def reason(rows, terms, columns, form="matmul", dtype=float32):
        turned = form.startswith("t_"), form.endswith("_t")
        return choose(Sizes(rows, columns, terms, *turned), dtype, PROCESSORS["avx512"]).reason

    assert reason(4, 4, 4, dtype=int64) == "whole numbers"
    assert reason(4, 0, 4) == "nothing to multiply"
    thin = "a thin matrix times a vector"
    assert reason(1000, 8, 1) == reason(8, 1000, 1, "t_matmul") == thin
    assert reason(1000, 9, 1) != thin
    large = "BLAS blocks a large left operand for the caches"
    assert reason(4096, 4096, 64) == large
    far = "rows of the left operand evict each other from the cache"
    batch = Sizes(1024, 1024, 520, left_turned=True, right_turned=False, batched=True)
    assert choose(batch, float32, PROCESSORS["avx512"]).reason == far
    copied = choose(Sizes(1024, 1024, 520, True, False), float32, PROCESSORS["avx512"]).tiles
    assert copied is not None
    assert (copied.rows.size, copied.columns.size, copied.strips) == (8, 32, 4)
    assert (copied.packs, copied.panels, copied.block.size) == (True, 1, 32)
    wide = choose(Sizes(1024, 8192, 520, True, False), float32, PROCESSORS["avx512"])
    assert wide.reason == far
    kept = choose(Sizes(512, 1024, 1024, False, True), float32, PROCESSORS["avx512"]).tiles
    assert kept is not None
    assert (kept.terms, kept.panels, kept.strips) == (1024, 2, 0)
    alone = choose(Sizes(128, 256, 784, False, True), float32, PROCESSORS["avx512"]).tiles
    assert alone is not None
    assert (alone.panels, alone.strips) == (1, 0)


def test_the_choice_by_time(monkeypatch):
    monkeypatch.undo()
    reasons = {
        sizes: choose(Sizes(*sizes, False, True), float32, PROCESSORS["avx512"]).reason
        for sizes in ((32, 64, 64), (512, 1024, 1024), (4, 256, 256))
    }
    assert reasons == {
        (32, 64, 64): "2.49 us, 3.76 us by BLAS",
        (512, 1024, 1024): "9.24 ms, 10.3 ms by BLAS; 2 panels at a time",
        (4, 256, 256): "4.68 us, 8.41 us from tiles",
    }
