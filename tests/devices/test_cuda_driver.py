"""The CUDA driver's calls, against the signatures of the real bindings."""

import gc
import threading

import numpy as np
import pytest
from fake_cuda import FakeCuda

from gradc.devices import bindings, cuda
from gradc.devices import driver as drivers
from gradc.devices.array import empty, upload
from gradc.devices.cuda import CudaDriver
from gradc.errors import DeviceError, OutOfMemoryError

real = pytest.importorskip("cuda.bindings.driver")


@pytest.fixture
def fake(monkeypatch):
    made = FakeCuda(real)
    monkeypatch.delenv("GRADC_CUDA", raising=False)
    monkeypatch.setattr(bindings.LIBRARY, "module", made)
    monkeypatch.setattr(drivers, "_DRIVERS", {})
    yield made
    gc.collect()


@pytest.fixture
def device(fake):
    made = drivers.driver()
    assert isinstance(made, CudaDriver)
    fake.calls.clear()
    return made


def test_what_the_device_says_of_itself(device):
    assert device.name == "NVIDIA H100 80GB HBM3"
    assert device.compute_capability == (9, 0)
    assert not device.emulated
    assert drivers.device_count() == 1
    assert drivers.missing() == ""


def test_the_start_shares_the_primary_context(fake):
    drivers.driver()
    names = fake.names()
    assert names.index("cuDevicePrimaryCtxRetain") < names.index("cuCtxSetCurrent")
    told = {a[1].name: int(a[2]) for name, a in fake.calls if name == "cuMemPoolSetAttribute"}
    assert told == {
        "CU_MEMPOOL_ATTR_RELEASE_THRESHOLD": 2**64 - 1,
        "CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES": 0,
    }


def test_memory_ends_after_whole_vectors(device, fake):
    # LLVM reads four numbers of an array of three
    array = upload(np.ones(3, np.float32))
    (asked,) = [a[0] for name, a in fake.calls if name == "cuMemAllocAsync"]
    assert (asked, array.nbytes) == (16, 12)


def test_arrays_go_there_and_back(device, fake):
    host = np.arange(6, dtype=np.float32)
    array = upload(host)
    copy = array.copy()
    array.fill(0)
    np.testing.assert_array_equal(copy.numpy(), host)
    np.testing.assert_array_equal(array.numpy(), np.zeros(6))
    del array, copy
    assert fake.memory == {}
    made = [c for c in fake.calls if c[0] in ("cuMemAllocAsync", "cuMemFreeAsync")]
    assert [(name, a[-1]) for name, a in made] == [
        ("cuMemAllocAsync", 0),
        ("cuMemAllocAsync", 0),
        ("cuMemFreeAsync", 0),
        ("cuMemFreeAsync", 0),
    ]


def test_a_device_without_pools(fake, monkeypatch):
    ask = FakeCuda._cuDeviceGetAttribute

    def none(self, attribute, device):
        return (0,) if "POOLS" in attribute.name else ask(self, attribute, device)

    monkeypatch.setattr(FakeCuda, "_cuDeviceGetAttribute", none)
    empty((4,), np.float32)
    assert {"cuMemAlloc", "cuMemFree"} < set(fake.names())
    drivers.driver().release()
    assert drivers.driver().memory_info() == (3 << 20, 8 << 20)


def test_kernel_parameters(device, fake):
    fake.expected_parameters = 3
    module = device.load(b"\x7fELF")
    kernel = module.function("bias_relu")
    device.launch(kernel, (7, 2), (32, 4), (11, 2**40, 13))
    assert fake.parameters_of_launches == [[11, 2**40, 13]]
    name, (function, *sizes, where, extra) = fake.calls[-1]
    assert (name, function, extra) == ("cuLaunchKernel", kernel, 0)
    assert sizes == [7, 2, 1, 32, 4, 1, 0, 0]
    assert where
    assert "cuFuncLoad" in fake.names()


def test_capture_is_on_a_stream_of_its_own(device, fake):
    x = upload(np.zeros(4))
    fake.calls.clear()

    def run():
        assert device.stream != 0
        x.fill(1)

    graph = device.capture(run)
    assert device.stream == 0
    assert fake.names() == [
        "cuCtxSetCurrent",
        "cuStreamBeginCapture",
        "cuCtxSetCurrent",
        "cuMemsetD8Async",
        "cuStreamEndCapture",
        "cuGraphInstantiate",
        "cuCtxSetCurrent",
        "cuGraphDestroy",
    ]
    mode = fake.calls[1][1][1]
    assert mode is real.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
    assert fake.calls[3][1][-1] == int(fake.calls[1][1][0])
    fake.calls.clear()
    graph.launch()
    assert fake.names() == ["cuCtxSetCurrent", "cuGraphLaunch"]
    assert fake.calls[-1][1][1] == 0  # the legacy default stream
    del graph
    assert fake.names()[-1] == "cuGraphExecDestroy"


def test_a_capture_that_fails_is_ended(device, fake):
    held = [empty((2,), np.float32)]

    def run():
        held.clear()
        raise KeyError("user's")

    with pytest.raises(KeyError, match="user's"):
        device.capture(run)
    assert fake.names()[-2:] == ["cuCtxSetCurrent", "cuMemFreeAsync"]
    assert "cuStreamEndCapture" in fake.names()
    assert "cuGraphInstantiate" not in fake.names()
    assert device.stream == 0
    with pytest.raises(DeviceError, match="can't allocate memory while a graph is captured"):
        device.capture(lambda: empty((2,), np.float32))


