"""Tests of the PTX machine itself."""

import re
from collections.abc import Callable

import numpy as np
import pytest
from ptx.machine import Launch, PtxModule
from ptx.memory import GlobalMemory
from ptx.schedule import Order

HEAD = ".version 8.0\n.target sm_90\n.address_size 64\n"


@pytest.fixture(scope="session")
def memory() -> GlobalMemory:
    """A GPU's memory."""
    return GlobalMemory(1 << 24)


@pytest.fixture
def run(memory) -> Callable:
    """Run a kernel on arrays; return what they hold then. None of them is written beforehand."""

    def launch(body, *arrays, blocks=1, threads=32, order="together", seed=0, head="", fresh=()):
        lines = [line.strip() for line in body.strip().splitlines()]
        listed = ", ".join(f".param .u64 .ptr .align 16 p{i}" for i in range(len(arrays)))
        registers = ".reg .pred %p<9>; .reg .b16 %rs<9>; .reg .b32 %r<99>; .reg .b64 %rd<99>;"
        loads = [f"ld.param.b64 %rd{90 + i}, [p{i}];" for i in range(len(arrays))]
        text = [HEAD, head, f".visible .entry k({listed})", "{", registers, *loads, *lines, "}"]
        module = PtxModule("\n".join(text), memory)
        given = [
            memory.allocate(a.nbytes) if i in fresh else memory.upload(a)
            for i, a in enumerate(arrays)
        ]
        sizes = [(n, 1, 1) if isinstance(n, int) else n for n in (blocks, threads)]
        try:
            Launch(module, "k", *sizes, given, order=Order(order, seed)).run()
            return [memory.download(p, a) for p, a in zip(given, arrays, strict=True)]
        finally:
            for address in given:
                memory.free(address)

    return launch


@pytest.fixture
def compute(run) -> Callable:
    """Run one instruction on numbers, one lane for each; return the results' bits."""

    def lanes(instruction, *columns, result=32, kinds=None):
        """`d` is the result, `a`, `b`, `c` the operands; kinds are their bits."""
        widths = kinds or [result] * len(columns)
        count = len(columns[0])
        prefix = {16: "%rs", 32: "%r", 64: "%rd"}
        lines = ["mov.u32 %r98, %tid.x;"]
        arrays = []
        for i, (column, width) in enumerate(zip(columns, widths, strict=True)):
            bits = np.array([int(x) % (1 << width) for x in column], f"u{width // 8}")
            arrays.append(np.resize(bits, 32))
            lines.append(f"mad.wide.u32 %rd80, %r98, {width // 8}, %rd{90 + i};")
            lines.append(f"ld.global.b{width} {prefix[width]}{i + 1}, [%rd80];")
            name = f"{prefix[width]}{i + 1}"
            instruction = re.sub(rf"\b{'abc'[i]}\b", name, instruction)
        target = f"{prefix[result]}8"
        lines.append(re.sub(r"\bd\b", target, instruction))
        lines.append(f"mad.wide.u32 %rd80, %r98, {result // 8}, %rd{90 + len(columns)};")
        lines += [f"st.global.b{result} [%rd80], {target};", "ret;"]
        found = run("\n".join(lines), *arrays, np.zeros(32, f"u{result // 8}"), fresh=[len(arrays)])
        return [int(x) for x in found[-1][:count]]

    return lanes
