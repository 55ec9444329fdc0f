"""Steps while another process wants a processor too -> how much slower they get."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.measure import burst
from benchmarks.step import Unavailable
from benchmarks.workloads import make

BUSY = "while True: pass"


def contention(name: str, peers: list[str], seconds: float) -> dict[str, tuple[float, float] | str]:
    """Return for each peer the median seconds per step, quiet and beside a busy process."""
    found: dict[str, tuple[float, float] | str] = {}
    for peer in peers:
        try:
            step = make(name, peer)
        except Unavailable as error:
            found[peer] = str(error)
            continue
        for _ in range(3):
            step.run()
        quiet = statistics.median(burst(step, seconds))
        with _busy():
            loaded = statistics.median(burst(step, seconds))
        found[peer] = (quiet, loaded)
    return found


@contextmanager
def _busy() -> Iterator[None]:
    """Keep one processor busy for a while."""
    process = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        time.sleep(0.3)
        yield
    finally:
        process.kill()
        process.wait()
