"""`GradScaler`: keeps float16 gradients from becoming zero; without float16, switched off only."""

from __future__ import annotations

from typing import Any, TypeVar

from gradc.errors import UnsupportedError

T = TypeVar("T")


class GradScaler:
    """Scale losses so that small float16 gradients survive, as PyTorch's `GradScaler`.

    gradc has no float16, so a scaler must be disabled; it then does what PyTorch's does: losses
    stay as they are, `step` is the optimizer's.

    Args:
        device: "cuda" or "cpu".
        init_scale: the first factor.
        growth_factor: by which the factor grows.
        backoff_factor: by which it shrinks after gradients that are not finite.
        growth_interval: steps between growths.
        enabled: whether losses are scaled.

    Raises:
        UnsupportedError: it is enabled.

    Example:
        >>> import gradc
        >>> scaler = gradc.amp.GradScaler("cpu", enabled=False)
        >>> scaler.scale(gradc.tensor(2.0))
        tensor(2.)
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if enabled:
            raise UnsupportedError(
                "GradScaler: scaling is for float16 gradients, and gradc has float32 and float64 "
                "only",
                hint="GradScaler(..., enabled=False): the same script without scaling",
            )

    def scale(self, outputs: T) -> T:
        """Return the outputs as they are."""
        return outputs

    def unscale_(self, optimizer: Any) -> None:
        """Leave the gradients as they are: they were not scaled."""

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Return `optimizer.step(*args, **kwargs)`."""
        return optimizer.step(*args, **kwargs)

    def update(self, new_scale: float | None = None) -> None:
        """Leave the factor at 1."""

    def get_scale(self) -> float:
        """Return 1.0."""
        return 1.0

    def is_enabled(self) -> bool:
        """Return False."""
        return False

    def state_dict(self) -> dict[str, Any]:
        """Return an empty dict."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep nothing: a disabled scaler has no state."""
