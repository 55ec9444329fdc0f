"""Look for the first NaN: `with gradc.autograd.detect_anomaly():` names the line that made it."""

from __future__ import annotations

from types import TracebackType

from gradc.tensor.state import STATE


class detect_anomaly:
    """Raise AnomalyError at the first operation, forward or backward, that makes a NaN.

    A NaN counts where no operand held one. Every result is searched: for debugging.

    Args:
        check_nan: whether to look at all.

    Raises:
        AnomalyError: names the operation and the user's line.

    Example:
        >>> import gradc
        >>> with gradc.autograd.detect_anomaly():
        ...     y = gradc.tensor(4.0).sqrt()
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        self.before: list[bool] = []

    def __enter__(self) -> None:
        self.before.append(STATE.anomaly)
        STATE.anomaly = self.check_nan

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        STATE.anomaly = self.before.pop()


class set_detect_anomaly(detect_anomaly):
    """Switch anomaly detection at once; as a context manager, until its end.

    Args:
        mode: whether it is on.
    """

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        self.before.append(STATE.anomaly)
        STATE.anomaly = mode

    def __enter__(self) -> None:
        STATE.anomaly = self.check_nan


def anomaly_enabled() -> bool:
    """Return whether results are searched for NaN."""
    return STATE.anomaly