def test_waiting_for_the_device_lets_a_capture_end_first(device, fake):
    waiting = threading.Thread(target=device.synchronize)

    def run():
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
        assert "cuCtxSynchronize" not in fake.names()

    device.capture(run)
    waiting.join()
    assert fake.names().index("cuStreamEndCapture") < fake.names().index("cuCtxSynchronize")


def test_out_of_memory_gives_back_what_is_kept_and_tries_again(device, fake):
    fake.fail["cuMemAllocAsync"] = ["CUDA_ERROR_OUT_OF_MEMORY"]
    kept = empty((4,), np.float32)
    assert fake.names().count("cuMemAllocAsync") == 2
    assert "cuMemPoolTrimTo" in fake.names()
    fake.fail["cuMemAllocAsync"] = ["CUDA_ERROR_OUT_OF_MEMORY"] * 2
    with pytest.raises(OutOfMemoryError) as error:
        empty((1 << 18,), np.float32)
    assert (
        "cuda: out of memory on cuda:0: asked for 1.00 MiB, 3.00 MiB of 8.00 MiB are free, gradc "
        "holds 16 B" in str(error.value)
    )
    assert kept.size == 4


def test_errors_say_the_name_and_a_way_out(device, fake):
    x = upload(np.zeros(4))
    fake.fail["cuStreamSynchronize"] = ["CUDA_ERROR_ILLEGAL_ADDRESS"]
    with pytest.raises(DeviceError) as error:
        x.numpy()
    assert "cuda: cuStreamSynchronize failed: CUDA_ERROR_ILLEGAL_ADDRESS" in str(error.value)
    assert (
        "try: start the process again: after this error CUDA refuses all work; "
        "compute-sanitizer python ... finds the kernel" in str(error.value)
    )


def test_no_device(fake):
    fake.devices = 0
    assert drivers.device_count() == 0
    assert drivers.missing() == "the NVIDIA driver finds no GPU"
    with pytest.raises(DeviceError) as error:
        drivers.driver()
    assert "device 'cuda:0' is not available: the NVIDIA driver finds no GPU" in str(error.value)
    assert 'try: device="cpu", or GRADC_CUDA=emulate' in str(error.value)


def test_no_driver(fake, monkeypatch):
    def absent(flags):
        raise RuntimeError("cuda is an NVIDIA driver library and can only be found ...")

    monkeypatch.setattr(fake, "cuInit", absent)
    assert drivers.device_count() == 0
    assert drivers.missing() == "there is no NVIDIA driver on this machine (libcuda is not found)"


def test_no_second_device(fake):
    with pytest.raises(DeviceError, match="there is no device cuda:1; there is cuda:0"):
        drivers.driver(1)


def test_a_driver_that_does_not_start(fake):
    fake.fail["cuInit"] = ["CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"]
    assert drivers.missing() == "cuInit failed: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"


def test_no_bindings(monkeypatch):
    monkeypatch.setattr(bindings.LIBRARY, "module", None)
    monkeypatch.setitem(__import__("sys").modules, "cuda.bindings.driver", None)
    assert cuda.missing() == "the package cuda-bindings is not installed"


def test_pinned_memory(device, fake):
    array = device.pinned((2, 3), np.dtype(np.float32))
    array[...] = 1
    x = upload(array)
    assert "cuStreamSynchronize" in fake.names()  # the array may change now
    np.testing.assert_array_equal(x.numpy(), array)
    fake.calls.clear()
    upload(array, wait=False)
    assert "cuStreamSynchronize" not in fake.names()
    view = array[1]
    del array
    gc.collect()
    assert "cuMemFreeHost" not in fake.names()
    del view
    gc.collect()
    assert "cuMemFreeHost" in fake.names()
    assert device.pinned((0,), np.dtype(np.float32)).size == 0


def test_streams_and_events(device, fake):
    stream = device.new_stream()
    device.use_stream(stream)
    x = upload(np.zeros(2))
    x.fill(0)
    assert fake.calls[-1][1][-1] == stream
    first, second = device.event(), device.event()
    first.record()
    second.record()
    second.wait()
    second.synchronize()
    assert second.reached()
    assert second.milliseconds_since(first) == 1.5
    fake.fail["cuEventQuery"] = ["CUDA_ERROR_NOT_READY"]
    assert not second.reached()
    device.use_stream(0)
    device.synchronize()


def test_memory_kept_by_the_pool_is_free(device):
    assert device.memory_info() == ((3 << 20) + 3072, 8 << 20)
    x = empty((256,), np.float32)
    assert device.reserved() == 1024 + 3072
    assert x.nbytes == 1024


def test_a_forked_process_is_refused(device, monkeypatch):
    monkeypatch.setattr(drivers, "_process", -1)
    with pytest.raises(DeviceError) as error:
        drivers.driver()
    assert "this process was forked from one that uses the device" in str(error.value)
    assert 'try: multiprocessing.get_context("spawn")' in str(error.value)
