"""Adamax: Adam with the largest recent gradient in place of the mean square."""

from __future__ import annotations

from typing import Any

from gradc.optim.adam import average, step_counter
from gradc.optim.hyper import Group, betas, counted, hyper, scalar
from gradc.optim.optimizer import Optimizer, Params, check_betas, check_not_negative, refuse
from gradc.tensor import Tensor, maximum, zeros_like


class Adamax(Optimizer):
    """p <- p - lr / (1 - beta1^t) m / u.

    m <- beta1 m + (1 - beta1) g,  u <- max(beta2 u, |g| + eps).

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts of groups.
        lr: size of the step.
        betas: decay rates of m and u.
        eps: added to |g|.
        weight_decay: factor of the parameter that is added to its gradient.
        foreach: must be None or False.
        maximize: step along the gradient instead of against it.
        differentiable: must be False.
        capturable: must be False.

    Source: Kingma, Ba, "Adam: a method for stochastic optimization", 2014, section 7.1.
    """

    branches = ("maximize", "weight_decay", "betas")

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        refuse("Adamax", foreach=foreach, differentiable=differentiable, capturable=capturable)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "foreach": None,
                "maximize": maximize,
                "differentiable": False,
                "capturable": False,
            },
        )

    def check_options(self, group: Group) -> None:
        """Refuse negative numbers and decay rates outside [0, 1)."""
        check_not_negative(
            "Adamax", lr=group["lr"], eps=group["eps"], weight_decay=group["weight_decay"]
        )
        check_betas("Adamax", group["betas"])

    def init_state(self, p: Tensor, group: Group) -> dict[str, Any]:
        """Return the step counter, the running mean and the running maximum, all 0."""
        return {"step": step_counter(p), "exp_avg": zeros_like(p), "exp_inf": zeros_like(p)}

    def update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: Group) -> None:
        """Change one parameter, its running mean and its running maximum."""
        step = counted(state["step"])
        beta1, beta2 = betas(group)
        if group["weight_decay"]:
            grad = grad + p * scalar(hyper(group, "weight_decay"), p)
        m: Tensor = state["exp_avg"]
        u: Tensor = state["exp_inf"]
        average(m, grad, scalar(1.0 - beta1, p), group)
        u.copy_(maximum(u * scalar(beta2, p), grad.abs() + scalar(hyper(group, "eps"), p)))
        size = hyper(group, "lr") / (1.0 - beta1**step)
        p.sub_(m * scalar(size, p) / u)
