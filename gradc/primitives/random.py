"""Counter-based random bits: Philox4x32-10, the same numbers on every machine and target.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from gradc.errors import DTypeError
from gradc.ir.derivative import Zero
from gradc.ir.dtype import int64
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Kind, Primitive, Sample, register

Array = np.ndarray[Any, Any]

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox(counter: tuple[Any, ...], key: tuple[int, int]) -> tuple[Array, ...]:
    """Return the four words of each counter.

    Args:
        counter: four uint64 arrays (or scalars) holding 32-bit words.
        key: two 32-bit words.
    """
    c0, c1, c2, c3 = (np.asarray(c, np.uint64) for c in counter)
    for turn in range(10):
        k0 = np.uint64((key[0] + turn * _WEYL[0]) & 0xFFFFFFFF)
        k1 = np.uint64((key[1] + turn * _WEYL[1]) & 0xFFFFFFFF)
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW
    return c0, c1, c2, c3


def _random_bits(seed: Array, offset: Array, shape: tuple[int, ...]) -> Array:
    """Element i is word i % 4 of the counter (i // 4, 0, offset)."""
    size = int(np.prod(shape, dtype=np.int64))
    blocks = np.arange(-(-size // 4), dtype=np.uint64)
    s, o = int(seed) & 0xFFFFFFFFFFFFFFFF, int(offset) & 0xFFFFFFFFFFFFFFFF
    counter = (blocks & _LOW, blocks >> _32, np.uint64(o & 0xFFFFFFFF), np.uint64(o >> 32))
    words = philox(counter, (s & 0xFFFFFFFF, s >> 32))
    bits = np.stack(np.broadcast_arrays(*words), axis=-1).reshape(-1)[:size]
    return bits.astype(np.int64).reshape(shape)


def _typing(seed: TensorType, offset: TensorType, shape: tuple[int, ...]) -> TensorType:
    for name, t in (("seed", seed), ("offset", offset)):
        if t.dtype is not int64 or t.shape != ():
            raise DTypeError(f"random_bits: the {name} must be a 0-d int64, got {t}")
    return TensorType(tuple(shape), int64, seed.device)


def _samples() -> Iterable[Sample]:
    yield Sample((np.array(0), np.array(0)), {"shape": (7,)})
    yield Sample((np.array(2**40 + 5), np.array(3)), {"shape": (3, 5)})
    yield Sample((np.array(-1), np.array(2**33)), {"shape": ()})
    yield Sample((np.array(1), np.array(1)), {"shape": (0, 3)})


random_bits = register(
    Primitive(
        name="random_bits",
        kind=Kind.RANDOM,
        meaning=_random_bits,
        typing=_typing,
        derivative=Zero(),
        maths="random 32-bit integers",
        samples=_samples,
        expensive=True,
    )
)
