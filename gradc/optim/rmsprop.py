"""RMSprop: steps scaled by the root of a running mean of squared gradients."""

from __future__ import annotations

from typing import Any

from gradc.optim.adam import step_counter
from gradc.optim.hyper import Group, hyper, scalar
from gradc.optim.optimizer import Optimizer, Params, check_not_negative, refuse
from gradc.tensor import Tensor, zeros_like


class RMSprop(Optimizer):
    """p <- p - lr g / (sqrt(v) + eps);  v <- alpha v + (1 - alpha) g^2.

    Centred: v less the square of the running mean of g. With momentum the quotient is gathered in
    a buffer b <- momentum b + quotient, and the step is along b.

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts of groups.
        lr: size of the step.
        alpha: decay rate of v.
        eps: added to the root.
        weight_decay: factor of the parameter that is added to its gradient.
        momentum: share of b that stays.
        centered: whether to take the variance instead of the mean square.
        capturable: must be False.
        foreach: must be None or False.
        maximize: step along the gradient instead of against it.
        differentiable: must be False.

    Source: Tieleman, Hinton, "Lecture 6.5: RMSprop", 2012; Graves, "Generating sequences with
    recurrent neural networks", 2013, arXiv:1308.0850 (centred).
    """

    branches = ("maximize", "weight_decay", "momentum", "centered")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        refuse("RMSprop", capturable=capturable, foreach=foreach, differentiable=differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
                "capturable": False,
                "foreach": None,
                "maximize": maximize,
                "differentiable": False,
            },
        )

    def check_options(self, group: Group) -> None:
        """Refuse negative numbers."""
        keys = ("lr", "eps", "momentum", "weight_decay", "alpha")
        check_not_negative("RMSprop", **{key: group[key] for key in keys})

    def init_state(self, p: Tensor, group: Group) -> dict[str, Any]:
        """Return the step counter and the running means, all 0."""
        state = {"step": step_counter(p), "square_avg": zeros_like(p)}
        if group["momentum"]:
            state["momentum_buffer"] = zeros_like(p)
        if group["centered"]:
            state["grad_avg"] = zeros_like(p)
        return state

    def update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: Group) -> None:
        """Change one parameter and its running means."""
        state["step"].add_(1.0)
        lr, alpha = hyper(group, "lr"), hyper(group, "alpha")
        if group["weight_decay"]:
            grad = grad + p * scalar(hyper(group, "weight_decay"), p)
        rest = scalar(1.0 - alpha, p)
        v: Tensor = state["square_avg"]
        v.mul_(scalar(alpha, p)).add_(grad * rest * grad)
        if group["centered"]:
            mean: Tensor = state["grad_avg"]
            mean.add_((grad - mean) * rest)
            root = (v - mean * mean).sqrt()
        else:
            root = v.sqrt()
        scale = root + scalar(hyper(group, "eps"), p)
        if group["momentum"]:
            buffer: Tensor = state["momentum_buffer"]
            buffer.mul_(scalar(hyper(group, "momentum"), p)).add_(grad / scale)
            p.sub_(buffer * scalar(lr, p))
        else:
            p.sub_(grad * scalar(lr, p) / scale)
