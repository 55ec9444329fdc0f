"""What the CUDA driver lends out is given back, in every thread, and at moments that allow it."""

import gc
import threading
import weakref

import numpy as np
import pytest
from fake_cuda import FakeCuda

import gradc
from gradc.devices import bindings
from gradc.devices import driver as drivers
from gradc.devices.array import empty, send, upload
from gradc.errors import DeviceError
from gradc.tensor import moving
from gradc.utils.data.pinned import PinnedBatches

real = pytest.importorskip("cuda.bindings.driver")


@pytest.fixture
def fake(monkeypatch):
    made = FakeCuda(real, devices=2)
    monkeypatch.delenv("GRADC_CUDA", raising=False)
    monkeypatch.setattr(bindings.LIBRARY, "module", made)
    monkeypatch.setattr(drivers, "_DRIVERS", {})
    yield made
    made.fail.clear()
    moving._COPYING.clear()
    gc.collect()


@pytest.fixture
def device(fake):
    return drivers.driver()


def after(fake, work):
    """Return the calls that some work makes, but for contexts and the lives of events."""
    fake.calls.clear()
    result = work()
    aside = ("cuCtxSetCurrent", "cuEventCreate", "cuEventDestroy")
    return [c for c in fake.calls if c[0] not in aside], result


def test_another_thread_may_be_the_one_that_lets_go(device, fake):
    held = [upload(np.zeros(4)), device.pinned((4,), np.dtype("f")), device.event()]
    held += [device.capture(lambda: held[0].fill(0)), device.load(b"\x7fELF")]
    held[2].record()

    def last():
        held[2].synchronize()
        assert held[2].reached()
        held.clear()

    thread = threading.Thread(target=last)
    thread.start()
    thread.join()
    assert fake.memory == {}
    for kind in ("CUevent", "CUgraph", "CUgraphExec", "CUmodule"):
        assert fake.live[kind] == set(), kind


def test_a_module_outlives_the_graph_that_launches_its_kernels(device, fake):
    module = device.load(b"\x7fELF")
    graph = device.capture(lambda: None, module)
    del module
    assert len(fake.live["CUmodule"]) == 1
    fake.calls.clear()
    del graph
    names = [n for n in fake.names() if n != "cuCtxSetCurrent"]
    assert names == ["cuGraphExecDestroy", "cuModuleUnload"]


def test_what_is_let_go_while_a_thread_captures_is_given_back_afterwards(device, fake):
    held = [device.pinned((4,), np.dtype("f")), device.load(b"\x7fELF"), empty((4,), "f")]

    def run():
        held.clear()
        gc.collect()
        assert "cuMemFreeHost" not in fake.names()

    device.capture(run)
    names = fake.names()
    for name in ("cuMemFreeHost", "cuModuleUnload", "cuMemFreeAsync"):
        assert names.index(name) > names.index("cuStreamEndCapture")
    assert fake.memory == {}


@pytest.mark.parametrize("where", ["cuStreamBeginCapture", "run", "cuStreamEndCapture"])
def test_a_capture_that_fails_leaves_nothing_behind(device, fake, where):
    x = empty((4,), "f")
    if where != "run":
        fake.fail[where] = ["CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"]

    def run():
        x.fill(0)
        if where == "run":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt if where == "run" else DeviceError):
        device.capture(run)
    assert device.stream == 0
    assert not fake.thread.capturing
    assert fake.live.get("CUgraph", set()) == set()
    device.capture(lambda: x.fill(0)).launch()
    device.wait()


def test_giving_back_after_a_fatal_error_is_quiet(device, fake, recwarn):
    x = upload(np.zeros(4))
    fake.fail["cuMemFreeAsync"] = ["CUDA_ERROR_ILLEGAL_ADDRESS"]
    del x
    gc.collect()
    assert not recwarn.list


def test_copies_from_pinned_memory_do_not_wait_for_the_step(device, fake):
    host = device.pinned((8,), np.dtype("f"))
    host[:] = range(8)
    calls, (x, copied) = after(fake, lambda: send(host))
    copies = int(device._copy_stream)
    assert [(name, int(a[-1])) for name, a in calls] == [
        ("cuMemAllocAsync", copies),
        ("cuMemcpyHtoDAsync", copies),
        ("cuEventRecord", copies),
        ("cuEventRecord", copies),
        ("cuStreamWaitEvent", 0),
    ]
    assert int(calls[-1][1][0]) == 0  # the default stream waits for the copy, the host doesn't
    flags = dict(fake.calls)
    assert "cuStreamSynchronize" not in flags
    np.testing.assert_array_equal(x.numpy(), host)
    assert copied.reached()
    assert device.stream == 0
    held = [x]
    del x
    freed, _ = after(fake, held.clear)
    assert [(name, a[-1]) for name, a in freed] == [("cuMemFreeAsync", 0)]


