"""`python -m benchmarks [names]`: time the workloads against the peers that are installed."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from benchmarks import report
from benchmarks.contention import contention
from benchmarks.fresh import starts
from benchmarks.kernels import profile
from benchmarks.measure import disagreement, installed, measure, set_threads
from benchmarks.place import (
    CPU_PEERS,
    CUDA_PEERS,
    JAX_PRECISION,
    PLACE,
    gpu,
    pick,
    set_precision,
    unavailable,
)
from benchmarks.workloads import ON_CUDA, WORKLOADS


def arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"workloads: {', '.join(WORKLOADS)} (all)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument(
        "--precision",
        choices=tuple(JAX_PRECISION),
        default="highest",
        help="of float32 matrix products on CUDA",
    )
    parser.add_argument("--peers", help=f"of {','.join(CPU_PEERS)}; on CUDA {','.join(CUDA_PEERS)}")
    parser.add_argument("--seconds", type=float, default=2.0, help="per peer and workload")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--starts", action="store_true", help="first calls, warm starts, memory")
    parser.add_argument("--contention", action="store_true", help="beside a busy process")
    parser.add_argument("--kernels", action="store_true", help="each kernel against the ceilings")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    parser.add_argument("--plot", type=Path, help="draw the ratios to this file")
    given = parser.parse_args()
    for name in given.names:
        if name not in WORKLOADS:
            parser.error(f"unknown workload {name!r}; there are {', '.join(WORKLOADS)}")
    PLACE.device = given.device
    known = pick(CPU_PEERS, CUDA_PEERS)
    wanted = list(known) if given.peers is None else [p for p in given.peers.split(",") if p]
    for peer in wanted:
        if peer not in known:
            parser.error(f"unknown peer {peer!r}; there are {', '.join(known)}")
    if given.device == "cuda":
        for option in ("starts", "contention", "kernels"):
            if getattr(given, option):
                parser.error(f"--{option} is for --device cpu")
        for name in given.names:
            if name not in ON_CUDA:
                parser.error(f"{name} is not for CUDA; there are {', '.join(ON_CUDA)}")
        if why := unavailable():
            parser.error(f"--device cuda: {why}")
    given.names = given.names or list(pick(tuple(WORKLOADS), ON_CUDA))
    given.peers = ["gradc", *installed(wanted)]
    for peer in wanted:
        if peer not in given.peers:
            print(f"{peer} is not installed: pip install -e '.[bench]'", file=sys.stderr)
    return given


def main() -> int:
    """Run what was asked for; return 1 where peers compute different things."""
    given = arguments()
    set_threads(given.threads, given.peers)
    if given.kernels:
        for name in given.names:
            print(profile(name), flush=True)
        return 0
    if given.contention:
        return _contention(given)
    if given.device == "cuda":
        set_precision(given.precision, given.peers)
    about = report.machine(given.threads)
    versions = ", ".join(f"{k} {v}" for k, v in about["versions"].items())
    if given.device == "cpu":
        print(f"{about['processor']}, {given.threads} threads, BLAS {about['blas']}; {versions}\n")
    else:
        about |= {"precision": given.precision, **gpu()}
        print(f"{about['device']}, float32 products: {given.precision}; {versions}\n")
    results: report.Results = {}
    wrong = 0
    for name in given.names:
        results[name] = measure(name, given.peers, given.seconds)
        shown = {p: report.seconds(r.median) for p, r in results[name].items()}
        print(f"{name:<10} {shown}", file=sys.stderr, flush=True)
        if difference := disagreement(results[name]):
            print(f"{name}: {difference}", file=sys.stderr)
            wrong = 1
    print(report.table(results, given.peers))
    begun: report.Starts = {}
    if given.starts:
        for name in given.names:
            there = [p for p in given.peers if not results[name][p].skipped]
            begun[name] = {p: starts(name, p, given.threads) for p in there}
            print(f"{name:<10} started", file=sys.stderr, flush=True)
        print(f"\n{report.starts_table(begun, given.peers)}")
    if given.json:
        data = report.as_json(results, begun, about)
        given.json.write_text(json.dumps(data, indent=1) + "\n")
    if given.plot:
        report.plot(results, given.plot)
    return wrong


def _contention(given: argparse.Namespace) -> int:
    rows = [["workload", "peer", "quiet", "busy", "times"]]
    for name in given.names:
        for peer, found in contention(name, given.peers, given.seconds).items():
            if isinstance(found, str):
                rows.append([name, peer, found, "", ""])
                continue
            quiet, busy = found
            cells = [report.seconds(quiet), report.seconds(busy), f"{busy / quiet:.2f}"]
            rows.append([name, peer, *cells])
    print(report.markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
