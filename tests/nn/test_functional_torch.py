"""Functions of gradc.nn.functional against PyTorch: values and gradients."""

import math

import numpy as np
import pytest

import gradc
from gradc.nn import functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional


def to_gradc(value):
    if isinstance(value, torch.Tensor):
        made = gradc.from_numpy(value.detach().numpy().copy())
        return made.requires_grad_() if value.requires_grad else made
    return value


def compare(ours, theirs, args, kwargs, tolerance=None):
    """Check value and the gradients of every floating operand."""
    mine = [to_gradc(a) for a in args]
    mine_kw = {k: to_gradc(v) for k, v in kwargs.items()}
    expected = theirs(*args, **kwargs)
    got = ours(*mine, **mine_kw)
    dtype = expected.dtype
    assert str(got.dtype) == str(dtype).replace("torch.", "")
    assert tuple(got.shape) == tuple(expected.shape)
    rtol = tolerance or (1e-5 if dtype == torch.float32 else 1e-12)
    np.testing.assert_allclose(
        got.detach().numpy(), expected.detach().numpy(), rtol=rtol, atol=rtol
    )
    if not expected.requires_grad:
        return
    seed = torch.linspace(0.5, 1.5, expected.numel(), dtype=dtype).reshape(expected.shape)
    expected.backward(seed)
    got.backward(to_gradc(seed))
    pairs = list(zip(args, mine, strict=True)) + [(kwargs[k], mine_kw[k]) for k in kwargs]
    for their, our in pairs:
        if isinstance(their, torch.Tensor) and their.grad is not None:
            np.testing.assert_allclose(
                our.grad.numpy(), their.grad.numpy(), rtol=10 * rtol, atol=10 * rtol
            )


def draw(*shape, dtype=torch.float64, seed=0, grad=True, scale=2.0):
    generator = torch.Generator().manual_seed(seed)
    made = torch.randn(*shape, dtype=torch.float64, generator=generator) * scale
    return made.to(dtype).requires_grad_(grad)


SPECIAL = [0.0, -0.0, 1.0, -1.0, 30.0, -30.0, 800.0, -800.0, math.inf, -math.inf, math.nan]
ACTIVATIONS = {
    "relu": {},
    "leaky_relu": {"negative_slope": 0.2},
    "elu": {"alpha": 1.5},
    "sigmoid": {},
    "logsigmoid": {},
    "tanh": {},
    "softplus": {"beta": 2.0, "threshold": 5.0},
    "gelu": {},
    "gelu ": {"approximate": "tanh"},
    "silu": {},
    "softmax": {"dim": 1},
    "log_softmax": {"dim": 0},
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name, dtype):
    ours, theirs = getattr(F, name.strip()), getattr(TF, name.strip())
    compare(ours, theirs, [draw(5, 4, dtype=dtype)], ACTIVATIONS[name])


@pytest.mark.parametrize("name", [n for n in ACTIVATIONS if "softmax" not in n])
def test_activation_of_special_values(name):
    x = torch.tensor(SPECIAL, dtype=torch.float64)
    got = getattr(F, name.strip())(to_gradc(x), **ACTIVATIONS[name]).numpy()
    expected = getattr(TF, name.strip())(x, **ACTIVATIONS[name]).numpy()
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize(
    "row",
    [
        [1e30, -1e30, 0.0],
        [-math.inf, 0.0, 1.0],
        [-math.inf, -math.inf, -math.inf],
        [math.inf, 0.0, 1.0],
        [math.nan, 0.0, 1.0],
        [800.0, 800.0, -800.0],
    ],
)
def test_softmax_of_special_values(name, row):
    x = torch.tensor(row)
    np.testing.assert_array_equal(
        np.round(getattr(F, name)(to_gradc(x), dim=0).numpy(), 5),
        np.round(getattr(TF, name)(x, dim=0).numpy(), 5),
    )


INDEX = torch.tensor([0, 3, 2, 3, 1])
IGNORED = torch.tensor([0, -100, 2, 3, -100])
PROBABILITIES = torch.softmax(draw(5, 4, seed=1, grad=False), 1)
WEIGHT = torch.tensor([0.5, 1.0, 2.0, 0.1], dtype=torch.float64)
LOSSES = {
    "indices": (INDEX, {}),
    "sum": (INDEX, {"reduction": "sum"}),
    "none": (INDEX, {"reduction": "none"}),
    "ignored": (IGNORED, {}),
    "ignored none": (IGNORED, {"reduction": "none"}),
    "other ignored": (INDEX, {"ignore_index": 3}),
    "weight": (INDEX, {"weight": WEIGHT}),
    "weight ignored sum": (IGNORED, {"weight": WEIGHT, "reduction": "sum"}),
    "weight none": (INDEX, {"weight": WEIGHT, "reduction": "none"}),
}
SMOOTHED = {
    "smoothed": (INDEX, {"label_smoothing": 0.1}),
    "smoothed weight": (IGNORED, {"label_smoothing": 0.3, "weight": WEIGHT}),
    "smoothed none": (IGNORED, {"label_smoothing": 0.3, "reduction": "none"}),
    "smoothed weight none": (
        IGNORED,
        {"label_smoothing": 0.3, "weight": WEIGHT, "reduction": "none"},
    ),
    "smoothed sum": (IGNORED, {"label_smoothing": 1.0, "reduction": "sum"}),
    "probabilities": (PROBABILITIES, {}),
    "probabilities sum": (PROBABILITIES, {"reduction": "sum", "weight": WEIGHT}),
    "probabilities none": (PROBABILITIES, {"reduction": "none"}),
    "probabilities smoothed": (PROBABILITIES, {"label_smoothing": 0.2, "weight": WEIGHT}),
}


