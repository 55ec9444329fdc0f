"""Graphs of small user programs, built by hand, with the origins that a tracer would give."""

from pathlib import Path

import numpy as np

import gradc.primitives  # noqa: F401  (fills the registry)
from gradc.autodiff.loop_walk import with_residuals
from gradc.autodiff.transform import accumulate, active_values, backward
from gradc.ir.builder import GraphBuilder
from gradc.ir.dtype import float32, float64, int64
from gradc.ir.graph import Role, Section, TensorType
from gradc.origin import Origin
from gradc.primitives.loop import Body

USER = Path(__file__).parent / "user"


class Program(GraphBuilder):
    """A GraphBuilder that knows lines of a user's file."""

    def __init__(self, name, file=""):
        super().__init__(name)
        self.file = file

    def at(self, line):
        self.origin = Origin(str(USER / self.file), line, self.graph.name)

    def named(self, value, name):
        value.name = name
        return value

    def gradients(self, loss, wrt):
        """Append the backward pass; return the adjoint of each input in `wrt`."""
        graph = self.finish((loss,))
        positions = [graph.inputs.index(v) for v in wrt]
        bars = {}
        every = [*graph.inputs, *(v for e in graph.equations for v in e.outputs)]
        self.section = Section.BACKWARD
        accumulate(self, bars, loss, self.full(loss.type, 1))
        bars[loss].adjoint_of = loss
        backward(self, graph, {v: v for v in every}, bars, active_values(graph, positions))
        for v in every:
            if v.name and v in bars and not bars[v].adjoint_of.name:
                bars[v].adjoint_of = v
        self.section, self.rule = Section.FORWARD, ""
        return [bars[v] for v in wrt]


def scalar(dtype=float64):
    return TensorType((), dtype)


def neuron():
    b = Program("loss_value_and_grad", "neuron.py")
    w, bias, x, t = (b.input(scalar(), name) for name in "wbxt")
    b.at(2)
    z = b.named(b.op("add", b.op("mul", w, x), bias), "z")
    b.at(3)
    y = b.named(b.op("sigmoid", z), "y")
    b.at(4)
    error = b.op("sub", y, t)
    loss = b.named(b.op("mul", b.full(scalar(), 0.5), b.op("mul", error, error)), "L")
    w_bar, b_bar = b.gradients(loss, [w, bias])
    return b.finish((loss, w_bar, b_bar))


def cross_entropy(b, z, y, name):
    rows = z.shape[0]
    largest = b.op("max", b.op("stop_gradient", z), axes=(1,), keepdims=True)
    scores = b.op("sub", z, b.broadcast(largest, z.shape))
    normaliser = b.op("log", b.op("sum", b.op("exp", scores), axes=(1,)))
    picked = b.reshape(b.op("gather", scores, b.reshape(y, (rows, 1)), axis=1), (rows,))
    total = b.op("sum", b.op("sub", normaliser, picked), axes=(0,))
    return b.named(b.op("mul", total, b.full(scalar(z.dtype), 1 / rows)), name)


def softmax_cross_entropy(rows=6, classes=5, dtype=float32):
    b = Program("loss_and_gradient", "softmax_cross_entropy.py")
    z = b.input(TensorType((rows, classes), dtype), "z")
    y = b.input(TensorType((rows,), int64), "y")
    b.at(2)
    loss = cross_entropy(b, z, y, "L")
    (z_bar,) = b.gradients(loss, [z])
    return b.finish((loss, z_bar))


def attention(samples=8, times=80, heads=8, features=16, dtype=float32):
    """Causal attention of more than one tile, and its gradients."""
    b = Program("loss_and_gradients", "attention.py")
    q, k, v = (b.input(TensorType((samples, times, heads, features), dtype), n) for n in "qkv")
    b.at(2)
    y, _ = b.op("attention", q, k, v, scale=features**-0.5, causal=True)
    b.named(y, "y")
    b.at(3)
    total = b.op("sum", b.op("mul", y, y), axes=(0, 1, 2, 3))
    loss = b.named(b.op("mul", total, b.full(scalar(dtype), 0.5)), "L")
    return b.finish((loss, *b.gradients(loss, [q, k, v])))


def mlp_step(rows=8, inputs=6, hidden=5, classes=3, dtype=float32):
    """Forward, backward and Adam of a network with two hidden layers."""
    b = Program("train_step", "mlp.py")
    x = b.input(TensorType((rows, inputs), dtype), "x")
    y = b.input(TensorType((rows,), int64), "y")
    parameters = []
    for number, (o, i) in enumerate(((hidden, inputs), (hidden, hidden), (classes, hidden)), 1):
        parameters.append(b.input(TensorType((o, i), dtype), f"W{number}"))
        parameters.append(b.input(TensorType((o,), dtype), f"b{number}"))
    h = x
    for layer in range(3):
        b.at(2 + layer)
        weight, bias = parameters[2 * layer : 2 * layer + 2]
        turned = b.op("permute", weight, axes=(1, 0))
        z = b.op("dot", h, turned, contract=((1,), (0,)))
        z = b.op("add", z, b.broadcast(bias, z.shape))
        h = b.named(b.op("relu", z), f"h{layer + 1}") if layer < 2 else b.named(z, "z")
    b.at(5)
    loss = cross_entropy(b, h, y, "loss")
    gradients = b.gradients(loss, parameters)
    updates = adam(b, parameters, gradients, dtype)
    b.graph.roles |= dict.fromkeys(parameters, Role.PARAMETER)
    graph = b.finish((loss,))
    graph.updates = tuple(updates)
    return graph


