"""How exactly products of float32 numbers are computed on a device, by PyTorch's names."""

from __future__ import annotations

from gradc.errors import ArgumentError

PRECISIONS = ("highest", "high", "medium")


class _Precision:
    """The setting of this process."""

    __slots__ = ("name",)

    def __init__(self) -> None:
        self.name = "highest"


PRECISION = _Precision()


def set_float32_matmul_precision(precision: str) -> None:
    """Set how exactly products of float32 numbers are computed on CUDA devices.

    It holds for matrix products, convolutions and attention, forward and backward; programs that
    depend on it are compiled once for each precision. GPUs before compute capability 8.0 compute
    the latter two in float32 always, and so does the CPU all of them. PyTorch has a switch of its
    own for convolutions, `torch.backends.cudnn.allow_tf32`, which is on by default; here they are
    float32 by default.

    Args:
        precision: `highest`: in float32; `high`: operands rounded to TF32 (10 bits of mantissa);
            `medium`: operands rounded to bfloat16 (7 bits) where that is faster. Sums are
            float32 in every case.

    Raises:
        ArgumentError: for another word.

    Example:
        >>> import gradc
        >>> gradc.set_float32_matmul_precision("high")
        >>> gradc.get_float32_matmul_precision()
        'high'
        >>> gradc.set_float32_matmul_precision("highest")
    """
    if precision not in PRECISIONS:
        raise ArgumentError(
            "set_float32_matmul_precision: precision must be 'highest', 'high' or 'medium', got "
            f"{precision!r}"
        )
    PRECISION.name = precision


def get_float32_matmul_precision() -> str:
    """Return how exactly products of float32 numbers are computed on CUDA devices."""
    return PRECISION.name
