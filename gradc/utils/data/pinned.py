"""Batches in host memory -> the same in pinned memory, from which a device copies by itself."""

from __future__ import annotations

from collections.abc import Mapping
from sys import getrefcount
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from gradc.devices.driver import Driver, Event
from gradc.tensor import Tensor, from_numpy


class PinnedBatches:
    """Pinned arrays, used again when nobody holds them and the copies from them are done.

    Args:
        driver: of the device.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._free: list[tuple[NDArray[Any], Event]] = []
        self._given: list[NDArray[Any]] = []

    def pin(self, batch: Any) -> Any:
        """Return a batch with its tensors, in whatever containers, in pinned memory."""
        if isinstance(batch, Tensor):
            return batch if batch.is_cuda else self._copied(batch)
        if isinstance(batch, Mapping):
            entries = cast("Mapping[Any, Any]", batch)
            return {key: self.pin(value) for key, value in entries.items()}
        if isinstance(batch, tuple | list):
            values = [self.pin(value) for value in cast("list[Any]", batch)]
            kind = cast("Any", type(cast("object", batch)))
            return kind(*values) if hasattr(kind, "_fields") else kind(values)
        return batch.pin_memory() if hasattr(batch, "pin_memory") else batch

    def passed(self) -> None:
        """Say that whoever got the last batch has asked for its copies to the device."""
        for array in self._given:
            event = self._driver.event()
            event.record()
            self._free.append((array, event))
        self._given.clear()

    def _copied(self, tensor: Tensor) -> Tensor:
        source = tensor.detach().numpy()
        array = self._taken(source.shape, source.dtype)
        np.copyto(array, source)
        self._given.append(array)
        return from_numpy(array)

    def _taken(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an array that nobody uses."""
        for i in range(len(self._free)):
            array, event = self._free[i]
            # held by the entry, by `array` and as the argument of getrefcount
            alone = getrefcount(array) == HELD
            if alone and array.shape == shape and array.dtype == dtype and event.reached():
                del self._free[i]
                return array
        return self._driver.pinned(shape, dtype)


def _held() -> int:
    """Return the reference count in `_taken` of an array that nobody else holds."""
    entries = [(np.empty(1), None)]
    array, _ = entries[0]
    return getrefcount(array)


HELD = _held()
