"""Optimizers and schedules against PyTorch: ten steps, states, files, messages."""

import itertools

import numpy as np
import pytest

import gradc
from gradc import nn
from gradc.errors import ArgumentError, ArgumentTypeError, StateDictError, UnsupportedError

torch = pytest.importorskip("torch")

DECAY = [{}, {"weight_decay": 0.1}, {"maximize": True}]
CASES = {
    "SGD": [
        {"lr": 0.1},
        {"lr": 0.1, "weight_decay": 0.1, "maximize": True},
        {"lr": 0.1, "momentum": 0.9},
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True},
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1, "maximize": True},
    ],
    "Adam": [
        {},
        {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3},
        {"lr": 0.1, "betas": (0.0, 0.9)},
        {"weight_decay": 0.1},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
        {"amsgrad": True, "lr": 0.1},
        {"amsgrad": True, "maximize": True, "weight_decay": 0.1},
    ],
    "AdamW": [{}, {"lr": 0.1, "weight_decay": 0.5}, {"amsgrad": True, "maximize": True}],
    "RMSprop": [
        {},
        {"centered": True, "lr": 0.1},
        {"momentum": 0.9},
        {"momentum": 0.9, "centered": True, "alpha": 0.9, "weight_decay": 0.1, "maximize": True},
    ],
    "Adagrad": [{}, {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "maximize": True},
                {"initial_accumulator_value": 0.5}],
    "Adadelta": [{}, {"rho": 0.5, "weight_decay": 0.1, "maximize": True}],
    "Adamax": [{}, {"lr": 0.1, "betas": (0.5, 0.9), "weight_decay": 0.1, "maximize": True}],
    "NAdam": [{}, {"lr": 0.1, "momentum_decay": 0.1, "weight_decay": 0.1},
              {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}],
    "RAdam": [{}, {"lr": 0.1, "betas": (0.5, 0.9), "weight_decay": 0.1},
              {"weight_decay": 0.1, "decoupled_weight_decay": True, "maximize": True}],
    "Rprop": [{}, {"lr": 0.1, "etas": (0.3, 1.7), "step_sizes": (0.03, 0.2), "maximize": True}],
    "ASGD": [{}, {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 4, "weight_decay": 0.1},
             {"t0": 0, "maximize": True}],
}  # fmt: skip
TABLE = [(name, options) for name, many in CASES.items() for options in many]
IDS = [f"{name} {options}" for name, options in TABLE]


def ours(tensor):
    return gradc.from_numpy(tensor.detach().numpy().copy())


def parameters(dtype):
    generator = torch.Generator().manual_seed(3)
    theirs = [
        torch.randn(shape, dtype=dtype, generator=generator).requires_grad_()
        for shape in [(4, 3), (5,), ()]
    ]
    return theirs, [nn.Parameter(ours(p)) for p in theirs]


def gradients(theirs, mine, step):
    """Give both the same gradients; the second parameter has none at times."""
    generator = torch.Generator().manual_seed(step)
    for i, (t, m) in enumerate(zip(theirs, mine, strict=True)):
        t.grad = torch.randn(t.shape, dtype=t.dtype, generator=generator)
        m.grad = ours(t.grad)
        if i == 1 and step % 3 == 0:
            t.grad = m.grad = None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("name", "options"), TABLE, ids=IDS)
def test_ten_steps(name, options, dtype):
    theirs, mine = parameters(dtype)
    their_opt = getattr(torch.optim, name)(theirs, **options)
    opt = getattr(gradc.optim, name)(mine, **options)
    for step in range(10):
        gradients(theirs, mine, step)
        their_opt.step()
        opt.step()
        if step == 5:
            for group in [*their_opt.param_groups, *opt.param_groups]:
                group["lr"] *= 0.5
    rtol = 2e-5 if dtype == torch.float32 else 1e-12
    for t, m in zip(theirs, mine, strict=True):
        np.testing.assert_allclose(m.detach().numpy(), t.detach().numpy(), rtol=rtol, atol=rtol)
    check_states(opt.state_dict(), their_opt.state_dict(), rtol)


def check_states(got, expected, rtol):
    assert got["param_groups"] == expected["param_groups"]
    assert set(got["state"]) == set(expected["state"])
    for number, entries in expected["state"].items():
        mine = got["state"][number]
        assert set(mine) == set(entries)
        for key, value in entries.items():
            assert str(mine[key].dtype) == str(value.dtype).replace("torch.", "")
            np.testing.assert_allclose(
                mine[key].numpy(), value.detach().numpy(), rtol=10 * rtol, atol=rtol
            )


