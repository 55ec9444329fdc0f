"""NAdam: Adam with Nesterov's look ahead."""

from __future__ import annotations

from typing import Any

from gradc.optim.adam import average, step_counter
from gradc.optim.hyper import Group, betas, counted, hyper, scalar
from gradc.optim.optimizer import Optimizer, Params, check_betas, check_not_negative, refuse
from gradc.tensor import Tensor, get_default_dtype, ones, zeros_like
from gradc.tensor.state import active_trace


class NAdam(Optimizer):
    """p <- p - lr ((1 - mu_t) / (1 - M_t) g + mu_(t+1) / (1 - M_(t+1)) m) / (sqrt(v') + eps).

    m, v and v' as in Adam;  mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2),  M_t = mu_1 ... mu_t.

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts of groups.
        lr: size of the step.
        betas: decay rates of m and v.
        eps: added to the root.
        weight_decay: factor of the parameter that is added to its gradient.
        momentum_decay: how fast mu grows to beta1.
        decoupled_weight_decay: shrink the parameter by lr * weight_decay instead.
        foreach: must be None or False.
        maximize: step along the gradient instead of against it.
        capturable: must be False.
        differentiable: must be False.

    Source: Dozat, "Incorporating Nesterov momentum into Adam", 2016.
    """

    branches = ("maximize", "weight_decay", "decoupled_weight_decay", "betas")

    def __init__(
        self,
        params: Params,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        refuse("NAdam", foreach=foreach, capturable=capturable, differentiable=differentiable)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum_decay": momentum_decay,
                "decoupled_weight_decay": decoupled_weight_decay,
                "maximize": maximize,
                "foreach": None,
                "capturable": False,
                "differentiable": False,
            },
        )

    def check_options(self, group: Group) -> None:
        """Refuse negative numbers and decay rates outside [0, 1)."""
        keys = ("lr", "eps", "weight_decay", "momentum_decay")
        check_not_negative("NAdam", **{key: group[key] for key in keys})
        check_betas("NAdam", group["betas"])

    def init_state(self, p: Tensor, group: Group) -> dict[str, Any]:
        """Return the step counter, the product of all mu, and the running means."""
        return {
            "step": step_counter(p),
            "mu_product": ones((), dtype=get_default_dtype(), device=p.device),
            "exp_avg": zeros_like(p),
            "exp_avg_sq": zeros_like(p),
        }

    def update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: Group) -> None:
        """Change one parameter and its running means."""
        step = counted(state["step"])
        lr, decay = hyper(group, "lr"), hyper(group, "momentum_decay")
        beta1, beta2 = betas(group)
        if group["weight_decay"]:
            weight_decay = hyper(group, "weight_decay")
            if group["decoupled_weight_decay"]:
                p.mul_(scalar(1.0 - lr * weight_decay, p))
            else:
                grad = grad + p * scalar(weight_decay, p)
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (step * decay))
        following = beta1 * (1.0 - 0.5 * 0.96 ** ((step + 1.0) * decay))
        product = state["mu_product"].mul_(scalar(mu, state["mu_product"]))
        product = product.item() if active_trace() is None else product.double()
        m: Tensor = state["exp_avg"]
        v: Tensor = state["exp_avg_sq"]
        average(m, grad, scalar(1.0 - beta1, p), group)
        v.mul_(scalar(beta2, p)).add_(grad * scalar(1.0 - beta2, p) * grad)
        mean_square = v / scalar(1.0 - beta2**step, p)
        scale = mean_square.sqrt() + scalar(hyper(group, "eps"), p)
        now = lr * (1.0 - mu) / (1.0 - product)
        ahead = lr * following / (1.0 - product * following)
        p.sub_(grad * scalar(now, p) / scale)
        p.sub_(m * scalar(ahead, p) / scale)
