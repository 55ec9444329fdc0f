"""gradc.cuda, pinned memory, and what `gradc doctor` says."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import gradc
from gradc.cli.cuda import cuda as doctor
from gradc.devices import driver as drivers
from gradc.utils.data import DataLoader, TensorDataset


def test_devices():
    assert gradc.cuda.is_available()
    assert gradc.cuda.device_count() == 2
    assert gradc.cuda.current_device() == 0
    with gradc.cuda.device(1):
        assert gradc.ones(2, device="cuda").device == gradc.device("cuda:1")
        assert gradc.cuda.current_device() == 1
    gradc.cuda.set_device("cuda:1")
    assert gradc.ones(2).cuda().get_device() == 1
    gradc.cuda.set_device(gradc.device("cuda", 0))
    assert gradc.cuda.get_device_name() == "emulated CUDA device"
    assert gradc.cuda.get_device_capability("cuda:1") == (9, 0)
    found = gradc.cuda.get_device_properties(0)
    assert (found.name, found.major, found.total_memory) == ("emulated CUDA device", 9, 8 << 30)
    gradc.cuda.synchronize()
    assert gradc.cuda.is_initialized()
    with pytest.raises(RuntimeError, match="there is no device cuda:5"):
        gradc.cuda.set_device(5)
    with pytest.raises(ValueError, match=r"cuda\.get_device_name: expected a CUDA device, got cpu"):
        gradc.cuda.get_device_name("cpu")


def test_two_devices():
    x = gradc.tensor([1.0, 2.0], device="cuda", requires_grad=True)
    second = gradc.device("cuda", 1)
    assert x.to("cuda:1").device == x.to(1).device == x.cuda(1).device == second
    y = x.cuda(1) * gradc.tensor([3.0, 4.0], device=second)
    y.sum().backward()
    assert (x.grad.tolist(), x.grad.device) == ([3.0, 4.0], gradc.device("cuda:0"))
    y = gradc.zeros(2, device=second)
    y.copy_(x.detach())
    assert (y.tolist(), y.device) == ([1.0, 2.0], second)


def test_memory():
    gradc.ones(1000, device="cuda")  # the number one stays on the device
    gc.collect()
    before = gradc.cuda.memory_allocated()
    gradc.cuda.reset_peak_memory_stats()
    x = gradc.ones(1000, device="cuda")
    assert gradc.cuda.memory_allocated() == before + 4000
    free, total = gradc.cuda.mem_get_info()
    assert (total - free, total) == (gradc.cuda.memory_reserved(), 8 << 30)
    del x
    assert gradc.cuda.memory_allocated() == before
    assert gradc.cuda.max_memory_allocated() >= before + 4000
    gradc.cuda.empty_cache()


def test_seeds():
    gradc.cuda.manual_seed(7)
    first = gradc.rand(3, device="cuda")
    gradc.cuda.manual_seed_all(7)
    assert gradc.rand(3, device="cuda").tolist() == first.tolist()
    assert gradc.rand(3, device="cuda:1").tolist() == first.tolist()
    assert gradc.cuda.initial_seed() == 7
    state = gradc.cuda.get_rng_state()
    again = gradc.rand(3, device="cuda")
    gradc.cuda.set_rng_state(state)
    assert gradc.rand(3, device="cuda").tolist() == again.tolist()
    gradc.manual_seed(7)
    assert gradc.rand(3, device="cuda").tolist() == first.tolist() == gradc.rand(3).tolist()


def test_streams_and_events():
    s = gradc.cuda.Stream()
    assert gradc.cuda.current_stream() == gradc.cuda.default_stream() != s
    start, end = (gradc.cuda.Event(enable_timing=True) for _ in range(2))
    assert start.query()
    with gradc.cuda.stream(s):
        assert gradc.cuda.current_stream() == s
        start.record()
        x = gradc.ones(4, device="cuda") * 2
        end.record()
    s.wait_stream(gradc.cuda.current_stream())
    gradc.cuda.current_stream().wait_event(end)
    s.synchronize()
    end.synchronize()
    assert end.query()
    assert s.query()
    assert start.elapsed_time(end) >= 0.0
    assert x.tolist() == [2.0] * 4
    assert gradc.cuda.current_stream().cuda_stream == 0
    with pytest.raises(ValueError, match="'enable_timing=True'"):
        gradc.cuda.Event().elapsed_time(end)
    with pytest.raises(NotImplementedError, match="priority=-1 is not supported"):
        gradc.cuda.Stream(priority=-1)


def test_pinned_tensors():
    x = gradc.arange(6).reshape(2, 3)
    pinned = x.pin_memory()
    assert pinned.is_pinned()
    assert not x.is_pinned()
    assert pinned.pin_memory() is pinned
    assert pinned.tolist() == x.tolist()
    assert pinned.to("cuda", non_blocking=True).tolist() == x.tolist()
    with pytest.raises(ValueError, match=r"cannot pin a tensor int64\[2, 3\] on cuda:0"):
        x.cuda().pin_memory()


def test_batches_in_pinned_memory_are_used_again():
    data = TensorDataset(gradc.arange(40.0).reshape(20, 2), gradc.arange(20))
    seen, places = [], set()
    for x, y in DataLoader(data, batch_size=4, pin_memory=True):
        assert x.is_pinned()
        places.add(x.data_ptr())
        seen += y.to("cuda", non_blocking=True).tolist()
    assert seen == list(range(20))
    assert len(places) < 5
    kept = list(DataLoader(data, batch_size=4, pin_memory=True))
    np.testing.assert_array_equal(gradc.cat([x for x, _ in kept]).numpy(), data.tensors[0].numpy())
    nested = DataLoader([{"a": gradc.ones(1), "b": "text"}] * 2, batch_size=2, pin_memory=True)
    (batch,) = nested
    assert batch["a"].is_pinned()
    assert batch["b"] == ["text", "text"]


def test_pinning_without_a_device(monkeypatch):
    monkeypatch.setattr(drivers, "device_count", lambda: 0)
    loader = DataLoader(TensorDataset(gradc.arange(4)), batch_size=2, pin_memory=True)
    with pytest.warns(UserWarning, match="there is no CUDA device: batches are not pinned"):
        assert [x.tolist() for (x,) in loader] == [[0, 1], [2, 3]]


def test_doctor_tells_of_the_emulated_device():
    rows = dict(doctor())
    assert rows["device 0"] == "emulated CUDA device in host memory (GRADC_CUDA=emulate:2)"


def test_doctor_without_a_driver(monkeypatch):
    monkeypatch.setenv("GRADC_CUDA", "")
    monkeypatch.setattr("gradc.cli.cuda.DRIVER", "libnothing.so.9")
    assert doctor()[0] == (
        "driver",
        'none: programs run with device="cpu"; GRADC_CUDA=emulate runs "cuda" without a GPU, '
        "slowly",
    )


def test_pinned_memory_is_pinned_for_all_devices():
    loader = DataLoader([1, 2], pin_memory=True, pin_memory_device="cuda:1")
    assert [batch.is_pinned() for batch in loader] == [True, True]
    with pytest.raises(ValueError, match="DataLoader: expected a CUDA device, got cpu"):
        next(iter(DataLoader([1, 2], pin_memory=True, pin_memory_device="cpu")))
