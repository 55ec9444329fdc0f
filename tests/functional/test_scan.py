"""gradc.scan: eager and compiled, against a Python loop; derivatives of both orders; refusals."""

import numpy as np
import pytest

import gradc
from gradc import nn, optim
from gradc.autodiff.transform import jvp, vjp
from gradc.errors import (
    ArgumentError,
    ArgumentTypeError,
    ShapeError,
    TraceError,
    UnsupportedError,
)
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import Role
from gradc.tensor.trace import Trace


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache") / "gradc"))
        yield


def tensors(*shapes, seed=0, dtype=gradc.float64):
    rng = np.random.default_rng(seed)
    return [gradc.tensor(rng.standard_normal(s), dtype=dtype, requires_grad=True) for s in shapes]


def python_loop(f, init, xs, reverse=False):
    """The meaning of scan, with a tape through every step."""
    carry, ys = init, []
    steps = range(len(xs))
    for t in reversed(steps) if reverse else steps:
        carry, y = f(carry, xs[t])
        ys.insert(0, y) if reverse else ys.append(y)
    return carry, gradc.stack(ys)


# Each case: (number of steps, shapes of the carry, of x_t and of what the body uses, the body).
CASES = {
    "product": (5, (2, 3), (2, 3), [(3, 3), (3,)], lambda w, b: lambda c, x: (
        ((c @ w + b).tanh() + x,) * 2)),
    "sum of squares": (4, (3,), (3,), [(3,)], lambda k: lambda c, x: (c + k * x * x, c.sin())),
    "no constants": (4, (3,), (3,), [], lambda: lambda c, x: (c * x, (c * x).exp())),
    "outer": (3, (2, 3), (2,), [(3, 4), (4, 3)], lambda a, b: lambda c, x: (
        (c @ a).sigmoid() @ b * x.unsqueeze(1), c.sum(0))),
    "slices": (4, (2, 4), (2, 12), [(12, 4)], lambda w: lambda c, x: (
        sum((p * q.tanh()) for p, q in zip(x.chunk(3, -1), (c @ w.T).chunk(3, -1), strict=True)),
        c[:, 1:3])),
    "one step": (1, (3,), (3,), [(3,)], lambda k: lambda c, x: ((c * k + x).tanh(), c * x)),
    "batched": (3, (2, 2, 3), (2, 2, 3), [(2, 3, 3)], lambda w: lambda c, x: (
        (c @ w).tanh() * x, c.mean(1))),
    "large batch": (3, (64, 2), (64, 2), [(2, 2)], lambda w: lambda c, x: (
        (c @ w + x).tanh(), c.amax(0))),
    "detached": (4, (3,), (3,), [(3,)], lambda k: lambda c, x: (
        c * (k * x).detach() + k, c.detach() * k)),
}  # fmt: skip


def leaves(case):
    steps, carry, x, constants, _ = CASES[case]
    return tensors(carry, (steps, *x), *constants)


def run(case, given, loop, **options):
    init, xs, *constants = given
    return loop(CASES[case][-1](*constants), init, xs, **options)


def gradient(t):
    return np.zeros(t.shape) if t.grad is None else t.grad.numpy()


def weigh(carry, ys):
    return (carry * carry).sum() + (ys.cos() * 1.5).sum()


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_scan_is_the_loop(case, reverse):
    expected_leaves, given = leaves(case), leaves(case)
    expected = run(case, expected_leaves, python_loop, reverse=reverse)
    got = run(case, given, gradc.scan, reverse=reverse)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-12, atol=1e-12)
    weigh(*expected).backward()
    weigh(*got).backward()
    for a, b in zip(given, expected_leaves, strict=True):
        np.testing.assert_allclose(gradient(a), gradient(b), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", ["product", "slices", "large batch", "detached"])
def test_compiled_scan_is_the_loop(case):
    expected_leaves, given = leaves(case), leaves(case)
    weigh(*run(case, expected_leaves, python_loop)).backward()

    @gradc.compile
    def step():
        loss = weigh(*run(case, given, gradc.scan))
        loss.backward()
        return loss

    step()
    for a, b in zip(given, expected_leaves, strict=True):
        np.testing.assert_allclose(gradient(a), gradient(b), rtol=1e-10, atol=1e-12)
    assert "for t in range(" in step.source


@pytest.mark.parametrize("case", ["product", "sum of squares", "slices", "one step"])
def test_second_order(case):
    def inner(loop, given):
        first = gradc.autograd.grad(weigh(*run(case, given, loop)), given, create_graph=True)
        return gradc.autograd.grad(sum((g * g).sum() for g in first), given)

    for a, b in zip(inner(gradc.scan, leaves(case)), inner(python_loop, leaves(case)), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-10)


def graph_of(case, loop):
    given = [t.detach() for t in leaves(case)]
    trace = Trace(case.replace(" ", "_"))
    with trace:
        inputs = [trace.capture(t, Role.ARGUMENT) for t in given]
        results = run(case, given, loop)
        graph = trace.builder.finish(tuple(trace.value(t) for t in results))
    assert len(inputs) == len(graph.inputs)
    return graph, [t.numpy() for t in given]


@pytest.mark.parametrize("case", [c for c in CASES if c != "detached"])
def test_transforms_of_graphs_with_loops(case):
    graph, arrays = graph_of(case, gradc.scan)
    plain, _ = graph_of(case, python_loop)
    rng = np.random.default_rng(3)
    dots = [rng.standard_normal(a.shape) for a in arrays]
    bars = [rng.standard_normal(v.shape) for v in graph.outputs]
    for transform, more in ((jvp, dots), (vjp, bars)):
        got, _ = evaluate(transform(graph), (*arrays, *more))
        expected, _ = evaluate(transform(plain), (*arrays, *more))
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-11)


