"""x[index]: views where slices and ints select, copies where tensors pick."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradc.errors import DeviceError, TensorIndexError
from gradc.ir.primitive import lookup
from gradc.tensor.arithmetic import add, mul
from gradc.tensor.axes import Ints, broadcast_shapes
from gradc.tensor.core import resolve, shape_of, type_text
from gradc.tensor.device import CPU
from gradc.tensor.dispatch import apply
from gradc.tensor.hits import nonzero
from gradc.tensor.index_plan import Plan, plan, wrapped
from gradc.tensor.movement import broadcast_view, permute_to, reshape_to, size_of
from gradc.tensor.moving import beside, device_of
from gradc.tensor.refusal import refuse_value

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

INDEX_SELECT = lookup("index_select")


def getitem(x: Tensor, index: Any) -> Tensor:
    """Return x[index]."""
    found = plan(x, index)
    if found.basic:
        return found.view
    picked = Picked(found)
    return picked.take()


def int_indices(found: Plan) -> dict[int, Tensor]:
    """Return index tensors by axis, masks replaced by the positions where they hold."""
    indices = dict(found.indices)
    for axis, mask in found.masks.items():
        refuse_value(
            resolve(mask),
            "x[mask]",
            "gradc.where(mask, x, other), whose shape doesn't depend on values",
        )
        if not shape_of(mask):
            raise TensorIndexError("a 0-d False can't be used as an index", hint="x[:0]")
        for k, where in enumerate(nonzero(mask, as_tuple=True)):
            indices[axis + k] = where
    return dict(sorted(indices.items()))


def placed_index(index: Tensor, of: Tensor) -> Tensor:
    """Return an index on the device of what it picks from; one on the CPU is copied there."""
    if device_of(of) == CPU != device_of(index):
        raise DeviceError(
            f"index: a tensor {type_text(of)} on the CPU is indexed by one on {device_of(index)}",
            hint="x[index.cpu()]",
        )
    return beside(index, of)


class Picked:
    """A view whose picked axes were made one, and the flat index along that axis.

    Attributes:
        view: what is indexed.
        indices: axis of the view -> non-negative index tensor.
        rows: the view with the picked axes side by side and merged into one.
        axis: that axis of `rows`.
        index: int64, of the broadcast shape of all index tensors.
        order: how the view's axes were permuted to bring the picked ones together.
        apart: shape of the view in that order, before merging.
    """

    def __init__(self, found: Plan) -> None:
        self.view = found.view
        indices = self.indices = int_indices(found)
        axes = tuple(indices)
        shape = shape_of(self.view)
        picked_shape = broadcast_shapes(*[shape_of(i) for i in indices.values()])
        if picked_shape is None:
            shapes = ", ".join(str(list(shape_of(i))) for i in indices.values())
            raise TensorIndexError(
                "shape mismatch: indexing tensors could not be broadcast together with shapes "
                f"{shapes}"
            )
        together = axes == tuple(range(axes[0], axes[0] + len(axes)))
        self.axis = axes[0] if together else 0
        rest = tuple([a for a in range(len(shape)) if a not in axes])
        self.order: Ints = (*rest[: self.axis], *axes, *rest[self.axis :])
        self.apart: Ints = tuple([shape[a] for a in self.order])
        self.index = self._flat(indices, picked_shape)
        self.count = size_of(tuple([shape[a] for a in axes]))
        self.merged: Ints = (
            *self.apart[: self.axis],
            self.count,
            *self.apart[self.axis + len(axes) :],
        )

    def _flat(self, indices: dict[int, Tensor], picked_shape: Ints) -> Tensor:
        """Return the position along the merged axis."""
        shape = shape_of(self.view)
        flat: Tensor | None = None
        for axis, index in indices.items():
            self.indices[axis] = placed_index(wrapped(index, shape[axis], axis), self.view)
            index = broadcast_view(self.indices[axis], picked_shape)
            flat = index if flat is None else add(mul(flat, shape[axis]), index)
        assert flat is not None
        return flat

    def rows(self) -> Tensor:
        """Return the view with the picked axes merged into one."""
        x = self.view
        if self.order != tuple(range(len(self.order))):
            x = permute_to(x, self.order)
        return x if shape_of(x) == self.merged else reshape_to(x, self.merged)

    def take(self) -> Tensor:
        """Return the picked elements."""
        return apply(INDEX_SELECT, self.rows(), self.index, axis=self.axis)

    def taken_shape(self) -> Ints:
        """Return the shape of x[index]."""
        merged = self.merged
        return (*merged[: self.axis], *shape_of(self.index), *merged[self.axis + 1 :])

    def back(self, rows: Tensor) -> Tensor:
        """Return new rows in the shape and order of the view."""
        x = reshape_to(rows, self.apart) if shape_of(rows) != self.apart else rows
        inverse = tuple([self.order.index(a) for a in range(len(self.order))])
        return x if inverse == tuple(range(len(inverse))) else permute_to(x, inverse)
