"""The workloads by name; each is a module of its own, imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import Any

from benchmarks.place import PLACE
from benchmarks.step import Step, Unavailable

WORKLOADS = {
    "logistic": "value and gradient of L = (sigmoid(w x + b) - t)^2 / 2, all scalars",
    "logpost": "hierarchical logistic regression, log density and gradient, 1000 x 8, 20 groups",
    "mlp_tiny": "2-64-64-2, batch 32, cross entropy, Adam",
    "mlp_mnist": "784-256-256-10, batch 128, cross entropy, Adam",
    "mlp_big": "1024-1024-1024-10, batch 512 (CUDA: 8192), cross entropy, Adam",
    "chain": "d/dx sum(gelu(x) sigmoid(x) + log1p(exp(-x^2)) tanh(x)), 2^22 elements (2^26)",
    "cnn": "conv 1-16 5x5, pool, conv 16-32 5x5, pool, 1568-128-10, batch 64, 28x28, Adam",
    "gru": "GRU 32-128, 64 time steps, batch 32, linear head, Adam",
    "gpt": "2 (8) pre-norm transformer blocks, d 128 (512), 64 (256) tokens, batch 16 (32), AdamW",
}

ON_CUDA = ("mlp_tiny", "mlp_mnist", "mlp_big", "cnn", "gru", "gpt", "chain")


def make(name: str, peer: str) -> Step:
    """Return a fresh step of a workload for gradc or a peer, from the same initial numbers.

    Raises:
        Unavailable: the peer isn't installed, or gradc lacks a layer.
    """
    module: Any = importlib.import_module(
        f"benchmarks.workloads.{'mlp' if name.startswith('mlp') else name}"
    )
    arguments = (name,) if name.startswith("mlp") else ()
    try:
        if peer == "gradc":
            return module.gradc_step(*arguments)
        if peer == "jax":
            return module.jax_step(*arguments)
        _, _, mode = peer.partition(".")
        PLACE.mode = mode if mode not in ("", "compile") else None
        return module.torch_step(*arguments, compiled=mode != "")
    except ImportError as error:
        raise Unavailable(f"{peer}: {error}") from error
