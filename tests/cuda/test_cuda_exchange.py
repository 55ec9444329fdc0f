"""DLPack and the CUDA array interface: structures, shared memory, lifetimes."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys

import numpy as np
import pytest

import gradc
from gradc.devices import driver as drivers
from gradc.errors import GradcError
from gradc.tensor import exchange


def memory_of(address, shape, dtype):
    """Return the memory of the emulated device at an address."""
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_uint8 * count).from_address(address), dtype).reshape(shape)


class Other:
    """Another library's array, on the memory of a tensor."""

    def __init__(self, tensor, **changes):
        self.tensor, self.changes, self.streams = tensor, changes, []

    def __dlpack_device__(self):
        return 2, self.tensor.get_device()

    def __dlpack__(self, stream=None):
        self.streams.append(stream)
        capsule = self.tensor.__dlpack__(stream=stream)
        place = exchange._pointer(id(capsule), exchange.NAME)
        array = exchange.DLManagedTensor.from_address(place).array
        for name, value in self.changes.items():
            setattr(array, name, value)
        return capsule


def test_the_structure_says_what_the_tensor_is():
    for dtype, code, bits in ((gradc.float32, 2, 32), (gradc.int64, 0, 64), (gradc.bool, 6, 8)):
        x = gradc.tensor([[1, 0, 1], [0, 1, 1]], device="cuda:1").to(dtype)
        capsule = x.__dlpack__()
        place = exchange._pointer(id(capsule), exchange.NAME)
        t = exchange.DLManagedTensor.from_address(place).array
        assert (t.data, t.device_type, t.device_id) == (x.data_ptr(), 1, 0)
        assert (t.ndim, t.code, t.bits, t.lanes, t.byte_offset) == (2, code, bits, 1, 0)
        assert (t.shape[:2], t.strides[:2]) == ([2, 3], [3, 1])
        del capsule
        assert place not in exchange._LENT
        np.testing.assert_array_equal(np.from_dlpack(x), x.cpu().numpy())
    assert gradc.ones(2).__dlpack_device__() == x.__dlpack_device__() == (1, 0)


def test_numbers_of_real_devices(monkeypatch):
    x = gradc.ones(2, device="cuda:1")
    monkeypatch.setattr(drivers.driver(1), "emulated", False)
    assert x.__dlpack_device__() == (2, 1)
    capsule = x.__dlpack__()
    place = exchange._pointer(id(capsule), exchange.NAME)
    t = exchange.DLManagedTensor.from_address(place).array
    assert (t.device_type, t.device_id) == (2, 1)


def test_both_sides_see_changes_and_keep_the_memory():
    x = gradc.ones(2, 3, device="cuda")
    y = gradc.from_dlpack(Other(x))
    assert y.data_ptr() == x.data_ptr()
    x.add_(1)
    x[0, 0] = 7
    assert y.tolist() == [[7.0, 2.0, 2.0], [2.0, 2.0, 2.0]]
    y.t().mul_(2)
    assert x.tolist() == y.tolist() == [[14.0, 4.0, 4.0], [4.0, 4.0, 4.0]]
    assert y.data_ptr() == x.data_ptr()
    gc.collect()
    lent = len(exchange._LENT)
    del x
    assert y.sum().item() == 34.0
    del y
    gc.collect()
    assert len(exchange._LENT) == lent - 1


def test_streams_wait_for_each_other():
    x = gradc.ones(2, device="cuda")
    other = Other(x)
    s = gradc.cuda.Stream()
    with gradc.cuda.stream(s):
        gradc.from_dlpack(other)
        assert x.__cuda_array_interface__["stream"] == s.cuda_stream
    gradc.from_dlpack(other)
    assert other.streams == [s.cuda_stream, 1]
    with pytest.raises(ValueError, match="stream=0 is ambiguous"):
        x.__dlpack__(stream=0)


