"""Ten compiled steps of every optimizer with every option, and every schedule, against PyTorch."""

import itertools

import pytest

import gradc

torch = pytest.importorskip("torch")
from twins import close, ours  # noqa: E402 # it needs torch

DECAY = {"weight_decay": 0.1}
TABLE = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "maximize": True, **DECAY}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, **DECAY}),
    ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "maximize": True, **DECAY}),
    ("Adam", {"lr": 0.1, "decoupled_weight_decay": True, **DECAY}),
    ("AdamW", {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3}),
    ("AdamW", {"lr": 0.1, "amsgrad": True, "weight_decay": 0.5}),
    ("RMSprop", {"lr": 0.1}),
    ("RMSprop", {"lr": 0.01, "centered": True, "momentum": 0.9, "maximize": True, **DECAY}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5, **DECAY}),
    ("Adadelta", {"rho": 0.5, **DECAY}),
    ("Adamax", {"lr": 0.1, "maximize": True, **DECAY}),
    ("NAdam", {"lr": 0.1, "momentum_decay": 0.1, **DECAY}),
    ("NAdam", {"lr": 0.1, "decoupled_weight_decay": True, **DECAY}),
    ("RAdam", {"lr": 0.1, "betas": (0.5, 0.9), **DECAY}),
    ("RAdam", {"lr": 0.1, "decoupled_weight_decay": True, **DECAY}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 1.7), "step_sizes": (0.03, 0.2), "maximize": True}),
    ("ASGD", {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 4, **DECAY}),
]
PARTS = [TABLE[i : i + 6] for i in range(0, len(TABLE), 6)]
SHAPES = [(4, 3), (5,), ()]


def parameters(count):
    generator = torch.Generator().manual_seed(3)
    return [
        [torch.randn(s, dtype=torch.float64, generator=generator) for s in SHAPES]
        for _ in range(count)
    ]


def training(lib, rows, table, *, set_to_none=True):
    """Return the parameters, their optimizers, and one step of them all."""
    convert = ours if lib is gradc else (lambda t: t.clone())
    rows = [[lib.nn.Parameter(convert(p)) for p in row] for row in rows]
    optimizers = [getattr(lib.optim, n)(row, **o) for (n, o), row in zip(table, rows, strict=True)]

    def step(x):
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none)
        losses = [(a @ x).tanh().sum() * c + (b * b).mean() * c.cos() for a, b, c in rows]
        sum(losses).backward()
        for optimizer in optimizers:
            optimizer.step()
        return lib.stack(losses).detach()

    return rows, optimizers, step


def same_states(optimizer, their, what):
    got, expected = optimizer.state_dict(), their.state_dict()
    assert got["param_groups"] == expected["param_groups"]
    assert set(got["state"]) == set(expected["state"])
    for number, entries in expected["state"].items():
        assert set(got["state"][number]) == set(entries)
        for key, value in entries.items():
            close(got["state"][number][key], value, 1e-9, f"{what} {number} {key}")


@pytest.mark.parametrize("set_to_none", [True, False])
@pytest.mark.parametrize("part", range(len(PARTS)))
def test_ten_steps(part, set_to_none):
    table = PARTS[part]
    rows = parameters(len(table))
    theirs, their_optimizers, reference = training(torch, rows, table, set_to_none=set_to_none)
    mine, optimizers, step = training(gradc, rows, table, set_to_none=set_to_none)
    # The second step finds gradients that the first did not, where they are kept as zeros.
    step = gradc.compile(step, on_recompile="error" if set_to_none else None)
    for i in range(10):
        x = torch.linspace(-1, 1 + i, 3, dtype=torch.float64)
        close(step(ours(x)), reference(x), 1e-9)
        for optimizer in [*optimizers, *their_optimizers]:
            for group in optimizer.param_groups:
                group["lr"] *= 0.9
    assert sum(map(len, step.programs.values())) <= (1 if set_to_none else 2)
    for case, ps, their_ps in zip(table, mine, theirs, strict=True):
        for p, their in zip(ps, their_ps, strict=True):
            close(p, their, 1e-9, f"{case}")
            close(p.grad, their.grad, 1e-9, f"{case}")
    for case, optimizer, their in zip(table, optimizers, their_optimizers, strict=True):
        same_states(optimizer, their, f"{case}")