def test_gradcheck():
    given = leaves("product")
    assert gradc.autograd.gradcheck(lambda *g: run("product", g, gradc.scan), tuple(given))


def test_only_what_needs_a_gradient_gets_one():
    init, xs, w, b = leaves("product")
    w.requires_grad_(False)
    carry, _ = run("product", (init.detach(), xs, w, b), gradc.scan)
    carry.sum().backward()
    assert w.grad is None
    assert init.grad is None
    assert xs.grad is not None
    assert b.grad is not None


def test_trees_and_numbers():
    (xs,) = tensors((4, 2))
    carry, ys = gradc.scan(
        lambda c, x: (
            {"total": c["total"] + x["v"].sum(), "count": c["count"] + 1},
            (x["v"] * 2, [c["count"]]),
        ),
        {"total": gradc.zeros((), dtype=gradc.float64), "count": 0},
        {"v": xs},
    )
    np.testing.assert_allclose(carry["total"].item(), xs.detach().numpy().sum())
    assert carry["count"].item() == 4
    np.testing.assert_array_equal(ys[0].detach().numpy(), 2 * xs.detach().numpy())
    assert ys[1][0].tolist() == [0, 1, 2, 3]


def test_length_without_xs_and_no_steps():
    carry, ys = gradc.scan(lambda c, x: (c * 2, None), 1.0, length=10)
    assert (carry.item(), ys) == (1024.0, None)
    for function in (lambda f: f, gradc.compile):
        last, stacked = function(lambda x: gradc.scan(lambda c, x: (c + x, c), 5.0, x))(
            gradc.zeros(0)
        )
        assert last.item() == 5.0
        assert stacked.shape == (0,)


def test_loops_in_loops():
    (x, w) = tensors((3, 4), (4, 4))

    def rows(loop):
        def inner(c, v):
            return (c * v).tanh() + c, c * c

        def outer(c, row):
            last, made = loop(inner, c.sum(), row)
            return (c @ w).sin() * last, made

        return loop(outer, w[0], x)

    expected, x.grad, w.grad = rows(python_loop), None, None
    weigh(*expected).backward()
    grads = x.grad.numpy(), w.grad.numpy()

    def step():
        x.grad = w.grad = None
        loss = weigh(*rows(gradc.scan))
        loss.backward()
        return loss

    for function in (step, gradc.compile(step)):
        np.testing.assert_allclose(function().item(), weigh(*expected).item(), rtol=1e-12)
        np.testing.assert_allclose(x.grad.numpy(), grads[0], rtol=1e-7)
        np.testing.assert_allclose(w.grad.numpy(), grads[1], rtol=1e-7)


def test_random_numbers_differ_from_step_to_step_and_go_on_afterwards():
    def draw(loop):
        gradc.manual_seed(5)
        _, ys = loop(lambda c, x: (c, gradc.rand(3) * x), gradc.zeros(()), gradc.ones(4))
        return ys.numpy(), gradc.rand(2).numpy()

    expected, after = draw(python_loop)
    for got in (draw(gradc.scan), draw(gradc.compile(gradc.scan))):
        np.testing.assert_array_equal(got[0], expected)
        np.testing.assert_array_equal(got[1], after)


def test_dropout_in_the_body_has_the_same_mask_in_both_directions():
    (x,) = tensors((6, 5))
    gradc.manual_seed(1)
    _, ys = gradc.scan(lambda c, v: (c, nn.functional.dropout(v * v, 0.5)), 0.0, x)
    ys.sum().backward()
    kept = ys.detach().numpy() != 0
    np.testing.assert_allclose(x.grad.numpy(), np.where(kept, 4 * x.detach().numpy(), 0.0))


