"""PTX text and a launch -> what a GPU would do to memory, with every access checked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ptx.chunk import WARP, Chunk
from ptx.memory import GlobalMemory
from ptx.program import Program, compile_kernel
from ptx.races import Accesses, Race
from ptx.schedule import TOGETHER, Order
from ptx.text import Kernel, PtxError, Variable, parse

LANES = 16384  # that are computed at a time
REDZONE = 256  # bytes between shared variables that nobody may touch
SHARED_START = 1024


class PtxModule:
    """A text, ready to launch.

    Args:
        text: PTX.
        memory: the GPU's memory.
    """

    def __init__(self, text: str, memory: GlobalMemory) -> None:
        parsed = parse(text)
        self.memory = memory
        self.notes = parsed.notes
        self.kernels = parsed.kernels
        self._globals = parsed.variables
        self._addresses = {
            v.name: self._stored(v) for v in self._globals if v.space in ("global", "const")
        }
        self._programs: dict[str, Program] = {}

    def _stored(self, variable: Variable) -> int:
        address = self.memory.allocate(variable.size)
        if variable.content is not None:
            self.memory.write(address, variable.content)
        return address

    @property
    def windows(self) -> list[tuple[int, int]]:
        """The (address, bytes) of the variables that every kernel may read."""
        sizes = {v.name: v.size for v in self._globals}
        return [(a, sizes[name]) for name, a in self._addresses.items()]

    def program(self, name: str) -> Program:
        """Return a compiled kernel."""
        if name not in self.kernels:
            raise PtxError(f"there is no kernel {name}")
        if name not in self._programs:
            self._programs[name] = self._compiled(self.kernels[name])
        return self._programs[name]

    def _compiled(self, kernel: Kernel) -> Program:
        symbols, shared, end, stack = dict(self._addresses), [], SHARED_START, 0
        for v in (*self._globals, *kernel.variables):
            if v.space == "shared":
                end += -end % max(v.align, 16)
                symbols[v.name] = end
                shared.append((end, v.size))
                end += v.size + REDZONE
            elif v.space == "local":
                stack += -stack % max(v.align, 16)
                symbols[v.name] = stack
                stack += v.size
        end += -end % 1024
        return compile_kernel(kernel, symbols, (shared, end), stack + -stack % 16)


class Launch:
    """One launch of a kernel.

    Args:
        module: the text.
        name: of the kernel.
        blocks: how many, as (x, y, z).
        threads: of each block.
        arguments: addresses and numbers.
        windows: (address, bytes) of the memory that may be touched; None for the allocations that
            arguments lie in.
        order: which lanes go first.
    """

    def __init__(
        self,
        module: PtxModule,
        name: str,
        blocks: tuple[int, int, int],
        threads: tuple[int, int, int],
        arguments: Sequence[int],
        windows: list[tuple[int, int]] | None = None,
        order: Order = TOGETHER,
    ) -> None:
        self.program = module.program(name)
        self.memory = module.memory
        self.name, self.grid, self.threads = name, blocks, threads
        self.arguments, self.order = list(arguments), order
        self.steps = 0
        self._check_head()
        if windows is None:
            windows = [self.memory.holding(a) for a in arguments]
        self._windows = _merged([*windows, *module.windows])
        count = int(np.prod(blocks))
        self.block_threads = int(np.prod(threads))
        self.block_warps = -(-self.block_threads // WARP)
        self.block_phase = np.zeros(count, np.int32)
        self.warp_phase = np.zeros(count * self.block_warps, np.int32)
        granule = self.program.granule["global"]
        self.touched = _global_accesses(self.memory, granule)

    def _check_head(self) -> None:
        """Check what a driver checks, and what the kernel says of its arguments."""
        kernel = self.program.kernel
        if len(self.arguments) != len(kernel.parameters):
            raise PtxError(f"{self.name}: {len(kernel.parameters)} arguments are expected")
        if not all(self.grid) or not 0 < np.prod(self.threads) <= 1024:
            raise PtxError(f"{self.name}: {self.grid} blocks of {self.threads} threads")
        if kernel.threads and np.prod(kernel.threads) != np.prod(self.threads):
            raise PtxError(f"{self.name}: blocks must have {kernel.threads} threads")
        used = sum(size for _, size in self.program.shared)
        if used > 48 << 10:
            raise PtxError(f"{self.name}: {used} bytes of shared memory are more than 48 KiB")
        for (name, _, align), value in zip(kernel.parameters, self.arguments, strict=True):
            if value % align:
                raise PtxError(f"{self.name}: {name} = {value:#x} is not aligned to {align} bytes")

    def run(self) -> None:
        """Run all blocks.

        Raises:
            PtxError: a thread did what it must not.
        """
        count = int(np.prod(self.grid))
        at_once = max(LANES // self.block_threads, 1)
        with np.errstate(all="ignore"):
            for first in range(0, count, at_once):
                Chunk(self, first, min(at_once, count - first)).run()
        lanes = np.arange(count * self.block_threads)
        block_of = lanes // self.block_threads
        within = lanes % self.block_threads
        warp_of = block_of * self.block_warps + within // WARP
        race = self.touched.settle(warp_of, block_of)
        if race is not None:
            granule = self.program.granule["global"]
            raise self.race(race, f"global address {self.memory.start + race.cell * granule:#x}")

    def outside(self, address, nbytes: int):
        """Return which addresses are not within what this launch was given."""
        starts, ends = self._windows
        at = np.searchsorted(starts, address, "right") - 1
        return (at < 0) | (address + np.uint64(nbytes) > ends[at])

    def where(self, lane: int) -> str:
        """Return the thread and the block of a lane."""
        block, thread = divmod(lane, self.block_threads)
        return f"thread {_place(thread, self.threads)} of block {_place(block, self.grid)}"

    def race(self, race: Race, what: str) -> PtxError:
        """Return the error that says what two threads did."""
        said = [
            f"line {line}, {self.where(lane)} {'writes' if writes else 'reads'}"
            for line, lane, writes in (race.first, race.second)
        ]
        return PtxError(f"{self.name}: race on {what}: {said[0]}; {said[1]}")


def _place(index: int, sizes: Sequence[int]) -> tuple[int, int, int]:
    x, rest = index % sizes[0], index // sizes[0]
    return x, rest % sizes[1], rest // sizes[1]


def _merged(windows: list[tuple[int, int]]):
    """Return the starts and ends of windows, those that touch as one."""
    found: list[list[int]] = []
    for begin, nbytes in sorted(windows):
        if found and begin <= found[-1][1]:
            found[-1][1] = max(found[-1][1], begin + nbytes)
        else:
            found.append([begin, begin + nbytes])
    starts, ends = zip(*found, strict=True) if found else ((0,), (0,))
    return np.array(starts, np.uint64), np.array(ends, np.uint64)


def _global_accesses(memory: GlobalMemory, granule: int) -> Accesses:
    """Return the race checker of a memory: one for each size of cells, used again."""
    if granule not in memory.accesses:
        memory.accesses[granule] = Accesses(len(memory.bytes) // granule)
    return memory.accesses[granule]
