"""Convolutions, pooling and batch normalization against PyTorch: values, gradients, state."""

import math

import numpy as np
import pytest

import gradc
from gradc import nn
from gradc.nn import functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")


def draw(*shape, seed=0, dtype=torch.float64):
    made = torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return made.to(dtype).requires_grad_()


def ours(tensor):
    made = gradc.from_numpy(tensor.detach().numpy().copy())
    return made.requires_grad_() if tensor.requires_grad else made


def compare(mine, theirs, tensors, rtol=1e-10):
    """Compare what two functions of tensors give, and the gradients of all tensors."""
    others = [ours(t) for t in tensors]
    expected, got = theirs(*tensors), mine(*others)
    assert got.shape == tuple(expected.shape)
    assert got.is_contiguous()
    np.testing.assert_allclose(got.detach().numpy(), expected.detach().numpy(), rtol, rtol)
    seed = torch.linspace(-1, 2, expected.numel(), dtype=expected.dtype).reshape(expected.shape)
    expected.backward(seed)
    got.backward(ours(seed))
    for a, b in zip(tensors, others, strict=True):
        np.testing.assert_allclose(b.grad.numpy(), a.grad.numpy(), rtol, rtol)
        a.grad = None


CONVOLUTIONS = [
    {},
    {"stride": 2, "padding": 1},
    {"stride": (2, 3), "padding": (2, 1), "dilation": (1, 2), "groups": 2},
    {"padding": "same", "dilation": (2, 1)},
    {"padding": "same", "groups": 4},
    {"padding": "valid", "dilation": 2},
    {"stride": 3, "padding": (0, 2), "groups": 4},
]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("options", CONVOLUTIONS, ids=str)
def test_conv2d(options, bias):
    groups = options.get("groups", 1)
    x, w = draw(2, 4, 11, 9), draw(8, 4 // groups, 3, 4, seed=1)
    tensors = [x, w, draw(8, seed=2)] if bias else [x, w]
    compare(lambda *a: F.conv2d(*a, **options), lambda *a: TF.conv2d(*a, **options), tensors)


@pytest.mark.parametrize(
    "options", [{}, {"stride": 2, "padding": 3, "dilation": 2}, {"padding": "same", "groups": 2}]
)
def test_conv1d(options):
    tensors = [draw(3, 4, 10), draw(6, 4 // options.get("groups", 1), 4, seed=1), draw(6, seed=2)]
    compare(lambda *a: F.conv1d(*a, **options), lambda *a: TF.conv1d(*a, **options), tensors)


def test_convolution_of_one_sample():
    tensors = [draw(3, 6, 6), draw(2, 3, 3, 3, seed=1), draw(2, seed=2)]
    compare(F.conv2d, TF.conv2d, tensors)
    compare(F.conv1d, TF.conv1d, [draw(3, 6), draw(2, 3, 3, seed=1)])


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("amounts", [(2, 1), (1, 2, 0, 3), (3, 3, 3, 3)])
def test_pad_modes(mode, amounts):
    x = draw(2, 3, 5, 4)
    x = x.detach()[0].requires_grad_() if len(amounts) == 2 else x
    compare(lambda t: F.pad(t, amounts, mode), lambda t: TF.pad(t, amounts, mode), [x])


TIES = torch.tensor([2.0, 1.0, 2.0, 2.0, 0.0, 2.0, -1.0, 2.0], dtype=torch.float64)
MAXIMA = [
    (2, {}),
    ((3, 2), {"stride": 1}),
    (3, {"stride": 2, "padding": 1}),
    (2, {"dilation": 3, "stride": 1}),
    (3, {"ceil_mode": True, "padding": 1}),
    ((2, 3), {"stride": (3, 2), "padding": (1, 0), "ceil_mode": True}),
]


@pytest.mark.parametrize(("size", "options"), MAXIMA)
@pytest.mark.parametrize("tied", [False, True])
def test_max_pool2d(size, options, tied):
    x = draw(2, 3, 8, 9)
    if tied:
        x = TIES.repeat(54).reshape(2, 3, 8, 9).requires_grad_()
    compare(
        lambda t: F.max_pool2d(t, size, **options), lambda t: TF.max_pool2d(t, size, **options), [x]
    )
    got = F.max_pool2d(ours(x), size, return_indices=True, **options)[1]
    expected = TF.max_pool2d(x, size, return_indices=True, **options)[1]
    assert got.tolist() == expected.tolist()


LINES = [{}, {"stride": 2, "padding": 1}, {"ceil_mode": True, "stride": 3}]


@pytest.mark.parametrize("options", LINES, ids=str)
def test_max_pool1d_and_its_indices(options):
    x = draw(2, 3, 10)
    compare(lambda t: F.max_pool1d(t, 3, **options), lambda t: TF.max_pool1d(t, 3, **options), [x])
    got = F.max_pool1d(ours(x), 3, return_indices=True, **options)[1]
    expected = TF.max_pool1d(x, 3, return_indices=True, **options)[1]
    assert got.tolist() == expected.tolist()


def test_max_pool_of_nan_inf_and_integers():
    x = torch.tensor([[1.0, math.nan, 2.0, -math.inf, -math.inf, 3.0, math.inf, 5.0]])
    np.testing.assert_array_equal(F.max_pool1d(ours(x), 2).numpy(), TF.max_pool1d(x, 2).numpy())
    whole = gradc.tensor([[-5, -3, -9, -7, -8]])
    assert F.max_pool1d(whole, 2, padding=1).tolist() == [[-5, -3, -7]]


MEANS = [
    (2, {}),
    ((3, 2), {"stride": 1}),
    (3, {"stride": 2, "padding": 1}),
    (3, {"stride": 2, "padding": 1, "count_include_pad": False}),
    (3, {"ceil_mode": True, "padding": 1}),
    ((2, 3), {"stride": (3, 2), "padding": (1, 0), "ceil_mode": True, "count_include_pad": False}),
    (2, {"divisor_override": 3}),
]


@pytest.mark.parametrize(("size", "options"), MEANS)
def test_avg_pool2d(size, options):
    compare(
        lambda t: F.avg_pool2d(t, size, **options),
        lambda t: TF.avg_pool2d(t, size, **options),
        [draw(2, 3, 8, 9)],
    )


@pytest.mark.parametrize("options", LINES, ids=str)
def test_avg_pool1d(options):
    x = draw(2, 3, 10)
    compare(lambda t: F.avg_pool1d(t, 3, **options), lambda t: TF.avg_pool1d(t, 3, **options), [x])


@pytest.mark.parametrize("size", [1, 3, (2, 5), (None, 4), (8, 9)])
def test_adaptive_avg_pool2d(size):
    compare(
        lambda t: F.adaptive_avg_pool2d(t, size),
        lambda t: TF.adaptive_avg_pool2d(t, size),
        [draw(2, 3, 8, 9)],
    )


def test_adaptive_avg_pool1d():
    x = draw(2, 3, 10)
    compare(lambda t: F.adaptive_avg_pool1d(t, 4), lambda t: TF.adaptive_avg_pool1d(t, 4), [x])


LAYERS = {
    "Conv2d": (lambda nn: nn.Conv2d(4, 6, 3), (2, 4, 8, 8)),
    "Conv2d with all": (
        lambda nn: nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 3), 2, False, "circular"),
        (2, 4, 8, 8),
    ),
    "Conv2d same": (lambda nn: nn.Conv2d(4, 4, 4, padding="same", dilation=2), (2, 4, 8, 8)),
    "Conv2d reflect same": (
        lambda nn: nn.Conv2d(4, 4, 4, padding="same", padding_mode="reflect"),
        (2, 4, 8, 8),
    ),
    "Conv2d valid replicate": (
        lambda nn: nn.Conv2d(4, 4, 3, padding="valid", padding_mode="replicate"),
        (2, 4, 8, 8),
    ),
    "Conv1d": (lambda nn: nn.Conv1d(4, 6, 3, padding=1), (2, 4, 9)),
    "Conv1d replicate": (
        lambda nn: nn.Conv1d(4, 6, 3, 2, 2, groups=2, padding_mode="replicate"),
        (2, 4, 9),
    ),
    "MaxPool2d": (lambda nn: nn.MaxPool2d(2), (2, 4, 8, 8)),
    "MaxPool2d more": (
        lambda nn: nn.MaxPool2d((3, 2), 2, (1, 0), ceil_mode=True),
        (2, 4, 8, 8),
    ),
    "MaxPool1d": (lambda nn: nn.MaxPool1d(3, 1), (2, 4, 9)),
    "AvgPool2d": (lambda nn: nn.AvgPool2d(3, 2, 1), (2, 4, 8, 8)),
    "AvgPool1d": (lambda nn: nn.AvgPool1d(3), (2, 4, 9)),
    "AdaptiveAvgPool2d": (lambda nn: nn.AdaptiveAvgPool2d((1, None)), (2, 4, 8, 8)),
    "AdaptiveAvgPool1d": (lambda nn: nn.AdaptiveAvgPool1d(2), (2, 4, 9)),
    "BatchNorm2d": (lambda nn: nn.BatchNorm2d(4), (2, 4, 8, 8)),
    "BatchNorm2d plain": (lambda nn: nn.BatchNorm2d(4, 1e-3, 0.3, affine=False), (2, 4, 8, 8)),
    "BatchNorm2d of means": (lambda nn: nn.BatchNorm2d(4, momentum=None), (2, 4, 8, 8)),
    "BatchNorm2d of batches": (
        lambda nn: nn.BatchNorm2d(4, track_running_stats=False),
        (2, 4, 8, 8),
    ),
    "BatchNorm1d": (lambda nn: nn.BatchNorm1d(4), (6, 4)),
    "BatchNorm1d of signals": (lambda nn: nn.BatchNorm1d(4), (2, 4, 9)),
}


@pytest.mark.parametrize("case", LAYERS)
def test_layer(case):
    make, shape = LAYERS[case]
    theirs, mine = make(torch.nn), make(nn)
    assert repr(mine) == repr(theirs)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    for name, tensor in theirs.state_dict().items():
        assert mine.state_dict()[name].shape == tuple(tensor.shape)
        assert str(mine.state_dict()[name].dtype) == str(tensor.dtype).removeprefix("torch.")
    mine.load_state_dict({k: ours(v) for k, v in theirs.state_dict().items()})
    for mode in (True, True, False):
        theirs.train(mode)
        mine.train(mode)
        compare(mine, theirs, [draw(*shape, dtype=torch.float32)], 2e-5)
        for name, tensor in theirs.state_dict().items():
            np.testing.assert_allclose(mine.state_dict()[name].numpy(), tensor.numpy(), 1e-5, 1e-6)


def test_initial_weights_have_the_spread_of_pytorch():
    gradc.manual_seed(0)
    layer = nn.Conv2d(16, 64, 5)
    bound = 1 / math.sqrt(16 * 25)
    for parameter in (layer.weight, layer.bias):
        assert abs(parameter.detach().numpy()).max() <= bound
    assert abs(float(layer.weight.detach().std()) - bound / math.sqrt(3)) < 0.02 * bound


def network(nn):
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, stride=2, padding=1, groups=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(8, 4, 1, bias=False),
        nn.AvgPool2d(2, 1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )


def trained(model, optim, loss_fn, batches, compiled=False):
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    def step(x, y):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    step = gradc.compile(step, on_recompile="error") if compiled else step
    return [step(x, y).item() for x, y in batches]


@pytest.mark.parametrize("compiled", [False, True])
def test_ten_training_steps(compiled, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADC_CACHE", str(tmp_path / "gradc"))
    generator = torch.Generator().manual_seed(5)
    batches = [
        (
            torch.randn(5, 2, 12, 12, generator=generator),
            torch.randint(0, 3, (5,), generator=generator),
        )
        for _ in range(10)
    ]
    theirs, mine = network(torch.nn), network(nn)
    mine.load_state_dict({k: ours(v) for k, v in theirs.state_dict().items()})
    expected = trained(theirs, torch.optim, torch.nn.CrossEntropyLoss(), batches)
    mine_batches = [(ours(x), ours(y)) for x, y in batches]
    got = trained(mine, gradc.optim, nn.CrossEntropyLoss(), mine_batches, compiled)
    np.testing.assert_allclose(got, expected, rtol=1e-4)
    for name, tensor in theirs.state_dict().items():
        np.testing.assert_allclose(
            mine.state_dict()[name].numpy(), tensor.detach().numpy(), rtol=1e-3, atol=1e-4
        )


class Block(nn.Module):
    """A residual block with strides, groups and single-channel windows."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, groups=2)
        self.down = nn.Conv2d(inputs, outputs, 1, stride)
        self.each = nn.Conv2d(outputs, outputs, 3, 1, 1, groups=outputs)

    def forward(self, x):
        h = self.second(self.norm(self.first(x)).relu())
        return self.each((h + self.down(x)).relu())


def residual_step():
    gradc.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect"),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        Block(8, 12, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 5),
    )
    optimizer = gradc.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return model, step


def test_compiled_residual_network_equals_eager(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADC_CACHE", str(tmp_path / "gradc"))
    runs = []
    for compiled in (False, True):
        model, step = residual_step()
        run = gradc.compile(step) if compiled else step
        rng = np.random.default_rng(0)
        losses = []
        for _ in range(3):
            x = gradc.tensor(rng.standard_normal((4, 3, 12, 12)).astype("f"))
            losses.append(run(x, gradc.tensor(rng.integers(0, 5, 4))).item())
        runs.append((losses, {k: v.numpy() for k, v in model.state_dict().items()}))
        if compiled:
            assert "multiply_add(" in run.source
    (losses, state), (compiled_losses, compiled_state) = runs
    np.testing.assert_allclose(compiled_losses, losses, rtol=1e-5)
    for name, value in state.items():
        np.testing.assert_allclose(compiled_state[name], value, rtol=1e-4, atol=1e-5)
