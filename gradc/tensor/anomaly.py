"""Search results for the first NaN that did not come from a NaN operand."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.devices.array import DeviceArray
from gradc.errors import AnomalyError
from gradc.ir.primitive import Primitive
from gradc.origin import Origin
from gradc.tensor.kinds import is_array

if TYPE_CHECKING:
    from gradc.tensor.node import Node

NOT_FINITE = "the derivative of this line is not finite there: sqrt at 0, 0 * inf"


def has_nan(content: Any) -> bool:
    """Return whether a floating array holds a NaN."""
    if isinstance(content, DeviceArray):
        content = content.numpy()
    return is_array(content) and content.dtype.kind == "f" and bool(np.isnan(content).any())


def check_forward(
    primitive: Primitive, contents: tuple[Any, ...], results: tuple[Any, ...]
) -> None:
    """Raise if a primitive made a NaN from operands without one."""
    if any(map(has_nan, results)) and not any(map(has_nan, contents)):
        raise forward_error(primitive, contents)


def forward_error(
    primitive: Primitive, operands: tuple[Any, ...], origin: Origin | None = None
) -> AnomalyError:
    """Return the error for a primitive that made a NaN from these operands."""
    return AnomalyError(
        f"{primitive.name}: made a NaN from operands without one ({types_text(operands)})",
        hint="look at the operands of this line: 0 / 0, log of a negative, inf - inf",
        origin=origin,
    )


def types_text(operands: tuple[Any, ...]) -> str:
    """Return `float32[3], int64[]`."""
    return ", ".join(f"{x.dtype}{list(x.shape)}" for x in operands)


def check_backward(node: Node, cotangents: tuple[Any, ...], adjoints: Any) -> None:
    """Raise if a derivative rule made a NaN from gradients without one."""
    if any(has_nan(a) for a in adjoints) and not any(has_nan(c) for c in cotangents):
        raise AnomalyError(
            f"backward: {node.name()} made a NaN from gradients without one",
            hint=NOT_FINITE,
            origin=node.origin,
        )
