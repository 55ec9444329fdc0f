"""Devices whose kernels run as PTX on the PTX machine, below the real code of the CUDA driver."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ptx.gpu import PtxCublasLt, PtxCuda, assemble, compile_noted
from ptx.memory import GlobalMemory

from gradc.build import cuda as build_cuda
from gradc.build import cuda_ptx
from gradc.compiler import cuda_eager, cuda_products
from gradc.devices import bindings, repeated
from gradc.devices import driver as drivers
from gradc.devices.eager import set_eager

STORE: list[Path] = []  # what all tests on the PTX machine have compiled


@contextmanager
def ptx_devices(
    monkeypatch: pytest.MonkeyPatch, folders: pytest.TempPathFactory
) -> Iterator[PtxCuda]:
    """Make cuda:0 and cuda:1 devices that run PTX on the PTX machine, below the CUDA driver."""
    real = pytest.importorskip("cuda.bindings.driver")
    if not STORE:
        STORE.append(folders.mktemp("ptx"))
    made = PtxCuda(real, GlobalMemory())
    monkeypatch.delenv("GRADC_CUDA", raising=False)
    # what is stored in place of cubins must stay apart from real ones
    monkeypatch.setenv("GRADC_CACHE", str(STORE[0]))
    monkeypatch.setattr(bindings.LIBRARY, "module", made)
    monkeypatch.setattr(drivers, "_DRIVERS", {})
    monkeypatch.setattr(build_cuda, "assemble", assemble)
    monkeypatch.setattr(cuda_ptx, "compile_ptx", compile_noted)
    monkeypatch.setattr(cuda_products, "find_cublaslt", lambda: PtxCublasLt(made))
    monkeypatch.setattr(cuda_eager, "_OPERATIONS", {})
    monkeypatch.setattr(repeated, "_NUMBERS", {})
    before = set_eager(cuda_eager.run)
    try:
        yield made
    finally:
        gc.collect()
        for device in drivers._DRIVERS.values():
            # what caches and frames still hold is not given back to another driver
            vars(device)["give_back"] = lambda *handle: None
        set_eager(before)
