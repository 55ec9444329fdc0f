"""`gradc show`: one stage of a function's compilation on the terminal."""

from __future__ import annotations

from argparse import Namespace

from gradc.cli.failure import CommandError
from gradc.cli.paint import wants_colour, write
from gradc.cli.program import compiled
from gradc.inspect.stages import MADE_FOR_TARGETS, stage_text


def run(options: Namespace) -> None:
    """Print a stage of the function's program."""
    stage: str = options.stage
    if options.device == "cuda" and stage not in MADE_FOR_TARGETS:
        raise CommandError(f"--stage {stage} is the same for every target: leave --target out")
    program = compiled(options.target, options.input)
    text = stage_text(program, stage, "cuda" if options.device == "cuda" else None)
    write(text, colour=wants_colour(options.color), python=stage != "plan")