def test_copies_and_other_devices():
    x = gradc.ones(2, device="cuda")
    y = gradc.from_dlpack(x)
    assert y.data_ptr() == x.data_ptr()
    capsule = x.__dlpack__(copy=True)
    place = exchange._pointer(id(capsule), exchange.NAME)
    assert exchange.DLManagedTensor.from_address(place).array.data != x.data_ptr()
    assert x.__dlpack__(dl_device=(1, 0)) is not None
    with pytest.raises(BufferError, match=r"can't export from \(1, 0\) to \(2, 1\)"):
        x.__dlpack__(dl_device=(2, 1))
    with pytest.raises(RuntimeError, match=r"use tensor\.detach\(\)"):
        x.requires_grad_().__dlpack__()


def test_what_can_not_be_taken():
    strides = (ctypes.c_int64 * 2)(1, 2)
    with pytest.raises(NotImplementedError) as caught:
        gradc.from_dlpack(Other(gradc.ones(2, 2, device="cuda"), strides=strides))
    assert str(caught.value).split("\n")[0] == (
        "from_dlpack: an array [2, 2] with strides [1, 2] is not contiguous"
    )
    with pytest.raises(TypeError, match="gradc has no dtype for f2"):
        gradc.from_dlpack(Other(gradc.ones(2, device="cuda"), bits=16))


def test_cuda_array_interface():
    x = gradc.arange(6.0, device="cuda").reshape(2, 3)
    x = x.clone()
    told = x.__cuda_array_interface__
    assert told == {
        "shape": (2, 3),
        "typestr": "<f4",
        "data": (x.data_ptr(), False),
        "strides": None,
        "version": 3,
        "stream": 1,
    }
    np.testing.assert_array_equal(memory_of(told["data"][0], (2, 3), "f4"), x.cpu().numpy())
    assert not hasattr(gradc.ones(2), "__cuda_array_interface__")
    with pytest.raises(RuntimeError, match="requires grad"):
        x.detach().requires_grad_().__cuda_array_interface__  # noqa: B018 # it raises


class Carrier:
    """Another library's array that gives one capsule again and again."""

    def __init__(self, capsule):
        self.capsule = capsule

    def __dlpack_device__(self):
        return 2, 0

    def __dlpack__(self, stream=None):
        return self.capsule


def test_capsules_are_taken_once():
    x = gradc.ones(2, device="cuda")
    capsule = gradc.utils.dlpack.to_dlpack(x)
    place = exchange._pointer(id(capsule), exchange.NAME)
    exchange.DLManagedTensor.from_address(place).array.device_type = exchange.CUDA_KIND
    y = gradc.utils.dlpack.from_dlpack(capsule)
    assert (y.data_ptr(), y.device) == (x.data_ptr(), x.device)
    for given in (capsule, Carrier(capsule)):
        with pytest.raises(GradcError) as caught:
            gradc.from_dlpack(given)
        lines = str(caught.value).split("\n")
        assert lines[0] == (
            "from_dlpack: the capsule was used already: a capsule gives its memory to one taker"
        )
        assert lines[-1] == "  try: pass the array itself, which makes a capsule for each"
    assert gradc.from_dlpack(gradc.ones(3).__dlpack__()).tolist() == [1.0] * 3  # on the host


