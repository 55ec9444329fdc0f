"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import Any

from gradc.errors import ArgumentError
from gradc.optim.hyper import Group, hyper, scalar
from gradc.optim.optimizer import Optimizer, Params, check_not_negative, refuse
from gradc.optim.tracing import add_state
from gradc.tensor import Tensor, tensor, where, zeros_like
from gradc.tensor.state import active_trace


class SGD(Optimizer):
    """p <- p - lr d;  d = g + weight_decay p.

    With momentum the step is along b instead, b <- momentum b + (1 - dampening) d, the first b
    being d itself; with Nesterov's form along d + momentum b.

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts of groups.
        lr: size of the step.
        momentum: share of b that stays.
        dampening: how much less of d is added to b.
        weight_decay: factor of the parameter that is added to its gradient.
        nesterov: look ahead along b; needs momentum and no dampening.
        maximize: step along the gradient instead of against it.
        foreach: must be None or False.
        differentiable: must be False.
        fused: must be None or False.

    Example:
        >>> import gradc
        >>> w = gradc.nn.Parameter(gradc.tensor([1.0]))
        >>> opt = gradc.optim.SGD([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w.tolist()
        [0.0]

    Source: Sutskever, Martens, Dahl, Hinton, "On the importance of initialization and momentum in
    deep learning", 2013.
    """

    branches = ("maximize", "weight_decay", "momentum", "dampening", "nesterov")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        refuse("SGD", foreach=foreach, differentiable=differentiable, fused=fused)
        # Written by traces only: 1.0 until the first compiled step with dampening has run.
        self._first: dict[Tensor, Tensor] = {}
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": None,
                "differentiable": False,
                "fused": None,
            },
        )

    def check_options(self, group: Group) -> None:
        """Refuse negative numbers, and Nesterov's form without momentum."""
        check_not_negative(
            "SGD",
            lr=group["lr"],
            momentum=group["momentum"],
            weight_decay=group["weight_decay"],
        )
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ArgumentError(
                "SGD: nesterov=True needs momentum > 0 and dampening 0, got "
                f"momentum={group['momentum']} and dampening={group['dampening']}"
            )

    def update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: Group) -> None:
        """Change one parameter and its momentum."""
        if group["weight_decay"]:
            grad = grad + p * scalar(hyper(group, "weight_decay"), p)
        if group["momentum"]:
            smoothed = self._smoothed(p, grad, state.get("momentum_buffer"), group)
            momentum = scalar(hyper(group, "momentum"), p)
            grad = grad + smoothed * momentum if group["nesterov"] else smoothed
        p.sub_(grad * scalar(hyper(group, "lr"), p))

    def _smoothed(self, p: Tensor, grad: Tensor, buffer: Tensor | None, group: Group) -> Tensor:
        """Return the momentum after this gradient; the first is the gradient itself."""
        tracing = active_trace() is not None
        if buffer is None:
            # Zeros while tracing: momentum * 0 + grad is grad, so one program does for all steps.
            add_state(
                self,
                p,
                lambda: {"momentum_buffer": zeros_like(p) if tracing else grad.detach().clone()},
            )
            if not tracing:
                return self.state[p]["momentum_buffer"]
            if group["dampening"]:
                self._mark_first(p)
        made: Tensor = self.state[p]["momentum_buffer"]
        made.mul_(scalar(hyper(group, "momentum"), p))
        return made.add_(grad * self._share(p, group) if group["dampening"] else grad)

    def _mark_first(self, p: Tensor) -> None:
        """Note in a real tensor that the parameter's first step is still to come."""
        trace = active_trace()
        assert trace is not None
        with trace.paused():
            self._first[p] = tensor(1.0, dtype=p.dtype, device=p.device)
        trace.on_failure.append(lambda: _forget(self._first, p))

    def _share(self, p: Tensor, group: Group) -> Any:
        """Return the factor of the gradient: 1 in the first step, 1 - dampening after it."""
        share = scalar(1.0 - hyper(group, "dampening"), p)
        first = self._first.get(p)
        if first is None:
            return share
        factor = where(first != 0, 1.0, share)
        first.zero_()
        return factor


def _forget(table: dict[Tensor, Tensor], p: Tensor) -> None:
    """Remove an entry, if it is there."""
    table.pop(p, None)
