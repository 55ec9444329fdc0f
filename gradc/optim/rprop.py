"""Rprop: steps whose sizes follow the signs of gradients, not their sizes."""

from __future__ import annotations

from typing import Any

from gradc.errors import ArgumentError
from gradc.optim.adam import step_counter
from gradc.optim.hyper import Group, counted, hyper, scalar
from gradc.optim.optimizer import Optimizer, Params, check_not_negative, refuse
from gradc.tensor import Tensor, full_like, maximum, minimum, where, zeros_like


class Rprop(Optimizer):
    """p <- p - s sign(g), s multiplied by etas[1] where g kept its sign, by etas[0] where not.

    Where the sign changed, this step is left out.

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts of groups.
        lr: what the sizes s start with.
        etas: factors that make the size smaller and larger.
        step_sizes: smallest and largest size.
        capturable: must be False.
        foreach: must be None or False.
        maximize: step along the gradient instead of against it.
        differentiable: must be False.

    Source: Riedmiller, Braun, "A direct adaptive method for faster backpropagation learning", 1993.
    """

    branches = ("maximize",)

    def __init__(
        self,
        params: Params,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        refuse("Rprop", foreach=foreach, capturable=capturable, differentiable=differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "etas": etas,
                "step_sizes": step_sizes,
                "foreach": None,
                "maximize": maximize,
                "differentiable": False,
                "capturable": False,
            },
        )

    def check_options(self, group: Group) -> None:
        """Refuse factors on the wrong side of 1, and negative numbers."""
        check_not_negative("Rprop", lr=group["lr"])
        smaller, larger = group["etas"]
        if not 0.0 < smaller < 1.0 < larger:
            raise ArgumentError(f"Rprop: expected 0 < etas[0] < 1 < etas[1], got {group['etas']}")

    def init_state(self, p: Tensor, group: Group) -> dict[str, Any]:
        """Return the step counter, the gradient before, and the sizes of the steps."""
        return {
            "step": step_counter(p),
            "prev": zeros_like(p),
            "step_size": full_like(p, group["lr"]),
        }

    def update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: Group) -> None:
        """Change one parameter, its sizes and the gradient that it remembers."""
        counted(state["step"])
        smaller, larger = (_number(group, "etas", i, n, p) for i, n in enumerate(("down", "up")))
        low, high = (_number(group, "step_sizes", i, n, p) for i, n in enumerate(("min", "max")))
        before: Tensor = state["prev"]
        size: Tensor = state["step_size"]
        same = grad * before
        turned = same < 0
        factor = where(same > 0, larger, where(turned, smaller, same.new_ones(same.shape)))
        size.copy_(_between(size * factor, low, high))
        grad = where(turned, 0.0, grad)
        p.sub_(grad.sign() * size)
        before.copy_(grad)


def _number(group: Group, key: str, index: int, name: str, p: Tensor) -> Any:
    """Return one of a pair of numbers."""
    return scalar(hyper(group, key, index, f"{key}_{name}"), p)


def _between(size: Tensor, low: Any, high: Any) -> Tensor:
    """Return sizes within their bounds."""
    if isinstance(low, Tensor):
        return minimum(maximum(size, low), high)
    return size.clamp(low, high)
