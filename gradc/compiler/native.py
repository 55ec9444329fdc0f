"""Graph -> native code with its table of addresses and its arena."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.build.load import Native, load
from gradc.build.notes import Facts, note, recall
from gradc.compiler.buffers import Array, Pool, address, pool_of
from gradc.config import jit_disabled
from gradc.ir.dtype import DType
from gradc.ir.fingerprint import fingerprint
from gradc.ir.graph import Graph, Value
from gradc.runtime.blas import NONE, find_blas
from gradc.runtime.locks import Lock

if TYPE_CHECKING:
    from gradc.emit.cpu import Emitted
    from gradc.schedule.plan import Plan

SGEMM, DGEMM, ARENA, FIRST = 0, 1, 2, 3
ALIGNMENT = 64
BRIEF = 30_000  # ns, as planned: what runs longer lets other Python threads run


class Design:
    """A graph on its way to text, made as far as it is asked for.

    A program from the store is run without; `gradc.explain` then asks for what there would be.
    """

    def __init__(self, graph: Graph, *, traced: bool) -> None:
        """Begin with a graph: as it was traced, or one that the passes have seen."""
        self._graph, self._traced = graph, traced
        self._plan: Plan | None = None
        self._emitted: Emitted | None = None

    @property
    def graph(self) -> Graph:
        """What is computed, after the passes."""
        if self._traced:
            # imported here, and the planner below: a warm start does without them
            from gradc.passes.pipeline import optimise

            self._graph, self._traced = optimise(self._graph), False
        return self._graph

    @property
    def plan(self) -> Plan:
        """Kernels, buffers, arena."""
        if self._plan is None:
            from gradc.schedule.make import schedule

            self._plan = schedule(self.graph)
        return self._plan

    @property
    def emitted(self) -> Emitted:
        """The generated text."""
        if self._emitted is None:
            from gradc.emit.cpu import emit

            self._emitted = emit(self.plan)
        return self._emitted

    @property
    def facts(self) -> Facts:
        """What running the program takes."""
        plan = self.plan
        brief = not plan.shared and plan.nanoseconds < BRIEF
        return Facts(self.emitted.arena_bytes, plan.calls_blas, brief)


@dataclass(slots=True)
class Executable:
    """A compiled graph; one call at a time runs on its table.

    Attributes:
        design: the graph, its plan, its text.
        inputs: of the graph; the passes keep them.
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

    design: Design
    inputs: tuple[Value, ...]
    native: Native
    table: Array
    arena: Array
    pools: list[Pool]
    first_output: int
    products: bool
    brief: bool
    place: int
    lock: Lock = field(default_factory=Lock)

    @property
    def graph(self) -> Graph:
        """What it computes, after the passes."""
        return self.design.graph

    @property
    def plan(self) -> Plan:
        """Kernels, buffers, arena."""
        return self.design.plan

    @property
    def emitted(self) -> Emitted:
        """The generated text."""
        return self.design.emitted

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
    design = Design(graph, traced=False)
    return _ready(design, graph, load(design.emitted.source, graph.name), design.facts)


def whole(graph: Graph) -> Executable:
    """Return the program of a traced graph, from the store where the graph is known there."""
    design = Design(graph, traced=True)
    known_as = None if jit_disabled() else fingerprint(graph)
    found = None if known_as is None else recall(known_as)
    if found is None:
        found = _made(design, graph)
        if known_as is not None:
            note(known_as, found[0].source, found[1])
    return _ready(design, graph, *found)


def _made(design: Design, graph: Graph) -> tuple[Native, Facts]:
    """Return a program that is planned and compiled now; other processes start meanwhile."""
    if jit_disabled():
        return load(design.emitted.source, graph.name), design.facts
    # imported here so that a warm start does without it
    from gradc.build.workers import GRAPH, Workers, wanted

    with Workers(wanted(pays=len(graph.equations) >= GRAPH)) as workers:
        return load(design.emitted.source, graph.name, workers), design.facts


def _ready(design: Design, graph: Graph, native: Native, facts: Facts) -> Executable:
    """Return a program with its table and its arena; the passes keep a graph's ends."""
    table: Any = np.zeros(FIRST + len(graph.inputs) + len(graph.outputs), np.int64)
    blas = find_blas() if facts.blas else NONE
    products = blas.threaded
    table[SGEMM], table[DGEMM] = blas.sgemm_address, blas.dgemm_address
    room: Any = np.zeros(facts.arena + ALIGNMENT, np.uint8)
    table[ARENA] = -(-address(room) // ALIGNMENT) * ALIGNMENT
    return Executable(
        design,
        graph.inputs,
        native,
        table,
        room,
        [pool_of(v) for v in graph.outputs],
        FIRST + len(graph.inputs),
        products,
        facts.brief and not products,
        address(table),
    )
