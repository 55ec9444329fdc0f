"""New tensors: constants, ranges, and copies of Python and NumPy data."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gradc.errors import ArgumentError, GradientError
from gradc.ir.dtype import DType, float64, int64
from gradc.ir.primitive import lookup
from gradc.tensor.arithmetic import add, mul, sub
from gradc.tensor.axes import Ints, sizes
from gradc.tensor.conversion import pin_memory as pin_memory_of
from gradc.tensor.core import is_tensor, shape_of
from gradc.tensor.device import check_device
from gradc.tensor.dispatch import apply
from gradc.tensor.elementwise import exp
from gradc.tensor.kinds import is_numpy_number
from gradc.tensor.logic import eq, lt, where
from gradc.tensor.moving import device_of
from gradc.tensor.promotion import cast, check_dtype, fitting, number_dtype
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

FULL, IOTA = lookup("full"), lookup("iota")


def made(x: Tensor, requires_grad: bool, pinned: bool = False) -> Tensor:
    """Return a fresh tensor, in pinned memory and as a leaf where that is asked for."""
    if pinned:
        x = pin_memory_of(x)
    if requires_grad:
        if not x._dtype.is_floating_point:
            raise GradientError(
                "Only Tensors of floating point dtype can require gradients", hint="dtype=float32"
            )
        x._leaf = True
    return x


def filled_with(
    name: str,
    value: Any,
    shape: Ints,
    dtype: DType | None,
    device: Any,
    requires_grad: bool,
    pinned: bool = False,
) -> Tensor:
    """Return a constant tensor."""
    on = str(check_device(name, device))
    for n in shape:
        if n < 0:
            raise ArgumentError(
                f"{name}: Trying to create tensor with negative dimension {n}: {list(shape)}"
            )
    kind = STATE.default_dtype if dtype is None else check_dtype(name, dtype)
    value = fitting(value, kind)
    filled = apply(FULL, shape=shape, dtype=kind, value=value, device=on)
    return made(filled, requires_grad, pinned)


def zeros(
    *size: Any,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Return zeros.

    Args:
        size: sizes, as several ints or one sequence.
        dtype: the default floating dtype where not given.
        device: where it is made; the default device where not given.
        requires_grad: whether it is a leaf that wants a gradient.
        pin_memory: whether it lies in memory that a device copies from by itself.

    Example:
        >>> import gradc
        >>> gradc.zeros(2, dtype=gradc.int64)
        tensor([0, 0])
    """
    shape = sizes("zeros", size)
    return filled_with("zeros", 0, shape, dtype, device, requires_grad, pin_memory)


def ones(
    *size: Any,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Return ones; arguments as for `zeros`."""
    shape = sizes("ones", size)
    return filled_with("ones", 1, shape, dtype, device, requires_grad, pin_memory)


def empty(
    *size: Any,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Return a tensor to be overwritten; it holds zeros, so that results are reproducible."""
    shape = sizes("empty", size)
    return filled_with("empty", 0, shape, dtype, device, requires_grad, pin_memory)


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Return a tensor of one value; its dtype is the value's where not given."""
    if is_tensor(fill_value):
        fill_value = fill_value.item()
    kind = number_dtype(fill_value) if dtype is None else dtype
    shape = sizes("full", (size,))
    return filled_with("full", fill_value, shape, kind, device, requires_grad, pin_memory)


def _like(name: str, x: Tensor, value: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    kind = x._dtype if dtype is None else dtype
    on = device_of(x) if device is None else device
    return filled_with(name, value, shape_of(x), kind, on, requires_grad)


def zeros_like(
    input: Tensor, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return zeros of the shape and dtype of `input`."""
    return _like("zeros_like", input, 0, dtype, device, requires_grad)


def ones_like(
    input: Tensor, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return ones of the shape and dtype of `input`."""
    return _like("ones_like", input, 1, dtype, device, requires_grad)


def empty_like(
    input: Tensor, *, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return a tensor like `input` to be overwritten; it holds zeros."""
    return _like("empty_like", input, 0, dtype, device, requires_grad)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return one value in the shape and dtype of `input`."""
    return _like("full_like", input, fill_value, dtype, device, requires_grad)


def arange(
    start: Any,
    end: Any = None,
    step: Any = 1,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return start, start + step, ... below `end`.

    Args:
        start: first number; with one argument: the end, the start being 0.
        end: not reached.
        step: not 0.
        dtype: int64 where all numbers are ints, else the default floating dtype.
        device: where it is made; the default device where not given.
        requires_grad: whether it is a leaf that wants a gradient.
    """
    on = str(check_device("arange", device))
    if end is None:
        start, end = 0, start
    numbers = [plain(n) for n in (start, end, step)]
    first, last, by = numbers
    if by == 0:
        raise ArgumentError("arange: step must be nonzero")
    if (last - first) * by < 0:
        raise ArgumentError("arange: upper bound and lower bound inconsistent with step sign")
    whole = all(isinstance(n, int) for n in numbers)
    kind = (
        check_dtype("arange", dtype)
        if dtype is not None
        else int64
        if whole
        else STATE.default_dtype
    )
    count = -((first - last) // by) if whole else math.ceil((last - first) / by)
    exact = int64 if whole else float64
    steps = apply(IOTA, shape=(max(count, 0),), dtype=exact, axis=0, device=on)
    if by != 1:
        steps = mul(steps, by)
    if first != 0:
        steps = add(steps, first)
    return made(cast(steps, kind), requires_grad)


def plain(number: Any) -> Any:
    """Return a tensor or NumPy number as a Python number."""
    return number.item() if is_tensor(number) or is_numpy_number(number) else number


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return `steps` numbers from start to end, both among them, evenly spaced."""
    on = str(check_device("linspace", device))
    kind = STATE.default_dtype if dtype is None else check_dtype("linspace", dtype)
    if steps < 0:
        raise ArgumentError("linspace: number of steps must be non-negative")
    place = apply(IOTA, shape=(steps,), dtype=float64, axis=0, device=on)
    if steps < 2:
        return made(cast(add(place, start), kind), requires_grad)
    by = (float(end) - float(start)) / (steps - 1)
    # NOTE: counted from both ends, so that the last number is exactly `end`
    up = add(mul(place, by), float(start))
    down = sub(float(end), mul(sub(steps - 1, place), by))
    return made(cast(where(lt(place, steps // 2), up, down), kind), requires_grad)


def logspace(
    start: float,
    end: float,
    steps: int,
    base: float = 10.0,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return base ** x for `steps` evenly spaced x from start to end."""
    kind = STATE.default_dtype if dtype is None else check_dtype("logspace", dtype)
    powers = linspace(start, end, steps, dtype=float64, device=device)
    return made(cast(exp(mul(powers, math.log(base))), kind), requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return a matrix with ones on the diagonal and zeros elsewhere."""
    on = str(check_device("eye", device))
    kind = STATE.default_dtype if dtype is None else check_dtype("eye", dtype)
    shape = (n, n if m is None else m)
    rows, columns = (apply(IOTA, shape=shape, dtype=int64, axis=a, device=on) for a in (0, 1))
    return made(cast(eq(rows, columns), kind), requires_grad)


def scalar_tensor(s: Any, *, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Return a 0-d tensor of a number, in the default floating dtype."""
    return full((), s, dtype=STATE.default_dtype if dtype is None else dtype, device=device)
