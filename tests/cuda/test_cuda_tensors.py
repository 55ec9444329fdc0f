"""Tensors on a device: memory, views, in-place changes, gradients, copies."""

from __future__ import annotations

import copy
import gc
import pickle

import numpy as np
import pytest

import gradc
from gradc.devices.driver import driver

ON_REAL_DEVICES = True
CUDA = gradc.device("cuda:0")


def cuda(data, **options):
    return gradc.tensor(data, device="cuda", **options)


def content(x):
    return x._storage.content


def test_where_tensors_are():
    x = cuda([1.0, 2.0])
    assert (x.device, x.is_cuda, x.get_device()) == (CUDA, True, 0)
    assert x.cpu().device == gradc.device("cpu")
    assert x.cuda() is x.to("cuda") is x.to(x) is x
    assert gradc.ones(2).to(x).device == CUDA
    assert (x.type(), x.cpu().type()) == ("gradc.cuda.FloatTensor", "gradc.FloatTensor")
    assert x.to("cuda", False, True) is not x
    for made in (gradc.zeros_like(x), gradc.rand_like(x), x.new_ones(3), x.new_tensor([1.0])):
        assert made.device == CUDA
    assert gradc.zeros_like(x, device="cpu").device.type == "cpu"
    assert x.new_zeros(2, device="cpu").device.type == "cpu"


def test_moving_is_recorded_on_the_tape():
    x = gradc.tensor([1.0, 2.0], requires_grad=True)
    y = (x.cuda() * 3).cpu() * gradc.tensor([1.0, 10.0])
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 30.0]
    assert x.grad.device.type == "cpu"
    w = cuda([1.0, 2.0], requires_grad=True)
    (w.cpu() * 2).sum().backward()
    assert (w.grad.tolist(), w.grad.device) == ([2.0, 2.0], CUDA)


def test_second_derivative_over_two_devices():
    x = gradc.tensor(2.0, requires_grad=True)
    (first,) = gradc.autograd.grad((x.cuda() ** 3).cpu(), x, create_graph=True)
    (second,) = gradc.autograd.grad(first, x)
    assert (first.item(), second.item()) == (12.0, 12.0)


