"""The scalar example of the textbooks: value and gradient of one logistic neuron's loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.step import Step, gradc_case, jax_case, torch_case

NUMBERS = {"w": 0.7, "b": -0.3, "x": 1.9, "t": 1.0}


def gradc_step() -> Step:
    """Return the step compiled by gradc."""
    import gradc

    w, b, x, t = (gradc.tensor(v) for v in NUMBERS.values())
    w.requires_grad_()
    b.requires_grad_()

    def value_and_gradient(w: Any, b: Any, x: Any, t: Any) -> Any:
        y = gradc.sigmoid(w * x + b)
        loss = 0.5 * (y - t) ** 2
        w_bar, b_bar = gradc.autograd.grad(loss, (w, b))
        return loss.detach(), w_bar, b_bar

    return gradc_case(value_and_gradient, w, b, x, t, number=_number)


def torch_step(compiled: bool) -> Step:
    """Return the step of PyTorch."""
    import torch

    w, b, x, t = (torch.tensor(v) for v in NUMBERS.values())
    w.requires_grad_()
    b.requires_grad_()

    def loss_of(w: Any, b: Any, x: Any, t: Any) -> Any:
        y = torch.sigmoid(w * x + b)
        return 0.5 * (y - t) ** 2

    if compiled:
        loss_of = torch.compile(loss_of)

    def value_and_gradient(w: Any, b: Any, x: Any, t: Any) -> Any:
        loss = loss_of(w, b, x, t)
        return loss.detach(), *torch.autograd.grad(loss, (w, b))

    return torch_case(value_and_gradient, w, b, x, t, number=_number)


def jax_step() -> Step:
    """Return the step of JAX."""
    import jax
    import jax.numpy as jnp

    def loss_of(w: Any, b: Any, x: Any, t: Any) -> Any:
        y = jax.nn.sigmoid(w * x + b)
        return 0.5 * (y - t) ** 2

    def value_and_gradient(state: Any, w: Any, b: Any, x: Any, t: Any) -> Any:
        loss, (w_bar, b_bar) = jax.value_and_grad(loss_of, argnums=(0, 1))(w, b, x, t)
        return state, (loss, w_bar, b_bar)

    numbers = (jnp.float32(v) for v in NUMBERS.values())
    return jax_case(value_and_gradient, (), *numbers, number=_number)


def _number(result: Any) -> float:
    return float(np.sum([float(r) for r in result]))
