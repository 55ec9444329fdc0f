"""Functions to transform: written once for gradc and torch (`m`), with inputs in float64."""

from __future__ import annotations

import numpy as np

RNG = np.random.default_rng(3)


def normal(*shape):
    return RNG.standard_normal(shape)


def fan_out(m, x):
    y = m.sin(x)
    return y * y + y + m.exp(y)


def in_place(m, x):
    y = x * 2
    y[1:] *= x[:1]
    y += 1
    return y * x


def overwrite(m, x):
    y = m.zeros(3, dtype=m.float64)
    y[0] = x.sum()
    y[1:] = x[:2] * x[1:3]
    return y


def without_grad(m, x):
    with m.no_grad():
        y = x * x
    return x * y


def picked(m, x):
    return x[m.tensor([2, 0, 2])] * x[0]


def networks(m, p, x):
    h = m.tanh(x @ p["w"].t() + p["b"])
    return {"out": h.sum(1), "squares": (h * h).mean()}


# name -> (function, arguments); every argument is differentiated by.
FUNCTIONS = {
    "scalar": (lambda m, x: m.sin(x) * x, (np.array(0.7),)),
    "fan_out": (fan_out, (normal(4),)),
    "broadcast": (lambda m, x, y: x * y + y, (normal(3, 1), normal(4))),
    "divide": (lambda m, x, y: x / (1 + y * y), (normal(2, 3), normal(3))),
    "reduce": (lambda m, x: (x * x).sum(0) / x.exp().mean(1, keepdim=True), (normal(3, 3),)),
    "maximum": (lambda m, x: m.amax(x, 1) + x.prod(0).sum(), (normal(3, 3),)),
    "matmul": (lambda m, x, y: x @ y, (normal(2, 3), normal(3, 4))),
    "batched": (lambda m, x, y: m.einsum("bij,bjk->bik", x, y), (normal(2, 2, 3), normal(2, 3, 2))),
    "views": (lambda m, x: x.t().reshape(6)[1:5:2] * x[0, 0], (normal(2, 3),)),
    "concatenate": (lambda m, x, y: m.cat([x, y.exp(), x]), (normal(2), normal(3))),
    "picked": (picked, (normal(3),)),
    "cumsum": (lambda m, x: m.cumsum(x, 0) * x, (normal(4),)),
    "sort": (lambda m, x: m.sort(x)[0] * x, (normal(4),)),
    "softmax": (lambda m, x: m.log_softmax(x, 1), (normal(2, 4),)),
    "where": (lambda m, x: m.where(x > 0, x * x, m.sin(x)), (normal(5),)),
    "in_place": (in_place, (normal(3),)),
    "overwrite": (overwrite, (normal(3),)),
    "without_grad": (without_grad, (normal(3),)),
    "detached": (lambda m, x: x * x.detach(), (normal(3),)),
    "identity": (lambda m, x: x, (normal(3),)),
    "twice": (lambda m, x: (x, x), (normal(3),)),
    "constant": (lambda m, x: m.ones(2, dtype=m.float64), (normal(3),)),
    "unused": (lambda m, x, y: x * 2, (normal(3), normal(2))),
    "several": (lambda m, x, y: (x * y, [x.sum(), {"y": y}]), (normal(3), normal(3))),
    "tree": (networks, ({"w": normal(3, 2), "b": normal(3)}, normal(4, 2))),
    "empty": (lambda m, x: x * 2, (normal(0, 2),)),
    "empty_sum": (lambda m, x: x.sum(), (normal(0),)),
    "kinks": (lambda m, x: m.relu(x) + m.abs(x) + m.clamp(x, -1, 1), (np.array([-1.0, 0, 1, 2]),)),
    "ties": (lambda m, x: m.amax(x) + m.maximum(x, x[0]), (np.array([1.0, 1, 0]),)),
}
# torch.func has no second derivatives of empty tensors.
TWICE = sorted(set(FUNCTIONS) - {"kinks", "ties", "empty", "empty_sum"})