def test_where_and_whether_to_copy():
    x = gradc.ones(2, 3, device="cuda")
    assert gradc.from_dlpack(x, device="cuda").data_ptr() == x.data_ptr()
    assert gradc.from_dlpack(x, copy=True).data_ptr() != x.data_ptr()
    assert gradc.from_dlpack(x, device="cpu").device.type == "cpu"
    assert gradc.from_dlpack(np.ones(2), device="cuda:1").device == gradc.device("cuda:1")
    with pytest.raises(ValueError, match="copy=False, but the array is on cuda:0, not on cpu"):
        gradc.from_dlpack(x, device="cpu", copy=False)
    assert gradc.from_dlpack(Other(gradc.zeros(0, 3, device="cuda"))).shape == (0, 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda x: gradc.from_dlpack([1.0]),
            "from_dlpack: expected an array with __dlpack__ and __dlpack_device__, got list",
        ),
        (
            lambda x: x.__dlpack__(stream="1"),
            "__dlpack__: stream must be a number or None, got str",
        ),
        (lambda x: x.__dlpack__(stream=-2), "__dlpack__: stream=-2 is no stream"),
        (
            lambda x: gradc.as_tensor(Array(x, stream=0)),
            "as_tensor: __cuda_array_interface__ names stream 0, which is ambiguous",
        ),
        (lambda x: gradc.as_tensor(Array(x, mask=x)), "as_tensor: the array has a mask"),
    ],
)
def test_messages(call, message):
    with pytest.raises(GradcError) as caught:
        call(gradc.ones(2, device="cuda"))
    assert str(caught.value).split("\n")[0] == message


def test_memory_that_others_hold_when_the_process_ends():
    pytest.importorskip("torch")
    program = """
import sys, torch, gradc
x = gradc.arange(6.0, device="cuda")
torch.held = torch.from_dlpack(x)
sys.held = x.__dlpack__()
cycle = [torch.from_dlpack(x)]
cycle.append(cycle)
print(torch.held.sum().item())
"""
    environment = {**os.environ, "GRADC_CUDA": "emulate"}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "15.0\n", "")


class Array:
    """Another library's array with the interface."""

    def __init__(self, tensor, **changes):
        self.tensor = tensor
        self.__cuda_array_interface__ = {**tensor.__cuda_array_interface__, **changes}


def test_taking_by_the_cuda_array_interface():
    x = gradc.ones(2, 3, device="cuda")
    y = gradc.as_tensor(Array(x))
    assert (y.data_ptr(), y.device) == (x.data_ptr(), x.device)
    y.mul_(3)
    assert x.sum().item() == 18.0
    assert gradc.as_tensor(Array(x), device="cpu").tolist() == x.tolist()
    assert gradc.as_tensor(Array(x), dtype=gradc.float64).dtype is gradc.float64
    assert gradc.tensor(Array(x)).data_ptr() != x.data_ptr()
    there = gradc.ones(2, device="cuda:1")
    assert gradc.as_tensor(Array(there)).device == there.device
    with pytest.raises(NotImplementedError, match="the memory is read-only"):
        gradc.as_tensor(Array(x, data=(x.data_ptr(), True)))
    with pytest.raises(NotImplementedError, match="is not contiguous"):
        gradc.as_tensor(Array(x, strides=(4, 8)))


@pytest.mark.gpu
def test_pytorch_on_the_same_memory():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch has no CUDA")
    x = gradc.ones(2, 3, device="cuda")
    y = torch.from_dlpack(x)
    y.mul_(3)
    torch.as_tensor(x, device="cuda").add_(1)
    x.add_(1)
    assert y.cpu().tolist() == x.tolist() == [[5.0] * 3] * 2
    theirs = torch.arange(6.0, device="cuda")
    mine = gradc.from_dlpack(theirs)
    mine.mul_(2)
    assert gradc.as_tensor(theirs).data_ptr() == theirs.data_ptr() == mine.data_ptr()
    assert theirs.cpu().tolist() == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]


@pytest.mark.gpu
def test_cupy_on_the_same_memory():
    cupy = pytest.importorskip("cupy")
    x = gradc.ones(2, 3, device="cuda")
    for y in (cupy.from_dlpack(x), cupy.asarray(x)):
        y *= 3
    assert x.tolist() == [[9.0] * 3] * 2
    theirs = cupy.arange(6, dtype=cupy.float32)
    gradc.from_dlpack(theirs).mul_(2)
    gradc.as_tensor(theirs).add_(1)
    assert theirs.get().tolist() == [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]
