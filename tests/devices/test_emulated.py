"""What the emulated device finds."""

import threading

import numpy as np
import pytest

from gradc.devices.array import empty, upload
from gradc.devices.driver import device_count, driver, emulated
from gradc.errors import ArgumentError, DeviceError, OutOfMemoryError


def test_use_after_free(device):
    array = upload(np.zeros(4))
    address = array.address
    del array
    host = np.zeros(4)
    with pytest.raises(DeviceError, match="use after free of 32 bytes"):
        device.download(host, address)
    with pytest.raises(DeviceError, match="is not in use"):
        device.free(address)


def test_copies_out_of_bounds(device):
    array = upload(np.zeros(4))
    for address in (array.address + 8, array.address - 8):
        with pytest.raises(DeviceError, match=r"32 bytes at .* are out of bounds of the 32 bytes"):
            device.upload(address, np.zeros(4))
    with pytest.raises(DeviceError, match="0x0 is no address"):
        device.fill(0, 0, 8)


def test_a_kernel_that_writes_out_of_bounds_is_found_at_the_end(device):
    address = device.allocate(16)
    rim = np.ctypeslib.as_array((np.ctypeslib.ctypes.c_uint8 * 4).from_address(address + 16))
    rim[:] = 0
    with pytest.raises(DeviceError, match="something wrote around the 16 bytes"):
        device.free(address)


def test_launches_run_at_once_or_are_captured(device):
    seen = []

    def kernel(blocks, threads, arguments):
        seen.append((blocks, threads, arguments))

    address = device.allocate(8)
    host = np.zeros(1)
    device.upload(address, host)
    device.launch(kernel, (2, 1), (128, 1), (address, 7))
    assert seen == [((2, 1), (128, 1), (address, 7))]

    def run():
        device.launch(kernel, (1, 1), (32, 1), (address,))
        device.fill(address, 0xFF, 8)

    graph = device.capture(run)
    assert len(seen) == 1
    device.download(host, address)
    assert host == 0
    graph.launch()
    graph.launch()
    assert len(seen) == 3
    device.download(host, address)
    assert np.isnan(host)
    assert (device.captures, device.launches) == (1, 2)
    device.free(address)
    with pytest.raises(DeviceError, match="use after free"):
        device.launch(kernel, (1, 1), (1, 1), (address,))


@pytest.mark.parametrize("what", ["allocate memory", "wait", "capture"])
def test_what_a_capture_refuses(device, what):
    def run():
        if what == "wait":
            device.wait()
        elif what == "capture":
            device.capture(run)
        else:
            empty((2,), np.float32)

    with pytest.raises(DeviceError, match=f"can't {what} while a graph is captured"):
        device.capture(run)
    empty((2,), np.float32)  # it's over


def test_memory_freed_during_a_capture_is_freed_after_it(device):
    arrays = [empty((4,), np.float32)]
    live = device.statistics.live
    device.capture(arrays.clear)
    assert device.statistics.live == live - 1
    assert device.memory_info() == (device.total, device.total)


def test_a_capture_is_of_one_thread(device):
    seen = []
    other = threading.Thread(
        target=lambda: device.launch(lambda *a: seen.append("other"), (1, 1), (1, 1), ())
    )

    def run():
        other.start()
        other.join()

    device.capture(run)
    assert seen == ["other"]


def test_out_of_memory(device):
    device.total = 1 << 20
    kept = upload(np.zeros(1 << 16))
    with pytest.raises(OutOfMemoryError) as error:
        empty((1 << 18,), np.float32)
    assert (
        "cuda: out of memory on cuda:0: asked for 1.00 MiB, 512.00 KiB of 1.00 MiB are free, gradc "
        "holds 512.00 KiB" in str(error.value)
    )
    assert "try: a smaller batch, or del tensors that are not needed any more" in str(error.value)
    assert kept.numpy().sum() == 0  # nothing is lost
    assert device.statistics.live == 1


def test_events(device):
    first, second = device.event(), device.event()
    first.record()
    second.record()
    second.wait()
    second.synchronize()
    assert second.reached()
    assert second.milliseconds_since(first) >= 0


@pytest.mark.parametrize("given", ["yes", "emulate:0", "emulate:x"])
def test_what_gradc_cuda_may_be(monkeypatch, given):
    monkeypatch.setenv("GRADC_CUDA", given)
    with pytest.raises(ArgumentError, match=f"GRADC_CUDA='{given}' is not known"):
        emulated()


def test_devices_are_counted(device):
    assert device_count() == 2
    assert driver() is device
