"""The gradient of a long elementwise formula over millions of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.place import compiled_by_torch, pick, put
from benchmarks.step import Array, Step, gradc_case, jax_case, torch_case

SIZE = pick(2**22, 2**26)


def numbers() -> Array:
    """Return where the gradient is taken."""
    return np.random.default_rng(0).standard_normal(SIZE).astype("f")


def formula(lib: Any, x: Any) -> Any:
    """Return the elements; `lib` is gradc or torch."""
    gelu = lib.nn.functional.gelu
    return gelu(x) * lib.sigmoid(x) + lib.log1p(lib.exp(-(x * x))) * lib.tanh(x)


def gradc_step() -> Step:
    """Return the step compiled by gradc."""
    import gradc

    x = put(gradc.from_numpy(numbers())).requires_grad_()

    def gradient(x: Any) -> Any:
        (x_bar,) = gradc.autograd.grad(formula(gradc, x).sum(), x)
        return x_bar

    return gradc_case(gradient, x, number=_number)


def torch_step(compiled: bool) -> Step:
    """Return the step of PyTorch."""
    import torch

    x = put(torch.from_numpy(numbers())).requires_grad_()

    def total(x: Any) -> Any:
        return formula(torch, x).sum()

    if compiled:
        total = compiled_by_torch(total)

    def gradient(x: Any) -> Any:
        (x_bar,) = torch.autograd.grad(total(x), x)
        return x_bar

    return torch_case(gradient, x, number=_number)


def jax_step() -> Step:
    """Return the step of JAX."""
    import jax
    import jax.numpy as jnp

    def total(x: Any) -> Any:
        left = jax.nn.gelu(x, approximate=False) * jax.nn.sigmoid(x)
        return jnp.sum(left + jnp.log1p(jnp.exp(-(x * x))) * jnp.tanh(x))

    def gradient(state: Any, x: Any) -> Any:
        return state, jax.grad(total)(x)

    return jax_case(gradient, (), jnp.asarray(numbers()), number=_number)


def _number(result: Any) -> float:
    result = result.cpu() if hasattr(result, "cpu") else result
    return float(np.abs(np.asarray(result), dtype=np.float64).sum())
