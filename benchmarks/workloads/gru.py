"""A gated recurrent layer over 64 time steps with a linear head on its last state, with Adam."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.step import Array, Step, Unavailable, uniform
from benchmarks.training import gradc_training, jax_training, torch_training

BATCH, TIMES, INPUTS, HIDDEN, CLASSES = 32, 64, 32, 128, 10


def arrays() -> tuple[dict[str, Array], Array, Array]:
    """Return weights, sequences and labels."""
    made = uniform(
        0, {"head.weight": (CLASSES, HIDDEN), "head.bias": (CLASSES,), "unused": (1, HIDDEN)}
    )
    del made["unused"]
    rng = np.random.default_rng(1)
    bound = HIDDEN**-0.5
    shapes = {"weight_ih": (INPUTS,), "weight_hh": (HIDDEN,), "bias_ih": (), "bias_hh": ()}
    for name, rest in shapes.items():
        values = rng.uniform(-bound, bound, (3 * HIDDEN, *rest))
        made[f"recurrent.{name}_l0"] = values.astype("f")
    x = rng.standard_normal((BATCH, TIMES, INPUTS)).astype("f")
    return made, x, rng.integers(0, CLASSES, BATCH)


def network(lib: Any) -> Any:
    """Return the model; `lib` is gradc or torch."""
    nn = lib.nn

    class Classifier(nn.Module):
        """The last state of the recurrent layer, mapped to classes."""

        def __init__(self) -> None:
            super().__init__()
            self.recurrent = nn.GRU(INPUTS, HIDDEN, batch_first=True)
            self.head = nn.Linear(HIDDEN, CLASSES)

        def forward(self, x: Any) -> Any:
            """Return logits."""
            _, last = self.recurrent(x)
            return self.head(last[0])

    return Classifier()


def gradc_step() -> Step:
    """Return the step compiled by gradc."""
    import gradc

    if not hasattr(gradc.nn, "GRU"):
        raise Unavailable("gradc: nn.GRU is not there yet")
    return gradc_training(network, *arrays(), "Adam", lr=1e-3)


def torch_step(compiled: bool) -> Step:
    """Return the step of PyTorch."""
    return torch_training(network, *arrays(), "Adam", compiled, lr=1e-3)


def jax_step() -> Step:
    """Return the step of JAX: the inputs' product for all times at once, then a scan."""
    import jax
    import jax.numpy as jnp

    def forward(w: Any, x: Any) -> Any:
        gates = x.swapaxes(0, 1) @ w["recurrent.weight_ih_l0"].T + w["recurrent.bias_ih_l0"]

        def cell(h: Any, given: Any) -> Any:
            mine = h @ w["recurrent.weight_hh_l0"].T + w["recurrent.bias_hh_l0"]
            r_x, z_x, n_x = jnp.split(given, 3, -1)
            r_h, z_h, n_h = jnp.split(mine, 3, -1)
            r, z = jax.nn.sigmoid(r_x + r_h), jax.nn.sigmoid(z_x + z_h)
            n = jnp.tanh(n_x + r * n_h)
            return (1 - z) * n + z * h, None

        last, _ = jax.lax.scan(cell, jnp.zeros((BATCH, HIDDEN), "float32"), gates)
        return last @ w["head.weight"].T + w["head.bias"]

    return jax_training(forward, *arrays(), "adam", learning_rate=1e-3)
