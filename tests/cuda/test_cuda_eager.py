"""Each operation on a device is a program of one kernel, which gives NumPy's numbers."""

from __future__ import annotations

import numpy as np
import pytest

import gradc
from gradc.compiler import cuda_eager
from gradc.compiler.cuda_eager import frozen
from gradc.devices.array import DeviceArray, empty, upload
from gradc.devices.driver import driver
from gradc.devices.eager import set_eager
from gradc.ir.primitive import Kind, registered

ON_REAL_DEVICES = True
FEW = ("add", "exp", "sum", "argmax", "matmul", "transpose", "gather", "sort", "random_bits")
EVERY = {k: p for k, p in registered().items() if p.kind is not Kind.CONTROL}


@pytest.fixture(autouse=True)
def kernels(emulated):
    set_eager(cuda_eager.run)  # the fixture around this one sets another afterwards


def check(primitive, sample):
    arrays = [np.asarray(a) for a in sample.arrays]
    if any(a.size == 0 for a in arrays):
        return
    singles = [a.astype("f") if a.dtype == np.float64 else a for a in arrays]
    params = dict(sample.params)
    if not arrays:
        params["device"] = "cuda:0"
    found = cuda_eager.run(primitive, tuple(upload(a) for a in singles), params)
    with np.errstate(all="ignore"):
        expected = primitive.meaning(*singles, **sample.params)
    assert isinstance(found, tuple) == isinstance(expected, tuple)
    for x, y in zip(_tuple(found), _tuple(expected), strict=True):
        assert isinstance(x, DeviceArray)
        assert (x.shape, x.dtype) == (np.shape(y), np.asarray(y).dtype)
        np.testing.assert_allclose(x.numpy(), y, rtol=1e-4, atol=1e-5)


def _tuple(found):
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize("name", sorted(set(FEW) & set(EVERY)))
def test_an_operation_gives_numpys_numbers(name):
    check(EVERY[name], next(iter(EVERY[name].samples())))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(EVERY))
def test_every_operation_gives_numpys_numbers(name):
    for sample in EVERY[name].samples():
        check(EVERY[name], sample)


def test_a_program_is_compiled_once():
    x = gradc.ones(7, 3, device="cuda")
    x + x
    before = len(cuda_eager._OPERATIONS)
    for _ in range(3):
        x + x
    assert len(cuda_eager._OPERATIONS) == before
    gradc.ones(7, 2, device="cuda") + gradc.ones(7, 2, device="cuda")
    assert len(cuda_eager._OPERATIONS) > before


def test_constants_need_no_program_of_their_own():
    gradc.full((3, 5), 0.25, device="cuda")
    before = len(cuda_eager._OPERATIONS)
    for value in (0.0, 0.5, -0.0, float("nan"), 7.0):
        found = gradc.full((3, 5), value, device="cuda").cpu().numpy()
        np.testing.assert_array_equal(found, np.full((3, 5), value, "f"))
        assert np.signbit(found).all() == np.signbit(value)
    assert len(cuda_eager._OPERATIONS) == before


def test_a_tape_of_operations_gives_gradients():
    x = gradc.tensor([0.5, -1.0, 2.0], device="cuda", requires_grad=True)
    (gradc.exp(x) * x).sum().backward()
    value = np.array([0.5, -1.0, 2.0], "f")
    np.testing.assert_allclose(x.grad.cpu().numpy(), np.exp(value) * (1 + value), rtol=1e-5)


def test_memory_of_operations_is_given_back():
    x = gradc.ones(100, device="cuda")
    (x * 2 + 1).sum()
    live = driver().statistics.live
    for _ in range(3):
        (x * 2 + 1).sum()
    assert driver().statistics.live == live


def test_operands_that_begin_anywhere():
    whole = empty((9,), np.float32)
    part = DeviceArray(whole.memory, (8,), whole.dtype, 4)
    part.driver.upload(part.address, np.arange(8, dtype="f"))
    add = registered()["add"]
    np.testing.assert_array_equal(cuda_eager.run(add, (part, part), {}).numpy(), 2 * np.arange(8))


def test_keys_tell_parameters_apart():
    assert frozen({"a": 1}) != frozen({"a": 1.0})
    assert frozen({"a": True}) != frozen({"a": 1})
    assert frozen({"a": 0.0}) != frozen({"a": -0.0})
    assert frozen({"a": float("nan")}) == frozen({"a": float("nan")})
    assert frozen({"a": (1, (2, 3))}) == frozen({"a": (1, (2, 3))})
