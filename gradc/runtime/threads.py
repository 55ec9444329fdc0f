"""A step's address -> its run on as many threads as the user wants.

Results don't depend on the number of threads: steps cut their work in blocks of fixed size.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

from gradc.config import wanted_threads
from gradc.errors import ArgumentError, ArgumentTypeError
from gradc.runtime.blas import find_blas
from gradc.runtime.pace import Pace
from gradc.runtime.pool import Pool

MOST = 256
Entry = Callable[[int, int], int]
_ALONE = (ctypes.c_int64 * 4)(0, 1, 0, 0)


@dataclass(slots=True)
class _Threads:
    """What this process has: a wish, and a pool once a step asked for it."""

    wanted: int = 0
    pool: Pool | None = None
    # Held while the pool runs a step; a second caller then runs its step alone.
    lock: threading.Lock = field(default_factory=threading.Lock)


_THREADS = _Threads()


def get_num_threads() -> int:
    """Return how many threads compiled steps run on.

    Returns:
        what set_num_threads set; before that GRADC_NUM_THREADS, or the number of processors
        that this process may use.

    Raises:
        ArgumentError: GRADC_NUM_THREADS is no whole number from 1 to 256.

    Example:
        >>> import gradc
        >>> gradc.set_num_threads(2)
        >>> gradc.get_num_threads()
        2
    """
    if not _THREADS.wanted:
        _THREADS.wanted = _default()
    return _THREADS.wanted


def _default() -> int:
    given = wanted_threads()
    if not given:
        known = hasattr(os, "sched_getaffinity")
        return min(len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1, MOST)
    if not given.isdecimal() or not 1 <= int(given) <= MOST:
        raise ArgumentError(f"GRADC_NUM_THREADS: expected 1 to {MOST}, got {given!r}")
    return int(given)


def set_num_threads(threads: int) -> None:
    """Let compiled steps run on this many threads; results stay the same to the last bit.

    Small programs run on one thread, whatever is set here.

    Args:
        threads: from 1 to 256.

    Raises:
        ArgumentTypeError: not an int.
        ArgumentError: below 1 or above 256.

    Example:
        >>> import gradc
        >>> gradc.set_num_threads(1)
        >>> gradc.get_num_threads()
        1
    """
    if isinstance(threads, bool) or not isinstance(threads, int):  # pyright: ignore[reportUnnecessaryIsInstance]  # the user's
        raise ArgumentTypeError(f"set_num_threads: expected an int, got {threads!r}")
    if not 1 <= threads <= MOST:
        raise ArgumentError(
            f"set_num_threads: expected 1 to {MOST}, got {threads}",
            hint=f"set_num_threads({os.cpu_count() or 1}), the processors of this machine",
        )
    _THREADS.wanted = threads


def run(entry: Entry, address: int, table: int, pace: Pace) -> int:
    """Run a step on the wanted threads, or on this one where the others are busy.

    Args:
        entry: the step as a Python callable.
        address: of the same.
        table: address of its table.
        pace: what is known of its steps so far; one thread runs it where that is faster.

    Returns:
        the status of the step.
    """
    wanted = _THREADS.wanted or get_num_threads()
    if wanted > 1 and _THREADS.lock.acquire(blocking=False):
        try:
            alone = pace.starts_alone(wanted)
            before = perf_counter()
            if alone:
                status = entry(table, ctypes.addressof(_ALONE))
            else:
                status = _pool(wanted).run(address, table)
            now = perf_counter()
            pace.took(now - before, now)
            return status
        finally:
            _THREADS.lock.release()
    return entry(table, ctypes.addressof(_ALONE))


def _pool(threads: int) -> Pool:
    """Return a pool of this size."""
    pool = _THREADS.pool
    if pool is None or pool.threads != threads:
        if pool is not None:
            pool.stop()
        pool = _THREADS.pool = Pool(threads, find_blas().begin_thread)
    return pool


def _stop() -> None:
    """End the workers; the next step starts new ones."""
    with _THREADS.lock:
        _drop()


def _drop() -> None:
    if _THREADS.pool is not None:
        _THREADS.pool.stop()
        _THREADS.pool = None


def _before_fork() -> None:
    """Let no step run during a fork, and leave no thread behind that the child would miss."""
    _THREADS.lock.acquire()
    _drop()


# NOTE: workers must end before the interpreter frees the code that they wait in
atexit.register(_stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_THREADS.lock.release,
        after_in_child=_THREADS.lock.release,
    )
