"""GradScaler: steps with overflows, eager and compiled, against PyTorch's."""

import numpy as np
import pytest

import gradc
from gradc import nn
from gradc.errors import (
    ArgumentError,
    ArgumentTypeError,
    GradientError,
    StateDictError,
    TraceError,
)

torch = pytest.importorskip("torch")
OPTIMIZERS = {
    "SGD": {"lr": 0.1},
    "SGD with momentum": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
    "SGD with dampening": {"lr": 0.1, "momentum": 0.9, "dampening": 0.5},
    "Adam": {"lr": 0.05},
    "AdamW": {"lr": 0.05, "amsgrad": True},
    "RMSprop": {"lr": 0.05, "momentum": 0.5},
    "NAdam": {"lr": 0.05},
}
RNG = np.random.default_rng(0)
BATCHES = RNG.standard_normal((9, 4, 3), dtype="f")
# the first step may overflow too; 1e30 is finite until it is scaled
FACTORS = [np.inf, 1.0, 1.0, np.nan, 1e30, 1.0, 1.0, 1.0, 1.0]
START = RNG.standard_normal((2, 3), dtype="f"), RNG.standard_normal(2, dtype="f")
NUMBERS = {"init_scale": 2.0**40, "growth_factor": 4.0, "growth_interval": 2}


def pieces(library, name):
    """Return parameters, an optimizer and a scaler."""
    params = [library.tensor(a, requires_grad=True) for a in START]
    kind = getattr(library.optim, name.split()[0])
    return params, kind(params, **OPTIMIZERS[name]), library.amp.GradScaler("cpu", **NUMBERS)


def step_of(params, optimizer, scaler, clip=None):
    def step(x):
        w, b = params
        optimizer.zero_grad()
        loss = ((x @ w.T + b) ** 2).mean()
        scaler.scale(loss).backward()
        if clip is not None:
            scaler.unscale_(optimizer)
            clip(params, 0.5)
        scaler.step(optimizer)
        scaler.update()
        return loss

    return step


def run(step, params, scaler, library):
    """Return parameters and state after each batch."""
    made = []
    for x, factor in zip(BATCHES, FACTORS, strict=True):
        step(library.tensor(x * np.float32(factor)))
        made.append(([p.detach().numpy().copy() for p in params], scaler.state_dict()))
    return made


@pytest.mark.parametrize("clipped", [False, True])
@pytest.mark.parametrize("how", ["eager", "compiled"])
@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_steps_with_overflows_are_those_of_pytorch(name, how, clipped):
    clips = (nn.utils.clip_grad_norm_, torch.nn.utils.clip_grad_norm_) if clipped else (None, None)
    params, optimizer, scaler = pieces(gradc, name)
    step = step_of(params, optimizer, scaler, clips[0])
    ours = run(gradc.compile(step) if how == "compiled" else step, params, scaler, gradc)
    params, optimizer, scaler = pieces(torch, name)
    theirs = run(step_of(params, optimizer, scaler, clips[1]), params, scaler, torch)
    scales = [state["scale"] for _, state in theirs]
    assert scales[0] < NUMBERS["init_scale"] < max(scales)
    for (mine, my_state), (other, other_state) in zip(ours, theirs, strict=True):
        assert my_state == other_state
        for p, q in zip(mine, other, strict=True):
            np.testing.assert_allclose(p, q, rtol=1e-5, atol=1e-6)


def test_a_compiled_step_is_one_program_that_reads_the_numbers():
    params, optimizer, scaler = pieces(gradc, "Adam")
    step = gradc.compile(step_of(params, optimizer, scaler), on_recompile="error")
    x = gradc.tensor(BATCHES[1])
    for _ in range(3):
        step(x)
    before = scaler.get_scale()
    scaler.set_growth_interval(1)
    scaler.set_growth_factor(2.0)
    scaler.load_state_dict({**scaler.state_dict(), "_growth_tracker": 0})
    step(x)
    assert scaler.get_scale() == 2 * before
    scaler.set_backoff_factor(0.25)
    step(x * np.inf)
    assert scaler.get_scale() == before / 2
    assert sum(map(len, step.programs.values())) == 1
    assert (scaler.get_growth_interval(), scaler.get_backoff_factor()) == (1, 0.25)
    assert scaler.get_growth_factor() == 2.0


