"""`gradc show`: one stage of a function's compilation on the terminal."""

from __future__ import annotations

from argparse import Namespace

from gradc.cli.paint import wants_colour, write
from gradc.cli.program import compiled
from gradc.inspect.stages import stage_text


def run(options: Namespace) -> None:
    """Print a stage of the target's program."""
    text = stage_text(compiled(options.target, options.input), options.stage)
    write(text, colour=wants_colour(options.color), python=options.stage != "plan")
