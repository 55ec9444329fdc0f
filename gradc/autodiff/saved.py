"""Which operands a derivative rule reads, given which gradients are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from gradc.autodiff.rules import residuals
from gradc.ir.derivative import Bilinear, Composed, Partials
from gradc.ir.primitive import Kind, Primitive
from gradc.symbolic.lower import free_names

Positions = Sequence[int]


@cache
def saved_by(primitive: Primitive, needed: tuple[bool, ...]) -> tuple[Positions, Positions]:
    """Return (positions of inputs, positions of outputs) to keep for the backward pass.

    `x * 2` keeps nothing of x, because only the gradient of 2 would read it. What a loop keeps
    depends on its parameters: see `kept`.
    """
    match primitive.derivative:
        case Partials() as rule:
            used: set[str] = set()
            for want, text in zip(needed, rule.expressions, strict=True):
                if want and text is not None:
                    used |= free_names(text)
            inputs = tuple(i for i, name in enumerate(rule.operands) if name in used)
            return inputs, (0,) if "out" in used else ()
        case Bilinear():
            return tuple(i for i in (0, 1) if needed[1 - i]), ()
        case Composed() as rule:
            return range(len(needed)), rule.reads
        case _:
            return residuals(primitive)


def kept(
    primitive: Primitive, params: dict[str, Any], needed: tuple[bool, ...], outputs: int
) -> tuple[Positions, Positions]:
    """Return the same for any primitive; a loop keeps its operands and the results made for it.

    Args:
        primitive: what was applied.
        params: its static parameters.
        needed: which inputs want a gradient.
        outputs: how many results it has.
    """
    if primitive.kind is Kind.CONTROL:
        return range(len(needed)), range(outputs - params["saved"], outputs)
    return saved_by(primitive, needed)
