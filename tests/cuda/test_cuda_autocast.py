"""autocast and GradScaler on a device: the CPU's numbers, by products that round themselves."""

import numpy as np
import pytest

import gradc
from gradc import nn

ON_REAL_DEVICES = True
F = nn.functional


class Attends(nn.Module):
    """Attention of a sequence to itself."""

    def forward(self, x):
        """Return it."""
        return F.scaled_dot_product_attention(x, x, x, is_causal=True)


class Last(nn.Module):
    """A recurrent layer's outputs."""

    def __init__(self):
        super().__init__()
        self.layer = nn.LSTM(4, 8)

    def forward(self, x):
        """Return them."""
        return self.layer(x)[0]


MODELS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 4)), (5, 6)),
    "cnn": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(8, 2, 2, stride=2)
        ),
        (2, 3, 6, 6),
    ),
    "lstm": (Last, (9, 2, 4)),
    "attention": (Attends, (2, 2, 6, 4)),
}


def trained(name, device, dtype, compiled):
    """Return outputs and gradients."""
    make, shape = MODELS[name]
    gradc.manual_seed(0)
    model = make()
    x = gradc.tensor(np.random.default_rng(0).standard_normal(shape, dtype="f"))
    model, x = model.to(device), x.to(device).requires_grad_()

    def step(x):
        with gradc.autocast(device, dtype=dtype):
            y = model(x)
        (y * y).sum().backward()
        return y

    y = (gradc.compile(step) if compiled else step)(x)
    return [t.detach().cpu().numpy() for t in (y, x.grad, *(p.grad for p in model.parameters()))]


@pytest.mark.parametrize(
    ("name", "dtype", "compiled"),
    [
        ("mlp", gradc.float16, True),
        ("cnn", gradc.bfloat16, True),
        ("lstm", gradc.float16, True),
        ("attention", gradc.bfloat16, True),
        ("mlp", gradc.bfloat16, False),
    ],
    ids=str,
)
def test_a_device_rounds_as_the_cpu_does(name, dtype, compiled):
    here, there = trained(name, "cpu", dtype, True), trained(name, "cuda", dtype, compiled)
    # what lies next to a tie may be rounded to the other side
    loose = 2**-7 if dtype is gradc.bfloat16 else 2**-9
    for x, y in zip(there, here, strict=True):
        np.testing.assert_allclose(x, y, rtol=loose, atol=loose * np.abs(y).max())


def test_a_region_for_the_cpu_does_not_concern_a_device():
    x = gradc.tensor([[1.001]], device="cuda")
    with gradc.autocast("cpu"):
        assert (x @ x).item() == pytest.approx(1.001**2, rel=1e-6)
    with gradc.autocast("cuda", dtype=gradc.bfloat16):
        assert (x @ x).item() == 1.0


@pytest.mark.parametrize("kind", ["Linear", "LSTM"])
def test_all_products_of_a_program_round_and_no_kernel_does(kind):
    model = (nn.Linear(16, 16) if kind == "Linear" else nn.LSTM(16, 16)).to("cuda")
    x = gradc.ones(10, 2, 16, device="cuda")

    def step(x):
        with gradc.autocast("cuda", dtype=gradc.bfloat16):
            y = model(x)
        y = y if kind == "Linear" else y[0]
        (y * y).sum().backward()

    compiled = gradc.compile(step)
    compiled(x)
    text = compiled.source
    calls = [line for line in text.splitlines() if "matmul" in line and "(gpu, " in line]
    assert len(calls) == (2 if kind == "Linear" else 5)
    assert all('rounds="bfloat16")' in line for line in calls)
    if kind == "Linear":
        assert "round_bfloat16" not in text
    plan = gradc.explain(compiled, stage="plan")
    assert "the GPU's library, which rounds operands to bfloat16" in plan


def test_a_scaler_skips_what_overflows():
    def parameters(device):
        w = gradc.tensor([[1.0, 2.0], [3.0, 4.0]], device=device, requires_grad=True)
        optimizer = gradc.optim.Adam([w], lr=0.1)
        scaler = gradc.amp.GradScaler(device, init_scale=1024.0, growth_interval=2)

        @gradc.compile
        def step(x):
            optimizer.zero_grad()
            with gradc.autocast(device, dtype=gradc.float16):
                loss = ((x @ w) ** 2).sum()
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()

        made = []
        for factor in (1.0, 1e5, 1.0, 1.0):  # the second is infinite in float16
            step(gradc.tensor([[0.5, -1.0]], device=device) * factor)
            made.append((w.detach().cpu().numpy().copy(), scaler.state_dict()))
        return made

    here, there = parameters("cpu"), parameters("cuda")
    assert [s["scale"] for _, s in here] == [1024.0, 512.0, 512.0, 1024.0]
    for (x, first), (y, second) in zip(here, there, strict=True):
        assert first == second
        np.testing.assert_allclose(y, x, rtol=1e-3)
    np.testing.assert_array_equal(there[0][0], there[1][0])
