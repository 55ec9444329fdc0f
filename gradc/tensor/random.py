"""Random tensors: bits of a Generator turned into uniform, normal and whole numbers."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gradc.errors import ArgumentError, DTypeError
from gradc.ir.dtype import DType, float32, float64, int64
from gradc.ir.primitive import lookup
from gradc.tensor.arithmetic import add, floor_divide, mul, remainder, sub
from gradc.tensor.axes import Ints, sizes
from gradc.tensor.copying import detach
from gradc.tensor.core import is_tensor, shape_of
from gradc.tensor.creation import made
from gradc.tensor.device import check_device
from gradc.tensor.dispatch import apply
from gradc.tensor.elementwise import cos, floor, log, sqrt
from gradc.tensor.generator import Generator, source
from gradc.tensor.logic import lt
from gradc.tensor.movement import between, reshape_to, select, size_of
from gradc.tensor.moving import device_of
from gradc.tensor.promotion import cast, check_dtype, need_floating
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def uniform(shape: Ints, dtype: DType, source: Generator) -> Tensor:
    """Return numbers from [0, 1): 24 random bits for float32, 53 for float64."""
    if dtype is float32:
        uniform = mul(cast(floor_divide(source.bits(shape), 2**8), dtype), 2.0**-24)
        return uniform
    words = source.bits((2, *shape))
    high, low = (cast(select(words, 0, k), float64) for k in (0, 1))
    high, low = floor(mul(high, 2.0**-5)), floor(mul(low, 2.0**-6))
    return mul(add(mul(high, 2.0**26), low), 2.0**-53)


def normal_numbers(shape: Ints, dtype: DType, source: Generator) -> Tensor:
    """Return numbers from N(0, 1).

    sqrt(-2 log u) cos(2 pi v)

    Source: Box, Muller, "A note on the generation of random normal deviates", 1958.
    """
    pair = uniform((2, *shape), dtype, source)
    # NOTE: 1 - u is in (0, 1], whose logarithm is finite
    radius = sqrt(mul(log(sub(1.0, select(pair, 0, 0))), -2.0))
    return mul(radius, cos(mul(select(pair, 0, 1), 2.0 * math.pi)))


def _kind(name: str, dtype: DType | None) -> DType:
    kind = STATE.default_dtype if dtype is None else check_dtype(name, dtype)
    if not kind.is_floating_point:
        raise DTypeError(f"{name}: expected a floating dtype, got {kind}", hint="gradc.randint")
    return kind


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Return numbers from the uniform distribution on [0, 1).

    Args:
        size: sizes, as several ints or one sequence.
        generator: the source of randomness; the default generator where not given.
        dtype: floating.
        device: where it is made; the default device where not given.
        requires_grad: whether it is a leaf that wants a gradient.
        pin_memory: whether it lies in memory that a device copies from by itself.
    """
    drawn = source("rand", generator, check_device("rand", device))
    numbers = uniform(sizes("rand", size), _kind("rand", dtype), drawn)
    return made(numbers, requires_grad, pin_memory)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Return numbers from the normal distribution N(0, 1); arguments as for `rand`."""
    drawn = source("randn", generator, check_device("randn", device))
    numbers = normal_numbers(sizes("randn", size), _kind("randn", dtype), drawn)
    return made(numbers, requires_grad, pin_memory)


def rand_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Return uniform numbers in the shape and dtype of `input`."""
    kind = input._dtype if dtype is None else dtype
    return rand(
        *shape_of(input),
        generator=generator,
        dtype=kind,
        device=device_of(input) if device is None else device,
        requires_grad=requires_grad,
    )


