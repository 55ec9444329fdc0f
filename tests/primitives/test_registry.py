"""Every primitive of the registry, against its own meaning: types, JVP, VJP, second order."""

from __future__ import annotations

import numpy as np
import pytest

import gradc.primitives  # noqa: F401  (fills the registry)
from gradc.autodiff.rules import differentiable, jvp_rule, residuals, vjp_rule
from gradc.ir.builder import ArrayBuilder
from gradc.ir.derivative import Zero
from gradc.ir.dtype import float32, from_numpy
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Sample, registered

B = ArrayBuilder()


def floats(arrays):
    return [np.asarray(a).dtype.kind == "f" for a in arrays]


CASES = [
    pytest.param(p, s, id=f"{name}-{i}")
    for name, p in registered().items()
    for i, s in enumerate(p.samples())
]
SMOOTH = [
    case
    for case in CASES
    if case.values[1].smooth
    and differentiable(case.values[0])
    and any(np.asarray(a).dtype.kind == "f" for a in case.values[1].arrays)
]


def tuple_of(x):
    return x if isinstance(x, tuple) else (x,)


def type_of(array):
    array = np.asarray(array)
    return TensorType(array.shape, from_numpy(array.dtype))


def directions(sample: Sample, seed: int = 0):
    rng = np.random.default_rng(seed)
    return tuple(
        rng.standard_normal(np.shape(a)) if is_float else None
        for a, is_float in zip(sample.arrays, floats(sample.arrays), strict=True)
    )


def test_every_primitive_has_samples():
    assert [name for name, p in registered().items() if not list(p.samples())] == []


@pytest.mark.parametrize(("primitive", "sample"), CASES)
def test_type_rule_agrees_with_meaning(primitive, sample):
    results = tuple_of(primitive.meaning(*sample.arrays, **sample.params))
    types = tuple_of(primitive.typing(*map(type_of, sample.arrays), **sample.params))
    assert [str(type_of(r)) for r in results] == [str(t) for t in types]


@pytest.mark.parametrize(
    ("primitive", "sample"), [c for c in CASES if any(floats(c.values[1].arrays))]
)
def test_float32_stays_float32(primitive, sample):
    arrays = tuple(
        np.asarray(a, np.float32) if f else a
        for a, f in zip(sample.arrays, floats(sample.arrays), strict=True)
    )
    for r in tuple_of(primitive.meaning(*arrays, **sample.params)):
        if np.asarray(r).dtype.kind == "f" and primitive.name != "cast":
            assert from_numpy(np.asarray(r).dtype) is float32


@pytest.mark.parametrize(("primitive", "sample"), CASES)
def test_operands_are_not_changed(primitive, sample):
    before = [np.array(a) for a in sample.arrays]
    primitive.meaning(*sample.arrays, **sample.params)
    for a, b in zip(before, sample.arrays, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("primitive", "sample"), SMOOTH)
def test_jvp_agrees_with_central_differences(primitive, sample):
    dots = directions(sample)
    outputs = tuple_of(primitive.meaning(*sample.arrays, **sample.params))
    h = 1e-6

    def at(sign):
        moved = [
            a if d is None else a + sign * h * d for a, d in zip(sample.arrays, dots, strict=True)
        ]
        return tuple_of(primitive.meaning(*moved, **sample.params))

    found = jvp_rule(B, primitive, sample.params, sample.arrays, outputs, dots)
    for out, up, down, dot in zip(outputs, at(1), at(-1), found, strict=True):
        if np.asarray(out).dtype.kind != "f":
            continue
        expected = (up - down) / (2 * h)
        got = np.zeros_like(out) if dot is None else dot
        np.testing.assert_allclose(got, expected, rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize(("primitive", "sample"), SMOOTH)
def test_vjp_is_the_transpose_of_jvp(primitive, sample):
    dots = directions(sample)
    outputs = tuple_of(primitive.meaning(*sample.arrays, **sample.params))
    rng = np.random.default_rng(1)
    bars = tuple(
        rng.standard_normal(np.shape(o)) if np.asarray(o).dtype.kind == "f" else None
        for o in outputs
    )
    needed = floats(sample.arrays)
    out_dots = jvp_rule(B, primitive, sample.params, sample.arrays, outputs, dots)
    in_bars = vjp_rule(B, primitive, sample.params, sample.arrays, outputs, bars, needed)
    left = sum(
        np.vdot(b, d)
        for b, d in zip(bars, out_dots, strict=True)
        if b is not None and d is not None
    )
    right = 0.0
    for x, bar, dot in zip(sample.arrays, in_bars, dots, strict=True):
        if bar is not None:
            assert np.shape(bar) == np.shape(x)
            assert np.asarray(bar).dtype == np.asarray(x).dtype
            right += np.vdot(bar, dot)
    np.testing.assert_allclose(left, right, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("primitive", "sample"), SMOOTH)
def test_rules_read_only_their_residuals(primitive, sample):
    """NaN in every operand that isn't a residual must not reach the adjoints."""
    outputs = tuple_of(primitive.meaning(*sample.arrays, **sample.params))
    bars = tuple(np.ones(np.shape(o)) if np.asarray(o).dtype.kind == "f" else None for o in outputs)
    needed, (inputs_read, outputs_read) = floats(sample.arrays), residuals(primitive)

    def spoil(arrays, read):
        return tuple(
            np.full_like(a, np.nan) if i not in read and np.asarray(a).dtype.kind == "f" else a
            for i, a in enumerate(arrays)
        )

    expected = vjp_rule(B, primitive, sample.params, sample.arrays, outputs, bars, needed)
    spoiled = vjp_rule(
        B,
        primitive,
        sample.params,
        spoil(sample.arrays, inputs_read),
        spoil(outputs, outputs_read),
        bars,
        needed,
    )
    for a, b in zip(expected, spoiled, strict=True):
        if a is not None:
            np.testing.assert_array_equal(a, b)


def test_zero_derivatives_are_declared():
    missing = [name for name, p in registered().items() if p.derivative is None]
    assert missing == []
    assert isinstance(registered()["argmax"].derivative, Zero)
