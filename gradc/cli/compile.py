"""`gradc compile`: a function's generated module as a file, and a report of its costs."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path

from gradc.cli.failure import CommandError
from gradc.cli.program import compiled
from gradc.inspect.report import report_of


def run(options: Namespace) -> None:
    """Compile the target, write its module where that is asked for, print the report."""
    started = time.perf_counter()
    program = compiled(options.target, options.input)
    seconds = time.perf_counter() - started
    if options.output is not None:
        _write(options.output, program.emitted.source)
        print(f"written: {options.output}\n")
    print(report_of(program))
    print(f"\nimported, traced, planned and compiled in {seconds:.2f} s")


def _write(path: Path, source: str) -> None:
    try:
        path.write_text(source)
    except OSError as error:
        raise CommandError(f"can't write {path}: {error.strerror}") from error
