"""The frames of CUDA kernels: which lane does which position, and how folds over lanes end."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from gradc.emit.arguments import CODES, Arguments, Array
from gradc.emit.cuda_first_lane import store_by_first_lane
from gradc.emit.cuda_running import write_running
from gradc.emit.cuda_scattered import store_in_range, write_ranges
from gradc.emit.cuda_statements import around, opened, totals, without
from gradc.emit.kernel import Body, all_statements, first_value
from gradc.emit.serial import bound
from gradc.ir.graph import Value
from gradc.schedule.arena import Place
from gradc.schedule.frame import Frame, Launch
from gradc.schedule.launch import free_axes, kept_axes
from gradc.schedule.loops import Clear, Fold, Join, Loop, Scope, Start, Statement, Step, Store

ALIGNMENT = 16  # bytes; four neighbours of four bytes are read at once


@dataclass(slots=True)
class Lanes:
    """Writes a nest whose positions are dealt out to lanes.

    Args:
        launch: how.
        aligned: whether all arrays begin at multiples of 16 bytes.
    """

    launch: Launch
    aligned: bool = True
    extra: tuple[str, ...] = ()
    part: str = ""
    range: tuple[str, str] | None = None
    totals: dict[Fold, Fold] = field(default_factory=dict[Fold, Fold])
    sums: dict[Store, Fold] = field(default_factory=dict[Store, Fold])

    def signature(self, given: Arguments) -> str:
        """Return the arrays with their sizes; numbers are arrays of one element."""
        arrays = [f"{CODES[a.dtype]}[{self._sizes(a)}]" for a in given.arrays]
        return ", ".join([*arrays, *(f"{CODES[v.dtype]}[1]" for v in given.scalars)])

    def _sizes(self, array: Array) -> str:
        parts = (self.launch.parts,) if self._owned(array.values[0]) else ()
        return ",".join(map(str, (*parts, *array.dims) or (1,)))

    def _owned(self, value: Value) -> bool:
        return value in self.launch.own

    def facts(self, given: Arguments) -> str:
        """Return what the compiler may not take for granted."""
        overlap = ", overlap=True" if given.overlap or given.on_scalars else ""
        return overlap + ("" if self.aligned else ", unaligned=True")

    @property
    def sweeping(self) -> str:
        """Who does a row: its lanes meet after each sweep."""
        return "by its group of lanes"

    def number(self, name: str) -> str:
        """Return the element of an array of one."""
        return f"{name}[0]"

    def write(self, body: Body) -> None:
        """Write a whole nest."""
        self.part, self.range, self.totals, self.sums = "", None, totals(body.nest), {}
        match self.launch.frame:
            case Frame.GRID | Frame.QUADS:
                self._grid(body)
            case Frame.SWEEP:
                self._sweep(body)
            case Frame.ROWS:
                self._rows(body)
            case Frame.COLUMNS:
                self._columns(body)
            case Frame.ORDER:
                self._order(body)
            case Frame.RUNNING:
                with self._spread(body, "rows", range(body.nest.rows)):
                    write_running(body)
            case Frame.ALONE:
                body.write(body.nest.body)
            case Frame.TILES:
                raise AssertionError("loop nests are not computed in tiles")

    def _grid(self, body: Body) -> None:
        """Write one loop over all positions."""
        axes = range(len(body.nest.extents))
        word = "quads" if self.launch.frame is Frame.QUADS and self.aligned else "grid"
        with self._spread(body, word, axes):
            body.write(self._flat(body.nest.body))

    def _sweep(self, body: Body) -> None:
        """Write one loop over this thread's positions, then fold what the lanes have."""
        before, loop, after = around(body.nest.body)
        self._name_part(body, "this_group")
        body.write(before)
        with self._spread(body, "sweep", range(len(body.nest.extents))):
            body.write(self._flat([loop]))
        self._finish(body, after)

    def _rows(self, body: Body) -> None:
        """Write a loop over rows, in which the lanes of a group share each row."""
        nest = body.nest
        self._name_part(body, "this_group")
        if not nest.rows:
            self._each_row(body, nest.body)
            return
        before, loop, after = around(nest.body)
        body.write(before)
        statements = [loop]
        for _ in range(nest.rows):
            statements = opened(statements)
        with self._spread(body, "rows", range(nest.rows)):
            self._each_row(body, statements)
        self._finish(body, after)

    def _each_row(self, body: Body, statements: Sequence[Statement]) -> None:
        """Write what a group does with one row; folds end where their loop ends."""
        started: list[Fold] = []
        batch: list[Statement] = []
        for s in statements:
            batch.append(s)
            if isinstance(s, Start):
                started.append(s.fold)
            if isinstance(s, Loop):
                body.write(batch)
                batch = []
                for fold in started:
                    self._collect(body, fold)
                started = []
        body.write(batch)

    def _columns(self, body: Body) -> None:
        """Write a loop over columns around one over a block of rows; sums stay in variables."""
        nest = body.nest
        kept = kept_axes(nest)
        rows = [a for a in range(len(nest.extents)) if a not in kept]
        for s in all_statements(nest.body):
            if isinstance(s, Store) and s.clear:
                self.sums[s] = Fold(s.root, s.fold, s.node, 0, Scope.END)
        _, loop, _ = around(nest.body)
        outside = [s for s in nest.body if not isinstance(s, Loop)]
        body.write([s for s in outside if not isinstance(s, Clear)])
        self._name_part(body, "this_part")
        with self._spread(body, "grid", kept):
            for fold in self.sums.values():
                body.start(fold)
            with self._spread(body, "block_rows", rows, str(self.launch.together)):
                body.write(self._flat([loop]))
            for store, fold in self.sums.items():
                array = body.arrays[body.given.at[store.root, store.dims]]
                place = body.place(store, self._lead(store.root))
                body.writer.assign(f"{array}[{place}]", body.fixed[fold][0])

    def _order(self, body: Body) -> None:
        """Write a loop over lines around one over their elements, in order."""
        nest = body.nest
        scattered = any(isinstance(s, Store) and s.fold for s in all_statements(nest.body))
        lines = free_axes(nest) if scattered else tuple(range(nest.rows))
        statements = nest.body
        if scattered and self.launch.parts > 1:
            self.range = body.namer("low"), body.namer("high")
            write_ranges(body, self.launch, lines, self.range)
        elif not lines:
            body.write(statements)
        else:
            with self._spread(body, "grid", lines):
                body.write(without(statements, lines))

    @contextmanager
    def _spread(self, body: Body, word: str, axes: Sequence[int], *further: str) -> Generator[None]:
        """Write the head of a loop over positions along axes."""
        extents = [body.nest.extents[a] for a in axes]
        if not extents:  # one position
            extents = [1]
        names = [body.names.axes[a] for a in axes] or ["_"]
        body.used.add(word)
        before = set(body.visible)
        sizes = ", ".join([*map(str, extents), *further])
        with body.writer.block(f"for {', '.join(names)} in {word}({sizes}):"):
            yield
        body.visible = before

    def _flat(self, statements: Sequence[Statement]) -> list[Statement]:
        """Return the statements of nested loops as those of one loop over all their axes."""
        found: list[Statement] = []
        for s in statements:
            match s:
                case Loop():
                    found += self._flat(s.body)
                case Start(fold) if fold in self.totals:
                    pass
                case Join():
                    pass
                case Step(fold):
                    found.append(Step(self.totals.get(fold, fold)))
                case _:
                    found.append(s)
        return found

    def loop(self, body: Body, loop: Loop) -> None:
        """Write a loop inside of rows: over lanes; inside of lines: in order."""
        if self.launch.frame is Frame.ORDER:
            before = set(body.visible)
            with body.writer.block(
                f"for {body.names.axes[loop.axis]} in {bound(body, loop.axis)}:"
            ):
                body.write(loop.body)
            body.visible = before
            return
        axes = [loop.axis]
        inner = loop
        while below := [s for s in inner.body if isinstance(s, Loop)]:
            (inner,) = below
            axes.append(inner.axis)
        with self._spread(body, "lanes", axes):
            body.write(self._flat(loop.body))

    def clear(self, body: Body, store: Store) -> None:
        """Give this group's part of a sum its first values, each lane its own columns."""
        array = body.arrays[body.given.at[store.root, store.dims]]
        first = first_value(store.fold, store.root.dtype, body.used)
        axes = [a for p in store.index for a in p.axes]
        with self._spread(body, "lanes", axes):
            place = body.place(store, self._lead(store.root))
            body.writer.line(f"{array}[{place}] = {first}")

    def store(self, body: Body, store: Store) -> None:
        """Write a store; one lane of a group writes what belongs to a row as a whole."""
        if store in self.sums:
            body.step(self.sums[store])
            return
        if store.fold and self.range is not None:
            store_in_range(body, store, self.range)
            return
        frame = self.launch.frame
        whole = frame is Frame.SWEEP and store.scope is Scope.END
        whole = whole or (frame is Frame.ROWS and store.scope is not Scope.INNER)
        lead = self._lead(store.root)
        if not whole:
            body.store(store, lead)
            return
        store_by_first_lane(body, store, lead)

    def _lead(self, value: Value) -> str:
        """Return the index of this part, for a sum that is made of parts."""
        return self.part if self._owned(value) else ""

    def _name_part(self, body: Body, word: str) -> None:
        """Name the part of sums that this group or block makes."""
        if self.launch.own:
            self.part = body.namer("part")
            body.used.add(word)
            body.writer.line(f"{self.part} = {word}()")

    def _finish(self, body: Body, after: Sequence[Statement]) -> None:
        """Fold what the lanes have into totals, and write what follows."""
        for fold in body.nest.folds:
            lone = self.launch.frame is Frame.ROWS and fold.source is Scope.ROW
            if fold.scope is Scope.END and not lone:
                self._collect(body, fold)
        body.write(after)

    def _collect(self, body: Body, fold: Fold) -> None:
        """Write the end of a fold: all lanes get its result."""
        value, index = body.fixed[fold]
        word = f"row_{fold.name}"
        body.used.add(word)
        if index:
            body.writer.line(f"{value}, {index} = {word}({value}, {index})")
        else:
            body.writer.line(f"{value} = {word}({value})")


def aligned(places: Iterable[Place]) -> bool:
    """Return whether all places are multiples of 16 bytes, at every step of the loops around."""
    return all(n % ALIGNMENT == 0 for p in places for n in (p.offset, *p.steps))