def test_views_follow_their_base_and_back():
    x = cuda([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    row, turned, flat = x[1], x.t(), x.view(-1)
    x.mul_(2)
    assert row.tolist() == [8.0, 10.0, 12.0]
    assert turned.tolist() == [[2.0, 8.0], [4.0, 10.0], [6.0, 12.0]]
    row.zero_()
    turned[0] += 100
    flat[2] = -1
    assert x.tolist() == [[102.0, 4.0, -1.0], [100.0, 0.0, 0.0]]
    assert row.tolist() == [100.0, 0.0, 0.0]
    assert x.stride() == (3, 1)
    assert turned.stride() == (1, 3)
    assert not turned.is_contiguous()
    assert turned.contiguous().stride() == (2, 1)


def test_detach_and_data_share_memory():
    x = cuda([1.0, 2.0], requires_grad=True)
    other = x.detach()
    other.add_(1)
    x.data.mul_(10)
    assert x.tolist() == other.tolist() == [20.0, 30.0]
    assert x._version == 1


def test_no_two_storages_share_an_array():
    x = cuda([[1.0, 2.0], [3.0, 4.0]])
    same = gradc.zeros(2, 2, device="cuda")
    same.copy_(x)
    with_path = gradc.zeros(4, device="cuda")
    with_path.view(2, 2).copy_(x)
    parameter = gradc.nn.Parameter(gradc.zeros(2, 2, device="cuda"))
    parameter.data.copy_(x)
    module = gradc.nn.Linear(2, 2, device="cuda")
    module.load_state_dict({"weight": x, "bias": x[0]})
    leaf = cuda([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    leaf.backward(x)
    (grad,) = gradc.autograd.grad(leaf + 0, leaf, x)
    other = cuda([[0.0, 1.0], [2.0, 3.0]], requires_grad=True)
    one, two = gradc.autograd.grad((leaf + other).sum(), (leaf, other))
    copies = [
        x.clone(), gradc.tensor(x), x.to("cuda", copy=True), x.contiguous().clone(), same,
        with_path,
        one, two, parameter, module.weight, module.bias, leaf.grad, grad, copy.deepcopy(x),
        x.reshape(4).clone(), gradc.clone(x.detach()), pickle.loads(pickle.dumps(x)),
    ]  # fmt: skip
    memories = [content(t).memory for t in (x, *copies)]
    assert len(set(map(id, memories))) == len(memories)
    assert content(x.detach()) is content(x)


def test_memory_of_old_contents_is_given_back():
    gc.collect()
    statistics = driver().statistics
    x = gradc.zeros(1000, device="cuda")
    alias, parameter = x.detach(), gradc.nn.Parameter(x)
    x.add_(1)
    parameter.data.mul_(2)  # the numbers 1 and 2 stay on the device
    before = statistics.allocated
    for _ in range(3):
        x.add_(1)
        parameter.data.mul_(2)
    assert statistics.allocated == before
    del x, alias, parameter
    assert statistics.allocated == before - 4000


def test_changed_saved_values_are_refused():
    x = cuda([1.0, 2.0], requires_grad=True)
    y = x.exp()
    z = (y * y).sum()
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_gradient_through_in_place_changes():
    x = cuda([1.0, 2.0, 3.0], requires_grad=True)
    y = x * 2
    y[1:].mul_(x[:2])
    y.add_(1)
    y.sum().backward()
    here = gradc.tensor([1.0, 2.0, 3.0], requires_grad=True)
    w = here * 2
    w[1:].mul_(here[:2])
    w.add_(1)
    w.sum().backward()
    assert x.grad.tolist() == here.grad.tolist()


def test_hooks_accumulation_and_no_grad():
    x = cuda([1.0, 2.0], requires_grad=True)
    seen = []
    x.register_hook(lambda g: seen.append(g.device) or g * 2)
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.tolist()))
    (x * 3).sum().backward()
    (x * 3).sum().backward()
    assert seen == [CUDA, [6.0, 6.0], CUDA, [12.0, 12.0]]
    with gradc.no_grad():
        x.sub_(x.grad)
    assert x.tolist() == [-11.0, -10.0]
    y = x * 2
    y.retain_grad()
    y.sum().backward()
    assert y.grad.device == CUDA


def test_printing_and_numbers():
    x = cuda([1.0, 2.5])
    assert repr(x) == "tensor([1.0000, 2.5000], device='cuda:0')"
    assert repr(cuda([[1, 2]], dtype=gradc.int32)) == (
        "tensor([[1, 2]], device='cuda:0', dtype=gradc.int32)"
    )
    assert repr(cuda(1.0, requires_grad=True)) == (
        "tensor(1., device='cuda:0', requires_grad=True)"
    )
    assert f"{x[1]:.2f}" == "2.50"
    assert (x[1].item(), float(x[0]), int(x[0]), bool(x[0] > 0)) == (2.5, 1.0, 1, True)
    assert [t.item() for t in x] == [1.0, 2.5]
    assert (2.5 in x, len(x), x.nbytes) == (True, 2, 8)


def test_indexing():
    x = gradc.arange(12.0).reshape(3, 4)
    y = x.cuda()
    rows, mask = gradc.tensor([2, -3, 0]), x > 4
    cases = [
        lambda t, at: t[at(rows)],
        lambda t, at: t[rows],
        lambda t, at: t[[0, 2], [1, -1]],
        lambda t, at: t[at(mask)],
        lambda t, at: t[mask],
        lambda t, at: t[at(gradc.tensor(1))],
        lambda t, at: at(mask).nonzero(),
        lambda t, at: gradc.where(at(mask))[0],
        lambda t, at: t.masked_select(at(mask)),
        lambda t, at: t[1:, ::2],
        lambda t, at: (t % 3).unique(),
        lambda t, at: gradc.bincount(at(rows) + 3),
    ]
    for case in cases:
        found, expected = case(y, lambda t: t.cuda()), case(x, lambda t: t)
        assert found.device == CUDA
        assert found.dtype == expected.dtype
        assert found.tolist() == expected.tolist()


def test_writing():
    x, y = gradc.zeros(3, 4), gradc.zeros(3, 4, device="cuda")
    for t in (x, y):
        t[0] = 1
        t[1, 1:3] = gradc.tensor([5.0, 6.0])  # a copy, from wherever it is
        t[gradc.tensor([2, 0])] = 7.0
        t[t == 6] = -1.0
        t[[0, 2], [0, 3]] = gradc.tensor([8.0, 9.0], device=t.device)
        t[gradc.tensor([1])] += 2
        t.index_put_((gradc.tensor([1, 1]),), gradc.ones(2, 4, device=t.device), accumulate=True)
    assert y.tolist() == x.tolist()


def test_random_numbers_are_those_of_the_cpu():
    draws = [
        lambda device: gradc.rand(5, device=device),
        lambda device: gradc.randn(2, 3, device=device, dtype=gradc.float64),
        lambda device: gradc.randint(0, 100, (7,), device=device),
        lambda device: gradc.randperm(9, device=device),
        lambda device: gradc.full((50,), 0.3, device=device).bernoulli(),
        lambda device: gradc.empty(4, device=device).uniform_(-1, 1),
        lambda device: gradc.multinomial(gradc.ones(6, device=device), 3),
        lambda device: gradc.nn.functional.dropout(gradc.ones(20, device=device)),
        lambda device: gradc.normal(1.0, 2.0, (3,), device=device),
    ]
    gradc.manual_seed(11)
    here = [draw("cpu") for draw in draws]
    there = [draw("cuda") for draw in draws]
    assert all(x.device == CUDA for x in there)
    for x, y in zip(there, here, strict=True):  # the bits are the same, logarithms may not be
        np.testing.assert_allclose(x.cpu().numpy(), y.numpy(), rtol=1e-5, atol=1e-6)
    a = gradc.Generator("cuda").manual_seed(3)
    b = gradc.Generator().manual_seed(3)
    first = gradc.rand(3, device="cuda", generator=a)
    assert first.tolist() == gradc.rand(3, generator=b).tolist()
    assert a.get_state().device.type == "cpu"
    state = a.get_state()
    again = gradc.rand(3, device="cuda", generator=a)
    assert gradc.rand(3, device="cuda", generator=a.set_state(state)).tolist() == again.tolist()


def test_deepcopy_keeps_sharing_and_pickle_the_device():
    x = cuda([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    x.grad = gradc.ones(2, 2, device="cuda")
    base = gradc.zeros(2, 2, device="cuda")
    view = base[0]
    one, two, three = copy.deepcopy([x, base, view])
    two.add_(5)
    assert three.tolist() == [5.0, 5.0]
    assert (base.sum().item(), one.grad.device) == (0.0, CUDA)
    back = pickle.loads(pickle.dumps(x))
    assert (back.device, back.tolist(), back.requires_grad) == (CUDA, x.tolist(), True)


def test_save_and_load(tmp_path):
    x = cuda([1.0, 2.0])
    gradc.save({"x": x}, tmp_path / "x.safetensors")
    assert gradc.load(tmp_path / "x.safetensors")["x"].device.type == "cpu"
    for where in ("cuda", CUDA, 0):
        back = gradc.load(tmp_path / "x.safetensors", map_location=where)["x"]
        assert (back.device, back.tolist()) == (CUDA, [1.0, 2.0])


def test_numbers_on_the_cpu_mix():
    x = cuda([1.0, 2.0])
    half = gradc.tensor(0.5, requires_grad=True)
    for result in (x * half, half + x, gradc.where(x > 1, x, half), gradc.lerp(x, x, half)):
        assert result.device == CUDA
    (x * half).sum().backward()
    assert (half.grad.item(), half.grad.device.type) == (3.0, "cpu")
    assert x.masked_fill(x > 1, gradc.tensor(9.0)).tolist() == [1.0, 9.0]
    x[0] = gradc.tensor(4.0)
    assert x.tolist() == [4.0, 2.0]
    assert gradc.tensor([x[0], 1.0]).device.type == "cpu"
    assert gradc.tensor([[x[0], 1.0]], device="cuda").tolist() == [[4.0, 1.0]]


def test_empty_tensors():
    x = gradc.zeros(0, 3, device="cuda")
    assert (x + 1).shape == (0, 3)
    assert x.sum(0).tolist() == [0.0, 0.0, 0.0]
    assert gradc.cat([x, gradc.ones(1, 3, device="cuda")]).tolist() == [[1.0, 1.0, 1.0]]
    assert repr(x) == "tensor([], device='cuda:0', size=(0, 3))"


def test_anomaly_mode_sees_nan():
    with gradc.autograd.detect_anomaly(), pytest.raises(RuntimeError, match="log: made a NaN"):
        cuda([-1.0]).log()


def test_numpy_by_force():
    x = cuda([1.0, 2.0], requires_grad=True)
    np.testing.assert_array_equal(x.numpy(force=True), [1.0, 2.0])


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_second_derivatives_through_saved_views(device):
    x = gradc.tensor([[1.0, 2.0, 3.0]], device=device, requires_grad=True)
    weights = gradc.tensor([1.0, -1.0, 2.0], device=device).reshape(1, 3)
    (g,) = gradc.autograd.grad(
        (x**3 * weights * x.reshape(3).reshape(1, 3)).sum(), x, create_graph=True
    )
    g.sum().backward()
    assert x.grad.tolist() == [[12.0, -48.0, 216.0]]
