"""The program of the call before: most calls are like it, and are told so quickly."""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from gradc.compiler.guards import NO_HOOKS, hooks_of
from gradc.compiler.program import Program
from gradc.ir.dtype import DType
from gradc.tensor.edges import edge_of
from gradc.tensor.place import Place
from gradc.tensor.state import STATE
from gradc.tensor.tensor import Tensor
from gradc.tensor.tree import Spec, collect

Kind = tuple[type, tuple[int, ...], DType, Place | None, bool]


@dataclass(frozen=True, slots=True)
class Latest:
    """A program and what the tensors of its call were like.

    Attributes:
        program: that ran.
        kinds: (class, shape, dtype, place, whether it is a leaf that requires grad) of each
            argument.
        grad: whether gradients were recorded.
        call: what (args, kwargs) look like where the tensors are inside of containers, else None.
    """

    program: Program
    kinds: tuple[Kind, ...]
    grad: bool
    call: Spec | None

    @classmethod
    def of(cls, program: Program, given: Sequence[Tensor], call: Spec | None) -> Self | None:
        """Return the record of a call, where such calls can be told quickly."""
        if len(set(map(id, given))) != len(given):
            return None
        if any(edge_of(t) is not None and not (t._leaf and t._base is None) for t in given):
            return None
        if any(hooks_of(t) != NO_HOOKS for t in given):
            return None
        kinds = tuple((type(t), t._data.shape, t._dtype, t._storage.place, t._leaf) for t in given)
        return cls(program, kinds, STATE.grad, call)

    def leaves(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sequence[Any] | None:
        """Return what stands where the tensors were, or None where the rest is different."""
        if self.call is None:
            return None if kwargs else args
        found: list[Any] = []
        return found if collect(self.call, (args, kwargs), found) else None

    def fits(self, args: Sequence[Any]) -> bool:
        """Return whether the program is the right one for these arguments."""
        if len(args) != len(self.kinds) or STATE.grad is not self.grad:
            return False
        for t, (kind, shape, dtype, place, leaf) in zip(args, self.kinds, strict=True):
            if (
                t.__class__ is not kind
                or t._data.shape != shape
                or t._dtype is not dtype
                or t._storage.place is not place
                or t._leaf is not leaf
                or t._node is not None
                or (t._base is not None and edge_of(t) is not None)
                or (leaf and hooks_of(t) != NO_HOOKS)
            ):
                return False
        if len(args) > 1 and len(set(map(id, args))) != len(args):
            return False
        return self.program.valid(args)
