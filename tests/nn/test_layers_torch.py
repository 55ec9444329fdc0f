"""Modules against PyTorch: text, state_dict, results and gradients with the same weights."""

import math

import numpy as np
import pytest

import gradc
from gradc import nn

torch = pytest.importorskip("torch")
import layer_cases  # noqa: E402 # it needs torch

IMAGE = torch.linspace(-2, 2, 24).reshape(2, 3, 4)
ROWS = torch.linspace(-2, 2, 24).reshape(6, 4)
LAYERS = {
    "Linear": (lambda nn: nn.Linear(4, 3), ROWS),
    "Linear without bias": (lambda nn: nn.Linear(4, 3, bias=False), IMAGE),
    "Identity": (lambda nn: nn.Identity(3, unused=4), ROWS),
    "ReLU": (lambda nn: nn.ReLU(), ROWS),
    "ReLU inplace": (lambda nn: nn.Sequential(nn.Linear(4, 2), nn.ReLU(inplace=True)), ROWS),
    "LeakyReLU": (lambda nn: nn.LeakyReLU(0.2), ROWS),
    "ELU": (lambda nn: nn.ELU(0.5), ROWS),
    "Sigmoid": (lambda nn: nn.Sigmoid(), ROWS),
    "LogSigmoid": (lambda nn: nn.LogSigmoid(), ROWS),
    "Tanh": (lambda nn: nn.Tanh(), ROWS),
    "GELU": (lambda nn: nn.GELU(), ROWS),
    "GELU tanh": (lambda nn: nn.GELU("tanh"), ROWS),
    "SiLU": (lambda nn: nn.SiLU(), ROWS),
    "Softplus": (lambda nn: nn.Softplus(2.0, 3.0), ROWS),
    "Softmax": (lambda nn: nn.Softmax(dim=-1), ROWS),
    "LogSoftmax": (lambda nn: nn.LogSoftmax(dim=1), ROWS),
    "Dropout": (lambda nn: nn.Dropout(0.3).eval(), ROWS),
    "Flatten": (lambda nn: nn.Flatten(), IMAGE),
    "Flatten some": (lambda nn: nn.Flatten(0, 1), IMAGE),
    "Unflatten": (lambda nn: nn.Unflatten(1, (2, -1)), ROWS),
    "LayerNorm": (lambda nn: nn.LayerNorm(4), ROWS),
    "LayerNorm of two axes": (lambda nn: nn.LayerNorm((3, 4), eps=1e-3, bias=False), IMAGE),
    "LayerNorm plain": (lambda nn: nn.LayerNorm(4, elementwise_affine=False), ROWS),
    "Embedding": (lambda nn: nn.Embedding(5, 3), torch.tensor([[0, 4], [2, 2]])),
    "Embedding padded": (lambda nn: nn.Embedding(5, 3, padding_idx=-1), torch.tensor([4, 1])),
    "Sequential": (
        lambda nn: nn.Sequential(
            nn.Linear(4, 8), nn.LayerNorm(8), nn.Tanh(), nn.Sequential(nn.Linear(8, 2))
        ),
        ROWS,
    ),
    "Sequential with names": (
        lambda nn: (
            nn.Sequential({"a": nn.Linear(4, 8), "b": nn.ReLU()})
            if nn.__name__.startswith("gradc")
            else nn.Sequential(
                __import__("collections").OrderedDict(a=nn.Linear(4, 8), b=nn.ReLU())
            )
        ),
        ROWS,
    ),
    "MSELoss": (lambda nn: nn.MSELoss(), (ROWS, ROWS.flip(0))),
    "L1Loss": (lambda nn: nn.L1Loss(reduction="sum"), (ROWS, ROWS.flip(0))),
    "SmoothL1Loss": (lambda nn: nn.SmoothL1Loss(beta=0.5), (ROWS, ROWS.flip(0))),
    "HuberLoss": (lambda nn: nn.HuberLoss(delta=0.5), (ROWS, ROWS.flip(0))),
    "CrossEntropyLoss": (
        lambda nn: nn.CrossEntropyLoss(label_smoothing=0.1),
        (ROWS, torch.tensor([0, 1, 2, 3, 0, 1])),
    ),
    "NLLLoss": (lambda nn: nn.NLLLoss(reduction="none"), (ROWS, torch.tensor([0, 1, 2, 3, 0, 1]))),
    "BCELoss": (lambda nn: nn.BCELoss(), (ROWS.sigmoid(), (ROWS > 0).float())),
    "BCEWithLogitsLoss": (lambda nn: nn.BCEWithLogitsLoss(), (ROWS, (ROWS > 0).float())),
    **layer_cases.ACTIVATIONS,
    **layer_cases.NORMS,
    **layer_cases.LOSSES,
    **layer_cases.SPACE,
    **layer_cases.POOLING,
}


