"""A seed -> a small random program of tensors, its inputs, and what it gives on a device."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import gradc

F = gradc.nn.functional
SIZES = (1, 3, 4)
UNARY = (
    "exp sin tanh sigmoid relu square abs erf atan floor expm1 softplus gelu silu hardtanh"
).split()
BINARY = ("add", "sub", "mul", "maximum", "minimum", "div")


def unary(draw, x):
    name = draw.choice(UNARY)
    return name, lambda x: getattr(F, name)(x) if hasattr(F, name) else getattr(x, name)()


def binary(draw, x, y):
    name = draw.choice(BINARY)
    if name == "div":
        return name, lambda x, y: x / (y.abs() + 0.5)
    return name, lambda x, y: getattr(gradc, name)(x, y)


def number(draw, x):
    n = draw.choice([2, -1, 0.5, 3.0])
    return f"{n} - x * {n}", lambda x: n - x * n


def reduction(draw, x):
    axis, keep = draw.randrange(x.ndim), draw.random() < 0.5
    name = draw.choice(("sum", "mean", "amax", "logsumexp", "prod", "std"))
    if name == "std" and x.shape[axis] < 2:
        name = "sum"
    return f"{name} {axis} {keep}", lambda x: getattr(x, name)(axis, keepdim=keep)


def along(draw, x):
    axis = draw.randrange(x.ndim)
    name = draw.choice(("softmax", "log_softmax", "cumsum", "cumprod", "flip", "sort"))
    if name == "sort":
        return f"sort {axis}", lambda x: x.sort(axis).values
    if name == "flip":
        return f"flip {axis}", lambda x: x.flip(axis)
    return f"{name} {axis}", lambda x: getattr(x, name)(axis)


def view(draw, x):
    axis = draw.randrange(x.ndim)
    name = draw.choice(("t", "reshape", "slice", "step", "select", "unsqueeze", "expand"))
    start = draw.randrange(x.shape[axis]) if x.shape[axis] else 0
    cut = (slice(None),) * axis
    return name, {
        "t": lambda x: x.transpose(0, -1),
        "reshape": lambda x: x.reshape(-1),
        "slice": lambda x: x[(*cut, slice(start, None))],
        "step": lambda x: x[(*cut, slice(None, None, 2))],
        "select": lambda x: x.select(axis, start),
        "unsqueeze": lambda x: x.unsqueeze(axis),
        "expand": lambda x: x.expand(3, *x.shape),
    }[name]


def chosen(draw, x, y):
    name = draw.choice(("where", "masked_fill", "clamp", "compare"))
    return name, {
        "where": lambda x, y: gradc.where(x > y, x, y * 2),
        "masked_fill": lambda x, y: x.masked_fill(x < 0.1, 2.0),
        "clamp": lambda x, y: x.clamp(-0.5, 0.7),
        "compare": lambda x, y: (x >= y).to(x.dtype) * x,
    }[name]


def indexed(draw, x):
    axis = draw.randrange(x.ndim)
    n = x.shape[axis]
    places = [draw.randrange(-n, n) for _ in range(3)]
    name = draw.choice(("rows", "index_add", "gather", "argmax"))

    def added(x):
        index = gradc.tensor([p % n for p in places])
        return x.index_add(axis, index, x.index_select(axis, index) * 2)

    def gathered(x):
        return x.gather(axis, x.argsort(axis, stable=True))

    def largest(x):
        return x * (x.argmax(axis, keepdim=True) + 1)

    rows = (slice(None),) * axis
    return f"{name} {axis}", {
        "rows": lambda x: x[(*rows, gradc.tensor(places))],
        "index_add": added,
        "gather": gathered,
        "argmax": largest,
    }[name]


def changed(draw, x, y):
    name = draw.choice(("add_", "mul_", "row", "mask", "view"))

    def run(x, y):
        z = x * 1.25
        if name == "add_":
            z.add_(y.mean())
        elif name == "mul_":
            z.mul_(y.sum().tanh())
        elif name == "row":
            z[0] = y.mean() * 2
        elif name == "mask":
            z[z > 0.2] = 0.25
        else:
            z.transpose(0, -1)[0:1].mul_(3)
        return z

    return name, run


def product(draw, x):
    return "x @ x.mT", lambda x: x @ x.transpose(-1, -2)


def whole(draw, x):
    name = draw.choice(("floor_divide", "remainder", "bits", "count"))
    return f"{name} of whole numbers", {
        "floor_divide": lambda x: ((x * 8).long() // 3).to(x.dtype) + x,
        "remainder": lambda x: ((x * 8).int() % -3).to(x.dtype) * x,
        "bits": lambda x: ((x * 8).long() & 5).to(x.dtype) - x,
        "count": lambda x: x * (x > 0).sum(),
    }[name]


def joined(draw, x):
    axis = draw.randrange(x.ndim)
    return f"cat {axis}", lambda x: gradc.cat([x, x * x], axis)


def padded(draw, x):
    low, high = draw.choice((0, 1, 2)), draw.choice((0, 1))
    return f"pad {low} {high}", lambda x: F.pad(x, (low, high), value=0.5)


KINDS = [unary] * 4 + [binary] * 4 + [chosen, changed, along, reduction, view] * 2
KINDS += [number, indexed, product, whole, joined, padded]
WITH_AXES = {reduction, along, view, indexed, joined, padded, changed}


@dataclass
class Program:
    """What is computed from what.

    Attributes:
        inputs: NumPy arrays.
        steps: (function, numbers of the values it takes).
        text: one line for each value.
        outputs: numbers of the values that are returned.
    """

    inputs: list[np.ndarray] = field(default_factory=list)
    steps: list[tuple[Any, tuple[int, ...]]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    outputs: tuple[int, ...] = ()

    def values(self, inputs):
        found = list(inputs)
        for function, numbers in self.steps:
            found.append(function(*[found[i] for i in numbers]))
        return found

    def __call__(self, *inputs):
        """Return values, gradients and second ones; gradients are of a weighted sum."""
        found = self.values(inputs)
        results = [found[i] for i in self.outputs]
        grads = gradc.autograd.grad(weighted(results), inputs, create_graph=True, allow_unused=True)
        linked = [g for g in grads if g is not None and g.requires_grad]
        seconds = [None] * len(inputs)
        if linked:
            seconds = gradc.autograd.grad(weighted(linked), inputs, allow_unused=True)
        return [None if t is None else t.detach() for t in (*results, *grads, *seconds)]


def weighted(tensors):
    """Return a sum in which all elements have other weights."""
    total = 0.0
    for t in tensors:
        weights = gradc.arange(t.numel(), dtype=t.dtype, device=t.device).cos().reshape(t.shape)
        total = total + (t * weights).sum()
    return total


def program(seed: int, length: int = 6) -> Program:
    """Return a program whose values are finite and not large."""
    draw, rng, made = random.Random(seed), np.random.default_rng(seed), Program()
    dtype = np.float32 if seed % 4 == 3 else np.float64
    for _ in range(2):
        shape = tuple(draw.choice(SIZES) for _ in range(draw.choice((0, 1, 2, 2, 3))))
        made.inputs.append(np.asarray(rng.standard_normal(shape) * 0.8, dtype))
        made.text.append(f"input {dtype.__name__} {shape}")
    values = [gradc.from_numpy(a) if a.shape else gradc.tensor(a) for a in made.inputs]
    for _ in range(length * 6):
        if len(made.steps) == length:
            break
        kind = draw.choice(KINDS)
        count = kind.__code__.co_argcount - 1
        last = len(values) - 1
        numbers = tuple(
            last if draw.random() < 0.5 else draw.randint(0, last) for _ in range(count)
        )
        given = [values[i] for i in numbers]
        if (kind in WITH_AXES and given[0].ndim == 0) or (kind is product and given[0].ndim < 2):
            continue
        if (kind in (chosen, binary)) and not fits(*given):
            continue
        name, function = kind(draw, *given)
        result = function(*given)
        if result.numel() > 400 or not np.isfinite(result.numpy()).all():
            continue
        if result.numel() and result.abs().max().item() > 100:
            continue
        made.steps.append((function, numbers))
        made.text.append(f"{name} of {numbers}: {list(result.shape)}")
        values.append(result)
    made.outputs = tuple(sorted({len(values) - 1, draw.randint(2, len(values) - 1)}))
    return made


def fits(x, y):
    """Return whether two tensors broadcast."""
    pairs = zip(reversed(x.shape), reversed(y.shape), strict=False)
    return all(m == n or 1 in (m, n) for m, n in pairs)


def run(made: Program, device: str, compiled: bool):
    """Return what a program gives on a device, as arrays; compiled: that of the third call."""
    with gradc.device(device):
        inputs = [gradc.tensor(a).requires_grad_() for a in made.inputs]
        function = gradc.compile(made) if compiled else made
        for _ in range(3 if compiled else 1):
            results = function(*inputs)
        kept = [
            np.array_equal(t.detach().cpu().numpy(), a)
            for t, a in zip(inputs, made.inputs, strict=True)
        ]
    assert all(kept), "an input was changed"
    assert all(t is None or t.device.type == device for t in results)
    return [None if t is None else t.cpu().numpy() for t in results]
