"""`autocast`: products of float32 tensors, of operands rounded to 16 bits."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar, cast

from gradc.errors import ArgumentError
from gradc.ir.dtype import DType, Format, bfloat16, float16
from gradc.tensor.lowered import DEVICES, format_on, formats
from gradc.tensor.state import STATE, Formats

F = TypeVar("F", bound=Callable[..., Any])
DTYPES = {"cpu": bfloat16, "cuda": float16}  # PyTorch's, where none is given


class autocast:
    """Round the operands of float32 products to 16 bits, until the end of the `with` block.

    y = sum over k of r(a_k) r(b_k), summed up in float32; r rounds to the nearest number of
    bfloat16 or float16, ties to even. This concerns matmul and its kin, linear, einsum,
    convolutions, attention and recurrent layers, all else is computed as ever. Gradients of these
    products are products of rounded operands too, wherever `backward()` is called.

    As against PyTorch's autocast results stay float32, as they are summed up: gradc stores no
    16-bit tensors. Float64 operands are left alone, as in PyTorch. A GPU's library rounds operands
    on its way and is faster for it; the CPU rounds them in operations of their own, which shows
    what the GPU will compute, but takes more time, not less.

    Args:
        device_type: "cpu" or "cuda": the device whose products are meant.
        dtype: gradc.bfloat16 or gradc.float16; None for PyTorch's choice: float16 on CUDA, bfloat16
            on the CPU. For float32 and float64 there is a warning, and autocast is off.
        enabled: False computes in full precision, also inside of another region.
        cache_enabled: must be a bool or None. PyTorch keeps casts of parameters in a region; here a
            compiled function rounds equal operands once, whatever this says, and eager operations
            round them anew.

    Raises:
        ArgumentError: another device type, or a dtype that is none.

    Example:
        >>> import gradc
        >>> x = gradc.tensor([[1.001]])
        >>> with gradc.autocast("cpu", dtype=gradc.bfloat16):
        ...     x @ x
        tensor([[1.]])

    Source: Micikevicius et al., "Mixed precision training", 2018, arXiv:1710.03740.
    """

    def __init__(
        self,
        device_type: str,
        dtype: DType | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        check_device(device_type, "autocast")
        if not isinstance(cast("object", dtype), DType | None):
            raise ArgumentError(f"autocast: dtype must be a gradc dtype or None, got {dtype!r}")
        if not isinstance(cast("object", cache_enabled), bool | None):
            raise ArgumentError(
                f"autocast: cache_enabled must be a bool or None, got {cache_enabled!r}"
            )
        if enabled and dtype is not None and not isinstance(dtype, Format):
            warnings.warn(f"autocast: {dtype} is no lower precision; autocast is off", stacklevel=2)
            enabled = False
        self.device_type = device_type
        self.dtype = DTYPES[device_type] if dtype is None else dtype
        self.enabled = bool(enabled)
        self.cache_enabled = cache_enabled
        self._before: list[Formats | None] = []

    def __enter__(self) -> autocast:
        before = STATE.autocast
        self._before.append(before)
        to = list(before or (None, None))
        on = self.dtype if self.enabled and isinstance(self.dtype, Format) else None
        to[DEVICES.index(self.device_type)] = on
        STATE.autocast = formats(*to)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        STATE.autocast = self._before.pop()

    def __call__(self, function: F) -> F:
        """Return `function` running in this mode."""

        @functools.wraps(function)
        def in_mode(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return in_mode  # pyright: ignore[reportReturnType] # wraps keeps the signature


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Return whether products on a device round their operands now.

    Args:
        device_type: "cpu" or "cuda".

    Example:
        >>> import gradc
        >>> with gradc.autocast("cpu"):
        ...     gradc.is_autocast_enabled("cpu")
        True
    """
    check_device(device_type, "is_autocast_enabled")
    return format_on(device_type) is not None


def get_autocast_dtype(device_type: str) -> DType:
    """Return what products on a device round to, or would if autocast were on.

    Args:
        device_type: "cpu" or "cuda".

    Example:
        >>> import gradc
        >>> gradc.get_autocast_dtype("cuda")
        gradc.float16
    """
    check_device(device_type, "get_autocast_dtype")
    return format_on(device_type) or DTYPES[device_type]


def check_device(device_type: str, name: str) -> None:
    """Refuse other devices."""
    if device_type not in DTYPES:
        raise ArgumentError(f"{name}: device_type must be 'cpu' or 'cuda', got {device_type!r}")