@pytest.mark.parametrize(("name", "options"), TABLE, ids=IDS)
def test_text(name, options):
    theirs, mine = parameters(torch.float32)
    expected = repr(getattr(torch.optim, name)(theirs, **options))
    assert repr(getattr(gradc.optim, name)(mine, **options)) == expected


@pytest.mark.parametrize(("name", "options"), TABLE[::2], ids=IDS[::2])
def test_state_dict_goes_on_where_it_stopped(name, options):
    theirs, mine = parameters(torch.float64)
    opt = getattr(gradc.optim, name)(mine, **options)
    for step in range(4):
        gradients(theirs, mine, step)
        opt.step()
    twins = [nn.Parameter(p.detach().clone()) for p in mine]
    twin = getattr(gradc.optim, name)(twins, lr=99.0)
    saved = opt.state_dict()
    twin.load_state_dict(saved)
    for step in range(4, 8):
        gradients(theirs, mine, step)
        for p, q in zip(mine, twins, strict=True):
            q.grad = None if p.grad is None else p.grad.clone()
        opt.step()
        twin.step()
    for p, q in zip(mine, twins, strict=True):
        assert p.tolist() == q.tolist()


def test_loads_pytorchs_state():
    theirs, mine = parameters(torch.float32)
    their_opt = torch.optim.Adam(theirs, lr=0.1, foreach=True)
    for step in range(3):
        gradients(theirs, mine, step)
        their_opt.step()
    state = their_opt.state_dict()
    state["state"] = {
        n: {k: ours(v) for k, v in entries.items()} for n, entries in state["state"].items()
    }
    for t, m in zip(theirs, mine, strict=True):
        m.data.copy_(ours(t))
    opt = gradc.optim.Adam(mine)
    opt.load_state_dict(state)
    assert opt.param_groups[0]["foreach"] is None
    for step in range(3, 6):
        gradients(theirs, mine, step)
        their_opt.step()
        opt.step()
    for t, m in zip(theirs, mine, strict=True):
        np.testing.assert_allclose(m.detach().numpy(), t.detach().numpy(), rtol=1e-5)


def test_groups_names_and_closure():
    a, b = nn.Parameter(gradc.ones(1)), nn.Parameter(gradc.ones(1))
    opt = gradc.optim.SGD([{"params": [a]}, {"params": b, "lr": 1.0, "name": "head"}], lr=0.5)
    assert [g["lr"] for g in opt.param_groups] == [0.5, 1.0]

    def closure():
        opt.zero_grad()
        loss = (a + b).sum()
        loss.backward()
        return loss

    with gradc.no_grad():
        assert opt.step(closure).item() == 2.0
    assert (a.item(), b.item()) == (0.5, 0.0)
    opt.zero_grad(set_to_none=False)
    assert a.grad.tolist() == [0.0]
    opt.zero_grad()
    assert a.grad is None
    net = nn.Linear(2, 1)
    named = gradc.optim.SGD(net.named_parameters())
    assert named.param_groups[0]["param_names"] == ["weight", "bias"]


def test_a_step_leaves_no_tape():
    p = nn.Parameter(gradc.ones(2))
    opt = gradc.optim.Adam([p])
    (p * p).sum().backward()
    opt.step()
    assert p.is_leaf
    assert p.requires_grad
    assert not opt.state[p]["exp_avg"].requires_grad
    assert p.grad.tolist() == [2.0, 2.0]


def test_own_optimizer_as_in_pytorch():
    class Halve(gradc.optim.Optimizer):
        def __init__(self, params, factor=0.5):
            super().__init__(params, {"factor": factor})

        @gradc.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.mul_(group["factor"])

    p = nn.Parameter(gradc.ones(1))
    Halve([p]).step()
    assert p.item() == 0.5


def one():
    return [nn.Parameter(gradc.ones(2))]


