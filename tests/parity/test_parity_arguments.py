"""Compiled functions of unusual arguments: nested, strided, empty, changed in place, shared."""

from typing import NamedTuple

import numpy as np
import pytest

import gradc
from gradc import nn
from gradc.errors import DeviceError

torch = pytest.importorskip("torch")
from twins import close, ours  # noqa: E402 # it needs torch

BASE = torch.arange(48, dtype=torch.float64).reshape(6, 8).sin()
VIEWS = {
    "transposed": lambda t: t.T,
    "every second": lambda t: t[::2, 1::3],
    "one column": lambda t: t[:, 3:4],
    "one row": lambda t: t[2],
    "one element": lambda t: t[2, 3],
    "one of one": lambda t: t[2:3, 3:4],
    "expanded": lambda t: t[:1].expand(5, 8),
    "permuted": lambda t: t.reshape(2, 3, 8).permute(2, 0, 1),
    "nothing": lambda t: t[:0],
    "no columns": lambda t: t[:, 8:],
}


def work(x):
    """Something with a fold, a product and a shift in it, for any shape."""
    flat = x.reshape(-1)
    return (x * 2.0).tanh(), x.sum(), flat * flat, (flat[1:] - flat[:-1]).exp()


@pytest.fixture(scope="module")
def compiled_work():
    return gradc.compile(work)


@pytest.mark.parametrize("name", VIEWS)
def test_strided_arguments(name, compiled_work):
    given = VIEWS[name](ours(BASE))
    before = given.numpy().copy()
    for got, expected in zip(compiled_work(given), work(VIEWS[name](BASE)), strict=True):
        close(got, expected, 1e-12, name)
    assert (given.numpy() == before).all()


class Pair(NamedTuple):
    left: object
    right: object


def test_nested_arguments_and_results():
    def mix(tree, *rest, factor, table):
        pair = tree["pair"]
        return {
            "sum": pair.left + tree["list"][0] * factor,
            "both": Pair(pair.right - rest[0], (tree["list"][1], "text", None)),
            7: [table[k] * i for i, k in enumerate(table)],
        }

    def arguments(convert):
        a, b, c = (convert(BASE[i].clone()) for i in range(3))
        tree = {"pair": Pair(a, b), "list": [c, 3]}
        return (tree, b * 2.0), {"factor": 2.5, "table": {"u": a, "v": c}}

    args, kwargs = arguments(lambda t: t)
    expected = mix(*args, **kwargs)
    args, kwargs = arguments(ours)
    got = gradc.compile(mix)(*args, **kwargs)
    assert list(got) == list(expected)
    close(got["sum"], expected["sum"], 1e-12)
    assert type(got["both"]) is Pair
    close(got["both"].left, expected["both"].left, 1e-12)
    assert got["both"].right == (3, "text", None)
    for g, e in zip(got[7], expected[7], strict=True):
        close(g, e, 1e-12)


def rewrite(x, y):
    x[1:, ::2] *= y[1:, ::2]
    row = x[0]
    row += y[0].exp()
    x.t()[1].copy_(x[:, 2].clone())
    x[:, -1] = 4.0
    y.clamp_(-0.5, 0.5)
    x[y[:, 0] > 0] = -1.0
    return row.sum()


@pytest.mark.parametrize(
    "view",
    [lambda t: t.T, lambda t: t[::2, 1::3], lambda t: t.reshape(2, 3, 8).permute(2, 0, 1)[:, 1]],
    ids=["transposed", "every second", "permuted"],
)
def test_arguments_changed_in_place(view):
    theirs, others = BASE.clone(), BASE.flip(0).clone()
    expected = rewrite(view(theirs), view(others))
    mine, rest = ours(BASE), ours(BASE.flip(0))
    got = gradc.compile(rewrite)(view(mine), view(rest))
    close(got, expected, 1e-12)
    close(mine, theirs, 1e-12)
    close(rest, others, 1e-12)


def test_numpy_arrays_and_python_numbers():
    scaled = gradc.compile(lambda x, k: (x * k).sum())
    array = np.arange(6.0).reshape(2, 3).T
    assert scaled(array, 2).item() == 30.0
    assert scaled(array, 0.5).item() == 7.5


def test_an_empty_batch_trains_nothing():
    theirs = torch.nn.Linear(4, 2)
    model = nn.Linear(4, 2)
    model.load_state_dict(ours(theirs.state_dict()))

    def training(lib, model):
        optimizer = lib.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

        def step(x):
            optimizer.zero_grad()
            loss = model(x).square().sum()
            loss.backward()
            optimizer.step()
            return loss.detach()

        return step

    reference, step = training(torch, theirs), gradc.compile(training(gradc, model))
    for rows in (0, 1, 3, 0):
        x = torch.ones(rows, 4) * rows
        close(step(ours(x)), reference(x), 1e-5)
    for p, q in zip(model.parameters(), theirs.parameters(), strict=True):
        close(p, q, 1e-5)
        close(p.grad, q.grad, 1e-5)


def test_dropout_draws_the_same_bits_eagerly_and_compiled():
    drop = nn.Dropout(0.3)
    x = gradc.ones(400, 50)
    compiled = gradc.compile(drop)
    for mode, expected_share in ((True, 0.7), (False, 1.0)):
        drop.train(mode)
        gradc.manual_seed(5)
        eager = [drop(x).numpy().copy() for _ in range(2)]
        gradc.manual_seed(5)
        got = [compiled(x).numpy() for _ in range(2)]
        for e, g in zip(eager, got, strict=True):
            np.testing.assert_array_equal(g, e)
        kept = got[0] != 0
        assert kept.mean() == pytest.approx(expected_share, abs=0.01)
        assert set(np.unique(got[0][kept])) == {np.float32(1 / 0.7) if mode else np.float32(1)}
        assert np.array_equal(got[0], got[1]) is not mode


def test_random_numbers_go_on_where_the_other_way_of_running_stopped():
    def draw(shape_of):
        return gradc.rand_like(shape_of), gradc.randn(3), gradc.randint(0, 9, (4,))

    compiled, like = gradc.compile(draw), gradc.zeros(5)
    runs = []
    for order in ((draw, draw, draw), (compiled, draw, compiled), (draw, compiled, compiled)):
        gradc.manual_seed(1)
        runs.append([t.numpy().copy() for f in order for t in f(like)])
    for run in runs[1:]:
        for got, expected in zip(run, runs[0], strict=True):
            np.testing.assert_allclose(got, expected, rtol=2e-6, atol=1e-6)


def test_gradients_through_dropout_use_the_mask_of_the_forward_pass():
    x = gradc.ones(300, requires_grad=True)

    @gradc.compile
    def run(x):
        y = nn.functional.dropout(x * 1.0, 0.4)
        y.sum().backward()
        return y.detach()

    np.testing.assert_array_equal(run(x).numpy(), x.grad.numpy())


def test_a_tensor_of_another_device_is_refused():
    with pytest.raises(DeviceError) as caught:
        gradc.ones(2, device="cuda")
    assert "cuda" in caught.value.message
    with pytest.raises(DeviceError):
        gradc.ones(2).to("cuda")
