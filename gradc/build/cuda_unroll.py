"""A lowered kernel -> its LLVM text, in which loops of a few positions are to be unrolled.

LLVM unrolls short loops by itself only where their bodies are small. Reading and writing four
neighbours at once needs all of them unrolled, and so do sums that are to stay in registers.
"""

from __future__ import annotations

import re
from typing import Any

from llvmlite import ir

_MARK = "gradc.unroll"
_ASKED = ("gradc.neighbours", "gradc.dealt", "gradc.held")
_NODE = re.compile(rf'^(!\d+) = !{{ !"{_MARK}" }}$', re.MULTILINE)


def unrolled_text(module: Any) -> str:
    """Return the text of a module of llvmlite's."""
    for function in module.functions:
        for block in function.blocks:
            if any(_begins(i) for i in block.instructions):
                _mark(module, function, block)
    # NOTE: LLVM wants a node that begins with itself, which llvmlite can't write.
    text = str(module)
    found = _NODE.search(text)
    if found is None:
        return text
    node = found[1]
    wanted = f'{node} = distinct !{{{node}, !9999999}}\n!9999999 = !{{!"llvm.loop.unroll.full"}}'
    return text.replace(found[0], wanted)


def _begins(instruction: Any) -> bool:
    """Return whether an instruction asks how many neighbours, or sums, a thread has."""
    called = isinstance(instruction, ir.CallInstr)
    return called and instruction.callee.name.startswith(_ASKED)


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
