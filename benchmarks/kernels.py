"""A compiled workload -> the time of each of its kernels, against what the machine can do.

The generated text is compiled a second time with a `tick` behind every call of the step; nothing
else about it changes.
"""

from __future__ import annotations

import ast
import re
import time
from typing import Any

import numpy as np

from benchmarks.report import markdown
from benchmarks.step import Unavailable
from benchmarks.workloads import make

SECONDS = 1.0
MANY = 12  # calls of one kernel, such as the updates of all parameters, that share a row
VIEW = re.compile(r"view_\w+$")


def profile(name: str) -> str:
    """Return the kernels of a workload's step on one thread as a table, with the ceilings."""
    import gradc

    before = gradc.get_num_threads()
    gradc.set_num_threads(1)
    try:
        return _profile(name, gradc)
    finally:
        gradc.set_num_threads(before)


def _profile(name: str, gradc: Any) -> str:
    try:
        step = make(name, "gradc")
    except Unavailable as error:
        return f"{name}: {error}"
    kept = step.run()  # the table holds the addresses of these results
    (compiled,) = [c.cell_contents for c in step.run.__closure__ or () if _is_compiled(c)]
    (program,) = (p for known in compiled.programs.values() for p in known)
    lines, instrumented = _ticked(program.source, len(program.code.table))
    times, total = _times(program, instrumented, len(lines))
    del kept
    gflops, gbytes = _ceilings(gradc)
    kernels = [k for k in program.plan.kernels if not k.is_scalar]
    known = len(kernels) == len(lines)
    rows = [["kernel", "calls", "time", "share", "GF/s", "of peak", "GB/s", "of peak"]]
    for line, of in _grouped(lines):
        seconds = sum(times[i] for i in of)
        row = [line, str(len(of)), f"{seconds * 1e6:.1f} us", f"{100 * seconds / total:.1f} %"]
        if known and seconds > 0:
            f = sum(kernels[i].cost.flops for i in of) / seconds / 1e9
            b = sum(kernels[i].cost.bytes_moved for i in of) / seconds / 1e9
            row += [
                f"{f:.1f}",
                f"{100 * f / gflops:.0f} %",
                f"{b:.1f}",
                f"{100 * b / gbytes:.0f} %",
            ]
        rows.append(row + ["-"] * (len(rows[0]) - len(row)))
    rest = total - sum(times)
    share = f"{100 * rest / total:.1f} %"
    rows.append(["(between kernels)", "", f"{rest * 1e6:.1f} us", share, *"----"])
    head = (
        f"{name}: one step {total * 1e6:.1f} us; ceilings of one thread: {gflops:.0f} GF/s "
        f"(product of 512 x 512 matrices), {gbytes:.0f} GB/s (sum of two arrays of 1 MiB)"
    )
    return f"{head}\n\n{markdown(rows)}\n"


def _grouped(lines: list[str]) -> list[tuple[str, list[int]]]:
    """Return the calls in order, those of one function with many calls together."""
    by_name: dict[str, list[int]] = {}
    for i, line in enumerate(lines):
        by_name.setdefault(line.split("(")[0], []).append(i)
    found: list[tuple[str, list[int]]] = []
    for name, of in by_name.items():
        if len(of) > MANY:
            found.append((f"{name}(...)", of))
        else:
            found += [(lines[i], [i]) for i in of]
    return sorted(found, key=lambda entry: entry[1][0])


def _is_compiled(cell: Any) -> bool:
    return hasattr(cell.cell_contents, "programs")


def _ticked(source: str, slot: int) -> tuple[list[str], str]:
    """Return the calls of a step's kernels, and the text with a tick behind each."""
    step = ast.parse(source).body[-1]
    assert isinstance(step, ast.FunctionDef)
    text = source.splitlines()
    calls = [s for s in ast.walk(step) if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call)]
    calls = [s for s in calls if ast.unparse(s) != "meet(team)"]
    calls.sort(key=lambda s: s.lineno)
    shown: list[str] = []
    after: dict[int, str] = {}
    for n, call in enumerate(calls):
        indent = " " * call.col_offset
        if n == 0:
            after[call.lineno - 1] = f"{indent}tick(buffers, {slot}, 0)"
        after[call.end_lineno or call.lineno] = f"{indent}tick(buffers, {slot}, {n + 1})"
        written = ast.unparse(call.value)
        shown.append(written if len(written) <= 48 else f"{written[:45]}...")
    lines: list[str] = []
    for number, line in enumerate(text, 1):
        lines.append(line)
        if number in after:
            lines.append(after[number])
    where = next(i for i, line in enumerate(lines) if line.startswith("from gradc.runtime.cpu"))
    lines.insert(where, "from benchmarks.ticks import tick")
    return shown, "\n".join(lines) + "\n"


def _times(program: Any, source: str, count: int) -> tuple[list[float], float]:
    """Return seconds of each kernel, and of the whole step."""
    from gradc.build.load import load

    counters = np.zeros(count + 2, np.int64)
    table = np.append(program.code.table, counters.__array_interface__["data"][0])
    native = load(source, f"{program.graph.name}_ticked")
    native.call(int(table.ctypes.data))
    inside: list[float] = []
    found: list[Any] = []
    until = time.perf_counter() + SECONDS
    first, began = int(counters[0]), time.perf_counter()
    while time.perf_counter() < until:
        counters[1:] = 0
        before = time.perf_counter()
        native.call(int(table.ctypes.data))
        inside.append(time.perf_counter() - before)
        found.append(counters[2:].copy())
    rate = (int(counters[0]) - first) / (time.perf_counter() - began)
    # the shortest of all runs: other processes only ever add time
    return list(np.min(found, axis=0) / rate), min(inside)


def _ceilings(gradc: Any) -> tuple[float, float]:
    """Return GF/s of a large product and GB/s of a sum in cache, one thread each."""
    from gradc.runtime.blas import find_blas

    n, m = 512, 2**18
    a, b = (gradc.ones(n, n) for _ in range(2))
    product = gradc.compile(lambda a, b: a @ b)
    x, y, out = (np.ones(m, "f") for _ in range(3))
    with find_blas().sequential():
        flops = 2 * n**3 / _best(lambda: product(a, b)) / 1e9
    return flops, 3 * x.nbytes / _best(lambda: np.add(x, y, out=out)) / 1e9


def _best(run: Any) -> float:
    """Return the shortest of many runs."""
    found: list[float] = []
    for _ in range(100):
        before = time.perf_counter()
        run()
        found.append(time.perf_counter() - before)
    return min(found)
