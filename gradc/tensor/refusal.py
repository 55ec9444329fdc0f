"""Refuse to look at the value of a tensor whose value is not known while tracing."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from gradc.errors import TraceError
from gradc.tensor.core import TensorCore, type_text


def refuse_value(x: TensorCore, what: str, hint: str = "") -> None:
    """Raise if a resolved tensor is traced.

    Args:
        x: the tensor.
        what: what was tried, such as `bool()`.
        hint: a way out.
    """
    place = x._storage.place
    if place is None or not place.traces:
        return
    raise TraceError(
        f"{what} needs the value of a tensor {type_text(x)}, which isn't known while "
        f"{place.during}",
        hint=hint or f"return the tensor from {place.running} and look at it outside",
    )
