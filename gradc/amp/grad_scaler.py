"""`GradScaler`: scales losses so that small gradients survive, and skips steps that overflowed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any, cast

from gradc.amp.autocast import check_device
from gradc.amp.progress import Progress, Stage
from gradc.errors import ArgumentError, ArgumentTypeError, GradientError, StateDictError
from gradc.ir.dtype import float32, int32
from gradc.ir.graph import Role, Section
from gradc.optim.hyper import hyper
from gradc.optim.optimizer import Optimizer
from gradc.tensor import Tensor, isfinite, logical_or, no_grad, tensor, where
from gradc.tensor.state import active_trace
from gradc.tensor.trace import trace_section
from gradc.tensor.undone import unless


class GradScaler:
    """Scale losses so that small gradients don't become 0 in float16; skip steps that overflowed.

    loss' = s loss; the gradients of loss' are divided by s before the optimizer's step, which is
    left out where one of them is not finite. Then s is multiplied by backoff_factor, and after
    growth_interval steps without by growth_factor.

    In a compiled step the decision is made when it runs: parameters, the optimizer's state and the
    scale are chosen from what they were and what they would become. `step` and `update` must be
    called in the same compiled function then.

    Args:
        device: "cuda" or "cpu"; the scale is kept beside the first loss.
        init_scale: the first s.
        growth_factor: more than 1.
        backoff_factor: less than 1.
        growth_interval: how many steps in a row.
        enabled: False leaves losses and gradients alone, and steps always.

    Raises:
        ArgumentError: numbers out of range, or another device.

    Example:
        >>> import gradc
        >>> w = gradc.nn.Parameter(gradc.tensor([1.0]))
        >>> opt = gradc.optim.SGD([w], lr=0.5)
        >>> scaler = gradc.amp.GradScaler("cpu")
        >>> scaler.scale((w * w).sum()).backward()
        >>> scaler.step(opt)
        >>> scaler.update()
        >>> w.tolist(), scaler.get_scale()
        ([0.0], 65536.0)

    Source: Micikevicius et al., "Mixed precision training", 2018, arXiv:1710.03740.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        check_device(device, "GradScaler")
        if not growth_factor > 1.0:
            raise ArgumentError(f"GradScaler: growth_factor must be above 1, got {growth_factor}")
        if not backoff_factor < 1.0:
            raise ArgumentError(f"GradScaler: backoff_factor must be below 1, got {backoff_factor}")
        self._enabled = bool(enabled)
        self._start = float(init_scale), 0
        self._numbers: dict[str, Any] = {
            "growth_factor": growth_factor,
            "backoff_factor": backoff_factor,
            "growth_interval": growth_interval,
        }
        self._state: tuple[Tensor, Tensor] | None = None
        self._progress = Progress()

    def scale(self, outputs: Any) -> Any:
        """Return a loss times the scale, or several of them.

        Args:
            outputs: a tensor, or an iterable of tensors and iterables.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            scale, _ = self._kept(outputs)
            return outputs * scale.to(outputs.device)
        if not isinstance(outputs, Iterable) or isinstance(outputs, str):
            raise ArgumentTypeError(
                "GradScaler.scale: outputs must be a Tensor or an iterable of Tensors, got "
                f"{type(outputs).__name__}"
            )
        parts = cast("Iterable[Any]", outputs)
        scaled = [self.scale(x) for x in parts]
        return tuple(scaled) if isinstance(outputs, tuple) else scaled

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of an optimizer's parameters by the scale, before `step`.

        Args:
            optimizer: whose gradients; once between two calls of `update`.

        Raises:
            GradientError: it was called already, or `step` was.
        """
        if not self._enabled:
            return
        entry = self._progress.of(optimizer, "unscale_")
        if entry.stage is Stage.UNSCALED:
            raise GradientError(
                "GradScaler: unscale_() has already been called on this optimizer since the last "
                "update()."
            )
        if entry.stage is Stage.STEPPED:
            raise GradientError("GradScaler: unscale_() is being called after step().")
        scale, _ = self._known("unscale_")
        grads = [p.grad for group in optimizer.param_groups for p in group["params"]]
        with no_grad(), trace_section(Section.UPDATE, rule="unscale:"):
            inverse = (1.0 / scale.double()).to(scale.dtype)
            finite: list[Tensor] = []
            for grad in grads:
                if grad is not None:
                    finite.append(isfinite(grad).all())
                    grad.mul_(inverse.to(grad.device).to(grad.dtype))
            if finite:
                bad = [f.to(scale.device).logical_not() for f in finite]
                found_inf = reduce(logical_or, bad)
                entry.found_inf = found_inf
        self._progress.reached(entry, Stage.UNSCALED)

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """Step, unless a gradient is infinite or NaN; unscale the gradients first if need be.

        Args:
            optimizer: steps with its gradients.
            args: for `optimizer.step`.
            kwargs: likewise; no closure.

        Returns:
            What `optimizer.step` returns; None where it was skipped.

        Raises:
            GradientError: it was called already since the last `update`, there are no gradients,
                or a closure is given.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs or args:
            raise GradientError(
                "GradScaler: a closure is not supported while scaling is enabled.",
                hint="compute the loss before step()",
            )
        self._known("step")
        entry = self._progress.of(optimizer, "step")
        if entry.stage is Stage.STEPPED:
            raise GradientError(
                "GradScaler: step() has already been called since the last update()."
            )
        if entry.stage is Stage.READY:
            self.unscale_(optimizer)
        if entry.found_inf is None:
            raise GradientError(
                "GradScaler: no inf checks were recorded for this optimizer.",
                hint="scaler.scale(loss).backward() before step()",
            )
        result, trace = None, active_trace()
        if trace is not None:
            rule = f"{type(optimizer).__name__.lower()}:"
            result = unless(entry.found_inf, trace, lambda: optimizer.step(**kwargs), rule)
        elif not entry.found_inf.item():
            result = optimizer.step(**kwargs)
        self._progress.reached(entry, Stage.STEPPED)
        return result

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Shrink the scale if a step overflowed, or grow it when its time has come.

        Args:
            new_scale: what it is set to instead.

        Raises:
            GradientError: nothing was unscaled since the last `update`.
        """
        if not self._enabled:
            return
        scale, steps = self._known("update")
        with no_grad(), trace_section(Section.UPDATE, rule="scale:"):
            if new_scale is not None:
                if isinstance(new_scale, Tensor):
                    scale.copy_(new_scale.detach().to(scale.dtype).reshape(()))
                else:
                    scale.fill_(float(new_scale))
            else:
                found = self._progress.found("update")
                if not found:
                    raise GradientError(
                        "GradScaler: no inf checks were recorded prior to update.",
                        hint="step() or unscale_() first",
                    )
                self._adapt(scale, steps, reduce(logical_or, found))
        self._progress.clear()

    def _adapt(self, scale: Tensor, steps: Tensor, found_inf: Tensor) -> None:
        """Set the scale and the number of steps since it changed."""
        growth, backoff, interval = (_like(hyper(self._numbers, k), scale) for k in self._numbers)
        after = steps + 1
        full = after.to(scale.dtype) == interval
        grown = scale * growth
        grown = where(isfinite(grown), grown, scale)
        fine = where(full, grown, scale)
        none = steps * 0
        scale.copy_(where(found_inf, scale * backoff, fine))
        steps.copy_(where(logical_or(found_inf, full), none, after))

    def _kept(self, beside: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scale and the steps since it changed; made beside the first loss."""
        if self._state is None:
            trace = active_trace()
            scale, steps = self._start
            if trace is None:
                self._state = _made(scale, steps, beside)
            else:
                with trace.paused():
                    self._state = _made(scale, steps, beside)
                trace.on_failure.append(self._forget)
        return self._named(self._state)

    def _forget(self) -> None:
        """Take back a state that was made while tracing what failed."""
        self._state = None

    def _known(self, name: str) -> tuple[Tensor, Tensor]:
        """Return the scale and the steps since it changed."""
        if self._state is None:
            raise GradientError(
                f"GradScaler: attempted {name} but the scale is not known yet.",
                hint="scaler.scale(loss) before",
            )
        return self._named(self._state)

    def _named(self, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the state, which a trace knows by name from here on."""
        trace = active_trace()
        if trace is not None:
            for kept, name in zip(state, ("scale", "growth_tracker"), strict=True):
                trace.capture(kept, Role.STATE, name)
        return state

    # ---- what is set and read ------------------------------------------------------------------

    def get_scale(self) -> float:
        """Return the scale; 1.0 where scaling is off."""
        if not self._enabled:
            return 1.0
        return self._start[0] if self._state is None else float(self._state[0].item())

    def get_growth_factor(self) -> float:
        """Return what the scale grows by."""
        return self._numbers["growth_factor"]

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what the scale grows by."""
        self._numbers["growth_factor"] = new_factor

    def get_backoff_factor(self) -> float:
        """Return what the scale shrinks by."""
        return self._numbers["backoff_factor"]

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what the scale shrinks by."""
        self._numbers["backoff_factor"] = new_factor

    def get_growth_interval(self) -> int:
        """Return how many steps in a row let the scale grow."""
        return self._numbers["growth_interval"]

    def set_growth_interval(self, new_interval: int) -> None:
        """Set how many steps in a row let the scale grow."""
        self._numbers["growth_interval"] = new_interval

    def is_enabled(self) -> bool:
        """Return whether losses are scaled."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """Return the state in PyTorch's format; empty where scaling is off."""
        if not self._enabled:
            return {}
        steps = self._start[1] if self._state is None else int(self._state[1].item())
        return {"scale": self.get_scale(), **self._numbers, "_growth_tracker": steps}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state.

        Args:
            state_dict: what `state_dict()` returned.

        Raises:
            StateDictError: it is that of a scaler that was off.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise StateDictError(
                "GradScaler.load_state_dict: the state dict is empty, possibly because it was "
                "saved from a disabled GradScaler."
            )
        self._numbers.update({key: state_dict[key] for key in self._numbers})
        self._start = float(state_dict["scale"]), int(state_dict["_growth_tracker"])
        if self._state is not None:
            for kept, value in zip(self._state, self._start, strict=True):
                kept.fill_(value)


def _made(scale: float, steps: int, beside: Tensor) -> tuple[Tensor, Tensor]:
    """Return the tensors of the state."""
    here = beside.device
    return tensor(scale, dtype=float32, device=here), tensor(steps, dtype=int32, device=here)


def _like(number: Any, scale: Tensor) -> Any:
    """Return a number, read at each call under a trace, in the dtype of the scale."""
    return number.to(scale.dtype) if isinstance(number, Tensor) else float(number)
