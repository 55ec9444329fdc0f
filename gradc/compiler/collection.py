"""Put off Python's search for garbage while a program is made."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def put_off() -> Generator[None]:
    """Let no search for unreachable cycles run.

    Tracing and compiling make many objects that stay until the end: looking through them again and
    again costs a sixth of a first call, and finds little.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
