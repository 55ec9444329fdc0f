"""Measured runs -> a table, JSON and a plot of the ratios."""

from __future__ import annotations

import importlib.metadata
import math
import platform
from pathlib import Path
from typing import Any

from benchmarks.measure import Run

Results = dict[str, dict[str, Run]]
Starts = dict[str, dict[str, tuple[dict[str, Any], dict[str, Any]]]]
PACKAGES = ("gradc", "numba", "llvmlite", "numpy", "torch", "jax", "jaxlib", "optax", "mkl")


def machine(threads: int) -> dict[str, Any]:
    """Return what the numbers were measured with."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    from gradc.runtime.blas import find_blas

    return {
        "processor": _processor(),
        "threads": threads,
        "system": platform.system(),
        "blas": find_blas().name,
        "versions": versions,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def seconds(value: float | None) -> str:
    """Return a time in the unit that suits it."""
    if value is None or math.isnan(value):
        return "-"
    if value < 1e-3:
        return f"{value * 1e6:.1f} us"
    return f"{value * 1e3:.2f} ms" if value < 1 else f"{value:.2f} s"


def ratio(runs: dict[str, Run]) -> float:
    """Return the best peer's median divided by gradc's; NaN where one is missing."""
    others = [r.median for peer, r in runs.items() if peer != "gradc" and r.times]
    return min(others) / runs["gradc"].median if others else math.nan


def mean_ratio(results: Results) -> float:
    """Return the geometric mean of the ratios that are there."""
    found = [r for r in map(ratio, results.values()) if not math.isnan(r)]
    return math.exp(sum(map(math.log, found)) / len(found)) if found else math.nan


def table(results: Results, peers: list[str]) -> str:
    """Return medians and ratios as a Markdown table."""
    rows = [["workload", *peers, "ratio"]]
    for name, runs in results.items():
        cells = [seconds(runs[p].median) for p in peers]
        of = ratio(runs)
        rows.append([f"`{name}`", *cells, "-" if math.isnan(of) else f"{of:.2f}"])
    mean = mean_ratio(results)
    if not math.isnan(mean):
        rows.append(["geometric mean", *[""] * len(peers), f"{mean:.2f}"])
    notes = [
        f"{name}: {runs[p].skipped}"
        for name, runs in results.items()
        for p in peers
        if runs[p].skipped
    ]
    return "\n".join([markdown(rows), *notes])


def starts_table(starts: Starts, peers: list[str]) -> str:
    """Return first calls, warm starts and memory as a Markdown table."""
    heads = [f"{p}: {what}" for p in peers for what in ("first call", "warm start", "memory")]
    rows = [["workload", *heads]]
    for name, by_peer in starts.items():
        cells: list[str] = []
        for peer in peers:
            if peer not in by_peer:
                cells += ["-"] * 3
                continue
            cold, warm = by_peer[peer]
            memory = warm.get("memory")
            cells += [seconds(cold.get("first")), seconds(warm.get("total"))]
            cells.append("-" if memory is None else f"{memory / 2**20:.1f} MiB")
        rows.append([f"`{name}`", *cells])
    return markdown(rows)


def markdown(rows: list[list[str]]) -> str:
    """Return rows as a Markdown table, the first one its head."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [" | ".join(cell.ljust(w) for cell, w in zip(r, widths, strict=True)) for r in rows]
    rule = " | ".join("-" * w for w in widths)
    return "\n".join(f"| {line} |" for line in [lines[0], rule, *lines[1:]])


def as_json(results: Results, starts: Starts, about: dict[str, Any]) -> dict[str, Any]:
    """Return everything as plain data."""
    workloads: dict[str, Any] = {}
    for name, runs in results.items():
        workloads[name] = {"ratio": _plain(ratio(runs)), "peers": {}}
        for peer, run in runs.items():
            low, high = run.spread
            workloads[name]["peers"][peer] = {
                "median": _plain(run.median),
                "quartiles": [_plain(low), _plain(high)],
                "steps": len(run.times),
                "losses": run.losses,
                "temporaries": run.temporaries,
                "skipped": run.skipped,
            }
    cold = {
        name: {peer: {"cold": c, "warm": w} for peer, (c, w) in by_peer.items()}
        for name, by_peer in starts.items()
    }
    mean = _plain(mean_ratio(results))
    return {"machine": about, "workloads": workloads, "starts": cold, "geometric_mean": mean}


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value


def plot(results: Results, path: Path) -> None:
    """Draw how many times longer each peer takes than gradc."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [n for n, runs in results.items() if not math.isnan(ratio(runs))]
    peers = [p for p in next(iter(results.values())) if p != "gradc"]
    figure, axes = pyplot.subplots(figsize=(9, 4.5), layout="constrained")
    width = 0.8 / len(peers)
    for k, peer in enumerate(peers):
        heights = [results[n][peer].median / results[n]["gradc"].median for n in names]
        axes.bar(
            [i + (k - (len(peers) - 1) / 2) * width for i in range(len(names))], heights, width
        )
    axes.axhline(1.0, color="black", linewidth=1)
    axes.set_yscale("log")
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_ylabel("time of one step / gradc's")
    axes.legend(["gradc", *peers])
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
