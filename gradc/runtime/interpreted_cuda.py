"""CUDA kernels in plain Python: the lanes of a group are threads that take turns.

With one lane in each group there are no threads, so pdb can stop in a kernel.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gradc.runtime import interpreted_maths
from gradc.runtime.cuda_launch import CudaKernel
from gradc.runtime.cuda_signature import Parameter
from gradc.runtime.interpreted_cuda_tiles import DTYPES, TileWords, unravel
from gradc.runtime.interpreted_group import Fold, Group

Array = NDArray[Any]


@dataclass(slots=True)
class _Lane:
    """Where a lane stands, as the text of a kernel asks for it."""

    number: int
    group: Group
    lanes: int
    threads: int
    block: int
    blocks: int
    part: int
    group_of_block: int
    groups_of_block: int

    @property
    def first_position(self) -> int:
        """The first position of the block."""
        return self.block * self.threads

    def grid(self, *sizes: int) -> Iterator[Any]:
        """Give all positions of the block, the last one first: their order must not matter."""
        total = math.prod(sizes)
        last = min(self.first_position + self.threads, total)
        return _positions(range(last - 1, self.first_position - 1, -1), sizes)

    def quads(self, size: int) -> Iterator[Any]:
        """Give all positions of the block, four neighbours for each thread."""
        first = 4 * self.first_position
        return _positions(range(first, min(first + 4 * self.threads, size)), (size,))

    def sweep(self, *sizes: int) -> Iterator[Any]:
        """Give every so-many-th position."""
        first = self.block * self.lanes + self.number
        return _positions(range(first, math.prod(sizes), self.blocks * self.lanes), sizes)

    def rows(self, *sizes: int) -> Iterator[Any]:
        """Give the rows of the group."""
        step = self.blocks * self.groups_of_block
        return _positions(range(self.this_group(), math.prod(sizes), step), sizes)

    def lanes_of(self, *sizes: int) -> Iterator[Any]:
        """Give the positions of this lane in a row."""
        return _positions(range(self.number, math.prod(sizes), self.lanes), sizes)

    def steps(self, size: int) -> Iterator[int]:
        """Give every so-many-th position, past the end too where other lanes have one more."""
        for first in range(0, size, self.lanes):
            yield first + self.number

    def row_running(self, value: Any, before: Any) -> tuple[Any, Any]:
        """Return the running sum up to this lane, and that of all lanes."""

        def fold(values: Sequence[Any]) -> list[Any]:
            sums: list[Any] = [values[0][1]]
            for added, _ in values:
                sums.append(sums[-1] + added)
            return sums[1:]

        sums = self.group.meet(self.number, "row_running", (value, before), fold)
        return sums[self.number], sums[-1]

    def block_rows(self, *sizes: int) -> Iterator[Any]:
        """Give neighbouring rows, as many as the last number says."""
        *extents, count = sizes
        first, total = self.part * count, math.prod(extents)
        return _positions(range(first, min(first + count, total)), extents)

    def this_group(self) -> int:
        """Return the number of the group."""
        return self.block * self.groups_of_block + self.group_of_block

    def this_part(self) -> int:
        """Return the number of the block of rows."""
        return self.part

    def first_lane(self) -> bool:
        """Return whether this is lane 0 of its group."""
        return self.number == 0

    def meet_lanes(self) -> None:
        """Wait for the other lanes."""
        self.group.meet(self.number, "meet_lanes", None, lambda values: None)

    def folded(self, name: str, fold: Fold) -> Callable[[Any], Any]:
        """Return a fold over all lanes."""
        return lambda value: self.group.meet(self.number, name, value, fold)

    def searched(self, name: str, better: Callable[[Any, Any], bool]) -> Callable[..., Any]:
        """Return the search for the best element of all lanes, the first one of equal ones."""

        def best(pairs: Sequence[tuple[Any, int]]) -> tuple[Any, int]:
            found = pairs[0]
            for value, place in pairs[1:]:
                same = value == found[0] or (value != value and found[0] != found[0])
                nan_first = value != value and found[0] == found[0]
                wins = better(value, found[0]) or nan_first or (same and place < found[1])
                found = (value, place) if wins else found
            return found

        def search(value: Any, place: int) -> Any:
            return self.group.meet(self.number, name, (value, place), best)

        return search

    def vocabulary(self) -> dict[str, Any]:
        """Return the names that the text of a kernel may use."""
        names: dict[str, Any] = {
            name: getattr(self, name)
            for name in (
                "grid", "quads", "sweep", "rows", "steps", "block_rows", "this_group",
                "this_part", "first_lane", "meet_lanes", "row_running",
            )
        }  # fmt: skip
        names["lanes"] = names["dealt"] = names["dealt_fours"] = self.lanes_of
        names |= TileWords(self.group, self.number, self.lanes).vocabulary()
        names["unravel"] = unravel
        names |= {f"row_{name}": self.folded(f"row_{name}", f) for name, f in _FOLDS.items()}
        names["row_argmax"] = self.searched("row_argmax", lambda x, y: bool(x > y))
        names["row_argmin"] = self.searched("row_argmin", lambda x, y: bool(x < y))
        return names


def _reduced(function: Callable[[Any, Any], Any]) -> Fold:
    """Return the fold of a function of two values."""

    def fold(values: Sequence[Any]) -> Any:
        total, *rest = values
        for value in rest:
            total = function(total, value)
        return total

    return fold


_FOLDS = {
    "sum": _reduced(lambda x, y: x + y),
    "prod": _reduced(lambda x, y: x * y),
    "max": _reduced(np.maximum),
    "min": _reduced(np.minimum),
    "any": _reduced(lambda x, y: x | y),
    "all": _reduced(lambda x, y: x & y),
}


def _positions(numbers: range, sizes: Sequence[int]) -> Iterator[Any]:
    """Give positions as numbers, or as tuples along several axes."""
    if len(sizes) == 1:
        yield from numbers
        return
    for number in numbers:
        index: list[int] = []
        for size in reversed(sizes[1:]):
            number, at = divmod(number, size)
            index.insert(0, at)
        yield (number, *index)


def run(
    kernel: CudaKernel,
    blocks: tuple[int, int],
    threads: tuple[int, int],
    arguments: Sequence[int],
    order: Sequence[int] = (0,),
) -> None:
    """Run a kernel.

    Args:
        kernel: what to run.
        blocks: of columns, and of rows.
        threads: lanes of a group, and groups of a block.
        arguments: addresses in host memory.
        order: the lanes of each group, however many threads the launch asks for, in the order in
            which they run.
    """
    if kernel.sizes:
        _segments(kernel, arguments)
        return
    order = [n for n in order if n < threads[0]]
    pairs = zip(kernel.parameters, arguments, strict=True)
    arrays = [_array(parameter, address) for parameter, address in pairs]
    with np.errstate(all="ignore"):
        for part, block, own in itertools.product(*map(range, (blocks[1], blocks[0], threads[1]))):
            group = Group(order)
            lanes = [
                _Lane(n, group, len(order), threads[0], block, blocks[0], part, own, threads[1])
                for n in range(len(order))
            ]
            alone = {"grid", "quads"} & set(kernel.function.__code__.co_names)
            if alone or len(order) == 1:
                _body(kernel, lanes[0])(*arrays)
            else:
                _together(kernel, lanes, group, arrays)


def _segments(kernel: CudaKernel, arguments: Sequence[int]) -> None:
    """Run a kernel on each of its sets of arrays, the last element first."""
    *parameters, _ = kernel.parameters
    count = len(parameters)
    lane = _Lane(0, Group([0]), 1, 1, 0, 1, 0, 0, 1)
    with np.errstate(all="ignore"):
        for number, size in enumerate(kernel.sizes):
            given = arguments[number * count : (number + 1) * count]
            arrays = [_array(p, a, size) for p, a in zip(parameters, given, strict=True)]
            _body(kernel, lane)(*arrays, range(size - 1, -1, -1))


def _together(
    kernel: CudaKernel, lanes: Sequence[_Lane], group: Group, arrays: Sequence[Array]
) -> None:
    """Run the lanes of a group as threads."""

    def work(lane: _Lane) -> None:
        group.turns[lane.number].acquire()
        try:
            with np.errstate(all="ignore"):
                _body(kernel, lane)(*arrays)
        except BaseException as error:  # a failed lane must not leave the others waiting
            group.errors.append(error)
        group.end(lane.number)

    workers = [threading.Thread(target=work, args=(lane,)) for lane in lanes]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if group.errors:
        raise group.errors[0]


def _body(kernel: CudaKernel, lane: _Lane) -> Callable[..., None]:
    """Return the function of a kernel with the names of a lane in it."""
    own = kernel.function.__globals__
    names = {n: v for n, v in vars(interpreted_maths).items() if n in own and not n.startswith("_")}
    return FunctionType(kernel.function.__code__, {**own, **names, **lane.vocabulary()})


def _array(parameter: Parameter, address: int, length: int = 0) -> Array:
    """Return the array at an address; `length` is what the signature leaves open."""
    assert parameter.sizes is not None
    sizes = tuple(length if n == -1 else n for n in parameter.sizes)
    dtype = np.dtype(DTYPES[parameter.code])
    size = math.prod(sizes) * dtype.itemsize
    if size == 0:
        return np.empty(sizes, dtype)
    memory = (ctypes.c_char * size).from_address(address)
    return np.ndarray(sizes, dtype, memoryview(memory))
