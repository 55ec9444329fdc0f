"""Rounding to 16 bits: NumPy's meaning and the compiled one, against PyTorch's formats."""

import numpy as np
import pytest
from elementwise_program import Program

from gradc.primitives.sixteen_bits import ROUNDS, rounded
from gradc.runtime import interpreted_maths

torch = pytest.importorskip("torch")
FORMATS = sorted(ROUNDS)


def bits(count):
    """Any float32 numbers: normal, subnormal, infinite, NaN."""
    return np.random.default_rng(3).integers(0, 2**32, count, dtype=np.uint32).view(np.float32)


def around(to):
    """All numbers of a format that are next to each other, the ties between them, and nearly."""
    kind = torch.bfloat16 if to.name == "bfloat16" else torch.float16
    held = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(kind).double().numpy()
    held = np.sort(held[np.isfinite(held)])
    ties = (held[1:] + held[:-1]) / 2
    return np.concatenate([held, ties, np.nextafter(ties, 0), np.nextafter(ties, np.inf)])


def by_torch(x, to):
    kind = torch.bfloat16 if to.name == "bfloat16" else torch.float16
    return torch.from_numpy(x).to(kind).to(torch.from_numpy(x).dtype).numpy()


def same(x, y):
    np.testing.assert_array_equal(x, y)
    number = ~np.isnan(x)
    np.testing.assert_array_equal(np.signbit(x[number]), np.signbit(y[number]))


@pytest.mark.parametrize("name", FORMATS)
def test_the_meaning(name):
    to = ROUNDS[name]
    with np.errstate(all="ignore"):
        singles = [bits(1_000_000), around(to).astype("f")]
    for x in singles:
        same(rounded(x, to), by_torch(x, to))
    held = rounded(around(to), to)
    same(held, rounded(held, to))
    if to.name == "float16":  # PyTorch rounds float64 twice on its way to bfloat16
        with np.errstate(over="ignore"):
            same(held, around(to).astype(np.float16).astype(np.float64))


@pytest.mark.parametrize("code", ["f32", "f64"])
@pytest.mark.parametrize("name", FORMATS)
def test_compiled(name, code):
    program = PROGRAMS[code]
    rng = np.random.default_rng(1)
    with np.errstate(all="ignore"):
        x = np.concatenate([bits(2000), rng.choice(around(ROUNDS[name]), 2000)])
        x = x.astype(program.dtype)
    same(program(name, x), rounded(x, ROUNDS[name]))


@pytest.mark.parametrize("name", FORMATS)
def test_interpreted(name):
    for x in (np.float32(1.00390625), np.float64(1e-8), np.float32(np.nan)):
        found = getattr(interpreted_maths, name)(x)
        assert type(found) is type(x)
        same(np.asarray(found), rounded(np.asarray(x), ROUNDS[name]))


PROGRAMS = {code: Program(code) for code in ("f32", "f64")}
