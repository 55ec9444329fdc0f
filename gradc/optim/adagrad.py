"""Adagrad: steps scaled by the root of the sum of all squared gradients."""

from __future__ import annotations

from typing import Any

from gradc.optim.adam import step_counter
from gradc.optim.hyper import Group, counted, hyper, scalar
from gradc.optim.optimizer import Optimizer, Params, check_not_negative, refuse
from gradc.tensor import Tensor, full_like


class Adagrad(Optimizer):
    """p <- p - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps);  s <- s + g^2.

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts of groups.
        lr: size of the step.
        lr_decay: how the step shrinks with the step number t.
        weight_decay: factor of the parameter that is added to its gradient.
        initial_accumulator_value: what s starts with.
        eps: added to the root.
        foreach: must be None or False.
        maximize: step along the gradient instead of against it.
        differentiable: must be False.
        fused: must be None or False.

    Source: Duchi, Hazan, Singer, "Adaptive subgradient methods", 2011.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        refuse("Adagrad", foreach=foreach, differentiable=differentiable, fused=fused)
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "eps": eps,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "foreach": None,
                "maximize": maximize,
                "differentiable": False,
                "fused": None,
            },
        )

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters with options of their own; their sums start at once."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for p in group["params"]:
            self.state[p] = self.init_state(p, group)

    def check_options(self, group: Group) -> None:
        """Refuse negative numbers."""
        keys = ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")
        check_not_negative("Adagrad", **{key: group[key] for key in keys})

    def init_state(self, p: Tensor, group: Group) -> dict[str, Any]:
        """Return the step counter and the sum that it starts with."""
        return {
            "step": step_counter(p),
            "sum": full_like(p, group["initial_accumulator_value"]),
        }

    def update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: Group) -> None:
        """Change one parameter and its sum."""
        step = counted(state["step"])
        if group["weight_decay"]:
            grad = grad + p * scalar(hyper(group, "weight_decay"), p)
        size = hyper(group, "lr") / (1.0 + (step - 1.0) * hyper(group, "lr_decay"))
        total: Tensor = state["sum"]
        total.add_(grad * grad)
        scale = total.sqrt() + scalar(hyper(group, "eps"), p)
        p.sub_(grad * scalar(size, p) / scale)
