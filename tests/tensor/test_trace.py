"""Tracing: what ends up in the graph, and that the user's own tensors stay as they are."""

import numpy as np
import pytest

import gradc
from gradc import nn, optim
from gradc.errors import TraceError
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import Role, Section
from gradc.ir.verify import verify
from gradc.tensor import Trace, trace_section


def traced(f, *args):
    """Return (trace, graph of the result)."""
    with Trace("f") as trace:
        out = f(*args)
        value = trace.value(out)
    graph = trace.builder.finish((value,))
    graph.updates = tuple((c.input, c.value) for c in trace.cells.values() if c.changed)
    verify(graph)
    return trace, graph


def run(trace, graph):
    arrays = {c.input: c.storage.content for c in trace.cells.values()}
    arrays |= {h.input: np.array(float(h.owner[h.key])) for h in trace.hypers}
    return evaluate(graph, [arrays[v] for v in graph.inputs])


def test_values_are_named_after_statements():
    x, w = gradc.ones(2, 3), gradc.ones(3, 4, requires_grad=True)

    def f(x):
        z = x @ w
        h = z.relu() + 1
        a, b = h.sort(1)
        h += a * b
        loss = h.sum()
        loss.backward()
        return loss

    _, graph = traced(f, x)
    names = [v.name for e in graph.equations for v in e.outputs if v.name]
    assert names == ["z", "h", "a", "b", "h", "loss"]
    hints = {v.hint for e in graph.equations for v in e.outputs if e.section is Section.BACKWARD}
    assert {"z_bar", "h_bar", "loss_bar"} <= hints
    origins = {e.origin.statement for e in graph.equations if e.section is Section.BACKWARD}
    assert "z = x @ w" in origins
    assert graph.equations[0].origin.function == "f"


def test_loops_are_told_apart():
    x = gradc.ones(3)

    def cell(h):
        g = h * 2
        return g + x

    def f(h):
        for _ in range(3):
            h = cell(h)
        return h

    _, graph = traced(f, x)
    made = [(e.primitive.name, e.outputs[0].name, e.origin.visit) for e in graph.equations]
    assert made == [
        (name, label, visit)
        for visit in range(3)
        for name, label in (("full", ""), ("mul", "g"), ("add", "h"))
    ]


def test_a_training_step_is_what_eager_does():
    def build():
        gradc.manual_seed(1)
        model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(0.3), nn.Linear(8, 3))
        opt = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        return model, opt, gradc.randn(5, 4), gradc.tensor([0, 1, 2, 0, 1])

    def make(model, opt):
        def step(x, y):
            opt.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            opt.step()
            return loss

        return step

    model, opt, x, y = build()
    expected = [make(model, opt)(x, y).item() for _ in range(3)]
    other, other_opt, x, y = build()
    before = [(p.detach().clone(), p._version) for p in other.parameters()]
    for loss in expected:
        state = gradc.get_rng_state().clone() if loss is expected[0] else None
        trace, graph = traced(make(other, other_opt), x, y)
        if state is not None:
            assert gradc.equal(gradc.get_rng_state(), state)
            for p, (old, version) in zip(other.parameters(), before, strict=True):
                assert gradc.equal(p, old)
                assert p.grad is None
                assert p._version == version
        (got,), updated = run(trace, graph)
        assert float(got) == loss
        cells = [c for c in trace.cells.values() if c.changed]
        for cell, new in zip(cells, updated, strict=True):
            cell.storage.content[...] = new
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert gradc.equal(p, q)
    roles = {c.role for c in trace.cells.values()}
    assert roles == {Role.PARAMETER, Role.BUFFER, Role.RANDOM, Role.STATE}
    assert {h.key for h in trace.hypers} >= {"lr", "momentum"}
    assert {e.section for e in graph.equations} == set(Section)


def test_gradients_are_kept_beside_the_user_s_tensors():
    w = gradc.ones(2, requires_grad=True)
    v = gradc.ones(2, requires_grad=True)
    u = gradc.ones(2, requires_grad=True)
    v.grad = gradc.full((2,), 5.0)

    def f(x):
        u.grad = None
        y = (w * v * u * x).sum()
        y.backward()
        return w.grad + v.grad

    trace, graph = traced(f, gradc.tensor([2.0, 3.0]))
    assert w.grad is None
    assert v.grad.tolist() == [5.0, 5.0]
    assert trace.grad_reads == {w: False, v: True}
    assert set(trace.grads) == {w, v, u}
    assert trace.grads[v] is v.grad
    outputs, updated = run(trace, graph)
    assert outputs[0].tolist() == [9.0, 11.0]
    assert [a.tolist() for a in updated] == [[7.0, 8.0]]
    assert trace.cells[v.grad._storage].role is Role.GRADIENT


