"""Two convolutions with pooling and a perceptron on 28 x 28 images, with Adam."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.step import Array, Step, Unavailable, uniform
from benchmarks.training import gradc_training, jax_training, torch_training

BATCH = 64
SHAPES: dict[str, tuple[int, ...]] = {
    "0.weight": (16, 1, 5, 5),
    "0.bias": (16,),
    "3.weight": (32, 16, 5, 5),
    "3.bias": (32,),
    "7.weight": (128, 1568),
    "7.bias": (128,),
    "9.weight": (10, 128),
    "9.bias": (10,),
}


def arrays() -> tuple[dict[str, Array], Array, Array]:
    """Return weights, images and labels."""
    rng = np.random.default_rng(1)
    x = rng.standard_normal((BATCH, 1, 28, 28)).astype("f")
    return uniform(0, SHAPES), x, rng.integers(0, 10, BATCH)


def network(lib: Any) -> Any:
    """Return the model; `lib` is gradc or torch."""
    nn = lib.nn
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1568, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def gradc_step() -> Step:
    """Return the step compiled by gradc."""
    import gradc

    if not (hasattr(gradc.nn, "Conv2d") and hasattr(gradc.nn, "MaxPool2d")):
        raise Unavailable("gradc: nn.Conv2d and nn.MaxPool2d are not there yet")
    return gradc_training(network, *arrays(), "Adam", lr=1e-3)


def torch_step(compiled: bool) -> Step:
    """Return the step of PyTorch."""
    return torch_training(network, *arrays(), "Adam", compiled, lr=1e-3)


def jax_step() -> Step:
    """Return the step of JAX, with the channels last, as XLA likes them on a CPU."""
    import jax
    import jax.numpy as jnp
    from jax import lax

    def block(x: Any, weight: Any, bias: Any) -> Any:
        layout = ("NHWC", "HWIO", "NHWC")
        y = lax.conv_general_dilated(x, weight, (1, 1), "SAME", dimension_numbers=layout)
        y = jax.nn.relu(y + bias)
        return lax.reduce_window(y, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def forward(w: Any, x: Any) -> Any:
        h = block(x, w["0.weight"], w["0.bias"])
        h = block(h, w["3.weight"], w["3.bias"])
        h = jax.nn.relu(h.reshape(BATCH, -1) @ w["7.weight"].T + w["7.bias"])
        return h @ w["9.weight"].T + w["9.bias"]

    weights, x, y = arrays()
    for name in ("0.weight", "3.weight"):
        weights[name] = weights[name].transpose(2, 3, 1, 0)
    rows = weights["7.weight"].reshape(128, 32, 7, 7).transpose(0, 2, 3, 1)
    weights["7.weight"] = np.ascontiguousarray(rows).reshape(128, 1568)
    return jax_training(forward, weights, x.transpose(0, 2, 3, 1), y, "adam", learning_rate=1e-3)
