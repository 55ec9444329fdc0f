"""Errors of devices: the full text of each message."""

from __future__ import annotations

import numpy as np
import pytest

import gradc
from gradc.devices import cuda
from gradc.devices import driver as drivers
from gradc.errors import DeviceError, GradcError


def model_elsewhere():
    layer = gradc.nn.Linear(2, 3)
    layer.fc = gradc.nn.Linear(3, 3, device="cuda")
    return gradc.compile(lambda x: layer.fc(layer(x)))(gradc.ones(1, 2, device="cuda"))


def outer_tensor():
    w = gradc.ones(2)
    return gradc.compile(lambda x: x * w)(gradc.ones(2, device="cuda"))


def two_arguments():
    f = gradc.compile(lambda x, y: x * y)
    return f(gradc.ones(2), gradc.ones(2, device="cuda"))


def moves_inside():
    return gradc.compile(lambda x: x.cpu())(gradc.ones(2, device="cuda"))


def counts_on_the_cpu():
    count = gradc.zeros(())

    def step(x):
        count.add_(1)
        return x * 2

    return gradc.compile(step)(gradc.ones(2, device="cuda"))


def backward_elsewhere():
    gradc.ones(2, device="cuda", requires_grad=True).exp().backward(gradc.ones(2))


x = gradc.ones(2, 3)


def there(*shape):
    return gradc.ones(*shape, device="cuda")


def mapped_with(w):
    x = there(4, 3)
    return gradc.vmap(lambda r: (r * w).sum())(x)


def scanned_from(carry):
    xs = there(4, 3)
    return gradc.scan(lambda c, x: (c + x, c), carry, xs)


