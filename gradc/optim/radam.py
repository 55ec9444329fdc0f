"""RAdam: Adam that waits with its scaling until the variance of it is small."""

from __future__ import annotations

from typing import Any

from gradc.optim.adam import average, step_counter
from gradc.optim.hyper import Group, betas, counted, hyper, scalar
from gradc.optim.optimizer import Optimizer, Params, check_betas, check_not_negative, refuse
from gradc.tensor import Tensor, where, zeros_like


class RAdam(Optimizer):
    """p <- p - lr m' r / (sqrt(v) + eps) sqrt(1 - beta2^t) where rho > 5, else p - lr m'.

    m, v and m' as in Adam;  rho_inf = 2 / (1 - beta2) - 1,
    rho = rho_inf - 2 t beta2^t / (1 - beta2^t),
    r = sqrt((rho - 4) (rho - 2) rho_inf / ((rho_inf - 4) (rho_inf - 2) rho)).

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts of groups.
        lr: size of the step.
        betas: decay rates of m and v.
        eps: added to the root.
        weight_decay: factor of the parameter that is added to its gradient.
        decoupled_weight_decay: shrink the parameter by lr * weight_decay instead.
        foreach: must be None or False.
        maximize: step along the gradient instead of against it.
        capturable: must be False.
        differentiable: must be False.

    Source: Liu, Jiang, He, Chen, Liu, Gao, Han, "On the variance of the adaptive learning rate and
    beyond", 2019, arXiv:1908.03265.
    """

    branches = ("maximize", "weight_decay", "decoupled_weight_decay", "betas")

    def __init__(
        self,
        params: Params,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        refuse("RAdam", foreach=foreach, capturable=capturable, differentiable=differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "maximize": maximize,
                "foreach": None,
                "capturable": False,
                "decoupled_weight_decay": decoupled_weight_decay,
                "differentiable": False,
            },
        )

    def check_options(self, group: Group) -> None:
        """Refuse negative numbers and decay rates outside [0, 1)."""
        check_not_negative(
            "RAdam", lr=group["lr"], eps=group["eps"], weight_decay=group["weight_decay"]
        )
        check_betas("RAdam", group["betas"])

    def init_state(self, p: Tensor, group: Group) -> dict[str, Any]:
        """Return the step counter and the running means, all 0."""
        return {"step": step_counter(p), "exp_avg": zeros_like(p), "exp_avg_sq": zeros_like(p)}

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
        average(m, grad, scalar(1.0 - beta1, p), group)
        v.mul_(scalar(beta2, p)).add_(grad * scalar(1.0 - beta2, p) * grad)
        mean = m / scalar(1.0 - beta1**step, p) * scalar(lr, p)
        left = 1.0 - beta2**step
        limit = 2.0 / (1.0 - beta2) - 1.0
        rho = limit - 2.0 * step * beta2**step / left
        if isinstance(rho, float) and rho <= 5.0:
            p.sub_(mean)
            return
        squared = (rho - 4.0) * (rho - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * rho)
        scale = v.sqrt() + scalar(hyper(group, "eps"), p)
        if isinstance(rho, float):
            p.sub_(mean * (squared**0.5 * left**0.5) / scale)
            return
        steady = rho > 5.0
        factor = scalar(where(steady, squared * left, 1.0).sqrt(), p)
        p.sub_(where(steady, mean * factor / scale, mean))
