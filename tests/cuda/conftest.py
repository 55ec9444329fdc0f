"""Tests of tensors on a device run on an emulated one, which all of them share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from devices_on_ptx import ptx_devices

from gradc.compiler import cuda_eager
from gradc.devices import driver as drivers
from gradc.devices.array import DeviceArray, upload
from gradc.devices.eager import set_eager
from gradc.ir.primitive import Primitive
from gradc.tensor import generator as generators

SHARED: dict[int, Any] = {}
# Modules with so many operations that compiling a kernel for each takes minutes.
BY_MEANING = ("test_cuda_operations", "test_cuda_training")


def meaning(primitive: Primitive, operands: tuple[DeviceArray, ...], params: Any) -> Any:
    """Run a primitive's NumPy meaning on copies in host memory."""
    index = operands[0].index if operands else int(params["device"].partition(":")[2])
    found = primitive.meaning(*[x.numpy() for x in operands], **params)
    if isinstance(found, tuple):
        return tuple(upload(np.asarray(y), index) for y in found)
    return upload(np.asarray(found), index)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests of modules with ON_REAL_DEVICES on a real device too, and on PTX by -m ptx."""
    if getattr(metafunc.module, "ON_REAL_DEVICES", False):
        real = pytest.param("real", marks=pytest.mark.gpu)
        ways = ["emulated", real]
        if "ptx" in metafunc.config.option.markexpr:
            ways.append(pytest.param("ptx", marks=pytest.mark.ptx))
        metafunc.parametrize("where", ways, indirect=True)


@pytest.fixture
def where(request: pytest.FixtureRequest) -> str:
    """Whether the devices are "emulated", "real", or run PTX: "ptx"."""
    wanted = getattr(request, "param", None)
    return wanted or ("real" if request.node.get_closest_marker("gpu") else "emulated")


@pytest.fixture(autouse=True)
def emulated(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    where: str,
) -> Iterator[None]:
    """Make cuda:0 and cuda:1 devices in host memory, where the test wants no real ones.

    Operations are generated kernels, but for a few modules NumPy's meaning of them.
    """
    monkeypatch.setattr(generators, "_DEFAULTS", {"cpu": generators.default_generator()})
    if where == "real":
        yield
        return
    if where == "ptx":
        with ptx_devices(monkeypatch, tmp_path_factory):
            yield
        return
    monkeypatch.setenv("GRADC_CUDA", "emulate:2")
    monkeypatch.setattr(drivers, "_DRIVERS", SHARED)
    by_meaning = request.module.__name__ in BY_MEANING
    before = set_eager(meaning if by_meaning else cuda_eager.run)
    yield
    set_eager(before)
