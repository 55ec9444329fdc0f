"""Updates of many arrays -> one launch: kernels that are the same but for the arrays' lengths."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gradc.emit.arguments import CODES, Arguments, arguments, places_of
from gradc.emit.cuda_frames import Lanes, aligned
from gradc.emit.functions import neutral
from gradc.emit.kernel import Body
from gradc.ir.graph import Section, Value
from gradc.schedule.arena import Place
from gradc.schedule.frame import Frame, Launch
from gradc.schedule.loops import Loop, Store
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Kernel, Plan

THREADS, NEIGHBOURS = 256, 4
MOST = 400  # pointers of one launch: CUDA takes 4 KiB of them
Span = tuple[int, int, int, bool]  # slot, low, high, whether it is written


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """Kernels that are launched as one.

    Args:
        kernels: in order.
        sizes: how many positions each has.
    """

    kernels: tuple[Kernel, ...]
    sizes: tuple[int, ...]

    @property
    def launch(self) -> Launch:
        """Return the launch: whole blocks for each kernel."""
        blocks = sum(-(-n // (THREADS * NEIGHBOURS)) for n in self.sizes)
        return Launch(Frame.QUADS, (blocks, 1), (THREADS, 1))


@dataclass(slots=True)
class Segments(Lanes):
    """The frame of such kernels: they are given the positions of one array."""

    sizes: tuple[int, ...] = ()

    def signature(self, given: Arguments) -> str:
        """Return arrays of any length, numbers, and the positions."""
        arrays = [f"{CODES[a.dtype]}[:]" for a in given.arrays]
        numbers = [f"{CODES[v.dtype]}[1]" for v in given.scalars]
        return ", ".join([*arrays, *numbers, "segment"])

    def facts(self, given: Arguments) -> str:
        """Return the lengths, and what the compiler may not take for granted."""
        sizes = f"({', '.join(map(str, self.sizes))})"
        if len(set(self.sizes)) == 1:
            sizes = f"({self.sizes[0]},) * {len(self.sizes)}"
        return f"{Lanes.facts(self, given)}, sizes={sizes}"

    def write(self, body: Body) -> None:
        """Write one loop over the positions that it is given."""
        self.totals = {}
        (loop,) = [s for s in body.nest.body if isinstance(s, Loop)]
        body.write([s for s in body.nest.body if s is not loop])
        with body.writer.block(f"for {body.names.axes[0]} in segment:"):
            body.write(self._flat([loop]))


def groups(plan: Plan) -> dict[Kernel, Together]:
    """Return the launch that each kernel is part of; most kernels are launched alone."""
    found: dict[Kernel, Together] = {}
    run: list[Kernel] = []
    for kernel in (*plan.kernels, None):
        if kernel is not None and _is_flat(kernel) and _apart(kernel, run, plan):
            run.append(kernel)
            continue
        found.update(_grouped(run, plan))
        run = [kernel] if kernel is not None and _is_flat(kernel) else []
    return found


def _is_flat(kernel: Kernel) -> bool:
    """Return whether a kernel updates arrays element by element."""
    launch, nest = kernel.launch, kernel.work
    if kernel.section is not Section.UPDATE or launch is None or not isinstance(nest, Nest):
        return False
    plain = launch.frame in (Frame.QUADS, Frame.GRID) and len(nest.extents) == 1
    index = (a.touched.index for a in nest.accesses)
    return plain and all(len(i) == 1 and i[0].axis == 0 for i in index)


def _apart(kernel: Kernel, run: list[Kernel], plan: Plan) -> bool:
    """Return whether a kernel touches nothing that the others write, nor they what it writes."""
    own = list(_spans(kernel, plan))
    for other in run:
        for slot, low, high, writes in _spans(other, plan):
            for s, begin, end, stores in own:
                if s == slot and begin < high and low < end and (writes or stores):
                    return False
    return True


def _spans(kernel: Kernel, plan: Plan) -> Iterable[Span]:
    """Yield the memory that a kernel touches."""
    assert isinstance(kernel.work, Nest)
    stored = {a.touched.root for a in kernel.work.accesses if isinstance(a.touched, Store)}
    values = dict.fromkeys([*(a.touched.root for a in kernel.work.accesses)])
    values |= dict.fromkeys(kernel.work.arguments)
    for value in values:
        place = plan.memory.places[value]
        yield place.slot, place.offset, place.offset + value.type.nbytes, value in stored


def _grouped(run: list[Kernel], plan: Plan) -> dict[Kernel, Together]:
    """Return the launches of a run: one for all kernels with the same text."""
    alike: dict[str, list[Kernel]] = {}
    for kernel in run:
        nest = kernel.work
        assert isinstance(nest, Nest)
        given = _given(kernel, plan)
        text = neutral(nest, given, Segments(kernel.launch or Launch(Frame.QUADS)))
        alike.setdefault(text, []).append(kernel)
    found: dict[Kernel, Together] = {}
    for kernels in alike.values():
        given = _given(kernels[0], plan)
        most = max(MOST // (len(given.arrays) + len(given.scalars)), 1)
        for first in range(0, len(kernels), most):
            part = tuple(kernels[first : first + most])
            together = Together(part, tuple(_size(k) for k in part))
            if len(part) > 1:
                found |= dict.fromkeys(part, together)
    return found


def _given(kernel: Kernel, plan: Plan) -> Arguments:
    assert isinstance(kernel.work, Nest)
    return arguments(kernel.work, places_of(kernel, plan.memory.places))


def _size(kernel: Kernel) -> int:
    assert isinstance(kernel.work, Nest)
    return kernel.work.extents[0]


def frames(plan: Plan, together: dict[Kernel, Together]) -> Callable[[Kernel, Nest], Lanes]:
    """Return what says who does which position of each kernel."""

    def at(kernel: Kernel) -> list[Place]:
        given = _given(kernel, plan)
        values: list[Value] = [*(a.values[0] for a in given.arrays), *given.scalars]
        places = places_of(kernel, plan.memory.places)
        return [places[v] for v in values]

    def frame(kernel: Kernel, nest: Nest) -> Lanes:
        del nest
        assert kernel.launch is not None
        group = together.get(kernel)
        if group is None:
            return Lanes(kernel.launch, aligned=aligned(at(kernel)))
        whole = all(aligned(at(k)) for k in group.kernels)
        return Segments(group.launch, aligned=whole, extra=("segment",), sizes=group.sizes)

    return frame
