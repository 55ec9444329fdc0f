"""Attention against PyTorch: results, weights and gradients, eager and compiled."""

import numpy as np
import pytest

import gradc
import gradc.nn.functional as F
from gradc import nn
from gradc.errors import ArgumentError, DTypeError, ShapeError

torch = pytest.importorskip("torch")

inf = float("inf")
BATCH, HEADS, LENGTH, KEYS, WIDTH = 2, 3, 5, 7, 4


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache") / "gradc"))
        yield


def ours(tensor):
    return gradc.from_numpy(tensor.detach().numpy().copy())


def normal(*shape):
    seed = sum(n * 7**i for i, n in enumerate(shape))
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def some(*shape):
    """Return a mask with True and False, and one row of False."""
    mask = normal(*shape) > -0.5
    mask[..., 1, :] = False
    return mask


def added(*shape):
    """Return a floating mask with some -inf, and one row of them."""
    mask = normal(*shape).masked_fill(~some(*shape), -inf)
    mask[..., 1, :] = -inf
    return mask


QUERY, KEY, VALUE = (
    normal(BATCH, HEADS, LENGTH, WIDTH),
    normal(BATCH, HEADS, KEYS, WIDTH),
    normal(BATCH, HEADS, KEYS, 6),
)
PRODUCTS = {
    "plain": {},
    "causal": {"is_causal": True},
    "scale": {"scale": 0.3},
    "bool mask": {"attn_mask": some(LENGTH, KEYS)},
    "bool mask of each batch": {"attn_mask": some(BATCH, 1, LENGTH, KEYS)},
    "floating mask": {"attn_mask": added(BATCH, HEADS, LENGTH, KEYS), "scale": 1.5},
}


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("case", PRODUCTS)
def test_scaled_dot_product_attention(case, compiled):
    options = PRODUCTS[case]
    mask = options.get("attn_mask")
    theirs = [x.clone().requires_grad_() for x in (QUERY, KEY, VALUE)]
    expected = torch.nn.functional.scaled_dot_product_attention(*theirs, **options)
    expected.square().sum().backward()
    mine = [ours(x).requires_grad_() for x in (QUERY, KEY, VALUE)]
    others = {k: v for k, v in options.items() if k != "attn_mask"}

    def run(q, k, v, mask):
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, **others)
        out.square().sum().backward()
        return out.detach()

    out = (gradc.compile(run) if compiled else run)(*mine, None if mask is None else ours(mask))
    np.testing.assert_allclose(out.numpy(), expected.detach().numpy(), rtol=2e-5, atol=2e-6)
    for t, m in zip(theirs, mine, strict=True):
        np.testing.assert_allclose(m.grad.numpy(), t.grad.numpy(), rtol=1e-4, atol=1e-5)


def test_shared_heads_and_no_heads():
    q, k, v = normal(BATCH, 6, LENGTH, WIDTH), normal(BATCH, 2, KEYS, WIDTH), normal(2, 2, KEYS, 3)
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    got = F.scaled_dot_product_attention(ours(q), ours(k), ours(v), enable_gqa=True)
    np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=2e-5, atol=2e-6)
    one = F.scaled_dot_product_attention(ours(q[0, 0]), ours(k[0, 0]), ours(v[0, 0]))
    expected = torch.nn.functional.scaled_dot_product_attention(q[0, 0], k[0, 0], v[0, 0])
    np.testing.assert_allclose(one.numpy(), expected.numpy(), rtol=2e-5, atol=2e-6)


def test_dropout_of_weights_keeps_their_mean():
    gradc.manual_seed(0)
    q = gradc.zeros(1, 50, 4)
    v = gradc.ones(1, 40, 1)
    out = F.scaled_dot_product_attention(q, gradc.zeros(1, 40, 4), v, dropout_p=0.25)
    assert abs(out.mean().item() - 1.0) < 0.05
    assert out.std().item() > 0.03


