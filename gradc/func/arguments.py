"""Arguments and results of a transformed function <-> flat lists of tensors, checked."""

# The fields of a tensor are shared between the rooms that make tensors.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from gradc.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from gradc.tensor.core import brief, type_text
from gradc.tensor.kinds import is_tuple
from gradc.tensor.tensor import Tensor
from gradc.tensor.tree import Branch, Constant, Spec, flatten, places, unflatten


@dataclass(frozen=True, slots=True)
class Chosen:
    """The arguments that a function is differentiated by.

    Attributes:
        positions: their positions.
        leaves: the tensors in them.
        spec: what a tuple of these arguments looks like around the tensors.
        single: whether argnums is one number, so that results aren't wrapped in a tuple.
    """

    positions: tuple[int, ...]
    leaves: list[Tensor]
    spec: Branch
    single: bool

    def replaced(self, args: tuple[Any, ...], tensors: Sequence[Any]) -> list[Any]:
        """Return the arguments with other tensors in place of the chosen ones."""
        changed = list(args)
        for i, value in zip(self.positions, unflatten(self.spec, list(tensors)), strict=True):
            changed[i] = value
        return changed

    def tree(self, values: Sequence[Any]) -> Any:
        """Return values, one per leaf, in the structure of the chosen arguments."""
        built = unflatten(self.spec, list(values))
        return built[0] if self.single else built


def check_function(name: str, func: object) -> None:
    """Raise unless `func` can be called."""
    if not callable(func):
        raise ArgumentTypeError(
            f"{name}: expected a function, got {type(func).__name__}",
            hint=f"gradc.func.{name} takes the function, and what it returns takes the tensors",
        )


def choose(name: str, args: tuple[Any, ...], argnums: int | tuple[int, ...]) -> Chosen:
    """Return the arguments at `argnums`, counted from the end where negative."""
    given = cast("object", argnums)
    single = isinstance(given, int) and not isinstance(given, bool)
    numbers = (given,) if single else given
    if not isinstance(numbers, tuple) or any(
        not isinstance(n, int) or isinstance(n, bool) for n in cast("tuple[object, ...]", numbers)
    ):
        raise ArgumentTypeError(f"{name}: argnums must be an int or a tuple of ints, got {given!r}")
    wanted = cast("tuple[int, ...]", numbers)
    if not wanted:
        raise ArgumentError(f"{name}: argnums must not be empty")
    for n in wanted:
        if not -len(args) <= n < len(args):
            raise ArgumentError(
                f"{name}: argnums={given!r}, but there are {len(args)} positional arguments",
                hint="arguments given by keyword are not differentiated: give them by position",
            )
    positions = tuple(n % len(args) for n in wanted)
    if len(set(positions)) != len(positions):
        raise ArgumentError(f"{name}: argnums must not repeat an argument, got {given!r}")
    return chosen(name, args, positions, single)


def chosen(
    name: str,
    args: tuple[Any, ...],
    positions: tuple[int, ...],
    single: bool,
    what: str = "argument ",
) -> Chosen:
    """Return the arguments at positions, which must hold floating tensors only."""
    found = {i: flatten(args[i], f"{what}{i}") for i in positions}
    for i, (leaves, spec) in found.items():
        for where, part in places(spec, f"{what}{i}"):
            if isinstance(part, Constant):
                raise ArgumentTypeError(
                    f"{name}: {where} must be a tensor, got {part.kind.__name__}",
                    hint="differentiate by other arguments, or make it a gradc.tensor",
                )
            leaf = leaves[part.position]
            if not leaf.dtype.is_floating_point:
                raise DTypeError(
                    f"{name}: only tensors of floating point dtype can be differentiated by, "
                    f"{where} is {type_text(leaf)}",
                    hint="differentiate by other arguments, or convert it with .float()",
                )
    leaves, spec = flatten(tuple(args[i] for i in positions), name)
    assert isinstance(spec, Branch)
    return Chosen(positions, leaves, spec, single)


def split_aux(name: str, result: Any, has_aux: bool) -> tuple[Any, Any]:
    """Return (output, aux) of what the function returned."""
    if not has_aux:
        return result, None
    if not is_tuple(result) or len(result) != 2:
        raise ArgumentTypeError(
            f"{name}: with has_aux=True the function must return a tuple (output, aux), got "
            f"{type(result).__name__}"
        )
    return result[0], result[1]


def outputs_of(name: str, output: Any, *, floating: bool) -> tuple[list[Tensor], Spec]:
    """Return the tensors of an output, which must hold nothing else.

    Args:
        name: of the transform.
        output: what the function returned.
        floating: whether integer tensors are refused.
    """
    leaves, spec = flatten(output, "the result")
    for where, part in places(spec, "the result"):
        if isinstance(part, Constant):
            raise ArgumentTypeError(
                f"{name}: the function must return tensors, {where} is {part.kind.__name__}",
                hint="return (output, aux) and set has_aux=True for other results",
            )
        leaf = leaves[part.position]
        if floating and not leaf.dtype.is_floating_point:
            raise DTypeError(
                f"{name}: the function must return floating point tensors, {where} is "
                f"{type_text(leaf)}",
                hint="return (output, aux) and set has_aux=True for other results",
            )
    return leaves, spec


class _Tensor:
    """Stands for a tensor in messages."""

    def __repr__(self) -> str:
        return "tensor"


def describe(spec: Spec, count: int) -> str:
    """Return a structure for messages: `(tensor, {'a': tensor})`."""
    return repr(unflatten(spec, [_Tensor()] * count))


def matching(
    name: str, what: str, tree: Any, of: str, tensors: Sequence[Tensor], spec: Spec
) -> list[Tensor]:
    """Return the tensors of a tree that must have the structure and types of others.

    Args:
        name: of the transform.
        what: how messages call the tree, `cotangents`.
        tree: cotangents or tangents.
        of: how messages call what it must match, `result`.
        tensors: what each must match in shape and dtype.
        spec: the structure.
    """
    given, shape = flatten(tree, what)
    if shape != spec:
        raise ArgumentError(
            f"{name}: {what} must have the structure of the {of}: expected "
            f"{describe(spec, len(tensors))}, got {describe(shape, len(given))}"
        )
    for (where, _), mine, wanted in zip(places(shape, what), given, tensors, strict=True):
        if brief(mine) != brief(wanted):
            error = ShapeError if mine.shape != wanted.shape else DTypeError
            raise error(
                f"{name}: {where} must have shape and dtype of the {of}: expected "
                f"{type_text(wanted)}, got {type_text(mine)}"
            )
    return given