def test_a_skipped_step_changes_no_state():
    params, optimizer, scaler = pieces(gradc, "Adam")
    step = gradc.compile(step_of(params, optimizer, scaler))
    step(gradc.tensor(BATCHES[0]))

    def everything():
        state = optimizer.state_dict()["state"]
        parts = [t.numpy().copy() for entry in state.values() for t in entry.values()]
        return [*parts, *(p.detach().numpy().copy() for p in params)]

    before = everything()
    step(gradc.tensor(BATCHES[1] * np.nan))
    for old, new in zip(before, everything(), strict=True):
        np.testing.assert_array_equal(old, new)
    step(gradc.tensor(BATCHES[1]))
    assert all((old != new).any() for old, new in zip(before, everything(), strict=True))


def test_two_optimizers_skip_apart_and_share_a_scale():
    def trained(library, compiled):
        w, v = (library.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
        first, second = library.optim.SGD([w], lr=0.1), library.optim.SGD([v], lr=0.1)
        scaler = library.amp.GradScaler("cpu", init_scale=4.0)

        def step(x, y):
            first.zero_grad()
            second.zero_grad()
            losses = scaler.scale([(w * x).sum(), (v * y).sum()])
            for loss in losses:
                loss.backward()
            scaler.step(first)
            scaler.step(second)
            scaler.update()

        step = gradc.compile(step) if compiled else step
        step(library.tensor([1.0, 3.0]), library.tensor([float("inf"), 1.0]))
        step(library.tensor([1.0, 3.0]), library.tensor([2.0, 1.0]))
        return w.tolist(), v.tolist(), scaler.get_scale()

    expected = trained(torch, False)
    np.testing.assert_allclose(np.hstack(trained(gradc, False)), np.hstack(expected))
    np.testing.assert_allclose(np.hstack(trained(gradc, True)), np.hstack(expected))


def test_with_autocast_in_float16():
    gradc.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer, scaler = gradc.optim.SGD(model.parameters(), lr=0.1), gradc.amp.GradScaler("cpu")

    @gradc.compile
    def step(x, y):
        optimizer.zero_grad()
        with gradc.autocast("cpu", gradc.float16):
            loss = nn.functional.mse_loss(model(x), y) * 1e-9  # gradients below float16's
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        sizes = [p.grad.abs().amax() for p in model.parameters()]
        scaler.step(optimizer)
        scaler.update()
        return sizes

    x = gradc.tensor(BATCHES[0])
    sizes = step(x, x.sum(1, keepdim=True))
    assert all(0 < s.item() < 1e-4 for s in sizes)
    scaler.load_state_dict({**scaler.state_dict(), "scale": 1.0})
    small = step(x, x.sum(1, keepdim=True))
    assert all(s.item() == 0 for s in small[:2])  # rounded away before the first layer's product


def test_states_go_to_and_come_from_pytorch():
    theirs = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=7)
    ours = gradc.amp.GradScaler("cpu")
    ours.load_state_dict(theirs.state_dict())
    assert ours.state_dict() == theirs.state_dict()
    ours.scale(gradc.ones(1))
    assert ours.get_scale() == 8.0
    ours.update(32.0)
    assert ours.get_scale() == 32.0
    ours.update(gradc.tensor([2.0]))
    assert ours.state_dict()["scale"] == 2.0
    assert type(ours.scale((gradc.ones(1), [gradc.ones(1)]))) is tuple
    with pytest.raises(StateDictError) as caught:
        ours.load_state_dict({})
    assert caught.value.message == (
        "GradScaler.load_state_dict: the state dict is empty, possibly because it was saved from a "
        "disabled GradScaler."
    )


def begun():
    params, optimizer, scaler = pieces(gradc, "SGD")
    scaler.scale(sum((p * p).sum() for p in params)).backward()
    return params, optimizer, scaler


def twice_unscaled():
    _, optimizer, scaler = begun()
    scaler.unscale_(optimizer)
    scaler.unscale_(optimizer)