@pytest.mark.parametrize("case", [*LOSSES, *SMOOTHED])
def test_cross_entropy(case):
    target, options = (LOSSES | SMOOTHED)[case]
    compare(F.cross_entropy, TF.cross_entropy, [draw(5, 4), target], options)


@pytest.mark.parametrize("case", LOSSES)
def test_nll_loss(case):
    target, options = LOSSES[case]
    x = torch.log_softmax(draw(5, 4, grad=False), 1).requires_grad_()
    compare(F.nll_loss, TF.nll_loss, [x, target], options)


def test_cross_entropy_of_other_ranks():
    compare(F.cross_entropy, TF.cross_entropy, [draw(4), torch.tensor(2)], {})
    pixels = torch.tensor([[[0, 1], [2, 3]], [[3, 3], [-100, 0]]])
    compare(F.cross_entropy, TF.cross_entropy, [draw(2, 4, 2, 2), pixels], {"weight": WEIGHT})
    soft = torch.softmax(draw(2, 4, 3, seed=2, grad=False), 1)
    compare(F.cross_entropy, TF.cross_entropy, [draw(2, 4, 3), soft], {})
    compare(F.cross_entropy, TF.cross_entropy, [draw(5, 4), INDEX.to(torch.uint8)], {})


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_of_an_empty_batch(reduction):
    args = [torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)]
    compare(F.cross_entropy, TF.cross_entropy, args, {"reduction": reduction})


def test_cross_entropy_of_huge_logits_stays_finite():
    logits = torch.tensor([[1e4, -1e4, 0.0], [0.0, 3e38, -3e38]], requires_grad=True)
    compare(F.cross_entropy, TF.cross_entropy, [logits, torch.tensor([0, 0])], {})


def test_cross_entropy_ignores_samples_whose_loss_is_infinite():
    logits = torch.tensor([[-math.inf, 0.0], [1.0, 2.0]], requires_grad=True)
    compare(F.cross_entropy, TF.cross_entropy, [logits, torch.tensor([-100, 1])], {})


PAIRS = {
    "mse_loss": {},
    "l1_loss": {},
    "smooth_l1_loss": {"beta": 0.7},
    "huber_loss": {"delta": 0.7},
}


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", PAIRS)
def test_regression_loss(name, reduction):
    args = [draw(5, 4), draw(5, 4, seed=1)]
    options = PAIRS[name] | {"reduction": reduction}
    compare(getattr(F, name), getattr(TF, name), args, options)
    empty = [torch.zeros(0, 4), torch.zeros(0, 4)]
    compare(getattr(F, name), getattr(TF, name), empty, options)


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_weighted_regression_loss(name, reduction):
    weight = draw(5, 4, seed=3, grad=False).abs()
    args = [draw(5, 4), draw(5, 4, seed=1)]
    options = {"weight": weight, "reduction": reduction}
    compare(getattr(F, name), getattr(TF, name), args, options)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_binary_cross_entropy(reduction, weight):
    p = torch.sigmoid(draw(5, 4, grad=False)).requires_grad_()
    t = torch.sigmoid(draw(5, 4, grad=False, seed=4))
    options = {"reduction": reduction, "weight": weight}
    compare(F.binary_cross_entropy, TF.binary_cross_entropy, [p, t], options)


def test_binary_cross_entropy_at_zero_and_one():
    p = torch.tensor([0.0, 1.0, 0.0, 1.0, 1e-20], requires_grad=True)
    t = torch.tensor([1.0, 0.0, 0.0, 1.0, 1.0])
    got = F.binary_cross_entropy(to_gradc(p), to_gradc(t), reduction="none").tolist()
    assert got == TF.binary_cross_entropy(p, t, reduction="none").tolist()
    mine = to_gradc(p)
    F.binary_cross_entropy(mine, to_gradc(t)).backward()
    assert np.isfinite(mine.grad.numpy()).all()
    assert mine.grad[0].item() == pytest.approx(-2e11)  # PyTorch's slope of the clamped log


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    ("weight", "pos_weight"), [(None, None), (WEIGHT, None), (None, WEIGHT), (WEIGHT, WEIGHT)]
)
def test_binary_cross_entropy_with_logits(reduction, weight, pos_weight):
    t = torch.sigmoid(draw(5, 4, grad=False, seed=4))
    options = {"reduction": reduction, "weight": weight, "pos_weight": pos_weight}
    ours, theirs = F.binary_cross_entropy_with_logits, TF.binary_cross_entropy_with_logits
    compare(ours, theirs, [draw(5, 4), t], options)


