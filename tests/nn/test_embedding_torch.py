"""Embedding's options and EmbeddingBag, eager and compiled, against PyTorch."""

import itertools

import numpy as np
import pytest

import gradc
from gradc.errors import ArgumentError, ShapeError, TraceError, UnsupportedError

torch = pytest.importorskip("torch")

TABLE = np.random.default_rng(4).standard_normal((7, 3)) * 2
INDEX = np.array([[1, 3, 3], [0, 1, 6]])
FLAT = np.array([1, 3, 3, 0, 6, 1, 2, 2, 5])
STARTS = np.array([0, 2, 2, 6])
FACTORS = np.linspace(-1.0, 2.0, 9)


def run(lib, function, compiled, *arrays):
    """Return the result, the tables after it, and the gradients of what is floating."""
    floats = [a.dtype.kind == "f" for a in arrays]
    given = [lib.tensor(a, requires_grad=f) for a, f in zip(arrays, floats, strict=True)]

    def whole(*given):
        y = function(lib.nn.functional, *given)
        weights = lib.arange(y.numel(), dtype=y.dtype).cos().reshape(y.shape)
        (y * weights).sum().backward()
        return y.detach()

    y = (lib.compile(whole) if compiled else whole)(*given)
    kept = [t for t, f in zip(given, floats, strict=True) if f]
    return [t.detach().numpy() for t in (y, *kept, *(t.grad for t in kept))]


def compare(function, *arrays, compiled=(False, True)):
    expected = run(torch, function, False, *arrays)
    for way in compiled:
        got = run(gradc, function, way, *arrays)
        for g, e in zip(got, expected, strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    "options",
    [
        {"max_norm": 1.5},
        {"max_norm": 1.5, "norm_type": 1.0, "padding_idx": 3},
        {"scale_grad_by_freq": True},
        {"scale_grad_by_freq": True, "padding_idx": -4, "max_norm": 2.0},
    ],
    ids=str,
)
def test_embedding(options):
    # PyTorch wants a table that is used only through its shortened rows.
    compare(lambda f, i, w: f.embedding(i, w, **options), INDEX, TABLE)


BAGS = [
    {"mode": mode} | more
    for mode, more in itertools.product(
        ("sum", "mean", "max"), ({}, {"padding_idx": 3}, {"max_norm": 1.5, "norm_type": 2.0})
    )
]


@pytest.mark.parametrize("options", BAGS, ids=str)
def test_bags_of_one_size(options):
    compare(lambda f, i, w: f.embedding_bag(i, w, **options), INDEX, TABLE)


@pytest.mark.parametrize("options", BAGS, ids=str)
def test_bags_with_offsets(options):
    ways = (False,) if options["mode"] == "max" else (False, True)

    def bags(f, i, s, w):
        return f.embedding_bag(i, w, s, **options)

    compare(bags, FLAT, STARTS, TABLE, compiled=ways)
    compare(
        lambda f, i, s, w: f.embedding_bag(i, w, s, include_last_offset=True, **options),
        FLAT,
        np.array([0, 4, 4, 9]),
        TABLE,
        compiled=ways,
    )


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_gradients_by_frequency(mode):
    # PyTorch divides by the counts of other rows here; the definition is that of embedding.
    table = gradc.tensor(TABLE, requires_grad=True)
    bags = gradc.nn.functional.embedding_bag(
        gradc.tensor(FLAT), table, gradc.tensor(STARTS), mode=mode, scale_grad_by_freq=True
    )
    bags.sum().backward()
    sizes = np.array([2, 2, 4, 4, 4, 4, 3, 3, 3]) if mode == "mean" else np.ones(9)
    expected = np.zeros(7)
    np.add.at(expected, FLAT, 1 / sizes / np.bincount(FLAT)[FLAT])
    np.testing.assert_allclose(table.grad.numpy(), expected[:, None].repeat(3, 1), rtol=1e-12)


