"""`gradc compile`: a function's generated module as a file, and a report of its costs."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path

from gradc.build.cuda_compiler import ARCHITECTURES
from gradc.cli.failure import CommandError
from gradc.cli.program import compiled
from gradc.inspect.cuda import cuda_report
from gradc.inspect.report import report_of
from gradc.inspect.stages import halves
from gradc.inspect.target import target_halves
from gradc.schedule.target import CUDA

DEFAULT_ARCH = "sm_90"


def run(options: Namespace) -> None:
    """Compile the target, write its module where that is asked for, print the report.

    Where results want gradients there are two modules, the second for their backward pass.
    """
    if options.device == "cuda":
        _cuda(options)
        return
    if options.arch is not None:
        raise CommandError("--arch names a GPU: it needs --target cuda")
    started = time.perf_counter()
    program = compiled(options.target, options.input)
    seconds = time.perf_counter() - started
    if options.output is not None:
        path: Path = options.output
        places = [path, path.with_stem(f"{path.stem}_backward")]
        for place, code in zip(places, halves(program), strict=False):
            _write(place, code.emitted.source)
            print(f"written: {place}")
        print()
    print(report_of(program))
    print(f"\nimported, traced, planned and compiled in {seconds:.2f} s")


def _cuda(options: Namespace) -> None:
    """Compile the function for a GPU; with `-o` write its text, and the cubin beside it."""
    arch: str = options.arch or DEFAULT_ARCH
    if arch not in ARCHITECTURES:
        raise CommandError(f"--arch {arch} is not known; it is one of {', '.join(ARCHITECTURES)}")
    halves = target_halves(compiled(options.target, options.input), CUDA, arch)
    suffixes = ("", "_backward")
    for half, suffix in zip(halves, suffixes, strict=False):
        name = f"{half.plan.name}{suffix}"
        native, report = cuda_report(name, half, arch)
        if options.output is not None:
            path: Path = options.output
            place = path.with_stem(f"{path.stem}{suffix}")
            _write(place, native.source)
            _write(place.with_suffix(".cubin"), native.cubin)
            print(f"written: {place}, {place.with_suffix('.cubin')}")
        print(report)


def _write(path: Path, content: str | bytes) -> None:
    try:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise CommandError(f"can't write {path}: {error.strerror}") from error
