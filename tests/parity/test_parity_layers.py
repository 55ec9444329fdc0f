"""Ten compiled training steps of every layer against PyTorch; several models share a program."""

import pytest

import gradc

torch = pytest.importorskip("torch")
from twins import agree, close, ours  # noqa: E402 # it needs torch

ROWS = torch.linspace(-2, 2, 24).reshape(6, 4).double()
IMAGE = torch.linspace(-1, 2, 36).reshape(3, 3, 4).double().sin()
WORDS = torch.tensor([[1, 0, 4], [1, 1, 2]])


def after(layer):
    """A layer without parameters, between two that have some."""
    return lambda nn: nn.Sequential(nn.Linear(4, 4), layer(nn), nn.Linear(4, 2))


class Tied:
    """Make a model whose two layers share one weight."""

    def __call__(self, nn):
        model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))
        model[2].weight = model[0].weight
        return model


MODELS = {
    "Linear": (lambda nn: nn.Linear(4, 3), ROWS),
    "Linear without bias": (lambda nn: nn.Linear(4, 3, bias=False), IMAGE),
    "Linear to one": (lambda nn: nn.Linear(4, 1), ROWS),
    "Linear of one row": (lambda nn: nn.Linear(4, 3), ROWS[:1]),
    "Identity": (after(lambda nn: nn.Identity()), ROWS),
    "ReLU": (after(lambda nn: nn.ReLU()), ROWS),
    "ReLU in place": (after(lambda nn: nn.ReLU(inplace=True)), ROWS),
    "LeakyReLU": (after(lambda nn: nn.LeakyReLU(0.2)), ROWS),
    "ELU": (after(lambda nn: nn.ELU(0.5)), ROWS),
    "Sigmoid": (after(lambda nn: nn.Sigmoid()), ROWS),
    "LogSigmoid": (after(lambda nn: nn.LogSigmoid()), ROWS),
    "Tanh": (after(lambda nn: nn.Tanh()), ROWS),
    "GELU": (after(lambda nn: nn.GELU()), ROWS),
    "GELU tanh": (after(lambda nn: nn.GELU("tanh")), ROWS),
    "SiLU": (after(lambda nn: nn.SiLU(inplace=True)), ROWS),
    "Softplus": (after(lambda nn: nn.Softplus(2.0, 3.0)), ROWS),
    "PReLU": (after(lambda nn: nn.PReLU(4)), ROWS),
    "Softmax": (after(lambda nn: nn.Softmax(dim=-1)), ROWS),
    "LogSoftmax": (after(lambda nn: nn.LogSoftmax(dim=0)), ROWS),
    "Dropout of nothing": (after(lambda nn: nn.Dropout(0.0)), ROWS),
    "Flatten": (lambda nn: nn.Sequential(nn.Linear(4, 2), nn.Flatten(), nn.Linear(6, 2)), IMAGE),
    "Unflatten": (
        lambda nn: nn.Sequential(nn.Linear(4, 6), nn.Unflatten(1, (2, -1)), nn.Linear(3, 2)),
        ROWS,
    ),
    "LayerNorm": (lambda nn: nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5)), ROWS),
    "LayerNorm of two axes": (
        lambda nn: nn.Sequential(nn.Linear(4, 4), nn.LayerNorm((3, 4), eps=1e-3, bias=False)),
        IMAGE,
    ),
    "LayerNorm plain": (after(lambda nn: nn.LayerNorm(4, elementwise_affine=False)), ROWS),
    "RMSNorm": (lambda nn: nn.Sequential(nn.Linear(4, 5), nn.RMSNorm(5)), ROWS),
    "GroupNorm": (lambda nn: nn.Sequential(nn.Linear(4, 6), nn.GroupNorm(3, 6)), ROWS),
    "InstanceNorm1d": (
        lambda nn: nn.Sequential(nn.Linear(4, 5), nn.InstanceNorm1d(3, affine=True)),
        IMAGE,
    ),
    "Embedding": (lambda nn: nn.Embedding(5, 3), WORDS),
    "Embedding with padding": (
        lambda nn: nn.Sequential(nn.Embedding(5, 3, padding_idx=1), nn.Linear(3, 2)),
        WORDS,
    ),
    "tied": (Tied(), ROWS),
    "deep": (
        lambda nn: nn.Sequential(
            nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Sequential(nn.Linear(8, 8), nn.Tanh())
        ),
        ROWS,
    ),
}
NAMES = list(MODELS)
PARTS = [NAMES[i : i + 10] for i in range(0, len(NAMES), 10)]


def training(lib, models, inputs):
    """Return a step that trains every model on a target of its own."""
    parameters = [p for m in models for p in m.parameters()]
    optimizer = lib.optim.SGD(list(dict.fromkeys(parameters)), lr=0.05, momentum=0.9)
    loss_fn = lib.nn.MSELoss()

    def step(inputs):
        optimizer.zero_grad()
        outputs = [m(x) for m, x in zip(models, inputs, strict=True)]
        losses = [loss_fn(y, y.detach().sin() + 0.1) for y in outputs]
        sum(losses).backward()
        optimizer.step()
        return [y.detach() for y in outputs], lib.stack(losses).detach()

    return step


@pytest.mark.parametrize("names", PARTS, ids=lambda names: f"{names[0]} to {names[-1]}")
def test_ten_steps(names):
    torch.manual_seed(2)
    theirs = [MODELS[n][0](torch.nn).double() for n in names]
    inputs = [MODELS[n][1] for n in names]
    twins = []
    for compiled in (False, True):
        models = [MODELS[n][0](gradc.nn).double() for n in names]
        for model, their in zip(models, theirs, strict=True):
            model.load_state_dict(ours(their.state_dict()))
        step = training(gradc, models, ours(inputs))
        step = gradc.compile(step, on_recompile="error") if compiled else step
        twins.append((models, step))
    reference = training(torch, theirs, inputs)
    for _ in range(10):
        expected, their_losses = reference(inputs)
        for _, step in twins:
            outputs, losses = step(ours(inputs))
            close(losses, their_losses, 1e-9)
            for name, y, e in zip(names, outputs, expected, strict=True):
                close(y, e, 1e-9, name)
    for models, _ in twins:
        for name, model, their in zip(names, models, theirs, strict=True):
            agree(model, their, 1e-8, name)
