"""Perceptrons of three layers with ReLU, cross entropy and Adam, in three sizes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from benchmarks.place import pick
from benchmarks.step import Array, Step, uniform
from benchmarks.training import gradc_training, jax_training, torch_training

SIZES = {
    "mlp_tiny": ((2, 64, 64, 2), 32),
    "mlp_mnist": ((784, 256, 256, 10), 128),
    "mlp_big": ((1024, 1024, 1024, 10), pick(512, 8192)),
}


def arrays(name: str) -> tuple[dict[str, Array], Array, Array]:
    """Return weights, inputs and labels."""
    sizes, batch = SIZES[name]
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (n, m) in enumerate(itertools.pairwise(sizes)):
        shapes[f"{2 * i}.weight"], shapes[f"{2 * i}.bias"] = (m, n), (m,)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((batch, sizes[0])).astype("f")
    return uniform(0, shapes), x, rng.integers(0, sizes[-1], batch)


def network(lib: Any, name: str) -> Any:
    """Return the model; `lib` is gradc or torch."""
    (i, h1, h2, o), _ = SIZES[name]
    nn = lib.nn
    return nn.Sequential(
        nn.Linear(i, h1), nn.ReLU(), nn.Linear(h1, h2), nn.ReLU(), nn.Linear(h2, o)
    )


def gradc_step(name: str) -> Step:
    """Return the step compiled by gradc."""
    return gradc_training(lambda lib: network(lib, name), *arrays(name), "Adam", lr=1e-3)


def torch_step(name: str, compiled: bool) -> Step:
    """Return the step of PyTorch."""
    return torch_training(lambda lib: network(lib, name), *arrays(name), "Adam", compiled, lr=1e-3)


def jax_step(name: str) -> Step:
    """Return the step of JAX."""
    import jax

    def forward(w: Any, x: Any) -> Any:
        h1 = jax.nn.relu(x @ w["0.weight"].T + w["0.bias"])
        h2 = jax.nn.relu(h1 @ w["2.weight"].T + w["2.bias"])
        return h2 @ w["4.weight"].T + w["4.bias"]

    return jax_training(forward, *arrays(name), "adam", learning_rate=1e-3)
