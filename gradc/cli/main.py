"""The arguments of the `gradc` command -> one of its commands, and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from gradc.cli import cache, compile, doctor, show
from gradc.cli.failure import CommandError
from gradc.cli.target import FORM
from gradc.errors import GradcError
from gradc.inspect.stages import STAGES

TARGET_HELP = f"the function: {FORM}"
INPUT_HELP = (
    'type of an example argument, "float32[128, 784]"; several in one text or in several '
    "--input; not needed where the function has example_inputs"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return 0, or 2 after an error that was told on stderr."""
    options = parser().parse_args(arguments)
    try:
        run = {"compile": compile.run, "show": show.run, "doctor": doctor.run, "cache": cache.run}
        run[options.command](options)
        sys.stdout.flush()
    except CommandError as error:
        print(f"gradc: {error}", file=sys.stderr)
        return 2
    except GradcError as error:
        print(f"gradc: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; nothing is left to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    whole = argparse.ArgumentParser(
        prog="gradc", description="Compile PyTorch-style Python to readable gradient code."
    )
    whole.add_argument("--version", action="version", version=f"gradc {version('gradc')}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    one = commands.add_parser("compile", help="write the generated module; report what it costs")
    _add_target(one)
    one.add_argument("--arch", metavar="ARCH", help="a GPU's architecture, sm_90 if left out")
    one.add_argument("-o", "--output", type=Path, metavar="FILE", help="copy the module there")
    one = commands.add_parser("show", help="print a stage: graph, gradient, plan or source")
    one.add_argument("--stage", choices=STAGES, default="source")
    _add_target(one)
    one.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    commands.add_parser("doctor", help="tell what this machine offers")
    one = commands.add_parser("cache", help="look at the compiled programs kept on disk")
    one.add_argument("action", choices=("info", "clear"))
    return whole


def _add_target(one: argparse.ArgumentParser) -> None:
    one.add_argument("target", metavar="FUNCTION", help=TARGET_HELP)
    one.add_argument("--target", choices=("cpu", "cuda"), default="cpu", dest="device")
    one.add_argument("--input", action="append", metavar="TYPE", help=INPUT_HELP)


if __name__ == "__main__":
    sys.exit(main())
