"""Adam and AdamW: steps scaled by running means of the gradient and of its square."""

from __future__ import annotations

from typing import Any

from gradc.optim.hyper import Group, betas, counted, hyper, scalar
from gradc.optim.optimizer import (
    Optimizer,
    Params,
    check_betas,
    check_not_negative,
    refuse,
)
from gradc.tensor import Tensor, get_default_dtype, maximum, zeros, zeros_like


class Adam(Optimizer):
    """p <- p - lr m' / (sqrt(v') + eps).

    m <- beta1 m + (1 - beta1) g,  v <- beta2 v + (1 - beta2) g^2,
    m' = m / (1 - beta1^t),  v' = v / (1 - beta2^t);  g includes weight_decay p.

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts of groups.
        lr: size of the step.
        betas: decay rates of m and v.
        eps: added to the root.
        weight_decay: factor of the parameter that is added to its gradient.
        amsgrad: use the largest v so far.
        foreach: must be None or False.
        maximize: step along the gradient instead of against it.
        capturable: must be False.
        differentiable: must be False.
        fused: must be None or False.
        decoupled_weight_decay: shrink the parameter by lr * weight_decay instead of changing its
            gradient, as AdamW does.

    Source: Kingma, Ba, "Adam: a method for stochastic optimization", 2014, arXiv:1412.6980;
    Reddi, Kale, Kumar, "On the convergence of Adam and beyond", 2018 (amsgrad).
    """

    branches = ("maximize", "weight_decay", "amsgrad", "decoupled_weight_decay", "betas")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        refuse(type(self).__name__, foreach=foreach, capturable=capturable)
        refuse(type(self).__name__, differentiable=differentiable, fused=fused)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": None,
                "capturable": False,
                "differentiable": False,
                "fused": None,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def check_options(self, group: Group) -> None:
        """Refuse negative numbers and decay rates outside [0, 1)."""
        name = type(self).__name__
        check_not_negative(
            name, lr=group["lr"], eps=group["eps"], weight_decay=group["weight_decay"]
        )
        check_betas(name, group["betas"])

    def init_state(self, p: Tensor, group: Group) -> dict[str, Any]:
        """Return the step counter and the running means, all 0."""
        state = {
            "step": step_counter(p),
            "exp_avg": zeros_like(p),
            "exp_avg_sq": zeros_like(p),
        }
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = zeros_like(p)
        return state

    def update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: Group) -> None:
        """Change one parameter and its running means."""
        step = counted(state["step"])
        lr = hyper(group, "lr")
        beta1, beta2 = betas(group)
        if group["weight_decay"]:
            weight_decay = hyper(group, "weight_decay")
            if group["decoupled_weight_decay"]:
                p.mul_(scalar(1.0 - lr * weight_decay, p))
            else:
                grad = grad + p * scalar(weight_decay, p)
        m: Tensor = state["exp_avg"]
        v: Tensor = state["exp_avg_sq"]
        fresh1 = scalar(1.0 - beta1, p)
        decay2 = scalar(beta2, p)
        fresh2 = scalar(1.0 - beta2, p)
        average(m, grad, fresh1, group)
        v.mul_(decay2).add_(grad * fresh2 * grad)
        if group["amsgrad"]:
            v = state["max_exp_avg_sq"].copy_(maximum(state["max_exp_avg_sq"], v))
        correction1 = 1.0 - beta1**step
        correction2 = 1.0 - beta2**step
        # lr m' / (sqrt(v') + eps), with one division for each element
        root = correction2**0.5
        step_size = scalar(lr * root / correction1, p)
        small = scalar(hyper(group, "eps") * root, p)
        p.sub_(m * step_size / (v.sqrt() + small))


class AdamW(Adam):
    """Adam that shrinks parameters by lr * weight_decay instead of changing their gradients.

    Args: as for `Adam`, with weight_decay 0.01 by default.

    Source: Loshchilov, Hutter, "Decoupled weight decay regularization", 2017, arXiv:1711.05101.
    """

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def load_state_dict(self, state_dict: Any) -> None:
        """Take over state and options; the weight decay stays decoupled whatever they say."""
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True


def step_counter(p: Tensor) -> Tensor:
    """Return a 0-d counter at 0 on the device of a parameter, in PyTorch's dtype for it."""
    return zeros((), dtype=get_default_dtype(), device=p.device)


def average(m: Tensor, grad: Tensor, fresh: Any, group: Group) -> None:
    """Bring the running mean m to (1 - fresh) m + fresh g, from the end that is nearer.

    With beta1 = 0 it becomes g to the last bit. A step that calls this has "betas" among its
    branches.

    Args:
        m: the mean; changed.
        grad: g.
        fresh: 1 - beta1, in m's dtype.
        group: whose beta1 says which end is nearer.
    """
    if 1.0 - group["betas"][0] < 0.5:
        m.add_((grad - m) * fresh)
    else:
        m.copy_(grad - (grad - m) * (1.0 - fresh))
