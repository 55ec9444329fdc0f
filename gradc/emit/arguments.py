"""A loop nest -> the arrays and numbers that its kernel is called with."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import combinations

from gradc.ir.dtype import DType, bool_, float32, float64, int32, int64, uint8
from gradc.ir.graph import Value
from gradc.schedule.arena import Place
from gradc.schedule.loops import Read, Store
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Kernel

CODES = {float32: "f32", float64: "f64", int32: "i32", int64: "i64", uint8: "u8", bool_: "b1"}


@dataclass(frozen=True, slots=True)
class Array:
    """An array argument: values that share one place and shape.

    Args:
        values: all values that live there during the kernel, those written last.
        dims: the shape it is seen with; () for one element.
        dtype: element type.
    """

    values: tuple[Value, ...]
    dims: tuple[int, ...]
    dtype: DType

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return math.prod(self.dims) * self.dtype.itemsize

    @property
    def signature(self) -> str:
        """`f32[:,:]`."""
        return f"{CODES[self.dtype]}[{','.join(':' * max(len(self.dims), 1))}]"


@dataclass(slots=True)
class Arguments:
    """What a kernel is called with.

    Args:
        arrays: in the order of the signature.
        scalars: values of one element, after the arrays.
        at: position of the array that holds a value with a shape.
        overlap: whether an array that is written lies in the memory of another one.
        on_scalars: the arrays, by position, that are written and lie in the memory of a scalar,
            which matters where scalars are read from there.
    """

    arrays: list[Array] = field(default_factory=list[Array])
    scalars: list[Value] = field(default_factory=list[Value])
    at: dict[tuple[Value, tuple[int, ...]], int] = field(
        default_factory=dict[tuple[Value, tuple[int, ...]], int]
    )
    overlap: bool = False
    on_scalars: set[int] = field(default_factory=set[int])

    @property
    def signature(self) -> str:
        """The text of the decorator's argument."""
        scalars = (CODES[v.dtype] for v in self.scalars)
        return ", ".join([*(a.signature for a in self.arrays), *scalars])


def arguments(nest: Nest, places: dict[Value, Place]) -> Arguments:
    """Return the arguments of a nest: what is read, then what is only written."""
    found = Arguments(scalars=list(nest.arguments))
    reads = [a.touched for a in nest.accesses if isinstance(a.touched, Read)]
    stores = [a.touched for a in nest.accesses if isinstance(a.touched, Store)]
    grouped: dict[tuple[Place, tuple[int, ...], DType], list[Value]] = {}
    for touched in (*reads, *stores):
        key = (places[touched.root], touched.dims, touched.root.dtype)
        values = grouped.setdefault(key, [])
        if touched.root not in values:
            values.append(touched.root)
    for number, ((_, dims, dtype), values) in enumerate(grouped.items()):
        found.arrays.append(Array(tuple(values), dims, dtype))
        found.at.update({(v, dims): number for v in values})
    written = {a.root for a in stores}
    spans = [(places[a.values[0]], a, bool(written & set(a.values))) for a in found.arrays]
    pairs = combinations(spans, 2)
    found.overlap = any(
        (w or v) and _meet(p, a.nbytes, q, b.nbytes) for (p, a, w), (q, b, v) in pairs
    )
    numbers = [(places[v], v.type.nbytes) for v in found.scalars if v in places]
    found.on_scalars = {
        i
        for i, (p, a, written_to) in enumerate(spans)
        if written_to and any(_meet(p, a.nbytes, q, nbytes) for q, nbytes in numbers)
    }
    return found


def places_of(kernel: Kernel, places: dict[Value, Place]) -> dict[Value, Place]:
    """Return where the values of a kernel lie: what each block has one of, in its parts."""
    return places | {value: places[parts] for value, parts in kernel.own.items()}


def _meet(p: Place, size: int, q: Place, other: int) -> bool:
    """Return whether so many bytes at one place and at another have some in common."""
    return p.slot == q.slot and p.offset < q.offset + other and q.offset < p.offset + size
