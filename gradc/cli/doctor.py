"""`gradc doctor`: what this machine and environment offer to compiled programs."""

from __future__ import annotations

import os
import platform
import sys
from argparse import Namespace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gradc.build.machine import host
from gradc.cli.cuda import cuda
from gradc.config import cache_directory, jit_disabled
from gradc.errors import CacheError
from gradc.runtime.blas import candidates
from gradc.runtime.threads import get_num_threads
from gradc.schedule.describe import amount, table
from gradc.store import cache_info, damaged, opened

NEEDED = ("gradc", "numpy", "numba", "llvmlite", "sympy", "safetensors")
OPTIONAL = (
    "scipy-openblas32",
    "mkl",
    "cuda-bindings",
    "nvidia-cublas",
    "rich",
    "scikit-learn",
    "matplotlib",
    "tqdm",
)
WIDTHS = ((512, "+avx512f"), (256, "+avx2"), (256, "+avx"), (128, "+sse2"), (128, "+neon"))

Row = tuple[str, str]


def run(options: Namespace) -> None:
    """Print the tables of the machine, the libraries and the store."""
    del options
    sections = (
        ("versions", versions()),
        ("processor", processor()),
        ("matrix products", blas()),
        ("CUDA", cuda()),
        ("store of compiled programs", store()),
    )
    for title, rows in sections:
        print(title)
        print("\n".join(line.rstrip() for line in table(rows)))


def versions() -> list[Row]:
    """Return what is installed, and which optional packages are not."""
    rows = [("python", f"{platform.python_version()} ({sys.executable})")]
    for name in (*NEEDED, *OPTIONAL):
        try:
            rows.append((name, version(name)))
        except PackageNotFoundError:
            rows.append((name, "missing" if name in NEEDED else "not installed (optional)"))
    return rows


def processor() -> list[Row]:
    """Return the processor's name, its vectors, and how many of its cores may be used."""
    machine = host()
    features = set(machine.features.split(","))
    offered = next((bits for bits, flag in WIDTHS if flag in features), 0)
    used = min(offered, 512 if machine.wide_vectors else 256)
    cores = os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    mode = "off: NUMBA_DISABLE_JIT is set" if jit_disabled() else "on"
    return [
        ("name", f"{_model()} ({machine.cpu} to LLVM, {machine.triple})"),
        ("vectors", f"{offered} bits, of which generated code uses {used}"),
        ("cores", f"{cores}, of which this process may use {allowed}"),
        ("threads", f"compiled steps may run on {get_num_threads()}"),
        ("compilation", mode),
    ]


def _model() -> str:
    """Return what the processor calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        # Only Linux has this file.
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def blas() -> list[Row]:
    """Return the libraries found, the one that is used first."""
    found = list(candidates())
    if not found:
        return [("none", "generated loops compute matrix products: pip install scipy-openblas32")]
    rows = [("used", f"{b.name} {b.version}\n{b.path}") for b in found[:1]]
    rows += [("also here", f"{b.name} {b.version}\n{b.path}") for b in found[1:]]
    return [
        (title if i == 0 else "", line)
        for title, text in rows
        for i, line in enumerate(text.splitlines())
    ]


def store() -> list[Row]:
    """Return where compiled programs are kept, how many, and whether they are sound."""
    directory = cache_directory()
    rows = [("directory", str(directory))]
    if not directory.exists():
        return [*rows, ("health", "not there yet: the first compilation makes it")]
    try:
        usable = opened(directory) == directory
    except CacheError as error:
        return [*rows, ("health", f"refused: {error.message}")]
    info, broken = cache_info(directory), damaged(directory)
    rows.append(("holds", f"{info.entries} programs, {amount(info.bytes)}B"))
    if not usable:
        return [*rows, ("health", "it can't be written: programs are compiled in every process")]
    count = len(broken)
    health = f"{count} damaged, compiled again when wanted" if count else "sound"
    return [*rows, ("health", health)]
