"""`autocast`: operations in lower precision, which need a dtype for their results."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar, cast

from gradc.errors import ArgumentError, UnsupportedError
from gradc.ir.dtype import DType

F = TypeVar("F", bound=Callable[..., Any])
DTYPES = {"cpu": "bfloat16", "cuda": "float16"}  # PyTorch's, where none is given


class autocast:
    """Compute in lower precision, as PyTorch's `autocast`; here it can only be switched off.

    PyTorch's results of matrix products and convolutions under autocast are float16 or bfloat16.
    gradc has no such dtypes, so an enabled autocast is an error and not a different result. What
    gradc has is `gradc.set_float32_matmul_precision("medium")`: products on CUDA with operands
    rounded to bfloat16, float32 sums and float32 results.

    Args:
        device_type: "cpu" or "cuda".
        dtype: what to compute in; None for PyTorch's: float16 on CUDA, bfloat16 on the CPU. For
            float32 and float64 there is a warning, and autocast is off, as in PyTorch.
        enabled: whether to compute in lower precision.
        cache_enabled: whether casts of parameters are kept, which takes an enabled autocast.

    Raises:
        ArgumentError: for another device type, or a dtype that is none.
        UnsupportedError: it is enabled.

    Example:
        >>> import gradc
        >>> with gradc.autocast("cpu", enabled=False):
        ...     (gradc.ones(2, 2) @ gradc.ones(2, 2)).dtype
        gradc.float32
    """

    def __init__(
        self,
        device_type: str,
        dtype: DType | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if device_type not in DTYPES:
            raise ArgumentError(
                f"autocast: device_type must be 'cpu' or 'cuda', got {device_type!r}"
            )
        if not isinstance(cast("object", dtype), DType | None):
            raise ArgumentError(f"autocast: dtype must be a gradc dtype or None, got {dtype!r}")
        if enabled and dtype is not None:
            warnings.warn(f"autocast: {dtype} is no lower precision; autocast is off", stacklevel=2)
            enabled = False
        if enabled:
            raise UnsupportedError(
                f"autocast: results would be {DTYPES[device_type]}, and gradc has float32 and "
                "float64 only",
                hint='gradc.set_float32_matmul_precision("medium") rounds operands of products on '
                "CUDA to bfloat16, or autocast(..., enabled=False)",
            )
        self.device_type, self.dtype, self.cache_enabled = device_type, dtype, cache_enabled

    def __enter__(self) -> autocast:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Change nothing: autocast is off."""

    def __call__(self, function: F) -> F:
        """Return `function` running in this mode."""

        @functools.wraps(function)
        def in_mode(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return in_mode  # pyright: ignore[reportReturnType] # wraps keeps the signature
