"""Tests of the device room run on an emulated device of their own."""

from __future__ import annotations

import pytest

from gradc.devices import driver as drivers
from gradc.devices.emulated import EmulatedDriver


@pytest.fixture
def device(monkeypatch) -> EmulatedDriver:
    monkeypatch.setenv("GRADC_CUDA", "emulate:2")
    monkeypatch.setattr(drivers, "_DRIVERS", {})
    made = drivers.driver()
    assert isinstance(made, EmulatedDriver)
    return made
