"""Loops of a plan -> functions of the generated file, each one step of time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from gradc.emit.naming import Naming
from gradc.schedule.plan import Kernel, Plan, Repeat
from gradc.schedule.repeat import places_in


@dataclass(slots=True)
class Parts:
    """The functions for the loops of one plan.

    Args:
        texts: kernels and functions, each before it is called.
        names: what the function of each loop is called, and its last argument.
    """

    texts: list[str]
    names: dict[Kernel, tuple[str, str]]


Compose = Callable[[Plan, Naming, dict[Kernel, tuple[str, str]], tuple[str, ...]], list[str]]


def parts(plan: Plan, naming: Naming, compose: Compose, times: tuple[str, ...] = ()) -> Parts:
    """Return the functions that run one step of each loop of a plan.

    Args:
        plan: of the step, or of the body of a loop.
        naming: of the file.
        compose: writes the kernels and the step of a plan, the step last.
        times: what the loops around it call their step.
    """
    found = Parts([], {})
    for kernel in plan.kernels:
        if not isinstance(kernel.work, Repeat):
            continue
        span, inner = kernel.work.span, kernel.work.plan
        places = places_in(span, inner.memory.places, plan.memory.places)
        body = replace(inner, memory=replace(inner.memory, places=places))
        own = Naming(body, naming, numbers=naming.numbers)
        time = naming.namer("t")
        around = (*times, time)
        below = parts(body, own, compose, around)
        *kernels, text = compose(body, own, below.names, around)
        found.texts += [*kernels, *below.texts, text]
        found.names[kernel] = (own.step, time)
    return found
