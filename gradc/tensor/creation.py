"""New tensors: constants, ranges, and copies of Python and NumPy data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.errors import ArgumentError, ArgumentTypeError, DTypeError, GradientError
from gradc.ir.dtype import DType, float64, from_numpy, int64
from gradc.ir.primitive import lookup
from gradc.tensor.arithmetic import add, mul, sub
from gradc.tensor.axes import Ints, sizes
from gradc.tensor.copying import clone, detach
from gradc.tensor.core import TensorCore, shape_of, wrap_array
from gradc.tensor.device import check_device
from gradc.tensor.dispatch import apply
from gradc.tensor.elementwise import exp
from gradc.tensor.joining import stack
from gradc.tensor.logic import eq, lt, where
from gradc.tensor.movement import expand, reshape_to
from gradc.tensor.promotion import cast, check_dtype, fitting, number_dtype
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

FULL, IOTA = lookup("full"), lookup("iota")


def made(x: Tensor, requires_grad: bool) -> Tensor:
    """Return a fresh tensor as a leaf that requires grad, where that is asked for."""
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
) -> Tensor:
    """Return a constant tensor."""
    check_device(name, device)
    for n in shape:
        if n < 0:
            raise ArgumentError(
                f"{name}: Trying to create tensor with negative dimension {n}: {list(shape)}"
            )
    kind = STATE.default_dtype if dtype is None else check_dtype(name, dtype)
    value = fitting(value, kind)
    return made(apply(FULL, shape=shape, dtype=kind, value=value, device="cpu"), requires_grad)


def zeros(
    *size: Any, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return zeros.

    Args:
        size: sizes, as several ints or one sequence.
        dtype: the default floating dtype where not given.
        device: `cpu`.
        requires_grad: whether it is a leaf that wants a gradient.

    Example:
        >>> import gradc
        >>> gradc.zeros(2, dtype=gradc.int64)
        tensor([0, 0])
    """
    return filled_with("zeros", 0, sizes("zeros", size), dtype, device, requires_grad)


