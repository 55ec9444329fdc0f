"""`gradc compile`: a function's generated module as a file, and a report of its costs."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path

from gradc.cli.failure import CommandError
from gradc.cli.program import compiled
from gradc.inspect.report import report_of
from gradc.inspect.stages import halves


def run(options: Namespace) -> None:
    """Compile the target, write its module where that is asked for, print the report.

    Where results want gradients there are two modules, the second for their backward pass.
    """
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


def _write(path: Path, source: str) -> None:
    try:
        path.write_text(source)
    except OSError as error:
        raise CommandError(f"can't write {path}: {error.strerror}") from error
