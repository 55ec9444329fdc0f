"""The arrays of a step -> the lines that take them from the table of addresses."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from gradc.emit.arguments import CODES
from gradc.emit.naming import Dims, Naming
from gradc.emit.writer import Writer
from gradc.ir.dtype import DType
from gradc.ir.graph import Value
from gradc.schedule.arena import FIRST_SLOT, Place
from gradc.schedule.plan import Plan


@dataclass(frozen=True, slots=True)
class Views:
    """Writes the views that a step uses.

    Args:
        plan: of the step.
        naming: the views that it has named.
        times: the steps of the loops that it is the body of.
    """

    plan: Plan
    naming: Naming
    times: tuple[str, ...] = ()

    def write(self, writer: Writer, *, numbers: bool) -> None:
        """Write the views, grouped by what they are; with `numbers` also those that are read."""
        graph = self.plan.program.graph
        read = [v for v in graph.inputs if v in self.naming.scalars] if numbers else []
        groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
        chains: dict[tuple[Place, Dims, DType, object], list[str]] = {}
        order = sorted(self.naming.views.items(), key=lambda item: self._order(item[0][0]))
        for (value, dims), name in order:
            life = self.plan.memory.ranges.get(value)  # only successors share a line
            key = (self.plan.memory.places[value], dims, value.dtype, life)
            chains.setdefault(key, []).append(name)
        kinds = self._kinds()
        for (place, dims, dtype, _), names in chains.items():
            groups[kinds.get(place, "temporaries")].append(
                (" = ".join(dict.fromkeys(names)), self._address(place, dims, dtype))
            )
        for value in read:
            address = self._address(self.plan.memory.places[value], (), value.dtype)
            groups["inputs"].append((self.naming.name(value), f"{address}[0]"))
        for kind in ("inputs", "outputs", "temporaries"):
            if groups[kind]:
                writer.rule(kind)
                for names, address in groups[kind]:
                    writer.line(f"{names} = {address}")

    def _kinds(self) -> dict[Place, str]:
        """Return which places belong to inputs or outputs."""
        graph, home = self.plan.program.graph, self.plan.program.home
        outputs = [r.value for v in graph.outputs if (r := home(v)) is not None]
        kinds = {self.plan.memory.places[v]: "outputs" for v in outputs}
        return kinds | {self.plan.memory.places[v]: "inputs" for v in graph.inputs}

    def _order(self, value: Value) -> tuple[int, int]:
        place = self.plan.memory.places[value]
        return (place.slot if place.slot >= FIRST_SLOT else 10**9, place.offset)

    def _address(self, place: Place, dims: Dims, dtype: DType) -> str:
        view = f"view_{CODES[dtype]}"
        self.naming.used.add(view)
        shape = ", ".join(map(str, dims or (1,))) + ("," if len(dims) < 2 else "")
        terms = [f"{n} * {t}" for n, t in zip(place.steps, self.times, strict=True) if n]
        if place.offset or not terms:
            terms.insert(0, str(place.offset))
        offset = " + ".join(terms)
        return f"{view}(buffers, {place.slot}, {offset}, ({shape}))"
