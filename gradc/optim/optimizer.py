"""An Optimizer changes parameters in place by rules that read their gradients and keep a state."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from gradc.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from gradc.ir.graph import Section
from gradc.optim.groups import Group, parameter_group
from gradc.optim.in_place import lend, put_in_place
from gradc.optim.state import load_state_dict, state_dict
from gradc.optim.tracing import add_state, follow, register
from gradc.tensor import Tensor, enable_grad, epoch, no_grad
from gradc.tensor.state import active_trace
from gradc.tensor.trace import trace_section

Params = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]


class Optimizer:
    """Base of optimizers.

    A subclass gives `init_state` and `update`; or `step` itself, as in PyTorch.

    Args:
        params: tensors, `(name, tensor)` pairs, or dicts with "params" and options of a group.
        defaults: options of groups that don't give their own.

    Attributes:
        param_groups: dicts with "params" and options; a change counts from the next step on.
        state: what is kept for each parameter.
        branches: names of options whose being zero or not decides which operations are done
            ("betas": whether the first is above 0.5); the others are numbers that a compiled step
            reads at each call.
    """

    branches: tuple[str, ...] = ("maximize", "weight_decay")

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise ArgumentTypeError(
                f"{type(self).__name__}: params must be an iterable of tensors or dicts, got a "
                "Tensor",
                hint="[tensor]",
            )
        if isinstance(params, set | frozenset):
            raise ArgumentTypeError(
                f"{type(self).__name__}: params must have an order, got a set", hint="a list"
            )
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[Group] = []
        self.generation = 0
        listed: list[Any] = list(params)
        if not listed:
            raise ArgumentError(f"{type(self).__name__}: params is empty")
        if not isinstance(listed[0], Mapping):
            listed = [{"params": listed}]
        for group in listed:
            self.add_param_group(cast("Group", group))

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters with options of their own.

        Args:
            param_group: "params", and options that differ from the defaults.

        Raises:
            ArgumentError: a parameter that is in a group already, or an unknown option.
        """
        given = parameter_group(type(self).__name__, param_group, self.defaults, self.param_groups)
        self.check_options(given)
        self.param_groups.append(given)
        self.changed()

    def check_options(self, group: Group) -> None:
        """Refuse options of a group that make no sense; for subclasses."""

    def init_state(self, p: Tensor, group: Group) -> dict[str, Any]:
        """Return the state that a parameter starts with; for subclasses."""
        return {}

    def update(self, p: Tensor, grad: Tensor, state: dict[str, Any], group: Group) -> None:
        """Change one parameter and its state in place; for subclasses."""
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change every parameter that has a gradient.

        Args:
            closure: computes the loss and its gradients anew; called once, first.

        Returns:
            What the closure returned, or None.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for p, entries in self.state.items():
            follow(self, p, entries)
        trace = active_trace()
        if trace is not None:
            register(self, trace)
        name = type(self).__name__.lower()
        with no_grad(), trace_section(Section.UPDATE, rule=f"{name}:"):
            for group in self.param_groups:
                for p in group["params"]:
                    grad = p.grad
                    if grad is not None:
                        self._update(p, grad, group)
        return loss

    def _update(self, p: Tensor, grad: Tensor, group: Group) -> None:
        """Change one parameter, making its state first where there is none."""
        if p not in self.state:
            add_state(self, p, lambda: self.init_state(p, group))
        state = self.state.get(p, {})
        self.update(p, -grad if group.get("maximize") else grad, state, group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of all parameters.

        Args:
            set_to_none: forget them; otherwise fill them with zeros.
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad = p.grad.detach().zero_()

    def state_dict(self) -> dict[str, Any]:
        """Return state and options in PyTorch's format; tensors share memory with mine.

        Returns:
            `{"state": {number: state}, "param_groups": [options]}`; parameters are numbered in
            the order of the groups.
        """
        state = state_dict(self.param_groups, self.state)
        lend(self, state)
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over state and options; copies everything, or changes nothing.

        Args:
            state_dict: what `state_dict()` returned.

        Raises:
            StateDictError: it is of an optimizer with other groups, or of other shapes.
        """
        name = type(self).__name__
        groups, state = load_state_dict(name, state_dict, self.param_groups)
        for group in groups:
            self.check_options(group)
        if not put_in_place(self, groups, state):
            self.param_groups = groups
            self.state = state
            self.changed()

    def changed(self) -> None:
        """Say that compiled steps must be renewed."""
        self.generation += 1
        epoch.bump()

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [
                f"    {key}: {group[key]}"
                for key in sorted(group)
                if key not in ("params", "param_names")
            ]
        return "\n".join([*lines, ")"])


def check_not_negative(name: str, **numbers: float) -> None:
    """Refuse anything but numbers from 0 on."""
    for key, value in numbers.items():
        given = cast("object", value)
        if isinstance(given, Tensor):
            raise UnsupportedError(f"{name}: {key} must be a number, got a Tensor")
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise ArgumentTypeError(f"{name}: {key} must be a number, got {type(given).__name__}")
        if not given >= 0:
            raise ArgumentError(f"{name}: {key} must not be negative, got {value}")


def check_betas(name: str, betas: tuple[float, float]) -> None:
    """Refuse decay rates outside [0, 1)."""
    if len(betas) != 2 or not all(0.0 <= beta < 1.0 for beta in betas):
        raise ArgumentError(f"{name}: betas must be two numbers in [0, 1), got {betas}")


def refuse(name: str, **switches: object) -> None:
    """Refuse switches that choose between PyTorch's implementations."""
    for key, value in switches.items():
        if value not in (None, False):
            raise UnsupportedError(
                f"{name}: {key}={value!r} is not supported",
                hint="leave it away; gradc.compile fuses the whole step",
            )