def unscaled_after_step():
    _, optimizer, scaler = begun()
    scaler.step(optimizer)
    scaler.unscale_(optimizer)


def twice_stepped():
    _, optimizer, scaler = begun()
    scaler.step(optimizer)
    scaler.step(optimizer)


def updated_first():
    begun()[2].update()


def stepped_first():
    _, optimizer, scaler = pieces(gradc, "SGD")
    scaler.step(optimizer)


def without_gradients():
    _, optimizer, scaler = pieces(gradc, "SGD")
    scaler.scale(gradc.ones(1))
    scaler.step(optimizer)


def with_closure():
    _, optimizer, scaler = begun()
    scaler.step(optimizer, closure=lambda: None)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            twice_unscaled,
            "GradScaler: unscale_() has already been called on this optimizer since the last "
            "update().",
        ),
        (unscaled_after_step, "GradScaler: unscale_() is being called after step()."),
        (twice_stepped, "GradScaler: step() has already been called since the last update()."),
        (updated_first, "GradScaler: no inf checks were recorded prior to update."),
        (stepped_first, "GradScaler: attempted step but the scale is not known yet."),
        (without_gradients, "GradScaler: no inf checks were recorded for this optimizer."),
        (with_closure, "GradScaler: a closure is not supported while scaling is enabled."),
    ],
)
def test_a_wrong_order(call, message):
    with pytest.raises(GradientError) as caught:
        call()
    assert caught.value.message == message


def test_update_must_be_where_step_is():
    params, optimizer, scaler = pieces(gradc, "SGD")

    @gradc.compile
    def half(x):
        scaler.scale((params[0] * x).sum()).backward()
        scaler.step(optimizer)

    half(gradc.ones(2, 3))
    with pytest.raises(TraceError) as caught:
        scaler.update()
    assert caught.value.message == (
        "GradScaler.update: unscale_, step and update must all be called in one compiled function, "
        "or all outside of it"
    )


def test_a_failed_trace_leaves_nothing_behind():
    params, optimizer, scaler = pieces(gradc, "SGD")

    @gradc.compile
    def fails(x):
        scaler.scale((params[0] * x).sum()).backward()
        scaler.step(optimizer)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails(gradc.ones(2, 3))
    step = step_of(params, optimizer, scaler)
    step(gradc.tensor(BATCHES[0]))
    assert scaler.state_dict()["_growth_tracker"] == 1


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: gradc.amp.GradScaler("tpu"),
            ArgumentError,
            "GradScaler: device_type must be 'cpu' or 'cuda', got 'tpu'",
        ),
        (
            lambda: gradc.amp.GradScaler("cpu", growth_factor=1.0),
            ArgumentError,
            "GradScaler: growth_factor must be above 1, got 1.0",
        ),
        (
            lambda: gradc.amp.GradScaler("cpu", backoff_factor=1),
            ArgumentError,
            "GradScaler: backoff_factor must be below 1, got 1",
        ),
        (
            lambda: gradc.amp.GradScaler("cpu").scale("loss"),
            ArgumentTypeError,
            "GradScaler.scale: outputs must be a Tensor or an iterable of Tensors, got str",
        ),
    ],
)
def test_arguments(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert caught.value.message == message


def test_a_disabled_scaler_leaves_training_as_it_is():
    def trained(scaler):
        w = gradc.tensor([1.0, 2.0], requires_grad=True)
        optimizer = gradc.optim.SGD([w], lr=0.1)
        for _ in range(2):
            optimizer.zero_grad()
            loss = (w * w).sum()
            if scaler is None:
                loss.backward()
                optimizer.step()
            else:
                scaler.scale(loss).backward()
                scaler.unscale_(optimizer)
                scaler.step(optimizer)
                scaler.update()
        return w.tolist()

    scaler = gradc.amp.GradScaler("cpu", enabled=False)
    assert trained(scaler) == trained(None)
    assert (scaler.get_scale(), scaler.is_enabled(), scaler.state_dict()) == (1.0, False, {})
    scaler.load_state_dict({})
