"""A Parameter is a tensor that a module counts as its own and an optimizer changes."""

from __future__ import annotations

from typing import Self

from gradc.ir.graph import Role
from gradc.tensor import Tensor, empty


class Parameter(Tensor):
    """A leaf tensor that a module registers when it is set as an attribute.

    Args:
        data: its values; the memory is shared.
        requires_grad: whether it wants a gradient.

    Example:
        >>> import gradc
        >>> gradc.nn.Parameter(gradc.ones(2))
        Parameter containing:
        tensor([1., 1.], requires_grad=True)
    """

    _role = Role.PARAMETER

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Self:
        """Return a parameter on the memory of `data`."""
        return cls._make_subclass(cls, empty(0) if data is None else data, requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"
