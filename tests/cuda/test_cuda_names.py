"""PyTorch's names around devices: `cuda`, `accelerator`, `backends`, pinned memory, `to`."""

from __future__ import annotations

import pytest

import gradc
from gradc.devices import driver as drivers
from gradc.errors import GradcError

CUDA = gradc.device("cuda:0")


def test_memory_is_told_in_every_form():
    x = gradc.ones(1000, device="cuda")
    gradc.cuda.reset_peak_memory_stats()
    y = gradc.ones(1000, device="cuda")
    used = gradc.cuda.memory_allocated()
    del y
    stats = gradc.cuda.memory_stats()
    assert stats["allocated_bytes.all.current"] == used - 4000
    assert stats["allocated_bytes.all.peak"] == gradc.cuda.max_memory_allocated() >= used
    assert stats["reserved_bytes.all.peak"] == gradc.cuda.max_memory_reserved() >= used
    made, live = stats["allocation.all.allocated"], stats["allocation.all.current"]
    assert stats["allocation.all.freed"] == made - live
    lines = gradc.cuda.memory_summary(abbreviated=True).split("\n")
    assert lines[0] == "memory of cuda:0, emulated CUDA device"
    assert [line.split("  ")[0] for line in lines[2:]] == [
        "in use",
        "held from the system",
        "free",
        "arrays",
    ]
    assert x.shape == (1000,)


def test_generators_of_all_devices():
    gradc.cuda.manual_seed_all(3)
    states = gradc.cuda.get_rng_state_all()
    first = [gradc.rand(2, device=f"cuda:{i}").tolist() for i in range(2)]
    gradc.cuda.set_rng_state_all(states)
    assert [gradc.rand(2, device=f"cuda:{i}").tolist() for i in range(2)] == first
    gradc.cuda.seed_all()
    assert gradc.rand(2, device="cuda:0").tolist() == gradc.rand(2, device="cuda:1").tolist()
    assert gradc.cuda.initial_seed() != 3


def test_devices_of_tensors():
    gradc.cuda.init()
    assert gradc.cuda.is_initialized()
    with gradc.cuda.device_of(gradc.ones(1, device="cuda:1")):
        assert gradc.cuda.current_device() == 1
        with gradc.cuda.device_of(gradc.ones(1)):
            assert gradc.cuda.current_device() == 1
    assert gradc.cuda.current_device() == 0
    assert gradc.cuda.is_bf16_supported(including_emulation=False)


def test_the_accelerator_is_cuda(monkeypatch):
    assert gradc.accelerator.current_accelerator() == gradc.device("cuda")
    assert gradc.accelerator.device_count() == 2
    with gradc.accelerator.device_index(1):
        assert gradc.accelerator.current_device_index() == 1
    gradc.accelerator.synchronize()
    monkeypatch.setenv("GRADC_CUDA", "")
    monkeypatch.setattr(drivers, "device_count", lambda: 0)
    assert gradc.accelerator.current_accelerator() is None
    assert not gradc.accelerator.is_available()


def test_backends():
    matmul = gradc.backends.cuda.matmul
    try:
        matmul.allow_tf32 = True
        assert gradc.get_float32_matmul_precision() == "high"
    finally:
        matmul.allow_tf32 = False
    assert gradc.get_float32_matmul_precision() == "highest"
    gradc.backends.cudnn.benchmark = False
    assert not gradc.backends.cudnn.is_available()
    assert not gradc.backends.mps.is_available()
    assert gradc.backends.cuda.is_built()


def test_pinned_tensors_are_made_at_once():
    made = [
        gradc.zeros(2, pin_memory=True), gradc.ones(2, pin_memory=True),
        gradc.empty(2, pin_memory=True), gradc.full((2,), 1.0, pin_memory=True),
        gradc.rand(2, pin_memory=True), gradc.randn(2, pin_memory=True, requires_grad=True),
        gradc.tensor([1, 2], pin_memory=True),
    ]  # fmt: skip
    assert all(t.is_pinned() for t in made)
    assert made[5].requires_grad
    assert not gradc.zeros(2).is_pinned()


def test_to_takes_none_and_a_tensor_by_name():
    x = gradc.ones(2)
    assert x.to(None) is x
    other = gradc.ones(1, device="cuda:1", dtype=gradc.float64)
    for moved in (x.to(other), x.to(other=other)):
        assert (moved.device, moved.dtype) == (other.device, other.dtype)


MESSAGES = {
    "a graph": (
        lambda: gradc.cuda.CUDAGraph(),
        "cuda.CUDAGraph is not supported",
        "gradc.compile: a step is captured as one CUDA graph by itself",
    ),
    "a tensor type": (
        lambda: gradc.cuda.FloatTensor(2),
        "cuda.FloatTensor is not supported",
        'gradc.tensor(data, dtype=..., device="cuda")',
    ),
    "the old room of autocast": (
        lambda: gradc.cuda.amp.GradScaler(),
        "cuda.amp is not supported",
        'gradc.autocast("cuda") and gradc.amp.GradScaler("cuda")',
    ),
    "pinned on a device": (
        lambda: gradc.zeros(2, device="cuda", pin_memory=True),
        "pin_memory: cannot pin a tensor float32[2] on cuda:0, only on the CPU",
        "",
    ),
    "a setting that is none": (
        lambda: setattr(gradc.backends.cudnn, "fp32_precision", "tf32"),
        "backends.cudnn.fp32_precision is not supported",
        "",
    ),
    "a setting that is no bool": (
        lambda: setattr(gradc.backends.cudnn, "benchmark", 1),
        "backends.cudnn.benchmark: expected True or False, got int",
        "",
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_message(name):
    call, message, hint = MESSAGES[name]
    with pytest.raises(GradcError) as caught:
        call()
    lines = str(caught.value).split("\n")
    assert lines[0] == message
    assert not hint or lines[-1] == f"  try: {hint}"


def test_names_that_are_not_there_are_not_there():
    assert not hasattr(gradc.cuda, "CUDAGraph")
    assert not hasattr(gradc.backends.cudnn, "rnn")
    with pytest.raises(AttributeError, match=r"module 'gradc\.cuda' has no attribute 'streem'"):
        gradc.cuda.streem  # noqa: B018 # it raises
    assert issubclass(gradc.OutOfMemoryError, RuntimeError)
