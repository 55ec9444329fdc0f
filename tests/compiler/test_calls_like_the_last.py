"""Calls like the one before take a shorter way, and only those."""

import numpy as np
import pytest

import gradc
from gradc.tensor.tree import collect, flatten


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache") / "gradc"))
        yield


def test_nested_calls_find_their_program():
    calls = []

    @gradc.compile
    def scaled(pair, table, *, power=1):
        calls.append(power)
        return {"sum": (pair[0] + pair[1]) * table["scale"] ** power, "list": [pair[1] * 2]}

    x, y, s = (gradc.tensor([v]) for v in (1.0, 2.0, 3.0))
    for _ in range(3):
        out = scaled((x, y), {"scale": s})
        assert out["sum"].tolist() == [9.0]
        assert out["list"][0].tolist() == [4.0]
    assert calls == [1]
    assert scaled((x, y), {"scale": s}, power=2)["sum"].tolist() == [27.0]
    assert scaled([x, y], {"scale": s})["sum"].tolist() == [9.0]  # a list is another program
    assert scaled((x, x), {"scale": s})["sum"].tolist() == [6.0]
    assert scaled((x, y), {"scale": s})["sum"].tolist() == [9.0]
    long = gradc.tensor([1.0, 2.0])
    assert scaled((long, long + 1), {"scale": long})["sum"].tolist() == [3.0, 10.0]
    assert scaled((x, np.ones(1, "f")), {"scale": s})["sum"].tolist() == [6.0]


def test_a_gradient_that_is_wanted_is_another_program():
    @gradc.compile
    def square(pair):
        return pair[0] * pair[0] + pair[1]

    x, y = gradc.tensor([3.0]), gradc.tensor([1.0])
    assert not square((x, y)).requires_grad
    x.requires_grad_()
    out = square((x, y))
    out.backward(gradc.ones(1))
    assert x.grad.tolist() == [6.0]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (([1.0, "a"], {"k": 2}), True),
        (([1.0, "b"], {"k": 2}), False),
        (([1, "a"], {"k": 2}), False),
        (([1.0, "a"], {"k": True}), False),
        (([1.0, "a"], {"j": 2}), False),
        (([1.0, "a", 3], {"k": 2}), False),
        (((1.0, "a"), {"k": 2}), False),
        (([1.0, "a"],), False),
    ],
)
def test_collect(other, same):
    leaves, spec = flatten(([1.0, "a"], {"k": 2}), "x")
    assert leaves == []
    found = []
    assert collect(spec, other, found) is same
    assert found == []
