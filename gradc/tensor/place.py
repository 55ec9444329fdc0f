"""Where operations run that NumPy doesn't run at once: under a trace, or on a device.

A tensor's `_storage.place` says where it lives: None for an ndarray, a device, or the trace that
its Value belongs to. After `resolve` it is also where an operation on the tensor runs.
"""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from gradc.ir.builder import Builder
from gradc.ir.primitive import Primitive

if TYPE_CHECKING:
    from gradc.tensor.device import Device
    from gradc.tensor.storage import Storage
    from gradc.tensor.tensor import Tensor


class Place(ABC):
    """Contents are opaque here: Values of a graph, or arrays on a device; they never change.

    Attributes:
        traces: whether contents are Values, whose elements nobody knows yet.
        by_rules: whether gradients come from the equations' rules instead of a tape.
        during, running: under a trace, what goes on and what is being run, for messages.
    """

    traces: ClassVar[bool]
    by_rules: ClassVar[bool] = False
    during: str = "a function is being compiled"
    running: str = "the compiled function"

    @property
    @abstractmethod
    def builder(self) -> Builder:
        """Applies primitives to contents."""

    @property
    @abstractmethod
    def device(self) -> Device:
        """The device of tensors here."""

    @abstractmethod
    def emit(self, primitive: Primitive, values: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply a primitive to contents for the user's line that is being executed."""

    def view(self, primitive: Primitive, content: Any, params: dict[str, Any]) -> Any:
        """Apply a movement to the content of a tensor, for a view of it."""
        return self.emit(primitive, (content,), params)

    @abstractmethod
    def wrap(self, content: Any) -> Tensor:
        """Return a base tensor of a content."""

    @abstractmethod
    def face(self, content: Any) -> Any:
        """Return what a base tensor keeps of its storage's content: something with its shape."""

    @abstractmethod
    def copy(self, content: Any) -> Any:
        """Return a content that may become that of another storage."""

    @abstractmethod
    def written(self, old: Any, new: Any) -> Any:
        """Return what a storage holds after `new` was written over `old`."""

    @abstractmethod
    def apart(self, results: tuple[Any, ...], values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return results of a movement, which may lie in its operands' memory, in their own."""

    @abstractmethod
    def placing(self) -> Builder:
        """Return the builder that writes through views, at the user's line."""

    @abstractmethod
    def base_strides(self, storage: Storage) -> tuple[int, ...] | None:
        """Return the strides in memory of a storage's content; None: row-major ones."""