SGD, Adam = gradc.optim.SGD, gradc.optim.Adam
ERRORS = [
    (lambda: SGD([]), ArgumentError, "SGD: params is empty"),
    (lambda: SGD(gradc.ones(1)), ArgumentTypeError,
     "SGD: params must be an iterable of tensors or dicts, got a Tensor"),
    (lambda: SGD([1.0]), ArgumentTypeError, "SGD: parameter 0 must be a Tensor, got float"),
    (lambda: SGD(set(one())), ArgumentTypeError, "SGD: params must have an order, got a set"),
    (lambda: SGD(one() * 2), ArgumentError, "SGD: parameter 1 of shape [2] is given twice"),
    (lambda: SGD([one()[0] * 2]), gradc.errors.GradientError,
     "SGD: parameter 0 is not a leaf: it was computed from other tensors"),
    (lambda: SGD([{"params": one(), "lrr": 1}]), ArgumentError,
     "SGD: unknown option 'lrr' of a parameter group; there are lr, momentum, dampening, "
     "weight_decay, nesterov, maximize, foreach, differentiable, fused"),
    (lambda: SGD(one(), lr=-1.0), ArgumentError, "SGD: lr must not be negative, got -1.0"),
    (lambda: SGD(one(), lr=float("nan")), ArgumentError, "SGD: lr must not be negative, got nan"),
    (lambda: SGD(one(), lr="1"), ArgumentTypeError, "SGD: lr must be a number, got str"),
    (lambda: SGD(one(), lr=gradc.tensor(1.0)), UnsupportedError,
     "SGD: lr must be a number, got a Tensor"),
    (lambda: SGD(one(), nesterov=True), ArgumentError,
     "SGD: nesterov=True needs momentum > 0 and dampening 0, got momentum=0 and dampening=0"),
    (lambda: Adam(one(), betas=(1.0, 0.9)), ArgumentError,
     "Adam: betas must be two numbers in [0, 1), got (1.0, 0.9)"),
    (lambda: Adam(one(), fused=True), UnsupportedError, "Adam: fused=True is not supported"),
    (lambda: gradc.optim.AdamW(one(), foreach=True), UnsupportedError,
     "AdamW: foreach=True is not supported"),
    (lambda: Adam(one()).load_state_dict({"state": {}, "param_groups": []}), StateDictError,
     "Adam.load_state_dict: the groups don't fit: the optimizer has groups of [1] parameters, "
     "the state_dict of []"),
    (lambda: Adam(one()).load_state_dict(
        {"state": {0: {"exp_avg": gradc.ones(3)}}, "param_groups": [{"params": [0]}]}),
     StateDictError, "Adam.load_state_dict: size mismatch: exp_avg is [3] in the state_dict, the "
     "parameter is [2]"),
    (lambda: Adam(one()).load_state_dict(
        {"state": {4: {}}, "param_groups": [{"params": [0]}]}),
     StateDictError, "Adam.load_state_dict: there is state for parameter 4, which is in no group"),
    (lambda: Adam(one()).load_state_dict([]), ArgumentTypeError,
     'Adam.load_state_dict: expected a dict with "state" and "param_groups", got a list'),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_message(case):
    call, kind, message = ERRORS[case]
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.message == message


def test_a_state_dict_that_does_not_fit_changes_nothing():
    p = one()[0]
    opt = Adam([p])
    p.grad = gradc.ones(2)
    opt.step()
    state, groups = opt.state, opt.param_groups
    bad = opt.state_dict()
    bad["state"][0]["exp_avg_sq"] = gradc.ones(3)
    with pytest.raises(StateDictError):
        opt.load_state_dict(bad)
    assert opt.state is state
    assert opt.param_groups is groups
    bad = opt.state_dict()
    bad["param_groups"][0]["lr"] = -1.0
    with pytest.raises(ArgumentError):
        opt.load_state_dict(bad)
    assert opt.param_groups is groups


SCHEDULES = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [2, 5, 5], "gamma": 0.5}),
    ("ExponentialLR", {"gamma": 0.8}),
    ("CosineAnnealingLR", {"T_max": 5, "eta_min": 0.01}),
    ("LinearLR", {"start_factor": 0.2, "total_iters": 4}),
    ("ConstantLR", {"factor": 0.2, "total_iters": 4}),
    ("PolynomialLR", {"total_iters": 6, "power": 2.0}),
    ("LambdaLR", {"lr_lambda": lambda t: 0.9**t}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 14}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 14, "three_phase": True,
                    "anneal_strategy": "linear", "pct_start": 0.4}),
]  # fmt: skip


def rates(module, tensors, name, options, optimizer="Adam"):
    opt = getattr(module.optim, optimizer)(tensors, lr=0.4)
    schedule = getattr(module.optim.lr_scheduler, name)(opt, **options)
    seen = []
    for _ in range(13):
        seen.append((opt.param_groups[0]["lr"], opt.param_groups[0]["betas"]))
        opt.step()
        schedule.step()
    assert schedule.get_last_lr() == [opt.param_groups[0]["lr"]]
    return seen


@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_schedule(name, options):
    theirs, mine = parameters(torch.float32)
    expected = rates(torch, theirs, name, options)
    got = rates(gradc, mine, name, options)
    for (lr, betas), (their_lr, their_betas) in zip(got, expected, strict=True):
        assert lr == pytest.approx(their_lr, rel=1e-12, abs=1e-18)
        assert betas == pytest.approx(their_betas, rel=1e-12)


