"""Tests of tensors on a device run on an emulated one, which all of them share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gradc.device import driver as drivers
from gradc.device.array import DeviceArray, upload
from gradc.device.eager import set_eager
from gradc.ir.primitive import Primitive
from gradc.tensor import generator as generators

SHARED: dict[int, Any] = {}


def meaning(primitive: Primitive, operands: tuple[DeviceArray, ...], params: Any) -> Any:
    """Run a primitive's NumPy meaning on copies in host memory."""
    index = operands[0].index if operands else int(params["device"].partition(":")[2])
    found = primitive.meaning(*[x.numpy() for x in operands], **params)
    if isinstance(found, tuple):
        return tuple(upload(np.asarray(y), index) for y in found)
    return upload(np.asarray(found), index)


@pytest.fixture(autouse=True)
def emulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make cuda:0 and cuda:1 devices in host memory."""
    monkeypatch.setenv("GRADC_CUDA", "emulate:2")
    monkeypatch.setattr(drivers, "_DRIVERS", SHARED)
    monkeypatch.setattr(generators, "_DEFAULTS", {"cpu": generators.default_generator()})
    before = set_eager(meaning)
    yield
    set_eager(before)