MASK = torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1)
PADDED = torch.zeros(BATCH, LENGTH, dtype=torch.bool)
PADDED[1, 3:] = True
LAYERS = {
    "plain": ({}, {}),
    "batch first": ({"batch_first": True, "bias": False}, {"average_attn_weights": False}),
    "no weights": ({"batch_first": True}, {"need_weights": False}),
    "bool masks": ({}, {"attn_mask": MASK, "key_padding_mask": PADDED}),
    "floating masks": (
        {"batch_first": True},
        {"attn_mask": added(BATCH * 2, LENGTH, LENGTH), "need_weights": False},
    ),
    "one mask of each kind": (
        {},
        {"attn_mask": added(LENGTH, LENGTH)[:1].expand(LENGTH, LENGTH), "key_padding_mask": PADDED},
    ),
    "causal": ({"batch_first": True}, {"attn_mask": MASK, "is_causal": True}),
    "causal without weights": (
        {},
        {"attn_mask": MASK, "is_causal": True, "need_weights": False},
    ),
    "further keys": (
        {"add_bias_kv": True, "add_zero_attn": True},
        {"key_padding_mask": PADDED, "attn_mask": normal(LENGTH, LENGTH)},
    ),
    "further keys, bool mask": (
        {"add_bias_kv": True, "batch_first": True},
        {"attn_mask": MASK, "need_weights": False},
    ),
}


def check_layer(theirs, mine, xs, options, compiled=False):
    mine.load_state_dict({k: ours(v) for k, v in theirs.state_dict().items()})
    shared = {id(x): x.clone().requires_grad_() for x in xs}
    their_xs = [shared[id(x)] for x in xs]
    copies = {i: ours(x).requires_grad_() for i, x in shared.items()}
    our_xs = [copies[id(x)] for x in xs]
    expected, weights = theirs(*their_xs, **options)
    expected.square().sum().backward()
    given = {k: ours(v) if isinstance(v, torch.Tensor) else v for k, v in options.items()}

    def run(xs, given):
        out, w = mine(*xs, **given)
        out.square().sum().backward()
        return out.detach(), None if w is None else w.detach()

    if compiled and len(copies) == 1:
        (x,) = copies.values()
        out, w = gradc.compile(lambda x, given: run([x] * 3, given))(x, given)
    else:
        out, w = (gradc.compile(run) if compiled else run)(our_xs, given)
    np.testing.assert_allclose(
        out.numpy(), expected.detach().numpy(), rtol=2e-5, atol=4e-6, equal_nan=True
    )
    assert (w is None) == (weights is None)
    if w is not None:
        np.testing.assert_allclose(w.numpy(), weights.detach().numpy(), rtol=2e-5, atol=2e-6)
    for i, x in shared.items():
        np.testing.assert_allclose(copies[i].grad.numpy(), x.grad.numpy(), rtol=2e-4, atol=1e-5)
    for (name, t), m in zip(theirs.named_parameters(), mine.parameters(), strict=True):
        np.testing.assert_allclose(
            m.grad.numpy(), t.grad.numpy(), rtol=2e-4, atol=2e-5, err_msg=name
        )


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("case", LAYERS)
@pytest.mark.filterwarnings("ignore:Support for mismatched")  # PyTorch's, for masks of two kinds
def test_multihead_self_attention(case, compiled):
    made, options = LAYERS[case]
    theirs, mine = (n.MultiheadAttention(8, 2, **made) for n in (torch.nn, nn))
    assert repr(mine) == repr(theirs)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    x = normal(BATCH, LENGTH, 8) if made.get("batch_first") else normal(LENGTH, BATCH, 8)
    check_layer(theirs, mine, (x, x, x), options, compiled)


