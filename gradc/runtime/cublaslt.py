"""A matrix product in row-major memory -> one call of cuBLASLt, by ctypes.

cuBLASLt's matrices are column-major. The memory of a row-major matrix is that of its transpose in
column-major order, so out = a @ b is asked for as out.T = b.T @ a.T: the operands change places
and nothing is copied. The algorithm for each size is asked for once and kept, so that equal
products are computed in the same way every time.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from ctypes import byref, c_double, c_float, c_int, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from gradc.errors import DeviceError

WORKSPACE = 32 << 20  # bytes; what NVIDIA recommends for Hopper
# names and numbers of cublasLt.h and library_types.h
REAL = {"f32": 0, "f64": 1}
# 32F, 32F_FAST_TF32, 32F_FAST_16BF; and 32F_FAST_16F for operands rounded to float16
COMPUTE = {"highest": 68, "high": 77, "medium": 75, "bfloat16": 75, "float16": 74}
COMPUTE_64F = 70
DESC_TRANSA, DESC_TRANSB, DESC_EPILOGUE, DESC_BIAS_POINTER = 3, 4, 7, 8
EPILOGUE_BIAS = 4  # a vector as long as a column of the column-major result, added to each
LAYOUT_BATCH_COUNT, LAYOUT_STRIDED_BATCH_OFFSET = 5, 6
PREF_MAX_WORKSPACE_BYTES = 1
PREF_MIN_ALIGNMENT = (5, 6, 7, 8)  # of A, B, C, D
NAMES = {
    1: "CUBLAS_STATUS_NOT_INITIALIZED",
    3: "CUBLAS_STATUS_ALLOC_FAILED",
    7: "CUBLAS_STATUS_INVALID_VALUE",
    8: "CUBLAS_STATUS_ARCH_MISMATCH",
    11: "CUBLAS_STATUS_MAPPING_ERROR",
    13: "CUBLAS_STATUS_EXECUTION_FAILED",
    14: "CUBLAS_STATUS_INTERNAL_ERROR",
    15: "CUBLAS_STATUS_NOT_SUPPORTED",
    16: "CUBLAS_STATUS_LICENSE_ERROR",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What a product is like: all that the choice of an algorithm depends on.

    Attributes:
        code: element type, `f32` or `f64`.
        sizes: rows and columns of `out`, and the length of the sums.
        batch: how many products.
        a_transposed: whether a's memory holds [length, rows].
        b_transposed: whether b's memory holds [columns, length].
        precision: of float32 products: as it is set, or a format that operands are rounded to.
        alignments: of a, b and out, in bytes.
        bias: the alignment of what is added to each row; 0 where nothing is.
    """

    code: str
    sizes: tuple[int, int, int]
    batch: int
    a_transposed: bool
    b_transposed: bool
    precision: str
    alignments: tuple[int, int, int]
    bias: int = 0


