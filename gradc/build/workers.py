"""Tasks of the compiler -> machine code, by this process and by others beside it.

LLVM holds a lock of its own, so threads would take turns. The other processes run one file that
needs llvmlite alone: no user's module is imported, nothing is forked, and they end with the pipe
that they read from. What one of them can't do is done here.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from types import TracebackType
from typing import Any

from gradc.build.optimiser import Goal, ObjectFile, Task, ask, machine_code
from gradc.config import compile_processes
from gradc.errors import BuildError

# Characters of a program's text, operations of a graph from which on another process pays.
LEAST, GRAPH = 20_000, 300
MOST, LIMIT = 4, 64
PATIENCE = 5.0  # seconds to wait for an answer, and as long as this process took itself
_FILE = os.path.join(os.path.dirname(__file__), "optimiser.py")
_START = "import sys, runpy; sys.path[:] = {path!r}; runpy.run_path({file!r}, run_name='__main__')"


def wanted(*, pays: bool) -> int:
    """Return how many processes to start, where they pay.

    Raises:
        BuildError: GRADC_COMPILE_PROCESSES is no whole number from 0 to 64.
    """
    given = compile_processes()
    if given:
        if not given.isdecimal() or int(given) > LIMIT:
            raise BuildError(
                f"GRADC_COMPILE_PROCESSES: expected 0 to {LIMIT}, got {given!r}",
                hint="0 to compile in this process alone",
            )
        return int(given)
    if not pays or getattr(sys, "frozen", False) or not sys.executable:
        return 0
    known = hasattr(os, "sched_getaffinity")
    return min(len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1, MOST) - 1


class Workers:
    """Processes that compile; started at once, ended with the `with` block.

    Tasks are handed in one by one, so that a process compiles while the next text is written.
    """

    def __init__(self, count: int) -> None:
        """Start so many; where one can't be started there are fewer."""
        self._processes: list[subprocess.Popen[bytes]] = []
        self._tasks: list[tuple[Task, Goal]] = []
        self._waiting: set[int] = set()  # tasks that nobody has taken
        self._made: dict[int, ObjectFile] = {}
        self._busy, self._ended = 0, False
        self._changed = threading.Condition()
        command = [sys.executable, "-c", _START.format(path=sys.path, file=_FILE)]
        pipe = subprocess.PIPE
        for _ in range(count):
            try:
                self._processes.append(
                    subprocess.Popen(
                        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL,
                        start_new_session=True,
                    )
                )  # fmt: skip
            except OSError:
                break
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Workers:
        for process in self._processes:
            thread = threading.Thread(target=self._feed, args=(process,), daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter ends
                break
            self._threads.append(thread)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        for process in self._processes:
            process.kill()
            process.wait()
        for thread in self._threads:
            thread.join()
        for process in self._processes:
            for end in (process.stdin, process.stdout):
                if end is not None:
                    _close(end)

    def begin(self, task: Task, goal: Goal) -> None:
        """Hand a task in; a process that has nothing to do takes it at once."""
        with self._changed:
            self._waiting.add(len(self._tasks))
            self._tasks.append((task, goal))
            self._changed.notify()

    def finish(self) -> list[ObjectFile]:
        """Return the machine code of each task, in the order that they were handed in."""
        started = time.monotonic()
        while (i := self._take()) is not None:
            self._made[i] = machine_code(*self._tasks[i])
        with self._changed:
            # one that was stopped would never answer
            patience = PATIENCE + time.monotonic() - started
            self._changed.wait_for(lambda: not self._busy, patience)
            self._waiting.clear()
        return [
            self._made[i] if i in self._made else machine_code(*task)
            for i, task in enumerate(self._tasks)
        ]

    def _take(self) -> int | None:
        """Take the longest task that nobody has taken."""
        with self._changed:
            if not self._waiting:
                return None
            longest = max(self._waiting, key=lambda i: (len(self._tasks[i][0].text), i))
            self._waiting.remove(longest)
            return longest

    def _feed(self, process: subprocess.Popen[bytes]) -> None:
        """Let a process do tasks until the end, or until it gives no answer."""
        assert process.stdin is not None
        assert process.stdout is not None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or self._waiting)
                if self._ended:
                    return
                i = self._take()
                assert i is not None
                self._busy += 1
            found = None
            try:
                found = ask(*self._tasks[i], process.stdin, process.stdout)
            except (OSError, ValueError):
                return
            finally:
                with self._changed:
                    if found is not None:
                        self._made[i] = found
                    self._busy -= 1
                    self._changed.notify_all()
            if found is None:
                return


def _close(end: Any) -> None:
    """Close a pipe; what could not be written any more is of no interest."""
    try:
        end.close()
    except OSError:
        return