@pytest.mark.parametrize("options", [
    {"patience": 1},
    {"patience": 0, "mode": "max", "threshold_mode": "abs", "threshold": 0.05, "cooldown": 2},
    {"patience": 0, "min_lr": 0.02, "factor": 0.5},
])  # fmt: skip
def test_plateau(options):
    theirs, mine = parameters(torch.float32)
    figures = [1.0, 0.9, 0.9, 0.91, 0.5, 0.6, 0.6, 0.6, 0.4, 0.41, 0.41, 0.41, 0.41]

    def run(module, tensors):
        opt = module.optim.SGD(tensors, lr=0.4)
        schedule = module.optim.lr_scheduler.ReduceLROnPlateau(opt, **options)
        seen = []
        for figure in figures:
            schedule.step(figure)
            seen.append(opt.param_groups[0]["lr"])
        return seen

    assert run(gradc, mine) == pytest.approx(run(torch, theirs), rel=1e-12)


def test_sequence():
    theirs, mine = parameters(torch.float32)

    def run(module, tensors):
        opt = module.optim.SGD(tensors, lr=0.4)
        parts = module.optim.lr_scheduler
        warm = parts.LinearLR(opt, start_factor=0.1, total_iters=3)
        after = parts.CosineAnnealingLR(opt, T_max=5)
        schedule = parts.SequentialLR(opt, [warm, after], [3])
        seen = []
        for _ in range(9):
            seen.append(opt.param_groups[0]["lr"])
            opt.step()
            schedule.step()
        return seen

    assert run(gradc, mine) == pytest.approx(run(torch, theirs), rel=1e-12, abs=1e-18)


def test_a_schedule_goes_on_from_its_state_dict():
    def fresh():
        opt = SGD(one(), lr=0.4)
        return opt, gradc.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=5)

    opt, schedule = fresh()
    for _ in range(3):
        schedule.step()
    other_opt, other = fresh()
    other_opt.load_state_dict(opt.state_dict())
    other.load_state_dict(schedule.state_dict())
    for a, b in itertools.repeat((schedule, other), 4):
        a.step()
        b.step()
        assert a.get_last_lr() == b.get_last_lr()


@pytest.mark.parametrize(("call", "message"), [
    (lambda o: gradc.optim.lr_scheduler.StepLR(o, 0),
     "StepLR: step_size must be positive, got 0"),
    (lambda o: gradc.optim.lr_scheduler.CosineAnnealingLR(o, 0),
     "CosineAnnealingLR: T_max must be positive, got 0"),
    (lambda o: gradc.optim.lr_scheduler.StepLR(3, 1), "StepLR: int is not an Optimizer"),
    (lambda o: gradc.optim.lr_scheduler.StepLR(o, 1).step(3),
     "StepLR.step: epoch=3 is not supported"),
    (lambda o: gradc.optim.lr_scheduler.OneCycleLR(o, 0.1),
     "OneCycleLR: give total_steps, or epochs and steps_per_epoch"),
    (lambda o: gradc.optim.lr_scheduler.CyclicLR(gradc.optim.Adagrad(one()), 0.1, 0.2),
     "CyclicLR: the optimizer has neither momentum nor betas"),
    (lambda o: gradc.optim.lr_scheduler.CyclicLR(o, [0.1, 0.1], 0.2, cycle_momentum=False),
     "CyclicLR: expected base_lr for 1 groups, got 2"),
    (lambda o: gradc.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 0),
     "CosineAnnealingWarmRestarts: T_0 must be an int from 1 on, got 0"),
    (lambda o: gradc.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 2).step(-1),
     "CosineAnnealingWarmRestarts.step: epoch must not be negative, got -1"),
    (lambda o: gradc.optim.lr_scheduler.ChainedScheduler([]),
     "ChainedScheduler: expected at least one schedule"),
    (lambda o: gradc.optim.lr_scheduler.MultiplicativeLR(o, [abs, abs]),
     "MultiplicativeLR: expected 1 functions for 1 groups, got 2"),
    (lambda o: gradc.optim.Rprop(one(), etas=(1.2, 0.5)),
     "Rprop: expected 0 < etas[0] < 1 < etas[1], got (1.2, 0.5)"),
    (lambda o: gradc.optim.SparseAdam(one()),
     "SparseAdam: gradients of embeddings are dense, there is nothing for it to do"),
])  # fmt: skip
def test_schedule_message(call, message):
    with pytest.raises(gradc.errors.GradcError) as caught:
        call(SGD(one()))
    assert caught.value.message == message
