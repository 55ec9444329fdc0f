"""The settings of one library each, as objects whose attributes are PyTorch's."""

from __future__ import annotations

from gradc.devices.precision import get_float32_matmul_precision, set_float32_matmul_precision
from gradc.errors import ArgumentTypeError, MissingNameError


class Settings:
    """Attributes that are True or False; another name is an error.

    Permissions that gradc makes no use of are kept as they are set: results stay allowed.
    """

    def __init__(self, name: str, **settings: bool) -> None:
        object.__setattr__(self, "_name", name)
        for key, value in settings.items():
            object.__setattr__(self, key, value)

    def __setattr__(self, key: str, value: object) -> None:
        if not hasattr(self, key):
            raise self._missing(key)
        if not isinstance(value, bool):
            raise ArgumentTypeError(
                f"backends.{self._name}.{key}: expected True or False, got {type(value).__name__}"
            )
        object.__setattr__(self, key, value)

    def __getattr__(self, key: str) -> object:
        """Raise: what there is is found without this."""
        if key.startswith("__"):
            raise AttributeError(key)
        raise self._missing(key)

    def _missing(self, key: str) -> MissingNameError:
        return MissingNameError(f"backends.{self._name}.{key} is not supported")


class Matmul(Settings):
    """Matrix products on CUDA devices.

    Attributes:
        allow_tf32: whether float32 products may round operands to TF32: it is
            `set_float32_matmul_precision("high")`.
        allow_fp16_reduced_precision_reduction, allow_bf16_reduced_precision_reduction:
            permissions to add up in 16 bits; gradc adds in float32.
    """

    def __init__(self) -> None:
        super().__init__(
            "cuda.matmul",
            allow_fp16_reduced_precision_reduction=True,
            allow_bf16_reduced_precision_reduction=True,
        )

    @property
    def allow_tf32(self) -> bool:
        """Whether operands may be rounded to TF32."""
        return get_float32_matmul_precision() != "highest"

    @allow_tf32.setter
    def allow_tf32(self, value: bool) -> None:
        set_float32_matmul_precision("high" if value else "highest")


class Cuda(Settings):
    """CUDA: its matrix products."""

    matmul: Matmul

    def __init__(self) -> None:
        super().__init__("cuda")
        object.__setattr__(self, "matmul", Matmul())

    def is_built(self) -> bool:
        """Return True: every gradc can use CUDA devices."""
        return True


class Cudnn(Settings):
    """cuDNN, which gradc doesn't use: convolutions are generated and give the same bits each run.

    Attributes:
        enabled, benchmark, deterministic, allow_tf32: set as in PyTorch; nothing depends on them.
            TF32 is allowed by `set_float32_matmul_precision`.
    """

    def __init__(self) -> None:
        super().__init__(
            "cudnn", enabled=True, benchmark=False, deterministic=False, allow_tf32=True
        )

    def is_available(self) -> bool:
        """Return False."""
        return False

    def version(self) -> None:
        """Return None: there is none."""
        return


class Absent(Settings):
    """A library or a kind of device that gradc doesn't use."""

    def is_available(self) -> bool:
        """Return False."""
        return False

    def is_built(self) -> bool:
        """Return False."""
        return False