def ones(
    *size: Any, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return ones; arguments as for `zeros`."""
    return filled_with("ones", 1, sizes("ones", size), dtype, device, requires_grad)


def empty(
    *size: Any, dtype: DType | None = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Return a tensor to be overwritten; it holds zeros, so that results are reproducible."""
    return filled_with("empty", 0, sizes("empty", size), dtype, device, requires_grad)


def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return a tensor of one value; its dtype is the value's where not given."""
    if isinstance(fill_value, TensorCore):
        fill_value = fill_value.item()  # pyright: ignore[reportAttributeAccessIssue] # every TensorCore is a Tensor
    kind = number_dtype(fill_value) if dtype is None else dtype
    return filled_with("full", fill_value, sizes("full", (size,)), kind, device, requires_grad)


def _like(name: str, x: Tensor, value: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    kind = x._dtype if dtype is None else dtype
    return filled_with(name, value, shape_of(x), kind, device, requires_grad)


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
        device: `cpu`.
        requires_grad: whether it is a leaf that wants a gradient.
    """
    check_device("arange", device)
    if end is None:
        start, end = 0, start
    numbers = [
        n.item() if isinstance(n, TensorCore | np.generic) else n for n in (start, end, step)
    ]  # pyright: ignore[reportAttributeAccessIssue] # every TensorCore is a Tensor
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
    steps = apply(IOTA, shape=(max(count, 0),), dtype=exact, axis=0, device="cpu")
    if by != 1:
        steps = mul(steps, by)
    if first != 0:
        steps = add(steps, first)
    return made(cast(steps, kind), requires_grad)


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
    check_device("linspace", device)
    kind = STATE.default_dtype if dtype is None else check_dtype("linspace", dtype)
    if steps < 0:
        raise ArgumentError("linspace: number of steps must be non-negative")
    place = apply(IOTA, shape=(steps,), dtype=float64, axis=0, device="cpu")
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
    check_device("eye", device)
    kind = STATE.default_dtype if dtype is None else check_dtype("eye", dtype)
    shape = (n, n if m is None else m)
    rows, columns = (apply(IOTA, shape=shape, dtype=int64, axis=a, device="cpu") for a in (0, 1))
    return made(cast(eq(rows, columns), kind), requires_grad)


def tensor(
    data: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return a copy of Python or NumPy data.

    Args:
        data: number, nested lists or tuples of numbers, ndarray, or a tensor.
        dtype: where not given: the array's; for Python data bool, int64 or the default floating
            dtype.
        device: `cpu`.
        requires_grad: whether it is a leaf that wants a gradient.

    Example:
        >>> import gradc
        >>> gradc.tensor([[1, 2], [3, 4]]).dtype
        gradc.int64
    """
    check_device("tensor", device)
    kind = None if dtype is None else check_dtype("tensor", dtype)
    if isinstance(data, TensorCore):
        copy = clone(detach(data))  # pyright: ignore[reportArgumentType] # every TensorCore is a Tensor
        return made(copy if kind is None else cast(copy, kind), requires_grad)
    if _holds_tensor(data):
        return made(_stacked(data, kind), requires_grad)
    array = array_of(data, kind)
    return made(placed(array), requires_grad)


def placed(array: np.ndarray[Any, Any]) -> Tensor:
    """Return a new array as a tensor; under a trace, as a captured constant or an equation."""
    trace = STATE.trace
    if trace is None:
        return wrap_array(array)
    dtype = from_numpy(array.dtype)
    assert dtype is not None
    if array.size and (array == array.flat[0]).all():
        value = fitting(array.flat[0].item(), dtype)
        return apply(FULL, shape=array.shape, dtype=dtype, value=value, device="cpu")
    return trace.constant(array)


def _holds_tensor(data: Any) -> bool:
    if isinstance(data, list | tuple):
        return any(isinstance(d, TensorCore) or _holds_tensor(d) for d in data)
    return False


def _stacked(data: Any, dtype: DType | None) -> Tensor:
    """Return nested lists that hold 0-d tensors as one tensor, off the tape."""
    parts = [d if isinstance(d, TensorCore) else tensor(d) for d in data]
    joined = clone(detach(stack(parts)))
    return joined if dtype is None else cast(joined, dtype)


def array_of(data: Any, dtype: DType | None) -> np.ndarray[Any, Any]:
    """Return Python or NumPy data as a new array of a dtype that gradc has."""
    if isinstance(data, np.ndarray | np.generic):
        array = np.asarray(data)
    else:
        array = _parsed(data)
        if array.dtype.kind == "f":
            array = array.astype(STATE.default_dtype.numpy) if dtype is None else array
        elif array.dtype.kind in "iu":
            array = _int64(array)
    if dtype is not None and array.dtype.kind in "biuf":
        return np.array(array, dtype.numpy, order="C")
    if from_numpy(array.dtype) is None:
        raise DTypeError(
            f"tensor: can't convert data of NumPy type {array.dtype}; the supported types are: "
            "float64, float32, int64, int32, uint8 and bool",
            hint="array.astype('float32')",
        )
    return np.array(array, order="C")


def _parsed(data: Any) -> np.ndarray[Any, Any]:
    try:
        array = np.array(data)
    except ValueError:
        raise ArgumentError(
            "tensor: expected sequences of equal lengths at each level, got a ragged one",
            hint="pad the rows to one length",
        ) from None
    if array.size == 0 and array.dtype.kind == "f":
        return array
    if array.dtype.kind not in "biuf":
        raise ArgumentTypeError(
            f"tensor: could not infer dtype of {type(data).__name__}: expected numbers, got "
            f"{str(array.dtype)!r} data",
            hint="numbers, nested lists of numbers, or an ndarray",
        )
    return array


def _int64(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if array.dtype.kind == "u" and array.size and int(array.max()) > np.iinfo(np.int64).max:
        raise ArgumentError("tensor: Overflow when unpacking long: a number doesn't fit int64")
    return array.astype(np.int64)


def from_numpy_array(ndarray: np.ndarray[Any, Any]) -> Tensor:
    """Return a tensor on the memory of an ndarray: changes of one show in the other.

    Args:
        ndarray: of dtype float32, float64, int32, int64, uint8 or bool.
    """
    if not isinstance(ndarray, np.ndarray):  # pyright: ignore[reportUnnecessaryIsInstance] # users pass anything
        raise ArgumentTypeError(f"from_numpy: expected np.ndarray, got {type(ndarray).__name__}")
    if from_numpy(ndarray.dtype) is None:
        raise DTypeError(
            f"from_numpy: can't convert np.ndarray of type {ndarray.dtype}. The supported types "
            "are: float64, float32, int64, int32, uint8 and bool",
            hint="array.astype('float32')",
        )
    if any(s < 0 for s in ndarray.strides):
        raise ArgumentError(
            "from_numpy: at least one stride in the given numpy array is negative",
            hint="array.copy()",
        )
    return wrap_array(ndarray)


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Return data as a tensor, sharing memory where that is possible."""
    check_device("as_tensor", device)
    kind = None if dtype is None else check_dtype("as_tensor", dtype)
    if isinstance(data, TensorCore):
        return data if kind is None else cast(data, kind)  # pyright: ignore[reportArgumentType, reportReturnType] # every TensorCore is a Tensor
    if isinstance(data, np.ndarray) and from_numpy(data.dtype) is not None:
        shared = from_numpy_array(data)
        return shared if kind is None else cast(shared, kind)
    return tensor(data, dtype=kind)


def scalar_tensor(s: Any, *, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Return a 0-d tensor of a number, in the default floating dtype."""
    return full((), s, dtype=STATE.default_dtype if dtype is None else dtype, device=device)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Return one grid per vector: the coordinates of all combinations.

    Args:
        tensors: vectors, as several arguments or one sequence.
        indexing: `ij` (axis i belongs to vector i) or `xy` (the first two swapped).
    """
    given = (
        list(tensors[0])
        if len(tensors) == 1 and isinstance(tensors[0], list | tuple)
        else list(tensors)
    )
    if indexing not in ("ij", "xy"):
        raise ArgumentError(f"meshgrid: indexing must be 'ij' or 'xy', got {indexing!r}")
    swap = indexing == "xy" and len(given) > 1
    if swap:
        given[:2] = given[1::-1]
    lengths = tuple([shape_of(v)[0] if shape_of(v) else 1 for v in given])
    grids = []
    for i, v in enumerate(given):
        column = tuple([n if k == i else 1 for k, n in enumerate(lengths)])
        grids.append(expand(reshape_to(v, column), lengths))
    if swap:
        grids[:2] = grids[1::-1]
    return tuple(grids)