def ours(tensor):
    return gradc.from_numpy(tensor.detach().numpy().copy())


def pair(case):
    make, inputs = LAYERS[case]
    theirs, mine = make(torch.nn), make(nn)
    mine.load_state_dict({k: ours(v) for k, v in theirs.state_dict().items()})
    return mine, theirs, inputs if isinstance(inputs, tuple) else (inputs,)


@pytest.mark.parametrize("case", LAYERS)
def test_text(case):
    mine, theirs, _ = pair(case)
    assert repr(mine) == repr(theirs)


@pytest.mark.parametrize("case", LAYERS)
def test_state_dict(case):
    mine, theirs, _ = pair(case)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    for name, tensor in theirs.state_dict().items():
        assert tuple(mine.state_dict()[name].shape) == tuple(tensor.shape)
    assert [n for n, _ in mine.named_modules()] == [n for n, _ in theirs.named_modules()]


@pytest.mark.parametrize("case", LAYERS)
def test_values_and_gradients(case):
    mine, theirs, inputs = pair(case)
    xs = [x.clone() for x in inputs]
    ys = [ours(x) for x in inputs]
    if xs[0].dtype.is_floating_point:
        xs[0].requires_grad_()
        ys[0].requires_grad_()
    expected, got = theirs(*xs), mine(*ys)
    np.testing.assert_allclose(
        got.detach().numpy(), expected.detach().numpy(), rtol=2e-5, atol=2e-6
    )
    if not expected.requires_grad:
        return
    seed = torch.linspace(0.5, 2.0, expected.numel()).reshape(expected.shape)
    expected.backward(seed)
    got.backward(ours(seed))
    pairs = [(xs[0], ys[0]), *zip(theirs.parameters(), mine.parameters(), strict=True)]
    for their, our in pairs:
        if their.grad is None:
            assert our.grad is None
        else:
            np.testing.assert_allclose(our.grad.numpy(), their.grad.numpy(), rtol=1e-4, atol=1e-5)


def test_losses_keep_their_weights_in_the_state_dict():
    weight = gradc.ones(3)
    assert list(nn.CrossEntropyLoss(weight).state_dict()) == ["weight"]
    assert list(nn.MultiMarginLoss(weight=weight).state_dict()) == ["weight"]
    both = nn.BCEWithLogitsLoss(weight, pos_weight=weight)
    assert list(both.state_dict()) == ["weight", "pos_weight"]


def test_text_of_lists_and_dicts():
    def make(nn):
        layers = [nn.Linear(2, 2), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)]
        return nn.ModuleList(layers), nn.ModuleDict({"a": nn.Tanh(), "b": nn.Sequential()})

    assert [repr(m) for m in make(nn)] == [repr(m) for m in make(torch.nn)]


def test_containers_of_parameters():
    def make(lib):
        some = [lib.ones(2, 3), lib.nn.Parameter(lib.zeros(2)), 7]
        held = lib.nn.ParameterList(some)
        held.append(lib.ones(1)).extend([lib.ones(4)])
        held[1] = lib.ones(5)
        held += [lib.ones(1, 1)]
        table = lib.nn.ParameterDict({"b": lib.ones(2), "a": lib.zeros(3, 1)})
        table["c"] = lib.nn.Parameter(lib.ones(1))
        table.update([("d", lib.ones(2)), ("e", "text")])
        removed = table.pop("d")
        assert "d" not in table
        assert table.get("d", 5) == 5
        assert table.setdefault("a") is table["a"]
        return held, table, held[1:], held[-1], removed, table.copy()

    for got, expected in zip(make(gradc), make(torch), strict=True):
        text = repr(expected).replace("torch.", "gradc.")
        assert repr(got) == text
        if isinstance(expected, torch.nn.Module):
            assert list(got.state_dict()) == list(expected.state_dict())
            assert len(got) == len(expected)


def test_parameters_of_containers_train():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ParameterList([gradc.eye(3) * i for i in (1.0, 2.0)])
            self.parts = nn.ParameterDict({"bias": gradc.ones(3)})

        def forward(self, x):
            for weight in self.layers:
                x = x @ weight
            return x + self.parts["bias"]

    model = Model()
    assert [n for n, _ in model.named_parameters()] == ["layers.0", "layers.1", "parts.bias"]
    run = gradc.compile(model)
    assert run(gradc.ones(1, 3)).tolist() == [[3.0, 3.0, 3.0]]
    model.layers[1] = gradc.eye(3) * 5.0
    assert run(gradc.ones(1, 3)).tolist() == [[6.0, 6.0, 6.0]]
    run(gradc.ones(1, 3)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())