def randn_like(
    input: Tensor,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """Return normal numbers in the shape and dtype of `input`."""
    kind = input._dtype if dtype is None else dtype
    return randn(
        *shape_of(input),
        generator=generator,
        dtype=kind,
        device=device_of(input) if device is None else device,
        requires_grad=requires_grad,
    )


def integers(low: int, high: int, shape: Ints, source: Generator) -> Tensor:
    """Return whole numbers from low to high - 1."""
    span = high - low
    if span <= 0:
        raise ArgumentError(
            f"randint: expects 'from' to be less than 'to', but got {low} >= {high}"
        )
    if span > 2**62:
        raise ArgumentError(f"randint: at most 2^62 different numbers, got {span}")
    if span <= 2**31:
        drawn = floor_divide(mul(source.bits(shape), span), 2**32)
    else:
        words = source.bits((2, *shape))
        wide = add(mul(floor_divide(select(words, 0, 0), 4), 2**32), select(words, 0, 1))
        drawn = remainder(wide, span)
    return add(drawn, low) if low else drawn


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return whole numbers from low (0 where not given) to high - 1.

    Args:
        low: smallest number; `randint(high, size)` leaves it away.
        high: not reached.
        size: sizes.
        generator: the source of randomness.
        dtype: int64 where not given.
        device: where it is made; the default device where not given.
        requires_grad: whether it is a leaf that wants a gradient.
    """
    where = check_device("randint", device)
    if size is None:
        low, high, size = 0, low, high
    if size is None:
        raise ArgumentError("randint: size is missing", hint="randint(0, 10, (3,))")
    generator = source("randint", generator, where)
    drawn = integers(int(low), int(high), sizes("randint", (size,)), generator)
    return made(
        cast(drawn, int64 if dtype is None else check_dtype("randint", dtype)), requires_grad
    )


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return the numbers 0 ... n - 1 in random order."""
    where = check_device("randperm", device)
    if n < 0:
        raise ArgumentError(f"randperm: n must be non-negative, got {n}")
    words = source("randperm", generator, where).bits((2, n))
    keys = add(mul(floor_divide(select(words, 0, 0), 2), 2**32), select(words, 0, 1))
    _, order = apply(lookup("sort"), keys, axis=0, descending=False)
    return made(
        cast(order, int64 if dtype is None else check_dtype("randperm", dtype)), requires_grad
    )


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """Return 1 with the probabilities in `input`, else 0."""
    p = need_floating("bernoulli", input)
    drawn = uniform(shape_of(p), p._dtype, source("bernoulli", generator, device_of(p)))
    return cast(lt(drawn, detach(p)), input._dtype)


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Generator | None = None,
    device: Any = None,
) -> Tensor:
    """Return normal numbers of a mean and a standard deviation, numbers or tensors."""
    given = [x for x in (mean, std) if is_tensor(x)]
    shape = sizes("normal", (size,)) if size is not None else shape_of(given[0]) if given else ()
    here = device_of(given[0]) if given and device is None else check_device("normal", device)
    numbers = normal_numbers(shape, STATE.default_dtype, source("normal", generator, here))
    return add(mul(numbers, std), mean)


def multinomial(
    input: Tensor,
    num_samples: int,
    replacement: bool = False,
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Return indices drawn with the weights in the last axis.

    Args:
        input: `[n]` or `[rows, n]`, not negative.
        num_samples: how many per row.
        replacement: whether an index may come again.
        generator: the source of randomness.
    """
    x = need_floating("multinomial", input)
    rows = x if len(shape_of(x)) == 2 else reshape_to(x, (1, size_of(shape_of(x))))
    count, n = shape_of(rows)
    if not replacement and num_samples > n:
        raise ArgumentError(
            "multinomial: cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )
    draws = num_samples if replacement else 1
    drawn = source("multinomial", generator, device_of(rows))
    u = uniform((count, draws, n), rows._dtype, drawn)
    # NOTE: the largest of log(w) - log(-log(u)) falls on i with probability w_i / sum(w) (Gumbel)
    weights = reshape_to(log(rows), (count, 1, n))
    keys = sub(weights, log(mul(log(sub(1.0, u)), -1.0)))
    if replacement:
        out = apply(lookup("argmax"), keys, axis=2, keepdims=False)
    else:
        _, order = apply(lookup("sort"), reshape_to(keys, (count, n)), axis=1, descending=True)
        out = between(order, 1, 0, num_samples)
    return out if len(shape_of(x)) == 2 else reshape_to(out, (num_samples,))
