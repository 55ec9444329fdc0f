"""Log density and gradient of a hierarchical logistic regression, as a sampler calls them.

y_i ~ Bernoulli(sigmoid(x_i beta + alpha[g_i])), alpha_g ~ N(mu, tau), with priors beta ~ N(0, 1),
mu ~ N(0, 2), log tau ~ N(0, 1).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.step import Array, Step, gradc_case, jax_case, torch_case

ROWS, FEATURES, GROUPS = 1000, 8, 20


def arrays() -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Return the parameters (beta, alpha, mu, log tau) and the data (x, signs of y, groups)."""
    rng = np.random.default_rng(0)
    beta, alpha = 0.5 * rng.standard_normal(FEATURES), 0.5 * rng.standard_normal(GROUPS)
    x = rng.standard_normal((ROWS, FEATURES)).astype("f")
    group = rng.integers(0, GROUPS, ROWS)
    chance = 1 / (1 + np.exp(-(x @ beta + alpha[group])))
    sign = np.where(rng.random(ROWS) < chance, 1, -1).astype("f")
    parameters = (beta.astype("f"), alpha.astype("f"), np.float32(0.1), np.float32(-0.4))
    return tuple(map(np.asarray, parameters)), (x, sign, group)


def log_density(lib: Any, parameters: Any, data: Any) -> Any:
    """Return the log density; `lib` is gradc or torch."""
    (beta, alpha, mu, log_tau), (x, sign, group) = parameters, data
    logits = x @ beta + alpha[group]
    likelihood = lib.nn.functional.logsigmoid(sign * logits).sum()
    z = (alpha - mu) / log_tau.exp()
    prior = -0.5 * ((z * z).sum() + (beta * beta).sum() + (mu / 2) ** 2 + log_tau**2)
    return likelihood + prior - GROUPS * log_tau


def gradc_step() -> Step:
    """Return the step compiled by gradc."""
    import gradc

    parameters, data = (tuple(gradc.from_numpy(a) for a in part) for part in arrays())
    for p in parameters:
        p.requires_grad_()

    def value_and_gradient(parameters: Any, data: Any) -> Any:
        density = log_density(gradc, parameters, data)
        return density.detach(), gradc.autograd.grad(density, parameters)

    return gradc_case(value_and_gradient, parameters, data, number=_number)


def torch_step(compiled: bool) -> Step:
    """Return the step of PyTorch."""
    import torch

    parameters, data = (tuple(torch.from_numpy(a) for a in part) for part in arrays())
    for p in parameters:
        p.requires_grad_()

    def density_of(parameters: Any, data: Any) -> Any:
        return log_density(torch, parameters, data)

    if compiled:
        density_of = torch.compile(density_of)

    def value_and_gradient(parameters: Any, data: Any) -> Any:
        density = density_of(parameters, data)
        return density.detach(), torch.autograd.grad(density, parameters)

    return torch_case(value_and_gradient, parameters, data, number=_number)


def jax_step() -> Step:
    """Return the step of JAX."""
    import jax
    import jax.numpy as jnp

    def log_density_jax(parameters: Any, data: Any) -> Any:
        (beta, alpha, mu, log_tau), (x, sign, group) = parameters, data
        logits = x @ beta + alpha[group]
        likelihood = jax.nn.log_sigmoid(sign * logits).sum()
        z = (alpha - mu) / jnp.exp(log_tau)
        prior = -0.5 * ((z * z).sum() + (beta * beta).sum() + (mu / 2) ** 2 + log_tau**2)
        return likelihood + prior - GROUPS * log_tau

    def value_and_gradient(state: Any, parameters: Any, data: Any) -> Any:
        return state, jax.value_and_grad(log_density_jax)(parameters, data)

    parameters, data = (tuple(jnp.asarray(a) for a in part) for part in arrays())
    return jax_case(value_and_gradient, (), parameters, data, number=_number)


def _number(result: Any) -> float:
    density, gradient = result
    return float(density) + sum(float(np.abs(np.asarray(g)).sum()) for g in gradient)
