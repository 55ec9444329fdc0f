"""Steps of several peers -> times measured in turn, so that all see the same machine."""

from __future__ import annotations

import importlib.util
import math
import statistics
import time
from dataclasses import dataclass, field

from benchmarks.place import pick
from benchmarks.step import Step, Unavailable
from benchmarks.workloads import make

COMPARED = (1, 5, 10)  # after how many steps the losses are compared
TOLERANCE = 2e-3
BURST = 0.05  # seconds for which one peer runs before the next has its turn
TOGETHER = 10  # steps that a GPU is told to do before the clock is read


@dataclass(slots=True)
class Run:
    """One peer on one workload.

    Attributes:
        times: seconds per step, in the order they were measured.
        losses: after the steps of COMPARED.
        temporaries: bytes that the compiled step keeps besides its arguments.
        skipped: why there are no times.
    """

    times: list[float] = field(default_factory=list[float])
    losses: list[float] = field(default_factory=list[float])
    temporaries: int | None = None
    skipped: str = ""

    @property
    def median(self) -> float:
        """Median seconds per step; NaN where nothing ran."""
        return statistics.median(self.times) if self.times else math.nan

    @property
    def spread(self) -> tuple[float, float]:
        """The quartiles of the seconds per step."""
        if len(self.times) < 4:
            return self.median, self.median
        low, _, high = statistics.quantiles(self.times, n=4)
        return low, high


def installed(peers: list[str]) -> list[str]:
    """Return the peers whose packages are here."""
    return [p for p in peers if importlib.util.find_spec(p.split(".")[0]) is not None]


def set_threads(count: int, peers: list[str]) -> None:
    """Let gradc and PyTorch use `count` threads; XLA takes the processors that it may run on."""
    import gradc

    if hasattr(gradc, "set_num_threads"):
        gradc.set_num_threads(count)
    if any(p.startswith("torch") for p in peers):
        import torch

        torch.set_num_threads(count)


def measure(name: str, peers: list[str], seconds: float) -> dict[str, Run]:
    """Return the runs of a workload by peer.

    Args:
        name: of the workload.
        peers: who runs it, `gradc` among them.
        seconds: how long each is measured, in bursts taken in turn.
    """
    steps: dict[str, Step] = {}
    runs = {peer: Run() for peer in peers}
    for peer, run in runs.items():
        try:
            steps[peer] = make(name, peer)
        except Unavailable as error:
            run.skipped = str(error)
            continue
        losses = [steps[peer].number(steps[peer].run()) for _ in range(max(COMPARED))]
        run.losses = [losses[i - 1] for i in COMPARED]
        run.temporaries = steps[peer].temporaries()
    rounds = max(3, round(seconds / BURST))
    for _ in range(rounds):
        for peer, step in steps.items():
            runs[peer].times += burst(step, BURST)
    return runs


def burst(step: Step, seconds: float) -> list[float]:
    """Return the time of each step for a while, after one that finds the caches again."""
    step.run()
    step.wait()
    times: list[float] = []
    clock, run, count = time.perf_counter, step.run, pick(1, TOGETHER)
    end = clock() + seconds
    before = clock()
    while before < end or not times:
        for _ in range(count):
            run()
        step.wait()
        after = clock()
        times.append((after - before) / count)
        before = after
    return times


def disagreement(runs: dict[str, Run]) -> str:
    """Return which peer computes something else, or "" where all agree."""
    shown = {peer: run.losses for peer, run in runs.items() if run.losses}
    if not shown:
        return ""
    first, expected = next(iter(shown.items()))
    for peer, losses in shown.items():
        pairs = zip(losses, expected, strict=True)
        if not all(math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-4) for a, b in pairs):
            return f"{peer} gives {losses}, {first} gives {expected} after {COMPARED} steps"
    return ""
