"""in_dims and out_dims -> the mapped axis of each tensor of a tree, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from gradc.errors import ArgumentError
from gradc.func.arguments import describe
from gradc.tensor.core import shape_of, type_text
from gradc.tensor.tensor import Tensor
from gradc.tensor.tree import Branch, Constant, Leaf, Spec, places


def check_chunk_size(name: str, chunk_size: object) -> None:
    """Raise unless a chunk_size is None or a count."""
    if chunk_size is None:
        return
    if not isinstance(chunk_size, int) or isinstance(chunk_size, bool) or chunk_size < 1:
        raise ArgumentError(
            f"{name}: chunk_size must be None or greater than 0, got {chunk_size!r}"
        )


@dataclass(frozen=True, slots=True)
class Placed:
    """A part of a tree and what in_dims or out_dims say of it.

    Args:
        where: its place, for messages.
        part: a tensor's position, or a constant.
        dim: the mapped axis, None where it isn't mapped.
    """

    where: str
    part: Leaf | Constant
    dim: int | None


def mapped_axes(dims: Any, spec: Spec, leaves: Sequence[Tensor]) -> list[int | None]:
    """Return for each argument tensor the axis that in_dims maps over, not negative.

    Args:
        dims: what the user gave as in_dims.
        spec: the structure of the positional arguments.
        leaves: their tensors.
    """
    assert isinstance(spec, Branch)
    if not spec.parts:
        raise ArgumentError(
            "vmap: the function was called without positional arguments",
            hint="arguments given by keyword are the same for every example: give one by position",
        )
    if isinstance(dims, list):  # as good as a tuple of arguments
        dims = tuple(cast("list[Any]", dims))
    axes: list[int | None] = [None] * len(leaves)
    for placed in _spread(dims, spec, "in_dims", "argument ", len(leaves), top=dims):
        if placed.dim is None:
            continue
        if isinstance(placed.part, Constant):
            raise ArgumentError(
                f"vmap: in_dims={placed.dim} for {placed.where}, which is no tensor but "
                f"{placed.part.kind.__name__}",
                hint="None in its place in in_dims",
            )
        leaf = leaves[placed.part.position]
        ndim = len(shape_of(leaf))
        if not -ndim <= placed.dim < ndim:
            raise ArgumentError(
                f"vmap: in_dims={placed.dim} for {placed.where}, which is {type_text(leaf)}: "
                f"expected -{ndim} <= in_dim < {ndim}"
                if ndim
                else f"vmap: in_dims={placed.dim} for {placed.where}, which is "
                f"{type_text(leaf)} and has no axis",
                hint="None in its place in in_dims",
            )
        axes[placed.part.position] = placed.dim % ndim
    return axes


def batch_size(axes: Sequence[int | None], leaves: Sequence[Tensor]) -> int:
    """Return the number of examples, which all mapped tensors must have."""
    sizes = [shape_of(t)[a] for t, a in zip(leaves, axes, strict=True) if a is not None]
    if not sizes:
        raise ArgumentError(
            "vmap: expected at least one tensor to map over, in_dims is None for all arguments",
            hint="in_dims=0 for one of them",
        )
    if len(set(sizes)) > 1:
        raise ArgumentError(
            "vmap: expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes}",
            hint="None in in_dims for arguments that are the same for every example",
        )
    return sizes[0]


def result_axes(dims: Any, spec: Spec, count: int) -> list[int | None]:
    """Return for each result tensor what out_dims say.

    Args:
        dims: what the user gave as out_dims.
        spec: the structure of the results.
        count: number of tensors in it.
    """
    if isinstance(dims, tuple | list) and isinstance(spec, Leaf):
        given = cast("Sequence[Any]", dims)
        dims = given[0] if len(given) == 1 else given
    axes: list[int | None] = [None] * count
    for placed in _spread(dims, spec, "out_dims", "the result", count, top=dims):
        if isinstance(placed.part, Leaf):
            axes[placed.part.position] = placed.dim
        elif placed.dim is not None:
            raise ArgumentError(
                f"vmap: the function must return tensors, {placed.where} is "
                f"{placed.part.kind.__name__}",
                hint="None in its place in out_dims",
            )
    return axes


def _spread(dims: Any, spec: Spec, name: str, what: str, count: int, *, top: Any) -> list[Placed]:
    """Return each part of a tree with its axis; an axis for a branch holds for all its parts."""
    if dims is None or (isinstance(dims, int) and not isinstance(dims, bool)):
        return [Placed(where, part, dims) for where, part in _places(spec, what)]
    table: dict[Any, Any] = {}
    if isinstance(dims, dict):
        table = cast("dict[Any, Any]", dims)
    elif isinstance(dims, tuple | list):
        table = dict(enumerate(cast("Sequence[Any]", dims)))
    keys = (spec.keys or tuple(range(len(spec.parts)))) if isinstance(spec, Branch) else ()
    nested = isinstance(spec, Branch) and isinstance(dims, dict | tuple | list)
    if not nested or set(table) != set(keys):
        of = "the arguments" if name == "in_dims" else "what the function returns"
        raise ArgumentError(
            f"vmap: {name}={top!r} must be an int, None, or have the structure of {of}, at "
            f"{what.strip()}: {describe(spec, count)}",
            hint="one int for all of it",
        )
    assert isinstance(spec, Branch)
    found: list[Placed] = []
    for key, part in zip(keys, spec.parts, strict=True):
        inner = f"{what}{key}" if what.endswith(" ") else f"{what}[{key!r}]"
        found += _spread(table[key], part, name, inner, count, top=top)
    return found


def _places(spec: Spec, what: str) -> list[tuple[str, Leaf | Constant]]:
    """Return the parts of a tree, `argument 0['w']`."""
    if not (isinstance(spec, Branch) and what.endswith(" ")):
        return list(places(spec, what))
    return [p for i, part in enumerate(spec.parts) for p in places(part, f"{what}{i}")]
