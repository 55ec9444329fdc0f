"""Every primitive's samples: the batched equation is the loop over its examples."""

import inspect
from itertools import product

import numpy as np
import pytest

from gradc.batching.batch import Batch
from gradc.batching.rules import batched
from gradc.batching.walk import loop, walk
from gradc.errors import TensorIndexError, UnsupportedError
from gradc.ir.builder import ArrayBuilder, GraphBuilder, several
from gradc.ir.derivative import Zero
from gradc.ir.dtype import float64
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Kind, Primitive, Sample, lookup, registered
from gradc.primitives.loop import Body

SIZE = 3
NAMES = [n for n, p in registered().items() if p.kind is not Kind.RANDOM]


def examples(array, k):
    """Three operands like one: other floats, the same positions in another order."""
    array = np.asarray(array)
    if array.dtype.kind == "f":
        rest = [array * 0.75 + 0.125, array[::-1] if array.ndim else array * 0.5]
    else:
        rest = [np.roll(array, 1 + k), np.roll(array, 2)]
    return np.stack([array, *rest])


def run(primitive, params, operands, flags):
    batch = Batch(ArrayBuilder(), SIZE)
    if primitive.kind is Kind.CONTROL:
        return loop(batch, params, operands, flags)
    results, flag = batched(batch, primitive, params, operands, flags)
    return [(r, flag) for r in results]


@pytest.mark.parametrize("name", NAMES)
def test_a_batched_equation_is_the_loop(name):
    primitive = lookup(name)
    for sample in primitive.samples():
        params = {**defaults(primitive, sample), **sample.params}
        count = len(sample.arrays)
        for flags in product((False, True), repeat=count):
            operands = tuple(
                examples(a, k) if flag else np.asarray(a)
                for k, (a, flag) in enumerate(zip(sample.arrays, flags, strict=True))
            )
            found = run(primitive, params, operands, flags)
            loops = [
                several(
                    primitive.meaning(
                        *(x[i] if flag else x for x, flag in zip(operands, flags, strict=True)),
                        **params,
                    )
                )
                for i in range(SIZE)
            ]
            for (got, flag), *expected in zip(found, *loops, strict=True):
                whole = got if flag else np.broadcast_to(got, (SIZE, *got.shape))
                assert flag or primitive.kind is Kind.CONTROL or not any(flags)
                assert whole.dtype == expected[0].dtype
                np.testing.assert_allclose(whole, np.stack(expected), rtol=1e-12, atol=1e-13)


def defaults(primitive, sample):
    """Parameters that a sample leaves away."""
    known = inspect.signature(primitive.typing).parameters.values()
    return {p.name: p.default for p in known if p.default is not p.empty}


def test_there_are_samples_of_every_kind():
    assert {lookup(n).kind for n in NAMES} == set(Kind) - {Kind.RANDOM}


def test_unbatched_equations_stay_unbatched():
    b = GraphBuilder("both")
    x, y = (b.input(TensorType((2,), float64), n) for n in "xy")
    shared = b.op("exp", y)
    graph = b.finish((b.op("mul", b.op("sin", x), shared), shared))
    counted = []

    class Counting(ArrayBuilder):
        def apply(self, primitive, inputs, params):
            counted.append((primitive.name, inputs[0].shape))
            return super().apply(primitive, inputs, params)

    rng = np.random.default_rng(0)
    xs, y0 = rng.standard_normal((4, 2)), rng.standard_normal(2)
    (out, flag), (same, batched_too) = walk(Batch(Counting(), 4), graph, (xs, y0), (True, False))
    assert (flag, batched_too) == (True, False)
    np.testing.assert_allclose(out, np.sin(xs) * np.exp(y0))
    np.testing.assert_allclose(same, np.exp(y0))
    assert ("exp", (2,)) in counted


@pytest.mark.parametrize("name", ["index_select", "gather", "index_add", "scatter_add"])
def test_an_index_out_of_range_never_reaches_a_neighbour(name):
    x = np.arange(12.0).reshape(2, 3, 2)
    at = np.array([[0, 1], [3, 0]])  # 3 would be the first row of the next example
    if name in ("gather", "scatter_add"):
        at = np.stack([at, at], -1)
    extra = (np.ones((2, 2, 2)),) if "add" in name else ()
    operands = (x, at, *extra)
    flags = (True,) * len(operands)
    with pytest.raises(TensorIndexError, match="index 3 is out of range for an axis of size 3"):
        batched(Batch(ArrayBuilder(), 2), lookup(name), {"axis": 0}, operands, flags)


def test_random_bits():
    seed, offset = np.array(5), np.array(7)
    bits, params = lookup("random_bits"), {"shape": (4,)}
    same, flag = batched(Batch(ArrayBuilder(), 3), bits, params, (seed, offset), (False, False))
    assert (same[0].shape, flag) == ((4,), False)
    different = Batch(ArrayBuilder(), 3, different=True)
    own, flag = batched(different, bits, params, (seed, offset), (False, False))
    assert (own[0].shape, flag) == ((3, 4), True)
    assert len(set(own[0].reshape(-1).tolist())) == 12
    with pytest.raises(UnsupportedError) as caught:
        batched(different, bits, params, (seed, np.arange(3)), (False, True))
    assert caught.value.message == "vmap: random_bits (random) has no batching rule"


def test_a_loop_whose_state_becomes_batched_only_in_the_third_step():
    """a <- b, b <- c, c <- x: the flags need three rounds to settle."""
    b = GraphBuilder("shift")
    a0, b0, c0, x = (b.input(TensorType((), float64), n) for n in "abcx")
    graph = b.finish((b0, c0, b.op("mul", c0, x), a0))
    params = Body(graph, 5, False, 3, 0).params
    xs = np.array([1.0, 2.0, 3.0])
    start = (np.array(1.0), np.array(2.0), np.array(3.0))
    found = loop(Batch(ArrayBuilder(), 3), params, (*start, xs), (False, False, False, True))
    scan = lookup("scan")
    expected = [scan.meaning(*start, np.asarray(v), **params) for v in xs]
    for (got, flag), *parts in zip(found, *expected, strict=True):
        assert flag
        np.testing.assert_allclose(got, np.stack(parts))


def test_a_new_kind_without_a_rule_is_named():
    odd = Primitive(
        "oddity", Kind.RANDOM, np.copy, lambda x: x, Zero(), "odd", lambda: [Sample((np.ones(2),))]
    )
    with pytest.raises(UnsupportedError, match="oddity"):
        batched(Batch(ArrayBuilder(), 2), odd, {}, (np.ones((2, 2)),), (True,))
