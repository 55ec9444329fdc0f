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
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from gradc.build.optimiser import Goal, ObjectFile, Task, ask, machine_code
from gradc.config import compile_processes
from gradc.errors import BuildError

LEAST = 20_000  # characters of a program's text from which another process pays
MOST, LIMIT = 4, 64
_FILE = os.path.join(os.path.dirname(__file__), "optimiser.py")
_START = "import sys, runpy; sys.path[:] = {path!r}; runpy.run_path({file!r}, run_name='__main__')"


def wanted(characters: int) -> int:
    """Return how many processes to start for a program of this length.

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
    if characters < LEAST or getattr(sys, "frozen", False) or not sys.executable:
        return 0
    known = hasattr(os, "sched_getaffinity")
    return min(len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1, MOST) - 1


class Workers:
    """Processes that compile; started at once, ended with the `with` block."""

    def __init__(self, count: int) -> None:
        """Start so many; where one can't be started there are fewer."""
        self._processes: list[subprocess.Popen[bytes]] = []
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
                return

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            for end in (process.stdin, process.stdout):
                if end is not None:
                    _close(end)

    def compile(self, tasks: Sequence[Task], goal: Goal) -> list[ObjectFile]:
        """Return the machine code of each task."""
        order = sorted(range(len(tasks)), key=lambda i: (len(tasks[i].text), i))
        left, made = deque(order), dict[int, ObjectFile]()
        threads = [
            threading.Thread(target=_feed, args=(process, tasks, goal, left, made), daemon=True)
            for process in self._processes
        ]
        for thread in threads:
            thread.start()
        while (i := _next(left)) is not None:
            made[i] = machine_code(tasks[i], goal)
        for thread in threads:
            thread.join()
        missing = [i for i in order if i not in made]
        return [
            machine_code(task, goal) if i in missing else made[i] for i, task in enumerate(tasks)
        ]


def _next(left: deque[int]) -> int | None:
    """Take the longest task that is left."""
    try:
        return left.pop()
    except IndexError:
        return None


def _feed(
    process: subprocess.Popen[bytes],
    tasks: Sequence[Task],
    goal: Goal,
    left: deque[int],
    made: dict[int, ObjectFile],
) -> None:
    """Let a process do tasks as long as there are any and it answers."""
    assert process.stdin is not None
    assert process.stdout is not None
    while (i := _next(left)) is not None:
        try:
            found = ask(tasks[i], goal, process.stdin, process.stdout)
        except (OSError, ValueError):
            return
        if found is None:
            return
        made[i] = found


def _close(end: Any) -> None:
    """Close a pipe; what could not be written any more is of no interest."""
    try:
        end.close()
    except OSError:
        return