def test_no_grad_in_the_body_cuts_gradients():
    (x, k) = tensors((4,), ())

    def body(c, v):
        with gradc.no_grad():
            scale = k * v
        return c + scale * v, None

    carry, _ = gradc.scan(body, gradc.zeros((), dtype=gradc.float64), x)
    carry.backward()
    assert not k.requires_grad or k.grad is None or k.grad.item() == 0.0
    np.testing.assert_allclose(x.grad.numpy(), (k * x).detach().numpy())


def test_a_module_in_the_body_is_trained_as_in_a_loop():
    def train(loop, compiled):
        gradc.manual_seed(0)
        cell, head = nn.GRUCell(3, 4), nn.Linear(4, 1)
        parameters = [*cell.parameters(), *head.parameters()]
        sgd = optim.SGD(parameters, lr=0.1, momentum=0.9)

        def step(x, y):
            sgd.zero_grad()
            h, _ = loop(lambda h, v: (cell(v, h),) * 2, gradc.zeros(2, 4), x)
            loss = ((head(h) - y) ** 2).mean()
            loss.backward()
            sgd.step()
            return loss

        run = gradc.compile(step) if compiled else step
        rng = np.random.default_rng(1)
        for _ in range(5):
            run(*(gradc.tensor(rng.standard_normal(s), dtype=gradc.float32)
                  for s in ((6, 2, 3), (2, 1))))  # fmt: skip
        return [p.detach().numpy() for p in parameters]

    expected = train(python_loop, compiled=False)
    for got in (train(gradc.scan, compiled=False), train(gradc.scan, compiled=True)):
        for a, b in zip(got, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_long_loops_compile_to_short_text():
    def texts(steps):
        layer = nn.LSTM(3, 4)
        step = gradc.compile(lambda x: layer(x)[0].detach())
        step(gradc.ones(steps, 2, 3))
        return step.source

    short, long = (texts(n) for n in (8, 100))
    assert len(short.splitlines()) == len(long.splitlines())
    assert "for t in range(100):" in long


class Twice(gradc.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, bar):
        return bar * 2


ONE = gradc.ones(3)
MESSAGES = [
    (lambda: gradc.scan(lambda c, x: (c, x), 0.0), ArgumentError,
     "scan: there are no xs to tell the number of steps"),
    (lambda: gradc.scan(lambda c, x: (c, x), 0.0, (ONE, gradc.ones(2))), ShapeError,
     "scan: expected xs of one length, got float32[3], float32[2]"),
    (lambda: gradc.scan(lambda c, x: (c, x), 0.0, ONE, length=2), ShapeError,
     "scan: expected xs of one length, got float32[3] and length=2"),
    (lambda: gradc.scan(lambda c, x: (c, x), 0.0, gradc.ones(())), ShapeError,
     "scan: xs must have a first axis to run along, got a 0-d tensor"),
    (lambda: gradc.scan(lambda c, x: c, 0.0, ONE), ArgumentTypeError,
     "scan: the body must return (carry, y), got Tensor"),
    (lambda: gradc.scan(lambda c, x: ((c, c), x), 0.0, ONE), ArgumentTypeError,
     "scan: the carry must keep its structure: it goes in as Tensor and comes out as "
     "(Tensor, Tensor)"),
    (lambda: gradc.scan(lambda c, x: ((c[0], ONE), x), (0.0, 1), ONE), ShapeError,
     "scan: the carry must keep its types: carry[1] goes in as int64[] and comes out as "
     "float32[3]"),
    (lambda: gradc.scan(lambda c, x: (c, x), "text", ONE), ArgumentTypeError,
     "scan: init must be a Tensor, a number, or a tuple, list or dict of them, got str"),
    (lambda: gradc.scan(lambda c, x: (c, x), 0.0, length=-1), ArgumentError,
     "scan: length must not be negative, got -1"),
    (lambda: gradc.scan(lambda c, x: (c, Twice.apply(x)), 0.0, ONE), UnsupportedError,
     "Twice: a Function with a backward of its own can't run inside the body of gradc.scan"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "message"), MESSAGES, ids=[m[2][:50] for m in MESSAGES])
def test_messages(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.message == message


def test_changes_of_outer_tensors_that_want_gradients_are_refused():
    (x,) = tensors((3,))
    y = x * 2

    def body(c, v):
        y.add_(1)
        return c, v

    with pytest.raises(TraceError, match="the body changes a tensor float64"):
        gradc.scan(body, 0.0, gradc.ones(2))


def test_a_counter_outside_is_carried_along():
    count = gradc.zeros(2)

    def body(c, v):
        count.add_(v)
        return c, count * 1.0

    for function in (gradc.scan, gradc.compile(gradc.scan)):
        count.zero_()
        _, ys = function(body, 0.0, gradc.arange(1.0, 4.0))
        assert count.tolist() == [6.0, 6.0]
        assert ys[:, 0].tolist() == [1.0, 3.0, 6.0]
