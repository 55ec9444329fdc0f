"""Graph -> native code with its table of addresses and its arena."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradc.build.load import Native, load
from gradc.compiler.buffers import Array, Pool, address, pool_of
from gradc.emit.cpu import Emitted, emit
from gradc.ir.dtype import DType
from gradc.ir.graph import Graph
from gradc.runtime.blas import NONE, find_blas
from gradc.runtime.locks import Lock
from gradc.schedule.make import schedule
from gradc.schedule.plan import Plan

SGEMM, DGEMM, ARENA, FIRST = 0, 1, 2, 3
ALIGNMENT = 64
BRIEF = 30_000  # ns, as planned: what runs longer lets other Python threads run


@dataclass(slots=True)
class Executable:
    """A compiled graph; one call at a time runs on its table.

    Attributes:
        graph: what it computes, after the passes.
        plan: kernels, buffers, arena.
        emitted: the generated text.
        native: the loaded code.
        table: addresses: BLAS, arena, inputs, outputs.
        arena: room for temporaries.
        pools: arrays for each output.
        first_output: the slot of the first of them.
        products: whether it calls a BLAS that would start threads of its own.
        brief: whether it ends before another Python thread would get its turn.
        place: the address of the table.
        lock: held while the table is in use.
    """

    graph: Graph
    plan: Plan
    emitted: Emitted
    native: Native
    table: Array
    arena: Array
    pools: list[Pool]
    first_output: int
    products: bool
    brief: bool
    place: int
    lock: Lock = field(default_factory=Lock)

    def call(self, place: int = 0) -> None:
        """Run the code on its table as it stands, or on another at an address."""
        place = place or self.place
        if self.products:
            with find_blas().sequential():
                self.native.call(place)
        elif self.brief:
            self.native.call_at_once(place)
        else:
            self.native.call(place)

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """Run on one C-contiguous array per input; return the outputs."""
        with self.lock:
            table = self.table
            for i, array in enumerate(arrays):
                table[FIRST + i] = address(array)
            outputs: list[Array] = []
            for i, pool in enumerate(self.pools):
                array, table[self.first_output + i] = pool.take()
                outputs.append(array)
            self.call()
        return outputs

    def kept(self, content: Array) -> Array:
        """Return a content as an array that `run` takes: contiguous."""
        return content if content.flags.c_contiguous else np.array(content, order="C")

    def seed(self, gradient: Array | None, shape: tuple[int, ...], dtype: DType) -> Array:
        """Return the gradient of a result as an array that `run` takes; zeros for None."""
        if gradient is None:
            return np.zeros(shape, dtype.numpy)
        return np.ascontiguousarray(gradient).reshape(shape)


def executable(graph: Graph) -> Executable:
    """Plan, write out and compile a graph that the passes have seen."""
    plan = schedule(graph)
    emitted = emit(plan)
    native = load(emitted.source, graph.name)
    table: Any = np.zeros(FIRST + len(graph.inputs) + len(graph.outputs), np.int64)
    blas = find_blas() if plan.calls_blas else NONE
    products = blas.threaded
    table[SGEMM], table[DGEMM] = blas.sgemm_address, blas.dgemm_address
    room: Any = np.zeros(emitted.arena_bytes + ALIGNMENT, np.uint8)
    table[ARENA] = -(-address(room) // ALIGNMENT) * ALIGNMENT
    pools = [pool_of(v) for v in graph.outputs]
    return Executable(
        graph,
        plan,
        emitted,
        native,
        table,
        room,
        pools,
        FIRST + len(graph.inputs),
        products,
        not (products or plan.shared) and plan.nanoseconds < BRIEF,
        address(table),
    )