@pytest.mark.parametrize("sizes", [{}, {"kdim": 5, "vdim": 3}, {"kdim": 5, "bias": False}])
def test_multihead_attention_to_other_sequences(sizes):
    theirs, mine = (n.MultiheadAttention(8, 4, **sizes) for n in (torch.nn, nn))
    q = normal(LENGTH, BATCH, 8)
    k, v = normal(KEYS, BATCH, sizes.get("kdim", 8)), normal(KEYS, BATCH, sizes.get("vdim", 8)) * 2
    check_layer(theirs, mine, (q, k, v), {})
    if not sizes:
        check_layer(theirs, mine, (q, k, k), {"average_attn_weights": False})


def test_multihead_attention_without_a_batch():
    theirs, mine = (n.MultiheadAttention(8, 2) for n in (torch.nn, nn))
    x = normal(LENGTH, 8)
    check_layer(theirs, mine, (x, x, x), {"key_padding_mask": PADDED[1]})


def test_initial_values():
    gradc.manual_seed(0)
    layer = nn.MultiheadAttention(64, 2)
    bound = (6 / (64 + 192)) ** 0.5
    weight = layer.in_proj_weight.detach().numpy()
    assert 0.97 * bound < abs(weight).max() <= bound
    assert not layer.in_proj_bias.detach().numpy().any()
    assert not layer.out_proj.bias.detach().numpy().any()


X = gradc.zeros(2, 5, 8)
ERRORS = {
    "heads": (
        lambda: nn.MultiheadAttention(8, 3),
        ArgumentError,
        "MultiheadAttention: embed_dim must be a multiple of num_heads, got 8 and 3",
    ),
    "features": (
        lambda: nn.MultiheadAttention(4, 2)(X, X, X),
        ShapeError,
        "MultiheadAttention: expected query [*, 4], got [2, 5, 8]",
    ),
    "hint alone": (
        lambda: nn.MultiheadAttention(8, 2)(X, X, X, is_causal=True),
        ArgumentError,
        "MultiheadAttention: is_causal=True needs the causal attn_mask too",
    ),
    "mask": (
        lambda: nn.MultiheadAttention(8, 2, batch_first=True)(X, X, X, attn_mask=X[0]),
        ShapeError,
        "MultiheadAttention: expected attn_mask [5, 5] or [4, 5, 5], got [5, 8]",
    ),
    "integer mask": (
        lambda: nn.MultiheadAttention(8, 2, batch_first=True)(X, X, X, X[:, :, 0].int()),
        DTypeError,
        "MultiheadAttention: key_padding_mask must be bool or floating, got int32",
    ),
    "lengths": (
        lambda: nn.MultiheadAttention(8, 2, batch_first=True)(X, X, X[:, 1:]),
        ShapeError,
        "MultiheadAttention: batches and the lengths of key and value differ: query [2, 5, 8], "
        "key [2, 5, 8], value [2, 4, 8]",
    ),
    "both": (
        lambda: F.scaled_dot_product_attention(X, X, X, X[0, :, :5], is_causal=True),
        ArgumentError,
        "scaled_dot_product_attention: give either attn_mask or is_causal=True",
    ),
    "keys": (
        lambda: F.scaled_dot_product_attention(X, X[..., 1:], X),
        ShapeError,
        "scaled_dot_product_attention: expected query [*, queries, features], key [*, keys, "
        "features] and value [*, keys, outputs], got query [2, 5, 8], key [2, 5, 7], value "
        "[2, 5, 8]",
    ),
    "shape of the mask": (
        lambda: F.scaled_dot_product_attention(X, X, X, X[0]),
        ShapeError,
        "scaled_dot_product_attention: attn_mask [5, 8] does not broadcast to the scores [2, 5, 5]",
    ),
    "kind of the mask": (
        lambda: F.scaled_dot_product_attention(X, X, X, X[0, :, :5].int()),
        DTypeError,
        "scaled_dot_product_attention: attn_mask must be bool, float32 or float32 as the query, "
        "got int32",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
    call, kind, message = ERRORS[case]
    with pytest.raises(kind) as error:
        call()
    assert error.value.message == message
