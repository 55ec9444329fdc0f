"""Products in lower precision: operands rounded to the 16-bit format that autocast asks for."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from gradc.ir.dtype import Format, float32
from gradc.ir.primitive import Primitive, lookup
from gradc.tensor.dispatch import apply
from gradc.tensor.state import STATE, Formats

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

DEVICES = ("cpu", "cuda")


@cache
def formats(cpu: Format | None, cuda: Format | None) -> Formats | None:
    """Return what products round to on each device, always the same object; None for nothing."""
    return (cpu, cuda) if cpu or cuda else None


def format_on(device: str) -> Format | None:
    """Return what products on a device round to now."""
    return None if STATE.autocast is None else STATE.autocast[DEVICES.index(device)]


def format_for(x: Tensor) -> Format | None:
    """Return what a product of a tensor rounds its operands to; None where it doesn't."""
    if STATE.autocast is None or x._dtype is not float32:
        return None
    return format_on(x.device.type)


def product(primitive: Primitive, x: Tensor, y: Tensor, **params: Any) -> Tensor:
    """Return a sum of products, of rounded operands where autocast is on.

    Backward the cotangent is rounded too, so that the products of the derivatives are alike.
    """
    to = format_for(x)
    if to is None:
        return apply(primitive, x, y, **params)
    rounds = lookup(f"round_{to.name}")
    left = apply(rounds, x)
    right = left if y is x else apply(rounds, y)
    result: Tensor = apply(primitive, left, right, **params)
    return apply(lookup(f"{to.name}_cotangent"), result) if STATE.grad else result
