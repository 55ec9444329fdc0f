"""Which operands a derivative rule reads, given which gradients are wanted."""

from __future__ import annotations

from functools import cache

from gradc.autodiff.rules import residuals
from gradc.ir.derivative import Bilinear, Partials
from gradc.ir.primitive import Primitive
from gradc.symbolic.lower import free_names

Positions = tuple[int, ...]


@cache
def saved_by(primitive: Primitive, needed: tuple[bool, ...]) -> tuple[Positions, Positions]:
    """Return (positions of inputs, positions of outputs) to keep for the backward pass.

    `x * 2` keeps nothing of x, because only the gradient of 2 would read it.
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
        case _:
            return residuals(primitive)
