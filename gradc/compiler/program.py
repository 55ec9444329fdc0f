"""A captured graph -> a native program bound to the user's arrays."""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

from gradc.build.load import Native
from gradc.compiler.anomaly import search
from gradc.compiler.bound import BoundProgram
from gradc.compiler.buffers import Array, GradientOutput, Pool, address
from gradc.compiler.capture import Captured, Source
from gradc.compiler.flow import BackwardProgram
from gradc.compiler.native import FIRST, Executable
from gradc.tensor.core import mark_inference, wrap_array
from gradc.tensor.state import STATE
from gradc.tensor.storage import Storage
from gradc.tensor.tensor import Tensor
from gradc.tensor.tree import unflatten

if TYPE_CHECKING:
    from gradc.compiler.shortcut import Shortcut
    from gradc.emit.cpu import Emitted
    from gradc.schedule.plan import Plan


@dataclass(slots=True)
class Bound:
    """A captured storage in its slot.

    Attributes:
        slot: in the table of addresses.
        storage: the user's.
        array: what the storage held when it was bound.
        copy: stands in where that isn't contiguous, else None.
        owner: where this is the `.grad` of a tensor: that tensor or the position of an argument,
            whose `.grad` may be another at the next call.
        updated: whether the program changes it.
    """

    slot: int
    storage: Storage
    array: Array
    copy: Array | None
    owner: Source | None
    updated: bool

    def follow(self, table: Array, owner: Tensor) -> None:
        """Go to the owner's `.grad` of this call."""
        assert owner._grad is not None
        storage = owner._grad._storage
        if storage is not self.storage:
            self.storage, self.array = storage, storage.content
            table[self.slot] = address(self.array)


STEPS: Any = 10_000  # of a search; NumPy's types allow 0 and -1 only


def shared(x: Array, y: Array) -> bool:
    """Return whether two arrays have an element in common; True where that is hard to tell."""
    try:
        return np.shares_memory(x, y, max_work=STEPS)
    except np.exceptions.TooHardError:
        return True