def gru_cell(batch, hidden, dtype):
    """One step of a gated recurrent unit, as the body of a loop."""
    b = Program("cell", "gru.py")
    h = b.input(TensorType((batch, hidden), dtype), "h")
    x = b.input(TensorType((batch, 3 * hidden), dtype), "x")
    weight = b.input(TensorType((3 * hidden, hidden), dtype), "W")
    bias = b.input(TensorType((3 * hidden,), dtype), "b")

    def part(value, number):
        low, high = number * hidden, (number + 1) * hidden
        return b.op("slice", value, start=(0, low), stop=(batch, high), step=(1, 1))

    b.at(3)
    product = b.op("dot", h, b.op("permute", weight, axes=(1, 0)), contract=((1,), (0,)))
    gates = b.named(b.op("add", product, b.broadcast(bias, product.shape)), "gates")
    b.at(4)
    r = b.named(b.op("sigmoid", b.op("add", part(x, 0), part(gates, 0))), "r")
    b.at(5)
    z = b.named(b.op("sigmoid", b.op("add", part(x, 1), part(gates, 1))), "z")
    b.at(6)
    n = b.op("tanh", b.op("add", part(x, 2), b.op("mul", r, part(gates, 2))))
    b.named(n, "n")
    b.at(7)
    after = b.op("add", n, b.op("mul", z, b.op("sub", h, n)))
    return b.finish((b.named(after, "h"), after))


def gru_loss(steps=8, batch=3, hidden=4, dtype=float32):
    """The gradient of a recurrent network: two loops over time."""
    b = Program("gru_loss", "gru.py")
    x = b.input(TensorType((steps, batch, 3 * hidden), dtype), "x")
    h = b.input(TensorType((batch, hidden), dtype), "h")
    weight = b.input(TensorType((3 * hidden, hidden), dtype), "W")
    bias = b.input(TensorType((3 * hidden,), dtype), "b")
    loop = with_residuals(Body(gru_cell(batch, hidden, dtype), steps, False, 1, 1), [True] * 4)
    b.at(9)
    _, hs, *_ = b.op("scan", h, x, weight, bias, **loop.params)
    b.at(10)
    loss = b.named(b.op("sum", b.op("mul", hs, hs), axes=(0, 1, 2)), "loss")
    return b.finish((loss, *b.gradients(loss, [weight, bias])))


def adam(b, parameters, gradients, dtype):
    b.section = Section.UPDATE
    b.at(7)
    lr = b.input(scalar(float64), "lr")
    count = b.input(scalar(float32), "opt.step")
    b.graph.roles |= {lr: Role.HYPER, count: Role.STATE}
    steps = b.op("add", count, b.full(count.type, 1))
    one, t = b.full(scalar(dtype), 1), b.cast(steps, dtype)
    corrections = [
        b.named(b.op("sub", one, b.op("pow", b.full(scalar(dtype), beta), t)), name)
        for name, beta in (("c1", 0.9), ("c2", 0.999))
    ]
    rate = b.named(b.op("div", b.cast(lr, dtype), corrections[0]), "rate")
    b.rule = "adam: p -= lr m_hat / (sqrt(v_hat) + eps)"
    updates = [(count, steps)]
    for p, g in zip(parameters, gradients, strict=True):
        m, v = (b.input(p.type, f"{p.name}.{n}") for n in ("exp_avg", "exp_avg_sq"))
        b.graph.roles |= {m: Role.STATE, v: Role.STATE}
        full = {c: b.full(p.type, c) for c in (0.9, 0.1, 0.999, 0.001, 1e-8)}
        m_new = b.op("add", b.op("mul", full[0.9], m), b.op("mul", full[0.1], g))
        square = b.op("mul", full[0.001], b.op("mul", g, g))
        v_new = b.op("add", b.op("mul", full[0.999], v), square)
        scale = b.op("sqrt", b.op("div", v_new, b.broadcast(corrections[1], p.shape)))
        change = b.op("div", m_new, b.op("add", scale, full[1e-8]))
        p_new = b.op("sub", p, b.op("mul", b.broadcast(rate, p.shape), change))
        updates += [(m, m_new), (v, v_new), (p, p_new)]
    return updates


def arrays(graph, seed=0):
    """Return operands that suit a graph: class indices, non-negative second moments."""
    rng = np.random.default_rng(seed)
    found = []
    for value in graph.inputs:
        if value.dtype is int64:
            found.append(rng.integers(0, 3, value.shape))
        elif value.name in ("lr", "opt.step"):
            found.append(np.asarray({"lr": 1e-3}.get(value.name, 0.0), value.dtype.numpy))
        else:
            array = rng.standard_normal(value.shape)
            array = array**2 if value.name.endswith("_sq") else array
            found.append(np.asarray(array, value.dtype.numpy))
    return found
