"""One workload in a fresh process -> seconds to the first result, and memory: run as a script.

`python -m benchmarks.fresh PEER WORKLOAD` prints one line of JSON. `starts` starts such
processes with an empty cache, and once more with the cache that the first one left. Modules are
there as bytecode, as an installer leaves them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

STEPS = 5
TIMEOUT = 300
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def starts(name: str, peer: str, threads: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a cold and a warm process report, each with `total`: seconds from its start."""
    with tempfile.TemporaryDirectory(prefix="gradc-bench-") as folder:
        _start(name, peer, threads, f"{folder}/apart")  # leaves bytecode of what it imports
        cold = _start(name, peer, threads, f"{folder}/kept")
        return cold, _start(name, peer, threads, f"{folder}/kept")


def _start(name: str, peer: str, threads: int, folder: str) -> dict[str, Any]:
    caches = {
        "GRADC_CACHE": f"{folder}/gradc",
        "TORCHINDUCTOR_CACHE_DIR": f"{folder}/torch",
        "JAX_COMPILATION_CACHE_DIR": f"{folder}/jax",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "benchmarks.fresh", peer, name, str(threads)]
    began = time.time()
    done = subprocess.run(
        command, env=environment | caches, capture_output=True, text=True, timeout=TIMEOUT
    )
    if done.returncode != 0:
        return {"error": done.stderr.strip().splitlines()[-1] if done.stderr else "no output"}
    found = json.loads(done.stdout.splitlines()[-1])
    return {**found, "total": found["finished"] - began}


def _main(peer: str, name: str, threads: int) -> None:
    before_imports = time.perf_counter()
    from benchmarks.measure import set_threads
    from benchmarks.workloads import make

    set_threads(threads, [peer])
    if peer == "jax":
        import jax
        import optax

        assert jax.devices(), optax
    imported = time.perf_counter()
    resident = _memory("VmRSS")
    step = make(name, peer)
    made = time.perf_counter()
    number = step.number(step.run())
    first = time.perf_counter()
    finished = time.time()
    _reset_peak()
    for _ in range(STEPS):
        step.run()
    peak = _memory("VmHWM")
    report = {
        "import": imported - before_imports,
        "make": made - imported,
        "first": first - made,
        "finished": finished,
        "number": number,
        "memory": None if peak is None or resident is None else peak - resident,
    }
    print(json.dumps(report))


def _memory(field: str) -> int | None:
    """Return a line of /proc/self/status in bytes, where there is one."""
    if not STATUS.exists():
        return None
    lines = STATUS.read_text().splitlines()
    return next(int(text.split()[1]) * 1024 for text in lines if text.startswith(f"{field}:"))


def _reset_peak() -> None:
    """Let VmHWM begin anew, where the system can."""
    if CLEAR.exists():
        CLEAR.write_text("5")


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
