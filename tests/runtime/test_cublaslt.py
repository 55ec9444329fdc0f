"""Products by cuBLASLt: a stand-in reads the descriptors, multiplies column-major memory."""

import itertools

import numpy as np
import pytest
from fake_cublaslt import FakeCublasLt

from gradc.errors import DeviceError
from gradc.runtime.cublaslt import WORKSPACE, CublasLt, Problem, alignment


def place(array):
    return array.__array_interface__["data"][0]


@pytest.mark.parametrize(
    ("code", "a_transposed", "b_transposed", "batch"),
    list(itertools.product(["f32", "f64"], [False, True], [False, True], [1, 3])),
)
def test_row_major_products(code, a_transposed, b_transposed, batch):
    library = FakeCublasLt()
    lt = CublasLt(library)
    generator = np.random.default_rng(0)
    rows, columns, length = 5, 3, 4
    dtype = np.float32 if code == "f32" else np.float64
    a, b = (
        generator.normal(size=(batch, *(size[::-1] if turned else size))).astype(dtype)
        for size, turned in (((rows, length), a_transposed), ((length, columns), b_transposed))
    )
    out = np.zeros((batch, rows, columns), dtype)
    problem = Problem(
        code, (rows, columns, length), batch, a_transposed, b_transposed, "highest", (16, 8, 256)
    )
    for _ in range(2):
        lt.matmul(problem, place(a), place(b), place(out), 4096, 0)
    left = a.swapaxes(1, 2) if a_transposed else a
    right = b.swapaxes(1, 2) if b_transposed else b
    np.testing.assert_allclose(out, left @ right, rtol=1e-6)
    assert (library.heuristics, library.calls) == (1, 2)
    assert library.compute == (68 if code == "f32" else 70)
    assert library.preferences == {1: WORKSPACE, 5: 8, 6: 16, 7: 256, 8: 256}


def test_precision_is_that_of_the_problem():
    library = FakeCublasLt()
    lt = CublasLt(library)
    a = np.ones((2, 2), np.float32)
    known = {"highest": 68, "high": 77, "medium": 75, "bfloat16": 75, "float16": 74}
    for precision, compute in known.items():
        problem = Problem("f32", (2, 2, 2), 1, False, False, precision, (16, 16, 16))
        lt.matmul(problem, place(a), place(a), place(np.zeros_like(a)), 4096, 0)
        assert library.compute == compute
    assert library.heuristics == len(known)


def test_errors():
    library = FakeCublasLt()
    lt = CublasLt(library)
    problem = Problem("f32", (2, 2, 2), 1, False, False, "highest", (16, 16, 16))
    library.found = 0
    with pytest.raises(DeviceError, match="matmul: cuBLASLt has no algorithm for Problem"):
        lt.matmul(problem, 4096, 4096, 4096, 4096, 0)
    library.found, library.status = 1, 13
    with pytest.raises(DeviceError) as error:
        lt.matmul(problem, 4096, 4096, 4096, 4096, 0)
    assert "cuda: cublasLtMatmul failed: CUBLAS_STATUS_EXECUTION_FAILED" in str(error.value)
    assert "try: pip install -U nvidia-cublas; nvidia-smi says" in str(error.value)


def test_alignment():
    assert [alignment(x) for x in (0, 256, 8, 24, 4096, 2)] == [256, 256, 8, 8, 256, 2]


def test_a_bias_is_added_to_each_row():
    library = FakeCublasLt()
    lt = CublasLt(library)
    a, b = np.ones((3, 2), np.float32), np.ones((2, 4), np.float32)
    for bias in (np.arange(4, dtype="f"), np.full(4, 7, np.float32)):
        out = np.zeros((3, 4), np.float32)
        problem = Problem("f32", (3, 4, 2), 1, False, False, "highest", (16, 16, 16), 16)
        lt.matmul(problem, place(a), place(b), place(out), 4096, 0, place(bias))
        np.testing.assert_array_equal(out, a @ b + bias)
        assert library.epilogue == 4
    assert (library.heuristics, library.calls) == (1, 2)