SCHEDULES = {
    "StepLR": lambda L, o: L.StepLR(o, step_size=3, gamma=0.5),
    "MultiStepLR": lambda L, o: L.MultiStepLR(o, milestones=[2, 5, 5], gamma=0.5),
    "ExponentialLR": lambda L, o: L.ExponentialLR(o, gamma=0.8),
    "CosineAnnealingLR": lambda L, o: L.CosineAnnealingLR(o, T_max=5, eta_min=0.01),
    "LinearLR": lambda L, o: L.LinearLR(o, start_factor=0.2, total_iters=4),
    "ConstantLR": lambda L, o: L.ConstantLR(o, factor=0.2, total_iters=4),
    "PolynomialLR": lambda L, o: L.PolynomialLR(o, total_iters=6, power=2.0),
    "LambdaLR": lambda L, o: L.LambdaLR(o, lr_lambda=lambda t: 0.9**t),
    "OneCycleLR": lambda L, o: L.OneCycleLR(o, max_lr=0.3, total_steps=51),
    "OneCycleLR of three": lambda L, o: L.OneCycleLR(
        o, max_lr=0.3, total_steps=51, three_phase=True, anneal_strategy="linear"
    ),
    "MultiplicativeLR": lambda L, o: L.MultiplicativeLR(o, lambda t: 1.1 if t % 4 else 0.5),
    "CyclicLR": lambda L, o: L.CyclicLR(o, 0.01, 0.2, step_size_up=4, step_size_down=7),
    "CyclicLR halved": lambda L, o: L.CyclicLR(o, 0.01, 0.2, 5, mode="triangular2"),
    "CyclicLR by powers": lambda L, o: L.CyclicLR(o, [0.01], [0.2], 5, mode="exp_range", gamma=0.9),
    "CyclicLR by a function": lambda L, o: L.CyclicLR(
        o, 0.01, 0.2, 3, scale_fn=lambda t: 1 / t, cycle_momentum=False
    ),
    "CosineAnnealingWarmRestarts": lambda L, o: L.CosineAnnealingWarmRestarts(o, 3, 2, 0.01),
    "CosineAnnealingWarmRestarts again": lambda L, o: L.CosineAnnealingWarmRestarts(o, 7),
    "ChainedScheduler": lambda L, o: L.ChainedScheduler(
        [L.ConstantLR(o, 0.2, total_iters=6), L.ExponentialLR(o, gamma=0.9), L.StepLR(o, 20)]
    ),
    "SequentialLR": lambda L, o: L.SequentialLR(
        o, [L.LinearLR(o, 0.1, total_iters=3), L.CosineAnnealingLR(o, T_max=5)], [3]
    ),
    "ReduceLROnPlateau": lambda L, o: L.ReduceLROnPlateau(o, patience=1),
}


@pytest.fixture(scope="module")
def adam():
    """One compiled Adam step for all schedules."""
    (weights, *_), optimizers, step = training(gradc, parameters(1), [("Adam", {"lr": 0.1})])
    return weights, optimizers[0], gradc.compile(step, on_recompile="error")


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_do_not_recompile(name, adam):
    weights, optimizer, step = adam
    start = parameters(1)
    (their_weights,), (their_optimizer,), reference = training(
        torch, start, [("Adam", {"lr": 0.1})]
    )
    for p, first in zip(weights, start[0], strict=True):
        p.data.copy_(ours(first))
    for entries in optimizer.state.values():
        for value in entries.values():
            value.zero_()
    optimizer.param_groups[0].update(lr=0.1, betas=(0.9, 0.999))
    for key in set(optimizer.param_groups[0]) - set(optimizer.defaults) - {"params"}:
        del optimizer.param_groups[0][key]
    schedule = SCHEDULES[name](gradc.optim.lr_scheduler, optimizer)
    theirs = SCHEDULES[name](torch.optim.lr_scheduler, their_optimizer)
    for i in range(50):
        if i % 5 == 0:
            x = torch.linspace(-1, 1 + i % 10, 3, dtype=torch.float64)
            close(step(ours(x)), reference(x), 1e-9)
        if i == 23 and "Lambda" not in name and "Multi" not in name and "function" not in name:
            # as if from a file
            written = schedule.state_dict()
            schedule = SCHEDULES[name](gradc.optim.lr_scheduler, optimizer)
            schedule.load_state_dict(written)
            for group, rate in zip(optimizer.param_groups, schedule.get_last_lr(), strict=True):
                group["lr"] = rate
        figure = (1.0 if i < 30 else 0.1,) if name == "ReduceLROnPlateau" else ()
        schedule.step(*figure)
        theirs.step(*figure)
        for key in ("betas", "momentum"):
            mine, their = (
                optimizer.param_groups[0].get(key),
                their_optimizer.param_groups[0].get(key),
            )
            assert mine == (their if their is None else pytest.approx(their, rel=1e-12))
        assert schedule.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-12)
    for p, their in zip(weights, their_weights, strict=True):
        close(p, their, 1e-9)


@pytest.mark.parametrize(
    ("name", "options"), list(itertools.product(["SGD", "AdamW"], [{}, {"maximize": True}]))
)
def test_float32_steps(name, options):
    """float32 parameters stay float32, numbers of the optimizer included."""
    table = [(name, {"lr": 0.05, **options})]
    rows = [[p.float() for p in row] for row in parameters(1)]
    (theirs,), _, reference = training(torch, rows, table)
    (mine,), _, step = training(gradc, rows, table)
    step = gradc.compile(step)
    for i in range(10):
        x = torch.linspace(-1, 1 + i, 3)
        close(step(ours(x)), reference(x), 2e-4)
    for p, their in zip(mine, theirs, strict=True):
        close(p, their, 2e-4)
