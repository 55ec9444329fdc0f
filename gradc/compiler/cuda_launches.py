"""The step of a program -> the launches that it makes, as a list: told once, given many times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gradc.compiler.cuda_native import FIRST, CudaExecutable
from gradc.devices.driver import Driver, Size
from gradc.runtime.cuda_launch import View

_SPACE = 48  # bits of an offset in what stands for an address


@dataclass(frozen=True, slots=True)
class Launch:
    """A launch of a kernel on arrays that are known by their number and an offset in bytes."""

    function: Any
    blocks: Size
    threads: Size
    arguments: tuple[tuple[int, int], ...]

    def give(self, device: Driver, addresses: Sequence[int]) -> None:
        """Give it to a device; `addresses` are those of inputs and outputs."""
        given = [addresses[i] + offset for i, offset in self.arguments]
        device.launch(self.function, self.blocks, self.threads, given)


class _Listener:
    """Takes down what a step launches."""

    def __init__(self, functions: dict[str, Any]) -> None:
        """Have heard nothing yet."""
        self.functions = functions
        self.heard: list[Launch] = []

    def launch(self, name: str, blocks: Size, threads: Size, arguments: tuple[int, ...]) -> None:
        """Take a launch down."""
        given = tuple((a >> _SPACE, a & ((1 << _SPACE) - 1)) for a in arguments)
        self.heard.append(Launch(self.functions[name], blocks, threads, given))

    def product(
        self, name: str, a: View, b: View, out: View, bias: View | None, rounds: str
    ) -> None:
        """Refuse: a product needs room of the stream that it runs on."""
        raise AssertionError("the step of a program without products computes one")


def launches_of(program: CudaExecutable) -> tuple[Launch, ...] | None:
    """Return what a program launches; None where that needs its arena, or a library of products."""
    if program.products or program.plan.memory.arena_bytes:
        return None
    listener = _Listener(program.gpu.functions)
    count = len(program.graph.inputs) + len(program.graph.outputs)
    program.native.step(listener, {FIRST + i: i << _SPACE for i in range(count)})
    return tuple(listener.heard)