@pytest.mark.parametrize("shape", [(400, 100), (20, 30, 5, 5)])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("kaiming_uniform_", {"a": math.sqrt(5)}),
        ("kaiming_uniform_", {"mode": "fan_out", "nonlinearity": "relu"}),
        ("kaiming_normal_", {"nonlinearity": "relu"}),
        ("xavier_uniform_", {"gain": 2.0}),
        ("xavier_normal_", {}),
        ("uniform_", {"a": -3.0, "b": 1.0}),
        ("normal_", {"mean": 2.0, "std": 0.1}),
        ("trunc_normal_", {}),
        ("trunc_normal_", {"mean": 1.0, "std": 2.0, "a": 0.0, "b": 1.5}),
        ("orthogonal_", {"gain": 1.5}),
    ],
)
def test_initialisation(name, options, shape):
    """Mean, deviation and extent agree with PyTorch's, in as many draws."""
    torch.manual_seed(0)
    gradc.manual_seed(0)
    expected = getattr(torch.nn.init, name)(torch.empty(shape), **options).numpy()
    got = getattr(nn.init, name)(gradc.empty(*shape), **options).numpy()
    std = expected.std()
    assert abs(got.mean() - expected.mean()) < 0.05 * std
    assert abs(got.std() - std) < 0.03 * std
    if "uniform" in name:
        assert abs(got.max() - expected.max()) < 0.01 * std
        assert abs(got.min() - expected.min()) < 0.01 * std


@pytest.mark.parametrize(
    "name", ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu", "conv2d"]
)
def test_gain(name):
    assert nn.init.calculate_gain(name) == torch.nn.init.calculate_gain(name)


def test_truncated_normal_numbers_have_their_distribution():
    gradc.manual_seed(0)
    x = nn.init.trunc_normal_(gradc.empty(100000, dtype=gradc.float64), a=-1.0, b=3.0).numpy()
    assert x.min() >= -1
    assert x.max() <= 3

    def phi(z):
        return (1 + math.erf(z / math.sqrt(2))) / 2

    for z in (-0.9, -0.5, 0.0, 1.0, 2.0):
        share = (phi(z) - phi(-1)) / (phi(3) - phi(-1))
        assert abs((x < z).mean() - share) < 0.006


@pytest.mark.parametrize("shape", [(5, 8), (8, 5), (4, 2, 3)])
def test_orthogonal_weights(shape):
    gradc.manual_seed(1)
    x = nn.init.orthogonal_(gradc.empty(*shape, dtype=gradc.float64), gain=2.0).numpy()
    x = x.reshape(shape[0], -1)
    product = x @ x.T if x.shape[0] <= x.shape[1] else x.T @ x
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


def test_identity_weights():
    assert nn.init.eye_(gradc.empty(2, 3)).tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_layers_start_as_pytorchs_do():
    gradc.manual_seed(0)
    linear = nn.Linear(100, 300)
    bound = 1 / math.sqrt(100)
    for tensor in (linear.weight, linear.bias):
        values = tensor.detach().numpy()
        assert -bound <= values.min() < -0.95 * bound
        assert 0.95 * bound < values.max() <= bound
        assert abs(values.std() - bound / math.sqrt(3)) < 0.05 * bound
    table = nn.Embedding(500, 20, padding_idx=3).weight.detach().numpy()
    assert abs(table.std() - 1) < 0.03
    assert not table[3].any()
    norm = nn.LayerNorm(5)
    assert norm.weight.tolist() == [1.0] * 5
    assert norm.bias.tolist() == [0.0] * 5


@pytest.mark.parametrize("norm_type", [2.0, 1.0, math.inf, 3.0])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clip_grad_norm(norm_type, max_norm):
    theirs = [torch.zeros(3, 2), torch.zeros(4), torch.zeros(1)]
    mine = [ours(t) for t in theirs]
    for i, (t, m) in enumerate(zip(theirs[:2], mine[:2], strict=True)):
        t.grad = torch.linspace(-1, 2 + i, t.numel()).reshape(t.shape)
        m.grad = ours(t.grad)
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    got = nn.utils.clip_grad_norm_(mine, max_norm, norm_type)
    assert got.item() == pytest.approx(expected.item(), rel=1e-6)
    for t, m in zip(theirs[:2], mine[:2], strict=True):
        np.testing.assert_allclose(m.grad.numpy(), t.grad.numpy(), rtol=1e-6)


def test_clip_grad_value_and_vectors():
    p = nn.Parameter(gradc.zeros(3))
    p.grad = gradc.tensor([-3.0, 0.5, 2.0])
    nn.utils.clip_grad_value_([p], 1.0)
    assert p.grad.tolist() == [-1.0, 0.5, 1.0]
    model = nn.Linear(2, 1)
    vector = nn.utils.parameters_to_vector(model.parameters())
    nn.utils.vector_to_parameters(vector.detach() * 0 + 2.0, model.parameters())
    assert model.weight.tolist() == [[2.0, 2.0]]
    assert model.bias.tolist() == [2.0]
