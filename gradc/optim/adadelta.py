"""Adadelta: steps in the parameter's own units, from running means of squares."""

from __future__ import annotations

from typing import Any

from gradc.errors import ArgumentError
from gradc.optim.adam import step_counter
from gradc.optim.hyper import Group, hyper, scalar
from gradc.optim.optimizer import Optimizer, Params, check_not_negative, refuse
from gradc.tensor import Tensor, zeros_like


class Adadelta(Optimizer):
    """p <- p - lr d;  d = sqrt(u + eps) / sqrt(v + eps) g.

    v <- rho v + (1 - rho) g^2,  u <- rho u + (1 - rho) d^2.

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts of groups.
        lr: factor of the step.
        rho: decay rate of both means.
        eps: added under the roots.
        weight_decay: factor of the parameter that is added to its gradient.
        foreach: must be None or False.
        capturable: must be False.
        maximize: step along the gradient instead of against it.
        differentiable: must be False.

    Source: Zeiler, "ADADELTA: an adaptive learning rate method", 2012, arXiv:1212.5701.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        refuse("Adadelta", foreach=foreach, capturable=capturable, differentiable=differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "rho": rho,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "capturable": False,
                "foreach": None,
                "differentiable": False,
            },
        )

    def check_options(self, group: Group) -> None:
        """Refuse negative numbers and decay rates outside [0, 1]."""
        check_not_negative(
            "Adadelta", lr=group["lr"], eps=group["eps"], weight_decay=group["weight_decay"]
        )
        if not 0.0 <= group["rho"] <= 1.0:
            raise ArgumentError(f"Adadelta: rho must be from 0 to 1, got {group['rho']}")

    def init_state(self, p: Tensor, group: Group) -> dict[str, Any]:
        """Return the step counter and the running means, all 0."""
        return {
            "step": step_counter(p),
            "square_avg": zeros_like(p),
            "acc_delta": zeros_like(p),
        }

    def update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: Group) -> None:
        """Change one parameter and its running means."""
        state["step"].add_(1.0)
        rho, eps = hyper(group, "rho"), scalar(hyper(group, "eps"), p)
        if group["weight_decay"]:
            grad = grad + p * scalar(hyper(group, "weight_decay"), p)
        v: Tensor = state["square_avg"]
        u: Tensor = state["acc_delta"]
        rest = scalar(1.0 - rho, p)
        v.mul_(scalar(rho, p)).add_(grad * rest * grad)
        delta = (u + eps).sqrt() / (v + eps).sqrt() * grad
        u.mul_(scalar(rho, p)).add_(delta * rest * delta)
        p.sub_(delta * scalar(hyper(group, "lr"), p))
