"""Training loops as users write them, compiled as whole steps, against PyTorch."""

import copy

import pytest

import gradc

torch = pytest.importorskip("torch")
from twins import close, ours  # noqa: E402 # it needs torch

ROUNDS = 8


def build(lib, name, options):
    """Return a model with the same weights in both libraries, and its optimizer."""
    torch.manual_seed(4)
    given = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))
    given = given.double()
    model = lib.nn.Sequential(lib.nn.Linear(3, 5), lib.nn.Tanh(), lib.nn.Linear(5, 2)).double()
    state = {k: v if lib is torch else ours(v) for k, v in given.state_dict().items()}
    model.load_state_dict(state)
    params = [{"params": model[2].parameters()}]
    return model, getattr(lib.optim, name)(params, **options)


def batch(lib, seed):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(4, 3, dtype=torch.float64, generator=generator)
    return x if lib is torch else ours(x)


def plain(lib, model, optimizer):
    optimizer.add_param_group({"params": model[0].parameters(), "lr": 0.01})

    def step(x):
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    return step, lambda run, i: run(batch(lib, i))


def clipped(lib, model, optimizer):
    def step(x):
        optimizer.zero_grad(set_to_none=False)
        loss = model(x).square().sum() * 10.0
        loss.backward()
        norm = lib.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        lib.nn.utils.clip_grad_value_(model.parameters(), 0.5)
        optimizer.step()
        return loss.detach() + norm

    return step, lambda run, i: run(batch(lib, i))


def accumulated_inside(lib, model, optimizer):
    def step(x):
        for part in x.chunk(2):
            (model(part).square().mean() / 2).backward()
        optimizer.step()
        optimizer.zero_grad()
        return x.sum()

    return step, lambda run, i: run(batch(lib, i))


def accumulated_outside(lib, model, optimizer):
    """One compiled function adds gradients up, the optimizer steps eagerly now and then."""

    def micro(x):
        loss = model(x).square().mean()
        loss.backward()
        return loss

    def go(run, i):
        loss = run(batch(lib, i))
        if i % 3 == 2:
            optimizer.step()
            optimizer.zero_grad(set_to_none=i % 2 == 0)
        return loss

    return micro, go


def by_hand(lib, model, optimizer):
    step, _ = plain(lib, model, optimizer)

    def go(run, i):
        for group in optimizer.param_groups:
            group["lr"] = 0.1 / (i + 1)
        return run(batch(lib, i))

    return step, go


def frozen_midway(lib, model, optimizer):
    step, _ = plain(lib, model, optimizer)

    def go(run, i):
        model[0].requires_grad_(i < 3 or i >= 6)
        return run(batch(lib, i))

    return step, go


def group_added_midway(lib, model, optimizer):
    def step(x):
        optimizer.zero_grad()
        loss = (model(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    def go(run, i):
        if i == 4:
            optimizer.add_param_group({"params": model[0].parameters(), "lr": 0.05})
        return run(batch(lib, i))

    return step, go


def averaged(lib, model, optimizer):
    """A moving average of the weights, inside of the step."""
    average = copy.deepcopy(model)
    step, _ = plain(lib, model, optimizer)

    def whole(x):
        loss = step(x)
        with lib.no_grad():
            for mean, p in zip(average.parameters(), model.parameters(), strict=True):
                mean.mul_(0.9).add_(p, alpha=0.1)
        return loss.detach() + average(x).sum().detach()

    return whole, lambda run, i: run(batch(lib, i))


def rolled_back(lib, model, optimizer):
    step, _ = plain(lib, model, optimizer)
    kept = {}

    def go(run, i):
        if i % 3 == 1:
            kept["model"] = copy.deepcopy(model.state_dict())
            kept["optimizer"] = copy.deepcopy(optimizer.state_dict())
        if i % 3 == 0 and kept:
            model.load_state_dict(kept["model"])
            optimizer.load_state_dict(kept["optimizer"])
        return run(batch(lib, i))

    return step, go


def closed(lib, model, optimizer):
    def step(x):
        def closure():
            optimizer.zero_grad()
            loss = model(x).square().mean()
            loss.backward()
            return loss

        return optimizer.step(closure)

    return step, lambda run, i: run(batch(lib, i))


# How many programs each loop needs: another where a second call finds gradients that nobody has
# zeroed, here those of parameters that are not the optimizer's.
LOOPS = {plain: 1, clipped: 2, accumulated_inside: 2, accumulated_outside: 3, by_hand: 1}
LOOPS |= {frozen_midway: 3, group_added_midway: 3, averaged: 1, rolled_back: 1, closed: 2}
OPTIMIZERS = {
    "SGD": {"lr": 0.05, "momentum": 0.9},
    "AdamW": {"lr": 0.05, "betas": (0.4, 0.9)},
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("loop", LOOPS, ids=lambda f: f.__name__)
def test_loops(loop, name):
    results = []
    for lib in (torch, gradc):
        model, optimizer = build(lib, name, OPTIMIZERS[name])
        step, go = loop(lib, model, optimizer)
        run = gradc.compile(step) if lib is gradc else step
        losses = [go(run, i) for i in range(ROUNDS)]
        results.append((losses, list(model.parameters())))
    (expected, theirs), (got, mine) = results
    for i, (loss, reference) in enumerate(zip(got, expected, strict=True)):
        close(loss, reference, 1e-8, f"loss {i}")
    for p, reference in zip(mine, theirs, strict=True):
        close(p, reference, 1e-8, "parameter")
        assert (p.grad is None) == (reference.grad is None)
    assert sum(map(len, run.programs.values())) <= LOOPS[loop]
