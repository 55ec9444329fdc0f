"""What a trace has met around the function: storages of tensors, and numbers."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradc.ir.graph import Role, Value
from gradc.tensor.storage import Storage

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor


@dataclass(slots=True, eq=False)
class Cell:
    """A captured storage.

    Args:
        storage: the user's, with the real array.
        input: the graph input that stands for its contents at the call.
        shadow: the storage that changes while tracing.
        role: what it is to the program.
        tensor: the tensor through which it was met first.
    """

    storage: Storage
    input: Value
    shadow: Storage
    role: Role
    tensor: Tensor

    @property
    def value(self) -> Value:
        """What the storage holds at this point of the program."""
        return self.shadow.content

    @property
    def changed(self) -> bool:
        """Whether the program writes to it."""
        return self.shadow.content is not self.input


@dataclass(slots=True, eq=False)
class Hyper:
    """A number read at each call from `owner[key]`."""

    owner: MutableMapping[str, Any]
    key: str
    tensor: Tensor
    input: Value
