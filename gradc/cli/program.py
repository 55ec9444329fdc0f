"""A target and `--input` texts -> the target's program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gradc.cli.failure import CommandError
from gradc.cli.target import find, user_code
from gradc.errors import ArgumentError
from gradc.inspect.example import example_tensors
from gradc.inspect.stages import program_of, required
from gradc.tensor import Tensor

if TYPE_CHECKING:
    from gradc.compiler.target import AnyProgram


def compiled(target: str, inputs: Sequence[str] | None) -> AnyProgram:
    """Return the program of a target, traced with tensors of the types in `inputs`.

    Args:
        target: `FILE.py:NAME` or `module:object`.
        inputs: texts such as "float32[128, 784]"; None where the target says it itself.

    Raises:
        CommandError: the target can't be found, or can't be compiled for these inputs.
    """
    function = find(target)
    examples: list[Tensor] = []
    for text in inputs or ():
        try:
            examples += example_tensors(text)
        except ArgumentError as error:
            raise CommandError(f"--input: {error.message}; {error.hint}") from None
    if not examples and not getattr(function, "example_inputs", None):
        if needed := required(getattr(function, "function", function)):
            raise CommandError(
                f"{target} takes {', '.join(needed)}: give their types, as in "
                '--input "float32[8, 4]"'
            )
    with user_code(f"compiling {target}"):
        return program_of(function, *examples)
