"""Worker threads that wait for steps: Python starts them and puts them to sleep, native code runs.

A worker spins for a moment after each step, gives way to others for a while, and then sleeps on
a lock of Python's until the next step wakes it: no operating system's interface is needed.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable

from gradc.runtime.pool_code import ASLEEP, LINE, OPEN, THREADS, pool_code

_BYTES_PER_WORD = 8
_MEMBER = LINE  # words: thread, threads, meet, pool; a cache line for each


class Pool:
    """A team of threads; the calling thread is its thread 0."""

    def __init__(self, threads: int, begin: Callable[[], None]) -> None:
        """Start the other threads; each calls `begin` first."""
        self.threads = threads
        self._code, self._begin = pool_code(), begin
        words = ASLEEP + threads * LINE + threads * _MEMBER + LINE
        self._memory = (ctypes.c_int64 * words)()
        start = ctypes.addressof(self._memory)
        skipped = (-start % (_BYTES_PER_WORD * LINE)) // _BYTES_PER_WORD
        self._words, self._base = skipped, start + skipped * _BYTES_PER_WORD
        self._set(THREADS, threads)
        self._members = [self._member(thread) for thread in range(threads)]
        self._locks = [threading.Lock() for _ in range(threads)]
        for lock in self._locks:
            lock.acquire()
        self._workers = [
            threading.Thread(target=self._work, args=(i,), name=f"gradc-{i}", daemon=True)
            for i in range(1, threads)
        ]
        for worker in self._workers:
            worker.start()

    def _set(self, word: int, value: int) -> None:
        self._memory[self._words + word] = value

    def _member(self, thread: int) -> int:
        """Fill in what one thread is told; return its address."""
        first = ASLEEP + self.threads * LINE + thread * _MEMBER
        facts = (thread, self.threads, self._code.meet, self._base)
        for i, fact in enumerate(facts):
            self._set(first + i, fact)
        return self._base + first * _BYTES_PER_WORD

    def _work(self, thread: int) -> None:
        """Take part in steps until the pool is stopped."""
        self._begin()
        member, lock, seen = self._members[thread], self._locks[thread], 0
        while True:
            seen = self._code.work(self._base, member, seen)
            if seen < 0:
                return
            lock.acquire()

    def run(self, entry: int, table: int) -> int:
        """Run a step on all threads; return its status."""
        try:
            status = self._code.run(self._base, self._members[0], entry, table)
            return self._complete() if status < 0 else status
        except BaseException:
            # Interrupted: the others are in the step already and wait for this thread.
            self._complete()
            raise

    def _complete(self) -> int:
        """Wake the sleepers of a step that has begun, and run thread 0's share of it."""
        if not self._memory[self._words + OPEN]:
            return 0
        self._wake()
        return self._code.finish(self._base, self._members[0])

    def _wake(self) -> None:
        for thread in range(1, self.threads):
            if self._code.wake(self._base, thread):
                self._locks[thread].release()

    def stop(self) -> None:
        """End the workers and wait for them; the pool can't be used after that."""
        self._code.halt(self._base)
        self._wake()
        for worker in self._workers:
            worker.join()
