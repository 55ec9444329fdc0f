"""Elementwise primitives against PyTorch: values, gradients, special values and kinks."""

from __future__ import annotations

import numpy as np
import pytest

import gradc.primitives  # noqa: F401  (fills the registry)
from gradc.autodiff.rules import vjp_rule
from gradc.ir.builder import ArrayBuilder
from gradc.ir.derivative import Partials
from gradc.ir.primitive import Kind, registered
from gradc.primitives.sixteen_bits import ROUNDS

torch = pytest.importorskip("torch")

ELEMENTWISE = {n: p for n, p in registered().items() if p.kind is Kind.ELEMENTWISE}
CASES = [
    pytest.param(p, s, id=f"{name}-{i}")
    for name, p in ELEMENTWISE.items()
    if p.reference and not p.expansion
    for i, s in enumerate(p.samples())
]
# torch's softplus is the identity above 20, which is 2e-9 away from log(1 + e^x).
LOOSE = {"softplus": 3e-9}
NO_GRADIENT = {"floor_divide"}  # in torch
# Where gradients differ: torch sends relu's adjoint through NaN, we don't; at -1, outside the
# domain of acosh, 1 / sqrt(x * x - 1) is inf and 1 / sqrt((x + 1) * (x - 1)) is -inf.
IGNORED = {"relu": np.isnan, "acosh": lambda x: x == -1.0}
GRADIENT_CASES = [
    case
    for case in CASES
    if isinstance(case.values[0].derivative, Partials)
    and case.values[0].name not in NO_GRADIENT
    and any(a.dtype.kind == "f" for a in case.values[1].arrays)
]


def reference(name):
    function = torch
    for part in ELEMENTWISE[name].reference.split("."):
        function = getattr(function, part)
    return function


def call_torch(name, tensors, params):
    if name == "cast":
        return tensors[0].to(getattr(torch, params["dtype"].name))
    result = reference(name)(*tensors)
    return result.to(tensors[0].dtype) if name in ROUNDS else result


def convert(array, dtype):
    return array.astype(dtype) if array.dtype.kind == "f" else array


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("primitive", "sample"), CASES)
def test_values(primitive, sample, dtype):
    arrays = tuple(convert(a, dtype) for a in sample.arrays)
    ours = primitive.meaning(*arrays, **sample.params)
    theirs = call_torch(primitive.name, [torch.from_numpy(a) for a in arrays], sample.params)
    theirs = theirs.numpy()
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    if ours.dtype.kind != "f":
        np.testing.assert_array_equal(ours, theirs)
        return
    ulps = 4 * np.finfo(ours.dtype).eps
    rtol = max(ulps, LOOSE.get(primitive.name, 0.0))
    # PyTorch's float32 log1p, erfc and tan are a few ulp off near their zeros and tails.
    atol = 0.0 if ours.dtype == np.float64 else 1e-7
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)


@pytest.mark.parametrize(("primitive", "sample"), GRADIENT_CASES)
def test_gradients(primitive, sample):
    arrays = sample.arrays
    ours = primitive.meaning(*arrays, **sample.params)
    needed = [a.dtype.kind == "f" for a in arrays]
    adjoint = np.full_like(ours, 0.75)
    found = vjp_rule(ArrayBuilder(), primitive, sample.params, arrays, (ours,), (adjoint,), needed)
    tensors = [torch.from_numpy(a).requires_grad_(n) for a, n in zip(arrays, needed, strict=True)]
    result = call_torch(primitive.name, tensors, sample.params)
    result.backward(torch.from_numpy(adjoint))
    for array, mine, tensor, need in zip(arrays, found, tensors, needed, strict=True):
        if not need:
            continue
        theirs = tensor.grad.numpy()
        got = np.zeros_like(array) if mine is None else mine
        if primitive.name in IGNORED:
            ignored = IGNORED[primitive.name](array)
            theirs, got = np.where(ignored, 0.0, theirs), np.where(ignored, 0.0, got)
        tolerance = max(1e-13, LOOSE.get(primitive.name, 0.0))
        np.testing.assert_allclose(got, theirs, rtol=tolerance, atol=1e-300)


def test_every_elementwise_primitive_is_compared():
    assert [n for n, p in ELEMENTWISE.items() if not p.reference] == []


@pytest.mark.parametrize("adjoint", [np.inf, np.nan])
@pytest.mark.parametrize(
    ("name", "arrays"),
    [
        ("relu", (-1.0,)),
        ("relu", (0.0,)),
        ("maximum", (1.0, 2.0)),
        ("minimum", (2.0, 1.0)),
        ("where", (False, 1.0, 2.0)),
    ],
)
def test_an_infinite_adjoint_does_not_pass_what_was_not_chosen(name, arrays, adjoint):
    primitive = ELEMENTWISE[name]
    operands = tuple(np.asarray(a) for a in arrays)
    out = primitive.meaning(*operands)
    needed = [a.dtype.kind == "f" for a in operands]
    bars = vjp_rule(ArrayBuilder(), primitive, {}, operands, (out,), (np.asarray(adjoint),), needed)
    first = needed.index(True)
    assert bars[first] == 0.0
