"""Whole training steps, traced once and run by the NumPy oracle, against eager training."""

import numpy as np
import pytest

import gradc
from gradc import nn
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import Role, Section
from gradc.ir.verify import verify
from gradc.nn.call import touched_modules
from gradc.optim.tracing import touched_optimizers
from gradc.tensor import Trace


class Program:
    """A function traced once; calling it runs the graph and leaves state in the user's arrays."""

    def __init__(self, fn, *args):
        self.trace = Trace("step")
        with self.trace as trace:
            self.args = [trace.capture(a, Role.ARGUMENT) for a in args]
            out = fn(*args)
            result = trace.value(out)
        graph = trace.builder.finish((result,))
        self.cells = [c for c in trace.cells.values() if c.changed]
        graph.updates = tuple((c.input, c.value) for c in self.cells)
        verify(graph)
        self.graph = graph

    def valid(self):
        return all(guard() for guard in (*self.trace.guards, *self.trace.steady))

    def __call__(self, *args):
        given = {cell.input: a.numpy() for cell, a in zip(self.args, args, strict=True)}
        for cell in self.trace.cells.values():
            given.setdefault(cell.input, cell.storage.content.copy())
        for h in self.trace.hypers:
            given[h.input] = np.float64(h.owner[h.key])
        (out,), new = evaluate(self.graph, [np.asarray(given[v]) for v in self.graph.inputs])
        for cell, array in zip(self.cells, new, strict=True):
            cell.storage.content[...] = array
        return out


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 6)
        self.norm = nn.LayerNorm(6)
        self.layers = nn.ModuleList([nn.Linear(6, 6), nn.GELU()])
        self.scale = nn.Parameter(gradc.tensor(1.0))  # 0-d: float64 numbers must not widen it
        self.out = nn.Sequential(nn.Linear(6, 3))

    def forward(self, x):
        x = self.norm(self.fc1(x).relu())
        for layer in self.layers:
            x = layer(x)
        return self.out(x * self.scale)


def setup(name, options, decay=None):
    gradc.manual_seed(0)
    net = Net()
    opt = getattr(gradc.optim, name)(net.parameters(), **options)
    loss_fn = nn.CrossEntropyLoss(label_smoothing=0.1)

    def step(x, y):
        opt.zero_grad()
        loss = loss_fn(net(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        opt.step()
        return loss

    return net, opt, step


def batch(seed):
    rng = np.random.default_rng(seed)
    x = gradc.from_numpy(rng.normal(size=(5, 4)).astype(np.float32))
    return x, gradc.from_numpy(rng.integers(0, 3, 5))


CASES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
    ("Adam", {"lr": 0.01}),
    ("Adam", {"lr": 0.01, "amsgrad": True, "weight_decay": 0.1}),
    ("AdamW", {"lr": 0.01, "weight_decay": 0.5}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.01, "lr_decay": 0.1}),
    ("Adadelta", {}),
    ("Adamax", {"weight_decay": 0.1}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.01, "betas": (0.9, 0.8)}),
]


@pytest.mark.parametrize(("name", "options"), CASES)
def test_traced_steps_are_the_eager_ones(name, options):
    net, opt, eager = setup(name, options)
    twin, twin_opt, traced = setup(name, options)
    program = Program(traced, *batch(0))
    assert twin.fc1.weight.grad is None
    for i in range(6):
        assert program.valid()
        expected = eager(*batch(i)).item()
        assert program(*batch(i)) == pytest.approx(expected, rel=1e-4)
        if i == 2:  # numbers may change between calls; the same program goes on
            for group in (*opt.param_groups, *twin_opt.param_groups):
                group["lr"] *= 0.5
                if "betas" in group:
                    group["betas"] = (0.8, group["betas"][1])
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        assert q.dtype is gradc.float32
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=2e-3, atol=2e-5)
    number = {p: i for i, p in enumerate(net.parameters())}
    for p, state in opt.state.items():
        other = twin_opt.state[list(twin.parameters())[number[p]]]
        assert list(other) == list(state)
        for key in state:
            assert other[key].dtype is state[key].dtype
            np.testing.assert_allclose(other[key].numpy(), state[key].numpy(), rtol=5e-3, atol=2e-5)


def test_the_program_says_what_belongs_where():
    net, opt, step = setup("Adam", {})
    program = Program(step, *batch(0))
    graph = program.graph
    roles = [graph.roles[v] for v in graph.inputs]
    parameters = len(list(net.parameters()))
    assert roles.count(Role.PARAMETER) == parameters
    assert roles.count(Role.STATE) == 3 * parameters
    hypers = [v.name for v in graph.inputs if graph.roles[v] is Role.HYPER]
    assert sorted(hypers) == ["beta1", "beta2", "eps", "lr"]
    assert all(v.dtype is gradc.float64 for v in graph.inputs if graph.roles[v] is Role.HYPER)
    sections = [e.section for e in graph.equations]
    assert sections.index(Section.UPDATE) > sections.index(Section.BACKWARD)
    scopes = {e.origin.scope for e in graph.equations if e.section is Section.FORWARD and e.origin}
    assert {"fc1", "norm", "layers.0", "layers.1", "out.0", ""} <= scopes
    names = touched_modules(program.trace)
    assert names[net] == ""
    assert names[net.layers[0]] == "layers.0"
    assert touched_optimizers(program.trace) == [opt]


