"""gradc.func.vmap against torch.func.vmap: values, gradients through it, and compiled."""

import numpy as np
import pytest
from vmap_table import FUNCTIONS

import gradc

NAMES = list(FUNCTIONS)
# torch.func.jvp is written with torch.jit.script, which warns of its own age.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache") / "gradc"))
        yield


def made(m, tree):
    if isinstance(tree, dict):
        return {k: made(m, v) for k, v in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(made(m, v) for v in tree)
    return m.tensor(tree, dtype=m.float64 if tree.dtype.kind == "f" else m.int64)


def leaves(tree):
    if isinstance(tree, dict):
        return [t for v in tree.values() for t in leaves(v)]
    if isinstance(tree, list | tuple):
        return [t for v in tree for t in leaves(v)]
    return [tree]


def floating(tree):
    return [t for t in leaves(tree) if t.is_floating_point()]


def mapped(m, name, **options):
    f, arrays, in_dims, out_dims = FUNCTIONS[name]
    return m.func.vmap(lambda *a: f(m, *a), in_dims, out_dims, **options), made(m, arrays)


def check_same(got, expected):
    assert len(leaves(got)) == len(leaves(expected))
    for a, b in zip(leaves(got), leaves(expected), strict=True):
        assert tuple(a.shape) == tuple(b.shape)
        assert str(a.dtype).split(".")[-1] == str(b.dtype).split(".")[-1]
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_parity(name):
    torch = pytest.importorskip("torch")
    f, given = mapped(gradc, name)
    g, others = mapped(torch, name)
    expected = g(*others)
    check_same(f(*given), expected)
    if FUNCTIONS[name][3] != (0, None):  # an unmapped result is no part of any chunk
        check_same(mapped(gradc, name, chunk_size=2)[0](*given), expected)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_through(name):
    torch = pytest.importorskip("torch")
    found = []
    for m in (gradc, torch):
        f, given = mapped(m, name)
        wanted = [t.requires_grad_() for t in floating(given)]
        total = sum((t * t.cos()).sum() for t in floating(f(*given)) if t.requires_grad)
        if not isinstance(total, int):
            total.backward()
        found.append([m.zeros_like(t) if t.grad is None else t.grad for t in wanted])
    check_same(*found)


COMPILED = (
    "last_axis", "several", "tree", "matrix_vector", "einsum_right", "in_place", "sort",
    "select_both", "scatter", "conv_both", "pool", "gradient", "hessian", "vjp", "nested",
)  # fmt: skip


@pytest.mark.parametrize("name", COMPILED)
def test_compiled(name):
    f, given = mapped(gradc, name)
    check_same(gradc.compile(lambda *a: f(*a))(*given), f(*given))