CASES = {
    "mixed": (
        lambda: x + x.cuda(),
        "add: Expected all tensors to be on the same device, but x.cuda() float32[2, 3] is on "
        "cuda:0 and x float32[2, 3] is on cpu",
        "x.to(x.cuda().device)",
    ),
    "mixed matmul": (
        lambda: x.cuda() @ x.T,
        "matmul: Expected all tensors to be on the same device, but x.cuda() float32[2, 3] is on "
        "cuda:0 and x.T float32[3, 2] is on cpu",
        "x.T.to(x.cuda().device)",
    ),
    "two devices": (
        lambda: gradc.maximum(x.cuda(), x.cuda(1)),
        "maximum: Expected all tensors to be on the same device, but x.cuda() float32[2, 3] is on "
        "cuda:0 and x.cuda(1) float32[2, 3] is on cuda:1",
        "x.cuda(1).to(x.cuda().device)",
    ),
    "a number on a device doesn't mix": (
        lambda: x + gradc.ones((), device="cuda"),
        "add: Expected all tensors to be on the same device, but y float32[] is on cuda:0 and "
        "x float32[2, 3] is on cpu",
        "x.to(y.device)",
    ),
    "a layer elsewhere": (
        lambda: gradc.nn.Linear(3, 2)(x.cuda()),
        "linear: Expected all tensors to be on the same device, but input float32[2, 3] is on "
        "cuda:0 and weight float32[2, 3] is on cpu",
        "weight.to(input.device)",
    ),
    "labels elsewhere": (
        lambda: gradc.nn.functional.cross_entropy(x.cuda(), gradc.tensor([0, 1])),
        "cross_entropy: Expected all tensors to be on the same device, but input float32[2, 3] is "
        "on cuda:0 and target int64[2] is on cpu",
        "target.to(input.device)",
    ),
    "index_select": (
        lambda: x.cuda().index_select(0, gradc.tensor([0])),
        "index_select: Expected all tensors to be on the same device, but x float32[2, 3] is on "
        "cuda:0 and y int64[1] is on cpu",
        "y.to(x.device)",
    ),
    "equal": (
        lambda: gradc.equal(x.cuda(), x),
        "equal: Expected all tensors to be on the same device, but input float32[2, 3] is on "
        "cuda:0 and other float32[2, 3] is on cpu",
        "other.to(input.device)",
    ),
    "where": (
        lambda: gradc.where(x.cuda() > 0, x, 0.0),
        "where: Expected all tensors to be on the same device, but x.cuda() > 0 bool[2, 3] is on "
        "cuda:0 and x float32[2, 3] is on cpu",
        "x.to((x.cuda() > 0).device)",
    ),
    "index": (
        lambda: x[gradc.tensor([0], device="cuda")],
        "index: a tensor float32[2, 3] on the CPU is indexed by one on cuda:0",
        "x[index.cpu()]",
    ),
    "numpy": (
        lambda: x.cuda().numpy(),
        "numpy: can't convert a tensor float32[2, 3] on cuda:0 to an ndarray, which shares its "
        "memory",
        "tensor.cpu() copies it to the host first",
    ),
    "asarray": (
        lambda: np.asarray(x.cuda()),
        "numpy: can't convert a tensor float32[2, 3] on cuda:0 to an ndarray, which shares its "
        "memory",
        "tensor.cpu() copies it to the host first",
    ),
    "no such device": (
        lambda: x.to("cuda:7"),
        "cuda: there is no device cuda:7; there is cuda:0 to cuda:1",
        "cuda:0",
    ),
    "generator": (
        lambda: gradc.rand(2, device="cuda", generator=gradc.Generator()),
        "rand: Expected a generator on cuda:0 but found one on cpu",
        'gradc.Generator(device="cuda:0")',
    ),
    "gradient": (
        backward_elsewhere,
        "backward: a gradient is on its tensor's device: expected cuda:0, got cpu",
        'gradient.to("cuda:0")',
    ),
    "meta": (
        lambda: gradc.ones(2, device="meta"),
        "ones: device 'meta' is not available: tensors live on the CPU or on CUDA devices",
        'device="cpu"',
    ),
    "compiled with a module elsewhere": (
        model_elsewhere,
        "compile: Expected all tensors to be on the same device, but x float32[1, 2] is on cuda:0 "
        "and weight float32[3, 2] is on cpu",
        "weight.to(x.device)",
    ),
    "compiled with a tensor elsewhere": (
        outer_tensor,
        "compile: Expected all tensors to be on the same device, but x float32[2] is on cuda:0 "
        "and w float32[2] is on cpu",
        "w.to(x.device)",
    ),
    "compiled with two arguments": (
        two_arguments,
        "compile: Expected all tensors to be on the same device, but x float32[2] is on cpu and "
        "y float32[2] is on cuda:0",
        "y.to(x.device)",
    ),
    "compiled moves": (
        moves_inside,
        "compile: the function runs on cuda:0, a tensor inside it can't be on cpu",
        "move tensors before the call and its results after it",
    ),
    "vmap with a tensor elsewhere": (
        lambda: mapped_with(gradc.ones(3)),
        "vmap: Expected all tensors to be on the same device, but x float32[4, 3] is on cuda:0 "
        "and w float32[3] is on cpu",
        "w.to(x.device)",
    ),
    "vmap makes a tensor elsewhere": (
        lambda: gradc.vmap(lambda r: r * gradc.zeros(3, device="cpu"))(there(4, 3)),
        "vmap: the function runs on cuda:0, a tensor inside it can't be on cpu",
        "move tensors before the call and its results after it",
    ),
    "vmap with two arguments": (
        lambda: gradc.vmap(lambda r, s: r * s)(there(4, 3), gradc.ones(4, 3)),
        "vmap: Expected all tensors to be on the same device, but a tensor from outside "
        "float32[4, 3] is on cuda:0 and a tensor from outside float32[4, 3] is on cpu",
        "t.to(device) for one of the tensors",
    ),
    "scan with a carry elsewhere": (
        lambda: scanned_from(gradc.zeros(3)),
        "scan: Expected all tensors to be on the same device, but carry float32[3] is on cpu and "
        "xs float32[4, 3] is on cuda:0",
        "xs.to(carry.device)",
    ),
    "compiled changes a number on the CPU": (
        counts_on_the_cpu,
        "compile: step runs on cuda:0 and changes count float32[], which is on cpu",
        'make it on the device: device="cuda:0"',
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_message(name):
    call, message, hint = CASES[name]
    with pytest.raises(GradcError) as caught:
        call()
    lines = str(caught.value).split("\n")
    assert lines[0] == message
    assert lines[-1] == f"  try: {hint}"


def test_no_device(monkeypatch):
    monkeypatch.setenv("GRADC_CUDA", "")
    monkeypatch.setattr(drivers, "_DRIVERS", {})
    monkeypatch.setattr(cuda, "missing", lambda: "there is no NVIDIA driver on this machine")
    for call in (lambda: gradc.ones(2, device="cuda"), lambda: gradc.ones(2).to("cuda:0")):
        with pytest.raises(DeviceError) as caught:
            call()
        lines = str(caught.value).split("\n")
        assert lines[0] == (
            "device 'cuda:0' is not available: there is no NVIDIA driver on this machine"
        )
        assert lines[-1] == (
            '  try: device="cpu", or GRADC_CUDA=emulate to run without a GPU, slowly'
        )


def test_out_of_memory_loses_nothing(monkeypatch):
    x = gradc.ones(1000, device="cuda")
    device = drivers.driver()
    monkeypatch.setattr(device, "total", device.statistics.allocated + 2**20)
    with pytest.raises(DeviceError) as caught:
        gradc.zeros(2**20, device="cuda")
    text = str(caught.value)
    assert text.startswith("cuda: out of memory on cuda:0: asked for 4.00 MiB, 1.00 MiB of ")
    assert "are free, gradc holds " in text
    assert text.endswith("try: a smaller batch, or del tensors that are not needed any more")
    x.add_(1)
    assert x.sum().item() == 2000.0