@pytest.mark.parametrize(
    "change",
    [
        lambda net, opt: net.eval(),
        lambda net, opt: setattr(net.norm, "eps", 0.1),
        lambda net, opt: net.fc1.bias.requires_grad_(False),
        lambda net, opt: setattr(net.out[0], "bias", None),
        lambda net, opt: net.out.append(nn.ReLU()),
        lambda net, opt: opt.param_groups[0].update(weight_decay=0.1),
        lambda net, opt: opt.param_groups[0].update(amsgrad=True),
        lambda net, opt: opt.load_state_dict({**opt.state_dict(), "state": {}}),  # other tensors
        lambda net, opt: opt.add_param_group({"params": [nn.Parameter(gradc.ones(1))]}),
        lambda net, opt: net.double(),
    ],
)
def test_guards_see_what_a_program_was_built_on(change):
    net, opt, step = setup("Adam", {})
    program = Program(step, *batch(0))
    assert program.valid()
    opt.param_groups[0]["lr"] = 3.0
    net.zero_grad()
    assert program.valid()
    change(net, opt)
    assert not program.valid()


def test_a_failed_trace_leaves_the_optimizer_as_it_was():
    net, opt, step = setup("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5})

    def failing(x, y):
        step(x, y)
        raise ValueError("the user's own")

    before = {k: v.tolist() for k, v in net.state_dict().items()}
    with pytest.raises(ValueError, match="own"):
        Program(failing, *batch(0))
    assert not opt.state
    assert not opt._first
    assert {k: v.tolist() for k, v in net.state_dict().items()} == before
    assert net.fc1.weight.grad is None


def test_eager_steps_go_on_after_traced_ones():
    options = {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}
    net, _, eager = setup("SGD", options)
    twin, _, traced = setup("SGD", options)
    program = Program(traced, *batch(0))
    for i in range(4):
        eager(*batch(i))
        program(*batch(i)) if i < 2 else traced(*batch(i))
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["Adam", "AdamW", "Adamax", "NAdam", "RAdam"])
def test_a_mean_without_memory_is_the_gradient_to_the_last_bit(name):
    kept = gradc.tensor([1e-8, 0.1, 3e7, -1.0])
    for compiled in (False, True):
        p = nn.Parameter(gradc.ones(4))
        opt = getattr(gradc.optim, name)([p], betas=(0.0, 0.9), weight_decay=0.0)

        def step(x, p=p, opt=opt):
            p.grad = x * 1.0
            opt.step()

        step = gradc.compile(step) if compiled else step
        step(gradc.full((4,), 1e4))
        step(kept)
        assert opt.state[p]["exp_avg"].tolist() == kept.tolist()


@pytest.mark.parametrize("kind", [tuple, list])
def test_the_nearer_end_of_a_mean_is_chosen_anew_only_when_it_changes(kind):
    p, twin = nn.Parameter(gradc.ones(2)), nn.Parameter(gradc.ones(2))
    opts = [gradc.optim.Adam([t], betas=kind((0.9, 0.99))) for t in (p, twin)]
    step = gradc.compile(opts[0].step)
    counts = []
    for beta in (0.9, 0.8, 0.3, 0.0, 0.4):
        for opt, t in zip(opts, (p, twin), strict=True):
            if kind is list:
                opt.param_groups[0]["betas"][0] = beta
            else:
                opt.param_groups[0]["betas"] = (beta, 0.99)
            t.grad = gradc.tensor([beta, 1.0])
        for _ in range(3):
            step()
            opts[1].step()
        np.testing.assert_allclose(p.tolist(), twin.tolist(), rtol=1e-6)
        counts.append(sum(map(len, step.programs.values())))
    assert counts == [1, 1, 2, 2, 2]


@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam", "Adagrad"])
def test_loading_a_state_of_the_same_form_goes_on_with_the_same_program(name):
    options = {"lr": 0.05, "momentum": 0.9} if name == "SGD" else {"lr": 0.05}
    runs = []
    for compiled in (False, True):
        net, opt, step = setup(name, options)
        step = gradc.compile(step) if compiled else step
        losses = [step(*batch(i)).item() for i in range(3)]
        early = opt.state_dict()
        kept = {n: {k: v.tolist() for k, v in e.items()} for n, e in early["state"].items()}
        late_copy = gradc.optim.SGD(net.parameters(), lr=0.1).state_dict()
        weights = {k: v.clone() for k, v in net.state_dict().items()}
        late_copy["state"] = {
            n: {k: v * 0.5 if v.ndim else v.clone() for k, v in e.items()}
            for n, e in early["state"].items()
        }
        late_copy["param_groups"] = early["param_groups"]
        for state in (late_copy, early, opt.state_dict()):  # the early one is what it was
            net.load_state_dict(weights)
            opt.load_state_dict(state)
            if state is early:
                now = opt.state_dict()["state"]
                assert {n: {k: v.tolist() for k, v in e.items()} for n, e in now.items()} == kept
            losses += [step(*batch(i)).item() for i in range(3, 5)]
        runs.append(losses)
        if compiled:
            assert sum(map(len, step.programs.values())) == 1
    assert losses[3:5] != losses[5:7]
    np.testing.assert_allclose(runs[0], runs[1], rtol=1e-4)