def test_logits_may_be_huge():
    x = torch.tensor([800.0, -800.0, 800.0, -800.0], requires_grad=True)
    t = torch.tensor([1.0, 0.0, 0.0, 1.0])
    ours, theirs = F.binary_cross_entropy_with_logits, TF.binary_cross_entropy_with_logits
    compare(ours, theirs, [x, t], {"reduction": "none"})


LAYERS = {
    "linear": ([draw(5, 4), draw(3, 4, seed=1), draw(3, seed=2)], {}),
    "linear of a vector": ([draw(4), draw(3, 4, seed=1), draw(3, seed=2)], {}),
    "linear of a batch": ([draw(2, 5, 4), draw(3, 4, seed=1)], {}),
    "linear to one": ([draw(5, 4), draw(4, seed=1)], {}),
    "layer_norm": ([draw(5, 4)], {"normalized_shape": (4,)}),
    "layer_norm affine": (
        [draw(5, 3, 4)],
        {"normalized_shape": (3, 4), "weight": draw(3, 4, seed=1), "bias": draw(3, 4, seed=2)},
    ),
    "layer_norm eps": ([draw(5, 4)], {"normalized_shape": (4,), "eps": 0.1}),
    "normalize": ([draw(5, 4)], {}),
    "normalize of order 1": ([draw(5, 4)], {"p": 1.0, "dim": 0}),
    "normalize of order 3": ([draw(5, 4)], {"p": 3.0}),
    "normalize by the largest": ([draw(5, 4)], {"p": math.inf, "dim": -1}),
    "embedding": ([torch.tensor([[1, 0], [1, 4]]), draw(5, 3)], {}),
    "embedding with padding": ([torch.tensor([[1, 0], [1, 4]]), draw(5, 3)], {"padding_idx": 1}),
    "embedding with last padding": ([torch.tensor([1, 4]), draw(5, 3)], {"padding_idx": -1}),
    "one_hot": ([torch.tensor([[1, 0], [2, 1]])], {}),
    "one_hot of five": ([torch.tensor([1, 0, 2])], {"num_classes": 5}),
    "pad": ([draw(2, 3), (1, 2)], {}),
    "pad two axes": ([draw(2, 3, 2), (1, 0, 2, 1)], {"value": 1.5}),
    "pad cuts": ([draw(4, 5), (-1, 2, 1, -2)], {}),
}


@pytest.mark.parametrize("case", LAYERS)
def test_layer_function(case):
    args, options = LAYERS[case]
    name = case.split()[0]
    for operand in [*args, *options.values()]:
        if isinstance(operand, torch.Tensor):
            operand.grad = None
    compare(getattr(F, name), getattr(TF, name), args, options)


def test_normalize_of_zeros_has_finite_gradients():
    x = gradc.zeros(2, 3, requires_grad=True)
    F.normalize(x).sum().backward()
    assert np.isfinite(x.grad.numpy()).all()


def test_dropout():
    gradc.manual_seed(0)
    x = gradc.ones(200, 100, requires_grad=True)
    y = F.dropout(x, 0.3)
    kept = y.detach().numpy() != 0
    assert abs(kept.mean() - 0.7) < 0.01
    np.testing.assert_allclose(y.detach().numpy()[kept], 1 / 0.7, rtol=1e-6)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())
    assert F.dropout(x, 0.3, training=False) is x
    assert F.dropout(x, 0.0) is x
    assert F.dropout(x, 1.0).sum().item() == 0.0


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "elu", "silu"])
def test_inplace(name):
    x = gradc.tensor([-1.0, 2.0])
    expected = getattr(F, name)(x.clone()).tolist()
    assert getattr(F, name)(x, inplace=True) is x
    assert x.tolist() == expected


def test_inplace_dropout_differentiates():
    x = gradc.ones(50, requires_grad=True)
    y = x * 2.0
    F.dropout(y, 0.5, inplace=True).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())


def test_second_derivative_of_cross_entropy():
    x = draw(3, 4)
    t = torch.tensor([0, 3, 1])
    (g,) = torch.autograd.grad(TF.cross_entropy(x, t), x, create_graph=True)
    (expected,) = torch.autograd.grad((g**2).sum(), x)
    mine = to_gradc(x)
    (ours,) = gradc.autograd.grad(F.cross_entropy(mine, to_gradc(t)), mine, create_graph=True)
    (got,) = gradc.autograd.grad((ours**2).sum(), mine)
    np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-10, atol=1e-12)
