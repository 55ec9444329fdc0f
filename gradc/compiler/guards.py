"""What a trace took for granted -> checks that it still holds at a later call."""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from gradc.compiler.checks import Guard, name_of
from gradc.tensor import epoch
from gradc.tensor.device import get_default_device
from gradc.tensor.edges import edge_of
from gradc.tensor.promotion import get_default_dtype
from gradc.tensor.tensor import Tensor
from gradc.tensor.trace import Trace


def moving(trace: Trace) -> list[Tensor]:
    """Return the tensors whose `.grad` the program updates where it lies at each call."""
    return [t for t in trace.grad_reads if updatable(t)]


def grad_guards(trace: Trace, arguments: set[Tensor]) -> list[Guard]:
    """Return checks that `.grad` is there, or not, as when the program read it.

    Another tensor than then will do where it has contiguous memory of its own. Arguments differ
    from call to call: they are checked there.
    """

    def check(owner: Tensor) -> Guard:
        before = owner._grad
        if updatable(owner):
            return lambda: updatable(owner)
        if before is None:
            return lambda: owner._grad is None
        same = _same_memory(before)
        return lambda: owner._grad is before and same()

    return [check(t) for t in trace.grad_reads if t not in arguments]


def _same_memory(tensor: Tensor) -> Guard:
    """Return a check that a tensor lies where it does now: `x.data = y` moves it."""
    storage, content, path = tensor._storage, tensor._storage.content, tensor._path
    return lambda: (
        tensor._storage is storage
        and tensor._path is path
        and (storage.content is content or storage.place is not None)
    )


def updatable(owner: Tensor) -> bool:
    """Return whether a program can update the `.grad` of a tensor where it lies."""
    gradient = owner._grad
    if gradient is None or gradient._path:
        return False
    if gradient._data.shape != owner._data.shape or gradient._dtype is not owner._dtype:
        return False  # since `x.grad.data = y`
    if gradient._storage.place is not None:
        return True  # arrays on a device are contiguous, and a program may write to them
    flags = gradient._storage.content.flags
    return flags.c_contiguous and flags.writeable


def dtype_guard() -> Guard:
    """Return a check that floating numbers become tensors of the same dtype."""
    before = get_default_dtype()
    return lambda: get_default_dtype() is before


def device_guards(trace: Trace) -> list[Guard]:
    """Return a check of the default device, where the device of the program depends on it."""
    if not trace.target.by_default:
        return []
    before = get_default_device()
    return [lambda: get_default_device() == before]


def tensor_guards(trace: Trace, arguments: set[Tensor]) -> list[Guard]:
    """Return checks that captured tensors are as before.

    They must lie in the same memory (on a device, in the same storage: the program brings its
    content to where it reads it), want gradients or not, and have the same hooks.
    """

    def check(tensor: Tensor) -> Guard:
        same = _same_memory(tensor)
        wants, hooks = edge_of(tensor) is not None, hooks_of(tensor)
        return lambda: (
            same() and (edge_of(tensor) is not None) == wants and hooks_of(tensor) == hooks
        )

    grads = {t._grad for t in trace.grad_reads if t._grad is not None}
    tensors = [t for t in trace.captured() if t not in arguments and t not in grads]
    return [check(t) for t in tensors]


def hooks_of(tensor: Tensor) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the numbers of the hooks on a leaf."""
    return tuple(tensor._hooks or ()), tuple(tensor._after or ())


class Steady:
    """Several checks as one, cheap while the count of changes stands still.

    Args:
        checks: on tensors and modules.
    """

    __slots__ = ("checks", "seen")

    def __init__(self, checks: list[Guard]) -> None:
        self.checks, self.seen = checks, -1

    def __call__(self) -> bool:
        """Return whether all of them hold."""
        now = epoch.current()
        if now != self.seen:
            if not all(check() for check in self.checks):
                return False
            self.seen = now
        return True

    @property
    def name(self) -> str:
        """Return what the first that doesn't hold looks at, for messages."""
        return next((name_of(check) for check in self.checks if not check()), "")