def test_factors():
    compare(
        lambda f, i, s, w, p: f.embedding_bag(i, w, s, mode="sum", per_sample_weights=p),
        FLAT,
        STARTS,
        TABLE,
        FACTORS,
    )
    compare(
        lambda f, i, w, p: f.embedding_bag(i, w, mode="sum", per_sample_weights=p),
        INDEX,
        TABLE,
        FACTORS[:6].reshape(2, 3),
    )


def test_modules():
    options = {"mode": "sum", "padding_idx": 2, "max_norm": 3.0}
    mine, theirs = gradc.nn.EmbeddingBag(7, 3, **options), torch.nn.EmbeddingBag(7, 3, **options)
    assert repr(mine) == repr(theirs)
    assert mine.weight[2].tolist() == [0.0, 0.0, 0.0]
    mine.load_state_dict({"weight": gradc.tensor(theirs.weight.detach().numpy().copy())})
    found = mine(gradc.tensor(FLAT), gradc.tensor(STARTS))
    expected = theirs(torch.tensor(FLAT), torch.tensor(STARTS))
    np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-6)
    frozen = gradc.nn.EmbeddingBag.from_pretrained(gradc.tensor(TABLE), mode="max")
    assert not frozen.weight.requires_grad
    assert repr(frozen) == "EmbeddingBag(7, 3, mode='max')"
    short = {"max_norm": 1.0, "scale_grad_by_freq": True, "norm_type": 1.0}
    assert repr(gradc.nn.Embedding(4, 2, **short)) == repr(torch.nn.Embedding(4, 2, **short))


def test_no_bags():
    for f, tensor in ((torch.nn.functional, torch.tensor), (gradc.nn.functional, gradc.tensor)):
        none = tensor(np.zeros(0, np.int64))
        assert f.embedding_bag(none, tensor(TABLE), none, mode="sum").shape == (0, 3)
        for mode in ("sum", "mean", "max"):
            bags = f.embedding_bag(none, tensor(TABLE), tensor(np.array([0, 0])), mode=mode)
            assert bags.tolist() == [[0.0] * 3] * 2


F = gradc.nn.functional
BAG = gradc.tensor(FLAT), gradc.tensor(TABLE), gradc.tensor(STARTS)
REFUSED = {
    "mode": (
        lambda: F.embedding_bag(*BAG, mode="min"),
        ArgumentError,
        "embedding_bag: mode must be 'sum', 'mean' or 'max', got 'min'",
    ),
    "sparse": (
        lambda: F.embedding_bag(*BAG, sparse=True),
        UnsupportedError,
        "embedding_bag: sparse=True is not supported",
    ),
    "offsets of a matrix": (
        lambda: F.embedding_bag(gradc.tensor(INDEX), BAG[1], BAG[2]),
        ArgumentError,
        "embedding_bag: offsets must be None for input [2, 3]",
    ),
    "no offsets": (
        lambda: F.embedding_bag(BAG[0], BAG[1]),
        ArgumentError,
        "embedding_bag: input [9] needs offsets",
    ),
    "falling offsets": (
        lambda: F.embedding_bag(BAG[0], BAG[1], gradc.tensor([0, 5, 2])),
        ArgumentError,
        "embedding_bag: offsets must begin with 0, not fall and not exceed 9, got [0, 5, 2]",
    ),
    "factors of a mean": (
        lambda: F.embedding_bag(*BAG, per_sample_weights=gradc.tensor(FACTORS)),
        ArgumentError,
        "embedding_bag: per_sample_weights are for mode='sum' only, got 'mean'",
    ),
    "factors of another shape": (
        lambda: F.embedding_bag(*BAG, mode="sum", per_sample_weights=gradc.ones(3)),
        ShapeError,
        "embedding_bag: per_sample_weights must have the input's shape [9], got [3]",
    ),
    "largest while compiling": (
        lambda: gradc.compile(lambda i, w, o: F.embedding_bag(i, w, o, mode="max"))(*BAG),
        TraceError,
        "embedding_bag: mode='max' needs the values of offsets, which aren't known while a "
        "function is being compiled",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    action, error, message = REFUSED[name]
    with pytest.raises(error) as caught:
        action()
    assert str(caught.value).splitlines()[0] == message
