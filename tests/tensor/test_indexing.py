"""x[index], read and written, against PyTorch: hand-picked and random indices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradc
from gradc.errors import ArgumentError, GradcError
from gradc.ir.evaluate import evaluate
from gradc.tensor import Trace

torch = pytest.importorskip("torch")

SHAPE = (3, 4, 2)


def convert(L, entry):
    """Return an entry with lists marked as tensors made into tensors."""
    if isinstance(entry, tuple) and entry and entry[0] == "tensor":
        return L.tensor(entry[1])
    return entry


def entries(size):
    ints = st.integers(-size, size - 1)
    bounds = st.one_of(st.none(), st.integers(-size - 1, size + 1))
    return st.one_of(
        ints,
        st.builds(slice, bounds, bounds, st.one_of(st.none(), st.integers(1, 3))),
        st.just(slice(None)),
        st.lists(ints, min_size=3, max_size=3).map(lambda v: ("tensor", v)),
        st.lists(ints, min_size=1, max_size=1).map(lambda v: ("tensor", v)),
        ints.map(lambda v: ("tensor", v)),
    )


@st.composite
def indices(draw):
    count = draw(st.integers(0, len(SHAPE)))
    items = [draw(entries(SHAPE[i])) for i in range(count)]
    for _ in range(draw(st.integers(0, 1))):
        items.insert(draw(st.integers(0, len(items))), None)
    if draw(st.booleans()):
        items.append(Ellipsis)
    return tuple(items)


def outcome(L, index, write):
    x = L.arange(24, dtype=L.float64).reshape(SHAPE).requires_grad_()
    key = tuple(convert(L, i) for i in index)
    if not write:
        y = x[key]
        y.sum().backward()
        return y.detach().numpy(), x.grad.numpy()
    y = x * 1
    picked = y.detach()[key]
    y[key] = L.arange(100, 100 + picked.numel(), dtype=L.float64).reshape(picked.shape)
    (y * L.arange(24, dtype=L.float64).reshape(SHAPE)).sum().backward()
    return y.detach().numpy(), x.grad.numpy()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(indices(), st.booleans())
def test_random_indices(index, write):
    got, wanted = outcome(gradc, index, write), outcome(torch, index, write)
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(indices(), st.booleans())
def test_random_indices_traced(index, write):
    eager = outcome(gradc, index, write)
    x = gradc.arange(24, dtype=gradc.float64).reshape(SHAPE)
    key = tuple(convert(gradc, i) for i in index)
    with Trace("f") as trace:
        y = x * 1
        if write:
            picked = y[key]
            n = picked.numel()
            y[key] = gradc.arange(100, 100 + n, dtype=gradc.float64).reshape(picked.shape)
            out = trace.value(y)
        else:
            out = trace.value(y[key])
    graph = trace.builder.finish((out,))
    (got,), _ = evaluate(graph, [c.storage.content for c in trace.cells.values()])
    np.testing.assert_array_equal(got, eager[0])


MASKS = {
    "1d": lambda L, x: x[L.tensor([True, False, True])],
    "2d": lambda L, x: x[x[..., 0] > 5],
    "full": lambda L, x: x[x > 7],
    "none": lambda L, x: x[x > 100],
    "list": lambda L, x: x[[True, False, True]],
    "after_int": lambda L, x: x[1, L.tensor([True, False, True, False])],
    "with_index": lambda L, x: x[L.tensor([True, False, True]), L.tensor([1, 2])],
    "middle": lambda L, x: x[:, L.tensor([True, False, True, False])],
    "true": lambda L, x: x[True],
    "numpy": lambda L, x: x[np.array([2, 0])],
    "numpy_mask": lambda L, x: x[np.array([True, False, True])],
    "numpy_int": lambda L, x: x[np.int64(1)],
    "int_tensor": lambda L, x: x[L.tensor(1)],
    "range": lambda L, x: x[list(range(2))],
    "nested_index": lambda L, x: x[L.tensor([[0, 1], [2, 0]])],
    "empty": lambda L, x: x[[]],
    "nonzero": lambda L, x: x[L.nonzero(x > 9, as_tuple=True)],
    "masked_select": lambda L, x: L.masked_select(x, x[..., :1] > 9),
    "iterate": lambda L, x: L.stack([row * 2 for row in x][::-1]),
    "len": lambda L, x: x[len(x) - 1],
}


@pytest.mark.parametrize("name", MASKS)
def test_reading(name):
    def run(L):
        x = L.arange(24, dtype=L.float64).reshape(SHAPE).requires_grad_()
        y = MASKS[name](L, x)
        (y * y).sum().backward()
        return y.detach().numpy(), x.grad.numpy()

    for a, b in zip(run(gradc), run(torch), strict=True):
        np.testing.assert_array_equal(a, b)


WRITES = {
    "number": lambda L, x: x.__setitem__(0, 5),
    "mask_number": lambda L, x: x.__setitem__(x > 7, -1.0),
    "mask_values": lambda L, x: x.__setitem__(x > 20, L.tensor([1.0, 2.0, 3.0]).double()),
    "mask_row": lambda L, x: x.__setitem__(
        L.tensor([True, False, True]), L.ones(4, 2, dtype=L.float64)
    ),
    "mask_row_2": lambda L, x: x.__setitem__((x[..., 0] > 9), L.tensor([5.0, 6.0]).double()),
    "mask_middle": lambda L, x: x.__setitem__(
        (slice(None), L.tensor([True, False, True, False])), 9.0
    ),
    "mask_none": lambda L, x: x.__setitem__(x > 100, L.zeros(0, dtype=L.float64)),
    "broadcast": lambda L, x: x.__setitem__((slice(None), 0), L.tensor([1.0, 2.0]).double()),
    "ones_in_front": lambda L, x: x.__setitem__(0, L.ones(1, 1, 4, 2, dtype=L.float64)),
    "other_dtype": lambda L, x: x.__setitem__(0, L.tensor([1, 2])),
    "ellipsis": lambda L, x: x.__setitem__(Ellipsis, 0.0),
    "pair": lambda L, x: x.__setitem__((L.tensor([0, 2]), L.tensor([1, 3])), 7.0),
    "list_value": lambda L, x: x.__setitem__((0, 0), L.tensor([5.0, 6.0])),
    "repeated_index": lambda L, x: x.__setitem__(
        L.tensor([1, 1]), L.tensor([[[1.0]], [[2.0]]]).double()
    ),
    "iadd_index": lambda L, x: iadd(L, x),
    "imul_mask": lambda L, x: imul(L, x),
    "overlap": lambda L, x: x.__setitem__(slice(1, None), x[:-1].clone()),
    "swap": lambda L, x: swap(x),
    "index_fill_": lambda L, x: x.index_fill_(1, L.tensor([0, 2]), 5.0),
    "scatter_": lambda L, x: x.scatter_(1, L.zeros(3, 1, 2, dtype=L.int64), 3.0),
    "empty_slice": lambda L, x: x.__setitem__(slice(3, None), 1.0),
}


def iadd(L, x):
    x[L.tensor([0, 2])] += 10
    x[1, 1:] -= 5


def imul(L, x):
    x[x > 10] *= 2


def swap(x):
    x[0], x[1] = x[1].clone(), x[0].clone()


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("name", WRITES)
def test_writing(name, grad):
    def run(L):
        x = L.arange(24, dtype=L.float64).reshape(SHAPE)
        if not grad:
            WRITES[name](L, x)
            return x.numpy(), x.numpy()
        w = x.requires_grad_()
        y = w * 1
        WRITES[name](L, y)
        (y * y).sum().backward()
        return y.detach().numpy(), w.grad.numpy()

    for a, b in zip(run(gradc), run(torch), strict=True):
        np.testing.assert_array_equal(a, b)


FAILURES = {
    "too_many": (lambda x: x[0, 0, 0, 0], "too many indices for tensor of dimension 3: [3, 4, 2]"),
    "out_of_range": (
        lambda x: x[0, 4],
        "index 4 is out of bounds for dimension 1 with size 4: x [3, 4, 2]",
    ),
    "negative": (lambda x: x[-4], "index -4 is out of bounds for dimension 0 with size 3"),
    "tensor": (
        lambda x: x[gradc.tensor([0, 3])],
        "index 3 is out of bounds for dimension 0 with size 3",
    ),
    "step": (lambda x: x[::-1], "step must be greater than zero"),
    "float": (lambda x: x[1.5], "indices must be ints, slices, None, Ellipsis"),
    "string": (lambda x: x["a"], "indices must be ints, slices, None, Ellipsis"),
    "float_tensor": (
        lambda x: x[gradc.tensor([1.0])],
        "tensors used as indices must be int64, int32 or bool tensors, got float32",
    ),
    "mask_shape": (
        lambda x: x[gradc.tensor([True, False])],
        "The shape of the mask [2] at index 0 does not match the shape of the indexed tensor "
        "[3, 4, 2] at index 0",
    ),
    "two_dots": (lambda x: x[..., 0, ...], "an index can only have a single ellipsis"),
    "mismatch": (
        lambda x: x[gradc.tensor([0, 1]), gradc.tensor([0, 1, 2])],
        "shape mismatch: indexing tensors could not be broadcast together with shapes [2], [3]",
    ),
    "value_shape": (
        lambda x: x.__setitem__(0, gradc.ones(3)),
        "setitem: the shape [3] doesn't broadcast to the shape [4, 2] that it is written into",
    ),
    "value_shape_index": (
        lambda x: x.__setitem__(gradc.tensor([0, 1]), gradc.ones(3)),
        "setitem: shape mismatch: value tensor of shape [3] cannot be broadcast to indexing result "
        "of shape [2, 4, 2]",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_messages(name):
    f, expected = FAILURES[name]
    with pytest.raises(GradcError) as caught:
        f(gradc.zeros(SHAPE))
    assert str(caught.value).startswith(expected)
    assert "test_indexing.py:" in str(caught.value)


@pytest.mark.parametrize("repeats", [[2, 0, 3], [2], 2])
def test_repeat_interleave_by_a_tensor(repeats):
    x = gradc.arange(6.0).reshape(3, 2).requires_grad_()
    repeated = x.repeat_interleave(gradc.tensor(repeats), dim=0)
    expected = np.repeat(np.arange(6.0).reshape(3, 2), repeats, axis=0)
    assert repeated.tolist() == expected.tolist()
    repeated.sum().backward()
    assert x.grad[:, 0].tolist() == np.broadcast_to(repeats, 3).tolist()


def test_repeats_that_do_not_fit():
    with pytest.raises(ArgumentError) as caught:
        gradc.ones(3).repeat_interleave(gradc.tensor([1, 2]))
    assert str(caught.value).splitlines()[0] == (
        "repeat_interleave: repeats must be integers, one or one for each of 3 entries, got "
        "int64[2]"
    )
