"""`python -m benchmarks.accuracy [functions]`: the largest error of each function of compiled code.

In float32 over every number there is (or every Nth with --every), against NumPy's float64; in
float64 over random numbers of all magnitudes, half of them ordinary ones, against long double.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.report import markdown

Array = np.ndarray[Any, Any]
BLOCK = 1 << 20
FINITE = 0x7F800000  # float32 bit patterns below this are finite and not negative
# Each function's meaning in whatever type it is given, wider than the one under test.
REFERENCES: dict[str, Callable[[Any], Any]] = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.where(x > 60, x, np.log1p(np.exp(np.minimum(x, 60)))),
    "erf": lambda x: _exactly("erf", x),
    "erfc": lambda x: _exactly("erfc", x),
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
}
SLOW = ("erf", "erfc")  # their reference takes Python calls
SIZES = {name: BLOCK // 512 if name in SLOW else BLOCK for name in REFERENCES}


def _exactly(name: str, x: Any) -> Any:
    """Return erf or erfc of many digits, rounded to long double."""
    import mpmath

    function = getattr(mpmath, name)

    def exact(v: Any) -> Any:
        with mpmath.workprec(90):
            high = function(mpmath.mpf(float(v)))
            return np.longdouble(float(high)) + np.longdouble(float(high - float(high)))

    return np.vectorize(exact, otypes=[np.longdouble])(np.clip(x, -40, 40))  # constant beyond


def worst_ulp(got: Array, exact: Array) -> tuple[float, int]:
    """Return the largest error in units in the last place, and where; infinities must agree."""
    limits = np.finfo(got.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        rounded = exact.astype(got.dtype)
        fine = np.isfinite(rounded)
        wrong = ~fine & ~((got == rounded) | (np.isnan(got) & np.isnan(rounded)))
        if wrong.any():
            return math.inf, int(np.argmax(wrong))
        exponent = np.maximum(np.frexp(np.abs(exact))[1] - 1, limits.minexp)
        unit = np.ldexp(exact.dtype.type(1), exponent - limits.nmant)
        errors = np.where(fine, np.abs(got.astype(exact.dtype) - exact) / unit, 0)
    if np.isnan(errors).any():  # a NaN where there should be a number
        return math.inf, int(np.argmax(np.isnan(errors)))
    at = int(np.argmax(errors)) if errors.size else 0
    return (float(errors[at]) if errors.size else 0.0), at


def every_float32(every: int, size: int = BLOCK) -> Iterator[Array]:
    """Yield all finite float32 numbers, or every Nth bit pattern, in blocks."""
    for sign in (0, 0x80000000):
        for start in range(0, FINITE, size * every):
            bits = np.arange(start, min(start + size * every, FINITE), every, dtype=np.uint32)
            yield (bits | np.uint32(sign)).view(np.float32)


def some_float64(count: int, size: int = BLOCK, seed: int = 0) -> Iterator[Array]:
    """Yield random float64 numbers: half with any bits, half ordinary or near to 1."""
    rng = np.random.default_rng(seed)
    for start in range(0, count, size):
        n = min(size, count - start)
        x = rng.integers(0, 2**64, n, dtype=np.uint64).view(np.float64)
        x = np.where(np.isfinite(x), x, 1.5)
        x[1::8] = rng.normal(size=x[1::8].size)
        x[3::8] = rng.uniform(-30, 30, x[3::8].size)
        x[5::8] = 1 + rng.normal(size=x[5::8].size) / 100
        x[7::8] = rng.uniform(-1, 1, x[7::8].size) * 10 ** rng.uniform(0, 18, x[7::8].size)
        yield x


def source(name: str, code: str, size: int) -> str:
    """Return a generated file that applies one function to `size` numbers."""
    return f"""from gradc.runtime.cpu import {name}, kernel, step, view_{code}


@kernel("{code}[:], {code}[:]")
def apply(x, y):
    for i in range(x.shape[0]):
        y[i] = {name}(x[i])


@step
def run(buffers):
    apply(view_{code}(buffers, 0, 0, ({size},)), view_{code}(buffers, 1, 0, ({size},)))
"""


def largest_error(name: str, code: str, blocks: Iterator[Array], size: int) -> tuple[float, float]:
    """Return the largest error of a function over blocks of at most `size` numbers, and where."""
    from gradc.build import load

    single = code == "f32"
    run = load(source(name, code, size), f"accuracy_{name}")
    wide: Any = np.float64 if single and name not in SLOW else np.longdouble
    given = np.ones(size, np.float32 if single else np.float64)
    result = np.empty_like(given)
    table = np.array([given.ctypes.data, result.ctypes.data], np.int64)
    worst, where = 0.0, math.nan
    for x in blocks:
        given[: x.size] = x
        run.call(table.ctypes.data)
        with np.errstate(all="ignore"):
            exact = np.asarray(REFERENCES[name](x.astype(wide)), wide)
        error, at = worst_ulp(result[: x.size], exact)
        if error > worst:
            worst, where = error, float(x[at])
    return worst, where


def main() -> int:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"functions: {', '.join(REFERENCES)} (all)")
    parser.add_argument("--every", type=int, default=1, help="take every Nth float32 number")
    parser.add_argument("--count", type=int, default=1 << 22, help="float64 numbers of each")
    given = parser.parse_args()
    for name in given.names:
        if name not in REFERENCES:
            parser.error(f"unknown function {name!r}; there are {', '.join(REFERENCES)}")
    if np.finfo(np.longdouble).nmant < 60:
        parser.error("long double is no wider than double on this machine")
    rows = [["function", "float32", "at", "float64", "at"]]
    for name in given.names or REFERENCES:
        size = SIZES[name]
        slower = BLOCK // size
        every, count = given.every * slower, given.count // slower
        single = largest_error(name, "f32", every_float32(every, size), size)
        double = largest_error(name, "f64", some_float64(count, size), size)
        rows.append([name, *(f"{v:.3f}" if i % 2 == 0 else f"{v:.9g}"
                             for i, v in enumerate((*single, *double)))])  # fmt: skip
        print(rows[-1], file=sys.stderr, flush=True)
    print(markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
