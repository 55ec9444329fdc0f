import itertools

import numpy as np
import pytest

from gradc.build import load
from gradc.runtime.blas import NONE, candidates, find_blas

FORMS = [
    (f"{'t_' * a}matmul{'_t' * b}{'_add' * add}", a, b, add)
    for a, b, add in itertools.product((False, True), repeat=3)
]
SIZES = [(3, 4, 5), (1, 7, 1), (7, 1, 1), (1, 1, 6), (0, 3, 2), (3, 0, 2), (3, 2, 0), (17, 33, 9)]
DTYPES = {"f32": np.float32, "f64": np.float64, "i32": np.int32, "i64": np.int64}


def addresses(blas, arrays):
    table = [blas.sgemm_address, blas.dgemm_address, *(a.ctypes.data for a in arrays)]
    return np.array(table, np.int64)


def program(code, batch, sizes):
    """Return a step that runs all forms on all sizes, and the shapes of its arrays in order."""
    prefix = "batch_" * (batch is not None)
    names = [prefix + name for name, *_ in FORMS]
    lines = [f"from gradc.runtime.cpu import step, view_{code}, " + ", ".join(names)]
    lines += ["@step", "def run(buffers):"]
    shapes = []
    for (m, n, k), (name, a_turned, b_turned, _) in itertools.product(sizes, FORMS):
        lead = () if batch is None else (batch,)
        a = lead + ((k, m) if a_turned else (m, k))
        b = lead + ((n, k) if b_turned else (k, n))
        views = []
        for shape in (a, b, (*lead, m, n)):
            views.append(f"view_{code}(buffers, {2 + len(shapes)}, 0, {shape})")
            shapes.append(shape)
        lines.append(f"    {prefix}{name}(buffers, {', '.join(views)})")
    return "\n".join(lines) + "\n", shapes


@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("code", DTYPES)
def test_all_forms_and_sizes(code, batch):
    sizes = SIZES if code == "f32" else SIZES[:1] + SIZES[4:7]
    source, shapes = program(code, batch, sizes)
    native = load(source, "products")
    choices = [NONE, *candidates()] if code in ("f32", "f64") else [NONE]
    for blas in choices:
        rng = np.random.default_rng(1)
        arrays = [np.asarray(rng.integers(-9, 9, s), DTYPES[code]) for s in shapes]
        before = [a.copy() for a in arrays]
        table = addresses(blas, arrays)
        with blas.sequential():
            native.call(table.ctypes.data)
        for i, (_, (_, a_turned, b_turned, adds)) in enumerate(itertools.product(sizes, FORMS)):
            a, b, out = before[3 * i : 3 * i + 3]
            a = a.swapaxes(-1, -2) if a_turned else a
            b = b.swapaxes(-1, -2) if b_turned else b
            np.testing.assert_array_equal(arrays[3 * i + 2], a @ b + (out if adds else 0))
            np.testing.assert_array_equal(arrays[3 * i], before[3 * i])


STRIDED = """
from gradc.runtime.cpu import kernel, matmul, matmul_t_add, step, view_f32

@kernel("f32[::,::], f32[::,::], f32[::,::]")
def nothing(a, b, out):
    pass

@step
def run(buffers):
    a = view_f32(buffers, 2, 0, (6, 10))[1:5, 2:7]
    b = view_f32(buffers, 3, 0, (8, 9))[0:5, 3:6]
    out = view_f32(buffers, 4, 0, (9, 8))[2:6, 1:4]
    nothing(a, b, out)
    matmul(buffers, a, b, out)
    turned = view_f32(buffers, 3, 0, (8, 9))[::2, ::3]
    matmul_t_add(buffers, view_f32(buffers, 2, 0, (6, 10))[:4, ::4], turned, out[:, :])
"""


def test_rows_may_lie_apart_and_columns_too():
    native = load(
        STRIDED.replace("out[:, :]", "view_f32(buffers, 4, 16, (8, 8))[:4, 4:]"), "strided"
    )
    for blas in (NONE, *candidates()):
        rng = np.random.default_rng(2)
        a, b = (rng.integers(-5, 5, s).astype(np.float32) for s in ((6, 10), (8, 9)))
        out = rng.integers(-5, 5, (9, 8)).astype(np.float32)
        expected = out.copy()
        expected[2:6, 1:4] = a[1:5, 2:7] @ b[0:5, 3:6]
        moved = expected.ravel()[4:68].reshape(8, 8)
        moved[:4, 4:] += a[:4, ::4] @ b[::2, ::3].T
        table = addresses(blas, [a, b, out])
        with blas.sequential():
            native.call(table.ctypes.data)
        np.testing.assert_array_equal(out, expected)


def test_the_preferred_blas_is_found_once():
    blas = find_blas()
    assert blas is find_blas()
    assert blas == next(candidates())
    assert blas.sgemm_address != 0
    assert blas.dgemm_address != 0
    assert blas.path is not None
    assert blas.path.exists()
    assert "OpenBLAS" in blas.version or blas.name == "mkl"


def test_numpys_own_blas_keeps_its_threads():
    shared = [blas for blas in candidates() if blas.shared]
    assert shared, "NumPy's wheel carries an OpenBLAS"
    for blas in shared:
        swap = blas._set_threads
        before = swap(2)
        with blas.sequential():
            assert swap(1) == 1
        assert swap(before) == 2
