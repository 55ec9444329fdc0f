"""Numbers that follow each other -> the text of a kernel in which one thread computes them all.

Numbers that many parameters have are computed side by side: a thread for each set of arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gradc.emit.arguments import CODES, arguments
from gradc.emit.cuda_special import array
from gradc.emit.kernel import Body
from gradc.emit.namer import Namer
from gradc.emit.serial import Serial
from gradc.emit.writer import Writer
from gradc.ir.graph import Value
from gradc.schedule.arena import Place
from gradc.schedule.loops import Store
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Kernel

Dims = tuple[int, ...]


@dataclass(slots=True)
class Numbers:
    """One kernel of numbers.

    Args:
        hint: what a value should be called.
        kept: values that are needed after the kernel.
        used: functions and constants that the text needs.
        sets: for how many sets of arrays a launch computes them.
    """

    hint: Callable[[Value], str]
    kept: set[Value]
    used: set[str]
    sets: int = 1
    namer: Namer = field(default_factory=Namer)
    given: dict[tuple[Value, Dims], str] = field(default_factory=dict[tuple[Value, Dims], str])
    known: dict[Value, str] = field(default_factory=dict[Value, str])
    body: Writer = field(default_factory=Writer)
    results: list[Value] = field(default_factory=list[Value])

    def __post_init__(self) -> None:
        self.body.depth = 1 if self.sets == 1 else 2

    def add(self, kernel: Kernel) -> None:
        """Write what one number is."""
        nest = kernel.work
        assert isinstance(nest, Nest)
        touched = [a.touched for a in nest.accesses]
        stored = {t.root for t in touched if isinstance(t, Store)}
        places = {t.root: Place(-1 - i) for i, t in enumerate(touched)}
        given = arguments(nest, places)
        arrays = [
            "" if a.values[0] in stored else self._parameter(a.values[0], a.dims)
            for a in given.arrays
        ]
        scalars = [self.known.get(v) or f"{self._parameter(v, ())}[0]" for v in given.scalars]
        writer = Body(
            nest, given, arrays, scalars, self.hint, self.used, Serial(), namer=self.namer
        )
        writer.writer = self.body
        for statement in nest.body:
            if isinstance(statement, Store):
                self._store(statement.root, writer.value(statement.node))
            else:
                writer.write([statement])

    def _store(self, value: Value, text: str) -> None:
        """Write a number into a variable."""
        name = self.known[value] = self.namer(self.hint(value))
        self.body.assign(name, text)
        if value in self.kept:
            self.results.append(value)

    def _parameter(self, value: Value, dims: Dims) -> str:
        """Return the name of an array that is read."""
        if (value, dims) not in self.given:
            self.given[value, dims] = self.namer(self.hint(value))
        return self.given[value, dims]

    def text(self, facts: str) -> str:
        """Return the text of the kernel, which is called `@` here."""
        outputs = [self.namer(f"{self.known[v]}_at") for v in self.results]
        kinds = [array(CODES[v.dtype], dims) for v, dims in self.given]
        kinds += [f"{CODES[v.dtype]}[1]" for v in self.results]
        names = [*self.given.values(), *outputs]
        if self.sets > 1:
            kinds.append("segment")
            names.append("segment")
            facts += f", sizes=(1,) * {self.sets}"
        writer = Writer()
        self.used.add("kernel")
        writer.quote("@kernel", ", ".join(kinds), f", overlap=True{facts}")
        writer.call("def @", names, after=":")
        writer.depth = 1
        for at, value in zip(outputs, self.results, strict=True):
            self.body.line(f"{at}[0] = {self.known[value]}")
        if self.sets == 1:
            writer.line("# numbers, by one thread")
            writer.extend(self.body)
            return str(writer)
        writer.line(f"# numbers, by one thread for each of {self.sets} sets of arrays")
        with writer.block("for _ in segment:"):
            writer.extend(self.body)
        return str(writer)

    def arguments(self) -> list[tuple[Value, Dims]]:
        """Return the values that the kernel is called with, in the order of its parameters."""
        return [*self.given, *((v, ()) for v in self.results)]
