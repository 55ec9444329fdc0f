"""A lowered kernel -> its LLVM text, in which loops over four neighbours are to be unrolled.

LLVM unrolls short loops by itself only where their bodies are small; reading and writing four
neighbours at once needs all of them unrolled.
"""

from __future__ import annotations

import re
from typing import Any

from llvmlite import ir

_MARK = "gradc.unroll"
_NODE = re.compile(rf'^(!\d+) = !{{ !"{_MARK}" }}$', re.MULTILINE)


def unrolled_text(module: Any) -> str:
    """Return the text of a module of llvmlite's."""
    for function in module.functions:
        for block in function.blocks:
            if any(_begins_neighbours(i) for i in block.instructions):
                _mark(module, function, block)
    # NOTE: LLVM wants a node that begins with itself, which llvmlite can't write.
    text = str(module)
    found = _NODE.search(text)
    if found is None:
        return text
    node = found[1]
    wanted = f'{node} = distinct !{{{node}, !9999999}}\n!9999999 = !{{!"llvm.loop.unroll.full"}}'
    return text.replace(found[0], wanted)


def _begins_neighbours(instruction: Any) -> bool:
    """Return whether an instruction asks how many neighbours a thread has."""
    called = isinstance(instruction, ir.CallInstr)
    return called and instruction.callee.name.startswith("gradc.neighbours")


def _mark(module: Any, function: Any, before: Any) -> None:
    """Mark the branches back to the head of the loop that follows a block."""
    head = _target(before)
    node = module.add_metadata([_MARK])
    for block in function.blocks:
        if block is not before and head is not None and _target(block) is head:
            block.terminator.set_metadata("llvm.loop", node)


def _target(block: Any) -> Any:
    """Return where a block goes on unconditionally, or None."""
    end = block.terminator
    plain = isinstance(end, ir.Branch) and len(end.operands) == 1
    return end.operands[0] if plain else None
