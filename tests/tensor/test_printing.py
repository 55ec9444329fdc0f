"""Text of tensors, character for character as PyTorch writes it but for the library's name."""

import numpy as np
import pytest

import gradc
from gradc.errors import ArgumentError, TraceError
from gradc.tensor import Trace

torch = pytest.importorskip("torch")

rng = np.random.default_rng(5)
INF, NAN = float("inf"), float("nan")

ARRAYS = {
    "floats": np.array([1.5, -2.25, 3.0], np.float32),
    "whole": np.array([1.0, 2.0, -3.0], np.float32),
    "doubles": np.array([[1.5, 2.0], [3.25, 1e3]]),
    "wide_range": np.array([1e-5, 1.0, 1e5], np.float32),
    "small": np.array([1e-5, 2.5e-5], np.float32),
    "large": np.array([1e9, 2.5e9], np.float32),
    "large_whole": np.array([123456789.0, 1.0], np.float32),
    "special": np.array([1.0, INF, -INF, NAN], np.float32),
    "special_fractions": np.array([1.5, INF, NAN], np.float32),
    "only_special": np.array([INF, NAN], np.float32),
    "zeros": np.zeros(3, np.float32),
    "zero": np.array(0.0, np.float32),
    "scalar": np.array(2.5, np.float32),
    "int_scalar": np.array(7),
    "ints": np.array([[1, -200], [3, 4]]),
    "int32": np.array([1, 2], np.int32),
    "uint8": np.array([[1, 255]], np.uint8),
    "bools": np.array([True, False]),
    "empty": np.zeros((0,), np.float32),
    "empty_2d": np.zeros((0, 3), np.float32),
    "empty_ints": np.zeros((2, 0), np.int64),
    "long_vector": np.arange(40),
    "long_floats": rng.standard_normal(30).astype(np.float32),
    "matrix": rng.standard_normal((4, 12)).astype(np.float32),
    "cube": rng.standard_normal((2, 3, 2)).astype(np.float32),
    "four": np.arange(16.0, dtype=np.float32).reshape(2, 2, 2, 2),
    "summary": np.arange(2000.0, dtype=np.float32),
    "summary_2d": rng.standard_normal((60, 50)).astype(np.float32),
    "summary_ints": np.arange(5000).reshape(5, 1000),
    "summary_3d": rng.standard_normal((3, 30, 20)).astype(np.float32),
    "negative_zero": np.array([-0.0, 1.5], np.float32),
}


def as_torch(text):
    return text.replace("torch.", "gradc.")


@pytest.mark.parametrize("name", ARRAYS)
def test_text(name):
    a = ARRAYS[name]
    assert repr(gradc.from_numpy(a.copy())) == as_torch(repr(torch.from_numpy(a.copy())))
    assert str(gradc.from_numpy(a.copy())) == as_torch(str(torch.from_numpy(a.copy())))


@pytest.mark.parametrize("name", ["floats", "matrix", "scalar"])
def test_text_with_gradients(name):
    a = ARRAYS[name]
    x, y = gradc.tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    assert repr(x) == as_torch(repr(y))
    assert repr(x + 1) == as_torch(repr(y + 1))


OPTIONS = [
    {"precision": 2},
    {"sci_mode": True},
    {"sci_mode": False},
    {"linewidth": 40},
    {"threshold": 5, "edgeitems": 2},
    {"profile": "short"},
    {"profile": "full"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options(options):
    gradc.set_printoptions(**options)
    torch.set_printoptions(**options)
    try:
        for name in ("floats", "matrix", "wide_range", "ints", "summary_3d"):
            a = ARRAYS[name]
            assert repr(gradc.tensor(a)) == as_torch(repr(torch.tensor(a)))
    finally:
        gradc.set_printoptions(profile="default")
        torch.set_printoptions(profile="default")
    with pytest.raises(ArgumentError, match="profile must be one of"):
        gradc.set_printoptions(profile="long")


def test_format():
    assert f"{gradc.tensor(2.5):.2f}" == "2.50"
    assert f"{gradc.tensor([1.0])}" == "tensor([1.])"
    with pytest.raises(TypeError, match="unsupported format string"):
        f"{gradc.tensor([1.0]):.2f}"
    assert repr(gradc.zeros(2, 3).shape) == "gradc.Size([2, 3])"


def test_a_traced_tensor_has_no_values_to_print():
    x = gradc.ones(2)
    with Trace("f"):
        y = x + 1
        assert repr(y) == "tensor(float32[2], traced)"
        with pytest.raises(TraceError) as caught:
            print(y)
    assert str(caught.value).startswith(
        "printing needs the value of a tensor float32[2], which isn't known while a function is "
        "being compiled\n  at "
    )
    assert "test_printing.py:" in str(caught.value)
    assert repr(y) == "tensor(float32[2], traced)"
