"""Layers, losses and optimizers on a device against the CPU."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import gradc
from gradc import nn
from gradc.utils.data import DataLoader, TensorDataset

ON_REAL_DEVICES = True
CUDA = gradc.device("cuda:0")
rng = np.random.default_rng(1)
ROWS = rng.standard_normal((6, 4))
LINE = rng.standard_normal((2, 3, 8))
IMAGE = rng.standard_normal((2, 3, 6, 6))
STEPS = rng.standard_normal((5, 2, 4))
LABELS = np.array([0, 1, 2, 3, 0, 1])


class Cell(nn.Module):
    """A recurrent cell run over time."""

    def __init__(self, cell):
        super().__init__()
        self.cell = cell

    def forward(self, xs):
        state = None
        for x in xs:
            state = self.cell(x, state)
        return state[0] if isinstance(state, tuple) else state


class First(nn.Module):
    """The first of several results."""

    def __init__(self, layer, copies=1):
        super().__init__()
        self.layer, self.copies = layer, copies

    def forward(self, x):
        return self.layer(*[x] * self.copies)[0]


class Loss(nn.Module):
    """A loss against fixed targets."""

    def __init__(self, loss, target):
        super().__init__()
        self.loss = loss
        self.register_buffer("target", gradc.tensor(target))

    def forward(self, x):
        return self.loss(x, self.target)


LAYERS = {
    "Linear": (lambda: nn.Linear(4, 3), ROWS),
    "activations": (
        lambda: nn.Sequential(
            nn.ReLU(), nn.LeakyReLU(), nn.ELU(), nn.GELU(), nn.SiLU(), nn.Softplus(), nn.Tanh()
        ),
        ROWS,
    ),
    "Softmax": (lambda: nn.Sequential(nn.Softmax(-1), nn.LogSoftmax(0)), ROWS),
    "Dropout": (lambda: nn.Dropout(0.4), ROWS),
    "LayerNorm": (lambda: nn.LayerNorm(4), ROWS),
    "Embedding": (lambda: nn.Embedding(5, 3, padding_idx=0), np.array([[0, 4], [2, 2]])),
    "Conv1d": (lambda: nn.Conv1d(3, 4, 3, stride=2, padding=1), LINE),
    "Conv2d": (lambda: nn.Conv2d(3, 6, 3, padding=1, groups=3), IMAGE),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(4), ROWS),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3), IMAGE),
    "MaxPool2d": (lambda: nn.MaxPool2d(2), IMAGE),
    "MaxPool2d with indices": (lambda: First(nn.MaxPool2d(3, 2, 1, return_indices=True)), IMAGE),
    "AvgPool2d": (lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False), IMAGE),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d((4, 3)), IMAGE),
    "RNN": (lambda: First(nn.RNN(4, 3)), STEPS),
    "LSTM": (lambda: First(nn.LSTM(4, 3, bidirectional=True)), STEPS),
    "GRU": (lambda: First(nn.GRU(4, 3, num_layers=2)), STEPS),
    "LSTMCell": (lambda: Cell(nn.LSTMCell(4, 3)), STEPS),
    "MultiheadAttention": (lambda: First(nn.MultiheadAttention(4, 2), 3), STEPS),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(4, 2, 8), STEPS),
    "MSELoss": (lambda: Loss(nn.MSELoss(), ROWS[::-1].copy()), ROWS),
    "SmoothL1Loss": (lambda: Loss(nn.SmoothL1Loss(), ROWS[::-1].copy()), ROWS),
    "CrossEntropyLoss": (lambda: Loss(nn.CrossEntropyLoss(label_smoothing=0.1), LABELS), ROWS),
    "BCEWithLogitsLoss": (lambda: Loss(nn.BCEWithLogitsLoss(), (ROWS > 0) * 1.0), ROWS),
    "BCELoss": (lambda: Loss(nn.BCELoss(), (ROWS > 0) * 1.0), 1 / (1 + np.exp(-ROWS))),
}


def forward_and_back(layer, data, device):
    x = gradc.tensor(data, device=device)
    x = x.requires_grad_() if x.is_floating_point() else x
    gradc.manual_seed(2)
    y = layer(x)
    y.backward(gradc.linspace(0.5, 2.0, y.numel(), dtype=y.dtype, device=device).reshape(y.shape))
    return y, [x.grad, *(p.grad for p in layer.parameters())]


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name):
    make, data = LAYERS[name]
    gradc.manual_seed(1)
    here = make().double()
    there = copy.deepcopy(here).to("cuda")
    expected, grads = forward_and_back(here, data, "cpu")
    found, on_device = forward_and_back(there, data, "cuda")
    assert all(t.device == CUDA for t in (*there.parameters(), *there.buffers(), found))
    for a, b in zip([found, *on_device], [expected, *grads], strict=True):
        assert (a is None) == (b is None)
        if b is not None:
            np.testing.assert_allclose(
                a.detach().cpu().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-12
            )


OPTIMIZERS = {
    "SGD": {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
    "Adam": {"lr": 0.1, "amsgrad": True},
    "AdamW": {"lr": 0.1},
    "RMSprop": {"lr": 0.01, "centered": True, "momentum": 0.9},
    "Adagrad": {"lr": 0.1, "lr_decay": 0.1},
    "Adadelta": {"rho": 0.5},
    "Adamax": {"lr": 0.1},
    "NAdam": {"lr": 0.1},
    "RAdam": {"lr": 0.1, "betas": (0.5, 0.9)},
}


def trained(name, device, steps=6):
    gradc.manual_seed(3)
    model = nn.Linear(4, 2).double().to(device)
    optimizer = getattr(gradc.optim, name)(model.parameters(), **OPTIMIZERS[name])
    x = gradc.tensor(ROWS, device=device)
    for i in range(steps):
        optimizer.zero_grad(set_to_none=i % 2 == 0)
        model(x).square().sum().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
    return model, optimizer


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer(name):
    here, _ = trained(name, "cpu")
    there, optimizer = trained(name, "cuda")
    for p in there.parameters():
        for value in optimizer.state[p].values():
            assert value is None or value.device == CUDA
    for p, q in zip(there.parameters(), here.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().cpu().numpy(), q.detach().numpy(), rtol=1e-9)


def test_optimizer_state_goes_to_the_parameters_device():
    _, optimizer = trained("Adam", "cpu")
    model, other = trained("Adam", "cuda", 1)
    other.load_state_dict(optimizer.state_dict())
    for p in model.parameters():
        assert {key: v.device for key, v in other.state[p].items()} == dict.fromkeys(
            other.state[p], CUDA
        )


@pytest.mark.parametrize("compiled", [False, True])
def test_optimizer_state_follows_a_model_that_moves(compiled):
    results = []
    for moves in (False, True):
        gradc.manual_seed(3)
        model = nn.Linear(4, 2).double()
        optimizer = gradc.optim.Adam(model.parameters(), lr=0.1)

        def step(x, model=model, optimizer=optimizer):
            optimizer.zero_grad()
            model(x).square().sum().backward()
            optimizer.step()

        run = gradc.compile(step) if compiled else step
        x = gradc.tensor(ROWS)
        for i in range(6):
            if moves and i % 2 == 0:
                device = "cuda:1" if i == 2 else "cuda" if i == 0 else "cpu"
                model.to(device)
                x = x.to(device)
            run(x)
            for p in model.parameters():
                assert {v.device for v in optimizer.state[p].values()} == {p.device}
        results.append(model.weight.detach().cpu().numpy())
    np.testing.assert_allclose(*results, rtol=1e-9)


def test_modules_move_with_gradients_and_load_across_devices():
    gradc.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2))
    model(gradc.ones(3, 4)).sum().backward()
    weight = model[0].weight
    assert model.cuda() is model
    assert model[0].weight is weight
    assert (weight.device, weight.grad.device) == (CUDA, CUDA)
    assert model[1].running_mean.device == CUDA
    state = model.state_dict()
    assert all(t.device == CUDA for t in state.values())
    other = nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2))
    other.load_state_dict(state)
    assert other[0].weight.device.type == "cpu"
    assert other[0].weight.tolist() == weight.tolist()
    assert model.cpu()[0].weight.device.type == "cpu"
    assert model.to(gradc.ones(1, device="cuda"))[0].weight.device == CUDA
    assert nn.Linear(2, 2, device="cuda").weight.device == CUDA


def test_transforms_and_scan():
    x = gradc.tensor([1.0, 2.0, 3.0], dtype=gradc.float64)
    for transform in (gradc.func.grad, gradc.func.hessian, gradc.func.jacfwd, gradc.func.jacrev):
        f = transform(lambda t: (t**3).sum())
        assert f(x.cuda()).device == CUDA
        assert f(x.cuda()).tolist() == f(x).tolist()

    def step(total, x):
        return total + x * x, total

    here, there = x.clone().requires_grad_(), x.cuda().requires_grad_()
    for t in (here, there):
        last, seen = gradc.scan(step, gradc.zeros((), dtype=t.dtype, device=t.device), t)
        (last + seen.sum()).backward()
    assert there.grad.tolist() == here.grad.tolist()


def test_a_function_with_its_own_backward():
    class Cube(gradc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return grad_output * 3 * x * x

    x = gradc.tensor([2.0], device="cuda", requires_grad=True)
    Cube.apply(x).sum().backward()
    assert (x.grad.tolist(), x.grad.device) == ([12.0], CUDA)


def test_gradcheck_and_data_on_a_device():
    x = gradc.tensor([0.5, 2.0], dtype=gradc.float64, device="cuda", requires_grad=True)
    assert gradc.autograd.gradcheck(lambda t: t.sin() * t, (x,))
    assert gradc.autograd.gradgradcheck(lambda t: t.sin() * t, (x,))
    data = TensorDataset(gradc.arange(6, device="cuda"))
    batches = [b for (b,) in DataLoader(data, batch_size=4)]
    assert [b.tolist() for b in batches] == [[0, 1, 2, 3], [4, 5]]
    assert batches[0].device == CUDA