@dataclass(slots=True)
class Program(BoundProgram):
    """A compiled graph and what it is bound to; one call runs it at a time.

    Attributes:
        captured: the trace.
        code: the native whole step, or the forward half.
        backward: the other half where results want gradients, else None.
        moving: bound `.grad`s.
        copied: bound storages that a contiguous copy stands in for.
        changed: bound storages that the program updates.
        hypers: (owner, key) of each hyper-parameter.
        numbers: their values at this call, float64.
        gradients: the `.grad`s that the program makes.
        ranges: begins and ends of the captured arrays that arguments must not overlap.
        last: the argument arrays of the call before, whose addresses are in the table.
        fresh: arrays for the results.
        single: whether the function returns one new tensor without a gradient.
        plain: whether all tensors that it returns are new and without a gradient.
        calls: how often it has run by the long way.
        shortcuts: the native ways in, for arguments of several classes.
    """

    captured: Captured
    code: Executable
    backward: BackwardProgram[Executable] | None
    moving: list[Bound]
    copied: list[Bound]
    changed: list[Bound]
    hypers: list[tuple[Any, str]]
    numbers: Array
    gradients: list[GradientOutput]
    ranges: tuple[list[int], list[int]]
    last: list[Array | None]
    fresh: list[Pool]
    single: bool
    plain: bool
    shortcuts: list[Shortcut] = field(default_factory=list["Shortcut"])
    calls: int = 0

    @property
    def plan(self) -> Plan:
        """Kernels and buffers of the whole step, or of the forward half."""
        return self.code.plan

    @property
    def emitted(self) -> Emitted:
        """The generated text of the same."""
        return self.code.emitted

    @property
    def native(self) -> Native:
        """The loaded code of the same."""
        return self.code.native

    @property
    def source(self) -> str:
        """The text of the generated file."""
        return self.code.native.source

    @property
    def path(self) -> Path:
        """The generated file."""
        return self.code.native.path

    def __call__(self, given: Sequence[Tensor]) -> Any:
        """Run on the tensors of a call; return what the function returns."""
        with self.code.lock:
            try:
                return self._run(given)
            finally:
                self.calls += 1
                for shortcut in self.shortcuts:
                    shortcut.follow(self)

    def _run(self, given: Sequence[Tensor]) -> Any:
        captured, code = self.captured, self.code
        table = code.table
        arrays: list[Array] = []
        returning: list[tuple[Array, Array]] = []
        moved = False
        for i, position in enumerate(captured.positions):
            array: Array = given[position]._data
            arrays.append(array)
            if array is not self.last[i]:
                arrays[i] = self._place_argument(i, array, returning)
                moved = True
        if moved and captured.updated_arguments:
            self._check_apart(given)
        if self.moving or self.copied or self.hypers:
            self._place_state(given)
        if STATE.anomaly:
            search(captured.ahead, self._inputs(arrays))
        outputs: list[Array] = []
        at = code.first_output
        for pool in self.fresh:
            array, table[at] = pool.take()
            outputs.append(array)
            at += 1
        for gradient in self.gradients:
            owner = gradient.owner
            gradient.place(table, given[owner] if isinstance(owner, int) else owner)
        if self.backward is not None:
            outputs += self._place_saved()
        code.call()
        for bound in self.changed:
            bound.storage.version += 1
        for bound in self.copied:
            if bound.updated:
                assert bound.copy is not None
                np.copyto(bound.array, bound.copy)
        for array, own in returning:
            np.copyto(array, own)
        for i in captured.updated_arguments:
            given[captured.positions[i]]._storage.version += 1
        return self._results(given, arrays, outputs)

    def _place_state(self, given: Sequence[Tensor]) -> None:
        """Bring bound `.grad`s, copies and hyper-parameters to where they are at this call."""
        for bound in self.moving:
            assert bound.owner is not None
            bound.follow(self.code.table, self._tensor(bound.owner, given))
        for bound in self.copied:
            assert bound.copy is not None
            np.copyto(bound.copy, bound.array)
        numbers = self.numbers
        for i, (owner, key) in enumerate(self.hypers):
            numbers[i] = owner[key]

    def _place_saved(self) -> list[Array]:
        """Give the outputs after the results an array; return all of them, gradients included."""
        code, first = self.code, self.captured.returned
        arrays: list[Array] = []
        for gradient in self.gradients:
            assert gradient.array is not None
            arrays.append(gradient.array)
        for i in range(first + len(arrays), len(code.pools)):
            array, code.table[code.first_output + i] = code.pools[i].take()
            arrays.append(array)
        return arrays

    def _place_argument(self, i: int, array: Array, returning: list[tuple[Array, Array]]) -> Array:
        """Put the address of an argument, or of a contiguous copy, into the table; return that.

        Raises:
            TraceError: it lies in memory that the program changes, or it changes such memory.
        """
        begins, ends = self.ranges
        own = array
        if not (array.flags.c_contiguous and array.flags.writeable):
            own = np.array(array, order="C")
            if i in self.captured.updated_arguments:
                returning.append((array, own))
        place = address(array)
        if begins and array.size:
            low, high = byte_bounds(array)
            at = bisect_right(begins, low)
            if (at > 0 and ends[at - 1] > low) or (at < len(begins) and begins[at] < high):
                raise self._shares_state(i)
        self.code.table[FIRST + i] = place if own is array else address(own)
        self.last[i] = array if own is array else None
        return own

    def _check_apart(self, given: Sequence[Tensor]) -> None:
        """Raise where two arguments share memory and the program changes one of them."""
        arrays: list[Array] = [given[p]._data for p in self.captured.positions]
        for i in self.captured.updated_arguments:
            for j, other in enumerate(arrays):
                if j != i and shared(arrays[i], other):
                    raise self._share_memory(i, j)

    def _inputs(self, arrays: list[Array]) -> list[Array]:
        """Return one array per input of the trace; gradients of results are not known yet."""
        captured = self.captured
        found: list[Array] = []
        numbers = iter(self.numbers)
        for i, value in enumerate(captured.ahead.inputs):
            if i < len(arrays):
                found.append(arrays[i])
            elif value in captured.hypers:
                found.append(np.asarray(next(numbers)))
            else:
                found.append(captured.cells[value].storage.content)
        for bound in self.moving:
            found[bound.slot - FIRST] = bound.array
        return found

    def _results(self, given: Sequence[Tensor], arrays: list[Array], outputs: list[Array]) -> Any:
        """Set `.grad`s, put results on the tape, return what the function returns."""
        captured = self.captured
        for gradient in self.gradients:
            owner = gradient.owner
            gradient.settle(given[owner] if isinstance(owner, int) else owner)
        self._pass_gradients(given)
        results = [wrap_array(a) for a in outputs[: captured.returned]]
        if STATE.inference:
            mark_inference(results)
        if self.single:
            return results[0]
        if self.plain:
            return unflatten(captured.result, results)
        if self.backward is not None:
            storages = [given[p]._storage for p in captured.positions]
            self.backward.attach(results, given, arrays, storages, outputs)
        return self._returned(results, given)
