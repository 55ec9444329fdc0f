"""`gradc show`: one stage of a function's compilation on the terminal."""

from __future__ import annotations

from argparse import Namespace

from gradc.cli.failure import CommandError
from gradc.cli.paint import wants_colour, write
from gradc.cli.program import compiled
from gradc.inspect.cuda import STAGES as CUDA_STAGES
from gradc.inspect.cuda import cuda_text
from gradc.inspect.stages import stage_text


def run(options: Namespace) -> None:
    """Print a stage of the function's program."""
    stage: str = options.stage
    if options.device == "cuda" and stage not in CUDA_STAGES:
        raise CommandError(f"--stage {stage} is the same for every target: leave --target out")
    program = compiled(options.target, options.input)
    text = cuda_text(program, stage) if options.device == "cuda" else stage_text(program, stage)
    write(text, colour=wants_colour(options.color), python=stage != "plan")