def test_views_of_captured_tensors():
    base = gradc.arange(6.0).reshape(2, 3).clone()
    row = base[1]

    def f():
        row.mul_(10)
        base[:, 0] = -1.0
        return row + base[0]

    trace, graph = traced(f)
    outputs, updated = run(trace, graph)
    expected = base.clone()
    expected[1] *= 10
    expected[:, 0] = -1.0
    assert np.array_equal(updated[0].reshape(2, 3), expected.numpy())
    assert outputs[0].tolist() == (expected[1] + expected[0]).tolist()
    assert base.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


def test_random_numbers_are_those_of_eager_mode():
    def f():
        return gradc.cat(
            [
                gradc.rand(3).double(),
                gradc.randn(2, dtype=gradc.float64),
                gradc.randint(10, (3,)).double(),
                gradc.randperm(5).double(),
                gradc.bernoulli(gradc.full((4,), 0.5)).double(),
                gradc.zeros(3).uniform_(2, 3).double(),
                gradc.zeros(2).normal_().double(),
            ]
        )

    gradc.manual_seed(7)
    trace, graph = traced(f)
    (got,), (offset,) = run(trace, graph)
    first = f()
    np.testing.assert_array_equal(got, first.numpy())
    assert gradc.get_rng_state().tolist() == [7, int(offset)]
    gradc.manual_seed(7)
    assert f().tolist() == first.tolist()


def test_hyper_parameters_are_inputs():
    group = {"lr": 0.5}

    def f(x):
        trace = gradc.active_trace()
        return x * trace.hyper(group, "lr") + trace.hyper(group, "lr")

    trace, graph = traced(f, gradc.ones(2))
    assert len(trace.hypers) == 1
    group["lr"] = 0.25
    outputs, _ = run(trace, graph)
    assert outputs[0].tolist() == [0.5, 0.5]
    assert graph.roles[trace.hypers[0].input] is Role.HYPER
    assert outputs[0].dtype == np.float32


def test_sections_and_scopes():
    def f(x):
        y = x * 2
        with trace_section(Section.UPDATE), gradc.active_trace().in_scope("layer"):
            return y + 1

    _, graph = traced(f, gradc.ones(2))
    assert [e.section.name for e in graph.equations] == ["FORWARD"] * 2 + ["UPDATE"] * 2
    assert graph.equations[-1].origin.scope == "layer"
    with trace_section(Section.UPDATE):
        assert gradc.active_trace() is None


def test_constants_made_while_tracing():
    def f(x):
        c = gradc.tensor([1.0, 2.0])
        c.add_(x)
        return c * gradc.tensor([3.0, 3.0])

    trace, graph = traced(f, gradc.ones(2))
    outputs, updated = run(trace, graph)
    assert outputs[0].tolist() == [6.0, 9.0]
    assert updated == ()


def test_a_failed_trace_changes_nothing():
    w = gradc.ones(2, requires_grad=True)
    undone = []
    gradc.manual_seed(3)
    state = gradc.get_rng_state()

    def f(x):
        gradc.active_trace().on_failure.append(lambda: undone.append(1))
        (w * gradc.rand(2)).sum().backward()
        with gradc.no_grad():
            w.add_(1)
        x[0] = 7.0
        raise KeyError("of the user")

    x = gradc.zeros(2)
    with pytest.raises(KeyError):
        traced(f, x)
    assert undone == [1]
    assert gradc.active_trace() is None
    assert (w.grad, w._version, w.tolist()) == (None, 0, [1.0, 1.0])
    assert (x._version, x.tolist()) == (0, [0.0, 0.0])
    assert gradc.equal(gradc.get_rng_state(), state)


def test_paused():
    def f(x):
        with gradc.active_trace().paused():
            real = gradc.zeros(2)
            assert real.tolist() == [0.0, 0.0]
        return x + real

    trace, graph = traced(f, gradc.ones(2))
    assert run(trace, graph)[0][0].tolist() == [1.0, 1.0]


def branch(x):
    if x.sum() > 0:
        return x
    return -x


