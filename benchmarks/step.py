"""One step of a workload: what is called, and the number that all peers must agree on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.place import PLACE, wait

Array = np.ndarray[Any, Any]


class Unavailable(Exception):
    """A workload that can't be run here, with the reason."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step with everything it works on.

    Attributes:
        run: does one step; on the CPU its result is there when it returns.
        number: the loss (or a checksum) in what `run` returned.
        wait: returns once the device has done all steps.
        temporaries: bytes that the compiled step keeps besides its arguments, where that is known;
            called after the first run.
    """

    run: Callable[[], Any]
    number: Callable[[Any], float]
    wait: Callable[[], None] = lambda: None
    temporaries: Callable[[], int | None] = lambda: None


def uniform(seed: int, shapes: dict[str, tuple[int, ...]]) -> dict[str, Array]:
    """Return float32 weights as PyTorch's layers start with: U(-k, k), k = 1 / sqrt(fan_in).

    Args:
        seed: of the generator.
        shapes: by name; a bias takes the fan_in of the weight before it.
    """
    rng = np.random.default_rng(seed)
    made: dict[str, Array] = {}
    bound = 1.0
    for name, shape in shapes.items():
        if len(shape) > 1:
            bound = float(np.prod(shape[1:])) ** -0.5
        made[name] = rng.uniform(-bound, bound, shape).astype(np.float32)
    return made


def gradc_case(
    function: Any, *arguments: Any, number: Callable[[Any], float] | None = None
) -> Step:
    """Return the step of a function compiled by gradc."""
    import gradc

    compiled = gradc.compile(function, on_recompile="error")

    def temporaries() -> int | None:
        (program,) = (p for known in compiled.programs.values() for p in known)
        return program.emitted.arena_bytes

    return Step(lambda: compiled(*arguments), number or _item, lambda: wait(gradc), temporaries)


def torch_case(
    function: Any, *arguments: Any, number: Callable[[Any], float] | None = None
) -> Step:
    """Return the step of a function of PyTorch tensors."""
    import torch

    return Step(lambda: function(*arguments), number or _item, lambda: wait(torch))


def _item(result: Any) -> float:
    return float(result.item())


def jax_case(
    function: Any, state: Any, *arguments: Any, number: Callable[[Any], float] | None = None
) -> Step:
    """Return the step of `function(state, *arguments) -> (state, result)`, its state donated."""
    import jax

    jitted = jax.jit(function, donate_argnums=0)
    held, last = [state], [None]
    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), (state, *arguments))

    def run() -> Any:
        held[0], result = jitted(held[0], *arguments)
        last[0] = result
        if PLACE.device == "cpu":
            finish()
        return result

    def finish() -> None:
        jax.block_until_ready((held[0], last[0]))

    def temporaries() -> int | None:
        analysis = jitted.lower(*shapes).compile().memory_analysis()
        return None if analysis is None else int(analysis.temp_size_in_bytes)

    return Step(run, number or _item, finish, temporaries)
