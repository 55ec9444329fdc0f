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
from gradc.runtime.blas import find_blas
from gradc.runtime.locks import Lock
from gradc.schedule.make import schedule
from gradc.schedule.plan import Plan, Product

SGEMM, DGEMM, ARENA, FIRST = 0, 1, 2, 3
ALIGNMENT = 64


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
    place: int = 0
    lock: Lock = field(default_factory=Lock)

    def call(self) -> None:
        """Run the code on the table as it stands."""
        if self.products:
            with find_blas().sequential():
                self.native.call(self.place)
        else:
            self.native.call(self.place)

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
    blas = find_blas()
    products = any(isinstance(k.work, Product) for k in plan.kernels)
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
        products and blas.threaded,
        address(table),
    )