class HeuristicResult(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t."""

    _fields_ = (
        ("algo", c_uint64 * 8),
        ("workspace", ctypes.c_size_t),
        ("state", c_int),
        ("waves", c_float),
        ("reserved", c_int * 4),
    )


@dataclass(slots=True)
class _Choice:
    """How a product is computed: the handles that cuBLASLt made, and the algorithm."""

    description: c_void_p
    first: c_void_p
    second: c_void_p
    result: c_void_p
    algorithm: HeuristicResult
    one: Any
    zero: Any


class CublasLt:
    """cuBLASLt on one device."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._choices: dict[Problem, _Choice] = {}
        self._lock = threading.Lock()
        self._handle = self._made("cublasLtCreate")

    def matmul(
        self,
        problem: Problem,
        a: int,
        b: int,
        out: int,
        workspace: int,
        stream: int,
        bias: int = 0,
    ) -> None:
        """Compute out = a @ b on a stream, plus a bias for each row.

        Args:
            problem: sizes and kinds.
            a: address of the left operand.
            b: address of the right operand.
            out: address of the result.
            workspace: address of WORKSPACE bytes that nothing else on the device uses meanwhile.
            stream: where.
            bias: address of what is added to each row, where the problem has a bias.

        Raises:
            DeviceError: cuBLASLt refuses; `knows` tells beforehand whether it has an algorithm.
        """
        with self._lock:  # the description of a product knows the address of its bias
            c = self._choice(problem, bias)
            self._give(c, a, b, out, workspace, stream)

    def _give(self, c: _Choice, a: int, b: int, out: int, workspace: int, stream: int) -> None:
        """Give the device a product."""
        self._call(
            "cublasLtMatmul", self._handle, c.description, byref(c.one),
            c_void_p(b), c.first, c_void_p(a), c.second, byref(c.zero),
            c_void_p(out), c.result, c_void_p(out), c.result,
            byref(c.algorithm), c_void_p(workspace), ctypes.c_size_t(WORKSPACE), c_void_p(stream),
        )  # fmt: skip

    def _choice(self, problem: Problem, bias: int) -> _Choice:
        """Return how a product is computed; ask once."""
        known = self._choices.get(problem)
        if known is None:
            known = self._choices[problem] = self._chosen(problem, bias)
        elif problem.bias:
            self._set_bias(known.description, bias)
        return known

    def _set_bias(self, description: c_void_p, bias: int) -> None:
        """Say where the bias lies."""
        describe = "cublasLtMatmulDescSetAttribute"
        self._set(describe, description, DESC_BIAS_POINTER, c_void_p(bias))

    def _chosen(self, p: Problem, bias: int) -> _Choice:
        rows, columns, length = p.sizes
        kind = c_int(REAL[p.code])
        compute = COMPUTE_64F if p.code == "f64" else COMPUTE[p.precision]
        description = self._made("cublasLtMatmulDescCreate", c_int(compute), kind)
        describe = "cublasLtMatmulDescSetAttribute"
        self._set(describe, description, DESC_TRANSA, c_int32(p.b_transposed))
        self._set(describe, description, DESC_TRANSB, c_int32(p.a_transposed))
        if p.bias:  # the heuristic looks at how the address is aligned
            self._set(describe, description, DESC_EPILOGUE, c_uint32(EPILOGUE_BIAS))
            self._set_bias(description, bias)
        b_rows = (length, columns) if p.b_transposed else (columns, length)
        a_rows = (rows, length) if p.a_transposed else (length, rows)
        first = self._layout(kind, b_rows, p.batch)
        second = self._layout(kind, a_rows, p.batch)
        result = self._layout(kind, (columns, rows), p.batch)
        algorithm = self._algorithm(p, description, (first, second, result))
        number = c_double if p.code == "f64" else c_float
        return _Choice(description, first, second, result, algorithm, number(1.0), number(0.0))

    def _layout(self, kind: c_int, size: tuple[int, int], batch: int) -> c_void_p:
        """Return a column-major matrix without gaps, or a batch of them."""
        rows, columns = size
        made = self._made(
            "cublasLtMatrixLayoutCreate", kind, c_uint64(rows), c_uint64(columns), c_int64(rows)
        )
        if batch > 1:
            set_ = "cublasLtMatrixLayoutSetAttribute"
            self._set(set_, made, LAYOUT_BATCH_COUNT, c_int32(batch))
            self._set(set_, made, LAYOUT_STRIDED_BATCH_OFFSET, c_int64(rows * columns))
        return made

    def _algorithm(
        self, p: Problem, description: c_void_p, layouts: tuple[c_void_p, c_void_p, c_void_p]
    ) -> HeuristicResult:
        """Return the algorithm that cuBLASLt thinks is the fastest."""
        preference = self._made("cublasLtMatmulPreferenceCreate")
        prefer = "cublasLtMatmulPreferenceSetAttribute"
        self._set(prefer, preference, PREF_MAX_WORKSPACE_BYTES, c_uint64(WORKSPACE))
        a, b, out = p.alignments
        for attribute, alignment in zip(PREF_MIN_ALIGNMENT, (b, a, out, out), strict=True):
            self._set(prefer, preference, attribute, c_uint32(alignment))
        first, second, result = layouts
        best, count = HeuristicResult(), c_int(0)
        try:
            self._call(
                "cublasLtMatmulAlgoGetHeuristic", self._handle, description, first, second,
                result, result, preference, c_int(1), byref(best), byref(count),
            )  # fmt: skip
        finally:
            self._call("cublasLtMatmulPreferenceDestroy", preference)
        if not count.value or best.state:
            raise DeviceError(f"matmul: cuBLASLt has no algorithm for {p}")
        return best

    def _made(self, function: str, *arguments: Any) -> c_void_p:
        """Call a function whose first argument takes the handle that it makes."""
        handle = c_void_p()
        self._call(function, byref(handle), *arguments)
        return handle

    def _set(self, function: str, of: c_void_p, attribute: int, value: Any) -> None:
        """Set one attribute."""
        size = ctypes.c_size_t(ctypes.sizeof(value))
        self._call(function, of, c_int(attribute), byref(value), size)

    def _call(self, function: str, *arguments: Any) -> None:
        """Call a function that returns a status."""
        call: Callable[..., int] = getattr(self._library, function)
        status = call(*arguments)
        if status:
            raise DeviceError(
                f"cuda: {function} failed: {NAMES.get(status, f'status {status}')}",
                hint="pip install -U nvidia-cublas; nvidia-smi says what the driver supports",
            )


def alignment(address: int) -> int:
    """Return the largest power of two, up to 256, that divides an address."""
    return min(address & -address, 256) if address else 256


@cache
def find_cublaslt() -> Any:
    """Return the library, of the package nvidia-cublas or of a CUDA toolkit; None if missing."""
    try:
        finder: Any = import_module("cuda.pathfinder")
        found = finder.load_nvidia_dynamic_lib("cublasLt").abs_path
    except (ImportError, RuntimeError):
        return None
    return ctypes.CDLL(found)
