"""ASGD: gradient descent whose parameters are averaged beside the training."""

from __future__ import annotations

from typing import Any

from gradc.optim.adam import step_counter
from gradc.optim.hyper import Group, counted, hyper, scalar
from gradc.optim.optimizer import Optimizer, Params, check_not_negative, refuse
from gradc.tensor import Tensor, full_like, where, zeros_like


class ASGD(Optimizer):
    """p <- (1 - lambd e) p - e g;  e = lr / (1 + lambd lr t)^alpha.

    The state's `ax` is p itself up to step t0, then the mean of p since.

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts of groups.
        lr: size of the step.
        lambd: how the parameter and the step shrink.
        alpha: power of the shrinking of the step.
        t0: step from which on the mean is taken.
        weight_decay: factor of the parameter that is added to its gradient.
        foreach: must be None or False.
        maximize: step along the gradient instead of against it.
        differentiable: must be False.
        capturable: must be False.

    Source: Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        refuse("ASGD", foreach=foreach, capturable=capturable, differentiable=differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "lambd": lambd,
                "alpha": alpha,
                "t0": t0,
                "weight_decay": weight_decay,
                "foreach": None,
                "maximize": maximize,
                "differentiable": False,
                "capturable": False,
            },
        )

    def check_options(self, group: Group) -> None:
        """Refuse negative numbers."""
        check_not_negative("ASGD", lr=group["lr"], weight_decay=group["weight_decay"])

    def init_state(self, p: Tensor, group: Group) -> dict[str, Any]:
        """Return the step counter, the next step's size and share of the mean, and the mean."""
        step = step_counter(p)
        return {
            "step": step,
            "eta": full_like(step, group["lr"]),
            "mu": full_like(step, 1.0),
            "ax": zeros_like(p),
        }

    def update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: Group) -> None:
        """Change one parameter and its mean."""
        step = counted(state["step"])
        lr, lambd, alpha = (hyper(group, key) for key in ("lr", "lambd", "alpha"))
        if group["weight_decay"]:
            grad = grad + p * scalar(hyper(group, "weight_decay"), p)
        eta: Tensor = state["eta"]
        mu: Tensor = state["mu"]
        mean: Tensor = state["ax"]
        size, share = eta.double(), mu.to(p.dtype)
        p.mul_((1.0 - lambd * size).to(p.dtype))
        p.sub_(grad * size.to(p.dtype))
        mean.copy_(where(share == 1.0, p, mean + (p - mean) * share))
        following = lr / (1.0 + lambd * lr * step) ** alpha
        since = step - hyper(group, "t0")
        if isinstance(since, Tensor):
            eta.copy_(following)
            mu.copy_(1.0 / since.clamp(min=1.0))
        else:
            eta.fill_(following)
            mu.fill_(1.0 / max(1.0, since))
