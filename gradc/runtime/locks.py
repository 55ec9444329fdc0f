"""Locks that a forked child finds open, whatever the parent's other threads were doing."""

from __future__ import annotations

import os
import threading
import weakref

_LOCKS: weakref.WeakSet[Lock] = weakref.WeakSet()


class Lock:
    """A lock for `with`; a child process begins with a new one inside.

    Attributes:
        inner: the lock itself, for those who can't wait for a method.
    """

    def __init__(self) -> None:
        self.inner = threading.Lock()
        _LOCKS.add(self)

    def __enter__(self) -> None:
        self.inner.acquire()

    def __exit__(self, *error: object) -> None:
        self.inner.release()

    def renew(self) -> None:
        """Forget who holds it."""
        self.inner = threading.Lock()


def _renew() -> None:
    for lock in list(_LOCKS):
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