def test_the_stream_of_the_user_waits_for_a_copy(device, fake):
    host, stream = device.pinned((8,), np.dtype("f")), gradc.cuda.Stream()
    with gradc.cuda.stream(stream):
        calls, _ = after(fake, lambda: send(host))
        assert (calls[-1][0], int(calls[-1][1][0])) == ("cuStreamWaitEvent", stream.cuda_stream)


def test_a_copy_that_finds_no_memory_leaves_the_streams_as_they_were(device, fake):
    host = device.pinned((8,), np.dtype("f"))
    fake.fail["cuMemAllocAsync"] = ["CUDA_ERROR_OUT_OF_MEMORY"] * 2
    with pytest.raises(gradc.cuda.OutOfMemoryError):
        send(host)
    assert device.stream == 0
    calls, _ = after(fake, lambda: empty((4,), "f"))
    assert calls[0][1][-1] == 0


def test_pinned_memory_lives_until_the_device_has_copied_it(device, fake):
    held = [gradc.ones(4).pin_memory()]
    fake.fail["cuEventQuery"] = ["CUDA_ERROR_NOT_READY"]
    calls, y = after(fake, lambda: held[0].to("cuda", non_blocking=True))
    assert "cuStreamSynchronize" not in [name for name, _ in calls]
    held.clear()
    gc.collect()
    assert "cuMemFreeHost" not in fake.names()
    again = gradc.ones(4).pin_memory()
    again.to("cuda", non_blocking=True)  # looks: the copy isn't done
    gc.collect()
    assert "cuMemFreeHost" not in fake.names()
    again.to("cuda", non_blocking=True)  # looks again: it is
    gc.collect()
    assert fake.names().count("cuMemFreeHost") == 1
    assert y.shape == (4,)


def test_a_pinned_batch_is_not_written_before_its_copy_is_done(device, fake):
    batches = PinnedBatches(device)
    first = batches.pin(gradc.ones(4))
    there = first.to("cuda", non_blocking=True)
    place = first.data_ptr()
    del first
    batches.passed()
    fake.fail["cuEventQuery"] = ["CUDA_ERROR_NOT_READY"] * 8
    assert batches.pin(gradc.ones(4)).data_ptr() != place
    fake.fail.clear()
    gradc.ones(4).pin_memory().to("cuda", non_blocking=True)  # lets go of what is copied
    assert batches.pin(gradc.ones(4)).data_ptr() == place
    assert there.shape == (4,)


def test_events_join_streams_of_different_devices(device, fake):
    one, two = gradc.cuda.Stream("cuda:0"), gradc.cuda.Stream("cuda:1")
    event = one.record_event()
    calls, _ = after(fake, lambda: two.wait_event(event))
    assert [(name, int(a[0])) for name, a in calls] == [("cuStreamWaitEvent", two.cuda_stream)]
    with pytest.raises(ValueError, match="the event belongs to cuda:0, the stream to cuda:1"):
        event.record(two)


def test_streams_are_given_out_in_turn(device, fake):
    streams = [gradc.cuda.Stream().cuda_stream for _ in range(80)]
    assert len(set(streams)) == 32
    assert streams[:16] == streams[32:48] == streams[64:]


def test_a_stream_is_asked_itself_whether_it_is_done(device, fake):
    stream = gradc.cuda.Stream()
    assert stream.query()
    fake.fail["cuStreamQuery"] = ["CUDA_ERROR_NOT_READY"]
    assert not stream.query()
    fake.fail["cuStreamQuery"] = ["CUDA_ERROR_LAUNCH_FAILED"]
    fake.fail["cuStreamSynchronize"] = ["CUDA_ERROR_LAUNCH_FAILED"]
    with pytest.raises(DeviceError, match="CUDA_ERROR_LAUNCH_FAILED"):
        stream.query()


def test_each_device_has_its_context(device, fake):
    x, y = upload(np.zeros(2), 0), upload(np.ones(2), 1)
    for array in (y, x, y):
        array.fill(0)
        assert fake.thread.context == int(array.driver._context)
    gone = weakref.ref(y)
    del y, array
    assert gone() is None
    x.fill(1)
