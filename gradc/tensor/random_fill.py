"""Fill existing tensors with random numbers."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradc.errors import ArgumentError
from gradc.ir.dtype import DType
from gradc.tensor.arithmetic import add, mul, sub
from gradc.tensor.core import resolve, shape_of
from gradc.tensor.elementwise import log
from gradc.tensor.generator import Generator, source
from gradc.tensor.inplace import check_writable, write
from gradc.tensor.logic import lt
from gradc.tensor.moving import device_of
from gradc.tensor.promotion import cast
from gradc.tensor.random import integers, normal_numbers, uniform
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


def _filled(x: Tensor, name: str, numbers: Tensor) -> Tensor:
    into = resolve(x)
    check_writable(into, name)
    write(into, resolve(cast(numbers, into._dtype)), overwrites=True)
    return x


def _source(x: Tensor, generator: Generator | None) -> Generator:
    """Return the generator to fill a tensor from."""
    return source("random numbers", generator, device_of(x))


def _drawn_dtype(x: Tensor) -> DType:
    return x._dtype if x._dtype.is_floating_point else STATE.default_dtype


def uniform_(
    x: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill with numbers from the uniform distribution on [from_, to)."""
    if from_ > to:
        raise ArgumentError(
            f"uniform_ expects to return a [from, to) range, but found from={from_} > to={to}"
        )
    numbers = uniform(shape_of(x), _drawn_dtype(x), _source(x, generator))
    return _filled(x, "uniform_", add(mul(numbers, to - from_), from_))


def normal_(
    x: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fill with numbers from the normal distribution."""
    if std < 0:
        raise ArgumentError(f"normal_ expects std >= 0.0, but found std {std}")
    numbers = normal_numbers(shape_of(x), _drawn_dtype(x), _source(x, generator))
    return _filled(x, "normal_", add(mul(numbers, std), mean))


def bernoulli_(x: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fill with 1 with probability p, else 0."""
    drawn = lt(uniform(shape_of(x), _drawn_dtype(x), _source(x, generator)), p)
    return _filled(x, "bernoulli_", drawn)


def random_(
    x: Tensor, from_: int = 0, to: int | None = None, *, generator: Generator | None = None
) -> Tensor:
    """Fill with whole numbers from from_ to to - 1."""
    if to is None:
        limit = {"bool": 2, "uint8": 256, "float32": 2**24, "float64": 2**53, "int32": 2**31}
        low, high = (0, from_) if from_ else (0, limit.get(x._dtype.name, 2**62))
    else:
        low, high = from_, to
    return _filled(x, "random_", integers(low, high, shape_of(x), _source(x, generator)))


def exponential_(x: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fill with numbers from the exponential distribution of a rate."""
    u = uniform(shape_of(x), _drawn_dtype(x), _source(x, generator))
    return _filled(x, "exponential_", mul(log(sub(1.0, u)), -1.0 / lambd))
