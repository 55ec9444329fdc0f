"""The precision that is set, and a GPU -> how its tiles multiply float32 numbers."""

from __future__ import annotations

from dataclasses import dataclass

from gradc.ir.dtype import DType, float32

FORMATS = {"highest": "", "high": "tf32", "medium": "bfloat16"}


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """What tiles of float32 numbers are made for.

    Args:
        precision: as in `set_float32_matmul_precision`.
        cores: whether there are tensor cores for TF32; without them nothing is rounded but what
            autocast rounds.
    """

    precision: str = "highest"
    cores: bool = True

    def rounds(self, dtype: DType, asked: str = "") -> str:
        """Return the format that operands are rounded to, `asked` for by autocast or not; or ""."""
        if dtype is not float32 or asked:
            return asked
        return FORMATS[self.precision] if self.cores else ""

    def on_cores(self, dtype: DType, asked: str = "") -> bool:
        """Return whether tensor cores multiply: TF32 holds what the other formats hold."""
        return self.cores and dtype is float32 and bool(self.rounds(dtype, asked))

    def why_not(self, dtype: DType, asked: str = "") -> str:
        """Return why tensor cores don't multiply though that is asked for, or ""."""
        wanted = dtype is float32 and (asked or FORMATS[self.precision])
        return "" if self.cores or not wanted else "multiplied in float32: no tensor cores for TF32"


FULL = Arithmetic()
