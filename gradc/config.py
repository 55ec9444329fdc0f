"""Settings read from the environment, in one place."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """Return where compiled programs are kept: GRADC_CACHE, else the user's cache folder."""
    given = os.environ.get("GRADC_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "gradc"


def jit_disabled() -> bool:
    """Return whether generated code runs in the Python interpreter (NUMBA_DISABLE_JIT=1)."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")


def recompile_limit() -> int:
    """Return how many signatures one compiled function may hold (GRADC_RECOMPILE_LIMIT)."""
    return int(os.environ.get("GRADC_RECOMPILE_LIMIT", "16"))


def compile_processes() -> str:
    """Return how many processes help to compile, as given (GRADC_COMPILE_PROCESSES), or ""."""
    return os.environ.get("GRADC_COMPILE_PROCESSES", "")


def wanted_threads() -> str:
    """Return how many threads compiled steps shall run on, as given (GRADC_NUM_THREADS), or ""."""
    return os.environ.get("GRADC_NUM_THREADS", "")


def wanted_cuda() -> str:
    """Return which CUDA devices are there, as given (GRADC_CUDA): "", "emulate", "emulate:2"."""
    return os.environ.get("GRADC_CUDA", "")