REFUSED = {
    "if": (branch, "bool() (an `if`, `while`, `and`, `or` or `not`)", "gradc.where"),
    "while": (lambda x: [x for _ in iter(lambda: bool(x.sum() > 0), False)], "bool()", "where"),
    "item": (lambda x: x.sum().item(), ".item()", "return the tensor"),
    "float": (lambda x: float(x.sum()), "float()", "return the tensor"),
    "int": (lambda x: int(x.sum()), "int()", "return the tensor"),
    "index": (lambda x: [1, 2][x.sum().long()], "an int index", "return the tensor"),
    "numpy": (lambda x: x.numpy(), ".numpy()", "return the tensor"),
    "asarray": (lambda x: np.asarray(x), ".numpy()", "return the tensor"),
    "tolist": (lambda x: x.tolist(), ".tolist()", "return the tensor"),
    "print": (lambda x: print(x), "printing", "print it outside"),
    "format": (lambda x: f"{x.sum():.2f}", "printing", "print it outside"),
    "mask": (lambda x: x[x > 0], "x[mask]", "gradc.where(mask, x, other)"),
    "masked_select": (lambda x: x.masked_select(x > 0), "x[mask]", "gradc.where"),
    "set_mask": (
        lambda x: x.__setitem__(x > 0, gradc.ones(1, 2)[0]),
        "x[mask] = values, an entry for each hit,",
        "x.masked_scatter_(mask, values)",
    ),
    "nonzero": (lambda x: x.nonzero(), "nonzero", "gradc.where"),
    "unique": (lambda x: x.unique(), "unique", "gradc.where"),
    "equal": (lambda x: gradc.equal(x, x), "equal", "return the tensor"),
    "allclose": (lambda x: gradc.allclose(x, x), "allclose", "return the tensor"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_values_are_not_known(name):
    f, what, hint = REFUSED[name]
    with pytest.raises(TraceError) as caught:
        traced(f, gradc.ones(2))
    text = str(caught.value)
    assert text.startswith(what)
    assert "which isn't known while a function is being compiled" in text
    assert "test_trace.py:" in text
    assert f"  try: {hint}" in text or hint in text.rsplit("  try: ", 1)[1]


def test_the_branch_message_in_full():
    with pytest.raises(TraceError) as caught:
        traced(branch, gradc.ones(2))
    first, place, way_out = str(caught.value).split("\n")
    assert first == (
        "bool() (an `if`, `while`, `and`, `or` or `not`) needs the value of a tensor bool[], which "
        "isn't known while a function is being compiled"
    )
    assert place.endswith("in branch:  if x.sum() > 0:")
    assert way_out == "  try: gradc.where(condition, a, b) instead of branching on a value"


def test_a_traced_tensor_outside_of_its_trace():
    kept = []
    traced(lambda x: (kept.append(x + 1), x)[1], gradc.ones(2))
    with pytest.raises(TraceError, match="inside the compiled function was used outside of it"):
        kept[0] + 1
    with pytest.raises(TraceError, match="inside the compiled function was used outside of it"):
        traced(lambda x: x + kept[0], gradc.ones(2))


def test_tensors_computed_before_take_part_as_constants_of_the_tape():
    w = gradc.ones(2, requires_grad=True)
    y = w * 2
    with pytest.raises(TraceError, match="computed outside of the compiled function"):
        traced(lambda: (y * 3).sum().backward())
    trace, graph = traced(lambda: gradc.autograd.grad((y * 3).sum(), y)[0])
    assert run(trace, graph)[0][0].tolist() == [3.0, 3.0]


def test_requires_grad_of_outer_tensors_stays():
    x = gradc.ones(2)
    with pytest.raises(TraceError, match="requires_grad of a tensor made outside"):
        traced(lambda: x.requires_grad_())
    assert not x.requires_grad
    trace, graph = traced(
        lambda: gradc.autograd.grad((v := x.clone().requires_grad_()).pow(3).sum(), v)[0]
    )
    assert run(trace, graph)[0][0].tolist() == [3.0, 3.0]


def test_traces_do_not_nest():
    with Trace("outer"), pytest.raises(TraceError, match="inside another trace"), Trace("inner"):
        pass


def test_inplace_checks_hold_while_tracing():
    w = gradc.ones(2, requires_grad=True)

    def f():
        y = w * 2
        z = y * y
        y.add_(1)
        z.sum().backward()
        return z

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        traced(f)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        traced(lambda: w.add_(1))


def test_double_backward_while_tracing():
    x = gradc.tensor([0.5, 2.0], requires_grad=True)

    def f():
        (g,) = gradc.autograd.grad((x**3).sum(), x, create_graph=True)
        (h,) = gradc.autograd.grad((g * g).sum(), x)
        return h

    trace, graph = traced(f)
    np.testing.assert_allclose(run(trace, graph)[0][0], f().numpy())
