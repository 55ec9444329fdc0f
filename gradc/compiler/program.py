"""A captured graph -> a native program bound to the user's arrays."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradc.build.load import Native, load
from gradc.compiler.capture import Captured
from gradc.compiler.tree import unflatten
from gradc.emit.cpu import Emitted, emit
from gradc.ir.graph import Value
from gradc.passes.pipeline import optimise
from gradc.runtime.blas import find_blas
from gradc.schedule.make import schedule
from gradc.schedule.plan import Plan
from gradc.tensor.core import wrap_array
from gradc.tensor.storage import Storage
from gradc.tensor.tensor import Tensor

Array = np.ndarray[Any, Any]
SGEMM, DGEMM, ARENA, FIRST = 0, 1, 2, 3
ALIGNMENT = 64


def address(array: Array) -> int:
    """Return where the elements of an array begin."""
    return array.__array_interface__["data"][0]


@dataclass(slots=True)
class Bound:
    """A captured storage in its slot; `copy` stands in where the array isn't contiguous."""

    slot: int
    storage: Storage
    array: Array
    copy: Array | None
    updated: bool


@dataclass(slots=True)
class Program:
    """A compiled graph with its table of addresses; one call runs it at a time."""

    captured: Captured
    plan: Plan
    emitted: Emitted
    native: Native
    table: Array
    arena: Array
    bound: list[Bound]
    numbers: Array
    lock: threading.Lock = field(default_factory=threading.Lock)

    def valid(self) -> bool:
        """Return whether all that was assumed while tracing still holds."""
        return all(guard() for guard in self.captured.guards) and all(
            b.storage.content is b.array for b in self.bound
        )

    def __call__(self, leaves: list[Tensor]) -> Any:
        """Run the program on the argument tensors; return what the function returns."""
        with self.lock:
            return self._run(leaves)

    def _run(self, leaves: list[Tensor]) -> Any:
        captured, table = self.captured, self.table
        updated = {old for old, _ in captured.graph.updates}
        keep: list[Array] = []
        returning: list[tuple[Array, Array]] = []
        for i, leaf in enumerate(leaves):
            array = leaf._data
            if not array.flags.c_contiguous or not array.flags.writeable:
                copied = np.ascontiguousarray(array).copy()
                if captured.graph.inputs[i] in updated:
                    returning.append((array, copied))
                array = copied
            keep.append(array)
            table[FIRST + i] = address(array)
        for b in self.bound:
            if b.copy is not None:
                np.copyto(b.copy, b.array)
        for i, hyper in enumerate(captured.hypers.values()):
            self.numbers[i] = hyper.owner[hyper.key]
        outputs: list[Array] = []
        first = FIRST + len(captured.graph.inputs)
        for i, value in enumerate(captured.graph.outputs):
            out = np.empty(value.shape, value.dtype.numpy)
            outputs.append(out)
            table[first + i] = address(out)
        self.native.call(address(table))
        for array, copied in returning:
            np.copyto(array, copied)
        for b in self.bound:
            if b.updated:
                b.storage.version += 1
                if b.copy is not None:
                    np.copyto(b.array, b.copy)
        for leaf, value in zip(leaves, captured.graph.inputs, strict=False):
            if value in updated:
                leaf._storage.version += 1
        return self._results(outputs)

    def _results(self, outputs: list[Array]) -> Any:
        tensors = [wrap_array(a) for a in outputs]
        for owner, gradient in self.captured.gradients:
            owner._grad = tensors[gradient] if isinstance(gradient, int) else gradient
        made = iter(tensors)
        returned = [next(made) if own is None else own for own in self.captured.passed]
        return unflatten(self.captured.result, returned)


def build(captured: Captured) -> Program:
    """Optimise, plan, write out, compile and bind a captured graph."""
    plan = schedule(optimise(captured.graph))
    emitted = emit(plan)
    native = load(emitted.source, captured.graph.name)
    graph = captured.graph
    table = np.zeros(FIRST + len(graph.inputs) + len(graph.outputs), np.int64)
    blas = find_blas()
    table[SGEMM], table[DGEMM] = blas.sgemm_address, blas.dgemm_address
    room = np.zeros(emitted.arena_bytes + ALIGNMENT, np.uint8)
    table[ARENA] = -(-address(room) // ALIGNMENT) * ALIGNMENT
    numbers = np.zeros(max(len(captured.hypers), 1), np.float64)
    bound: list[Bound] = []
    hypers = list(captured.hypers)
    updated = {old for old, _ in graph.updates}
    for i, value in enumerate(graph.inputs[captured.arguments :], captured.arguments):
        if value in captured.hypers:
            table[FIRST + i] = address(numbers) + 8 * hypers.index(value)
        else:
            bound.append(_bind(FIRST + i, value, captured, value in updated))
            b = bound[-1]
            table[FIRST + i] = address(b.array if b.copy is None else b.copy)
    return Program(captured, plan, emitted, native, table, room, bound, numbers)


def _bind(slot: int, value: Value, captured: Captured, updated: bool) -> Bound:
    storage = captured.cells[value].storage
    array: Array = storage.content
    plain = array.flags.c_contiguous and array.flags.writeable
    return Bound(slot, storage, array, None if plain else np.empty_like(array, order="C"), updated)
