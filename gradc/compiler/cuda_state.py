"""Tensors around a program -> the memory on the device where it reads and updates them.

A captured graph knows addresses, so a storage gets a home: memory that all programs which know it
use for it. Where the user has given the storage another content in the meantime, that is copied
home before the next call.
"""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import weakref
from dataclasses import dataclass
from sys import getrefcount
from typing import Any

import numpy as np

from gradc.compiler.capture import Source
from gradc.compiler.cuda_pool import DevicePool
from gradc.devices.array import DeviceArray, copy_into, empty
from gradc.ir.graph import Value
from gradc.tensor import epoch
from gradc.tensor.core import wrap_array
from gradc.tensor.on_device import device_place
from gradc.tensor.storage import Storage
from gradc.tensor.tensor import Tensor

_HOMES: weakref.WeakKeyDictionary[Storage, weakref.ref[DeviceArray]] = weakref.WeakKeyDictionary()


def home_of(storage: Storage) -> DeviceArray:
    """Return the memory that programs use for a storage on a device."""
    known = _HOMES.get(storage)
    home = None if known is None else known()
    # another handle than the tensor's own, which goes when the content changes
    return _settled(storage, storage.content.aligned().again()) if home is None else home


def _settled(storage: Storage, home: DeviceArray) -> DeviceArray:
    """Let all programs use `home` for a storage."""
    _HOMES[storage] = weakref.ref(home)
    return home


def changed(storage: Storage) -> None:
    """Let a storage know that a program has changed its memory."""
    content = storage.content
    if getrefcount(content) > OWN:  # views know what they were derived from
        storage.content = content.again()
    storage.version += 1


@dataclass(slots=True)
class CudaBound:
    """A captured storage and where the program finds it.

    Attributes:
        position: among the inputs.
        storage: the user's.
        home: its memory; for a number on the CPU, where the device's copy is.
        owner: where this is the `.grad` of a tensor: that tensor or the position of an argument,
            whose `.grad` may be another at the next call; it is used where it lies.
        updated: whether the program changes it.
    """

    position: int
    storage: Storage
    home: DeviceArray
    owner: Source | None
    updated: bool

    def place(self, addresses: list[int], owner: Tensor | None) -> None:
        """Bring the content of this call to where the program reads it."""
        if owner is not None:
            assert owner._grad is not None
            self.storage = owner._grad._storage
            addresses[self.position] = self.storage.content.address
            return
        content = self.storage.content
        if self.storage.place is None:
            copy_into(self.home, content)
        elif content.memory is self.home.memory:
            return
        elif not content.memory.lent:
            copy_into(self.home, content)
            self.storage.content = self.home.again()
        elif content.aligned() is content:  # another library knows the new memory: stay there
            self.home = _settled(self.storage, content.again())
            addresses[self.position] = content.address
        else:
            copy_into(self.home, content)

    def settle(self) -> None:
        """Let the storage know that the program has changed it."""
        storage = self.storage  # not its content: `changed` counts who knows that
        if self.owner is None and storage.content.memory is not self.home.memory:
            copy_into(storage.content, self.home)  # it could not stay where another library is
        changed(storage)


def bound(
    position: int, value: Value, storage: Storage, owner: Source | None,
    updated: bool, index: int,
) -> CudaBound:  # fmt: skip
    """Return a captured storage with a home on the device; a number on the CPU gets a copy."""
    if storage.place is not None:
        return CudaBound(position, storage, home_of(storage), owner, updated)
    copy = empty(value.shape, value.dtype.numpy, index)
    return CudaBound(position, storage, copy, owner, updated)


@dataclass(slots=True)
class CudaGradient:
    """A `.grad` that the program makes anew at each call.

    Its memory is written again while only the owner's `.grad` holds it.

    Attributes:
        owner: the tensor whose `.grad` it is, or the position of an argument.
        pool: arrays for it.
        again: whether it may be written while the owner's `.grad` still holds it: not where the
            program reads the `.grad` that was there before.
        tensor: of the call before.
    """

    owner: Tensor | int
    pool: DevicePool
    again: bool
    tensor: Tensor | None = None

    def place(self, owner: Tensor) -> DeviceArray:
        """Return an array that may be overwritten."""
        tensor = self.tensor
        if self.again and tensor is not None and owner._grad is tensor and _only(tensor):
            return tensor._storage.content
        self.tensor = tensor = None
        array = self.pool.take()
        self.tensor = device_place(self.pool.index).wrap(array)
        return array

    def settle(self, owner: Tensor) -> None:
        """Make it the owner's `.grad`."""
        if owner._grad is not self.tensor:
            owner._grad = self.tensor
            epoch.bump()


def _references(tensor: Tensor) -> tuple[int, int, int, int]:
    """Return how many know a tensor, its storage, its content and its memory."""
    storage = tensor._storage
    content: Any = storage.content
    return (
        getrefcount(tensor),
        getrefcount(storage),
        getrefcount(content),
        getrefcount(content.memory),
    )


def _only(tensor: Tensor) -> bool:
    """Return whether nobody but a `.grad`, a CudaGradient and its pool hold a tensor's memory."""
    a, b, c, d = _references(tensor)
    return a <= ALONE[0] and b <= ALONE[1] and c <= ALONE[2] and d <= ALONE[3]


class _Content:
    """Stands for an array when reference counts are measured."""

    __slots__ = ("memory",)

    def __init__(self) -> None:
        self.memory = object()


def _alone() -> tuple[int, int, int, int]:
    """Return the references, as `_only` finds them, of a gradient that nobody else holds."""
    pool: Any = [_Content()]
    gradient = CudaGradient(0, pool, again=True, tensor=wrap_array(np.empty(())))
    owner = wrap_array(np.empty(()))
    owner._grad = tensor = gradient.tensor
    assert tensor is not None
    tensor._storage.content = pool[0]

    def only(tensor: Tensor) -> tuple[int, int, int, int]:
        return _references(tensor)

    return only(tensor)


def _own() -> int:
    """Return the references, as `changed` finds them, of a content that only its storage knows."""
    storage = Storage(_Content())
    content = storage.content
    return getrefcount(content)


ALONE = _alone()
OWN = _own()
