"""LLVM functions -> the same with floating-point flags and the width of their vectors."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

# NOTE: without nsz, arcp and afn: reassoc then does no more than let sums be split over
# vector lanes, so NaN, inf and -0.0 keep their meaning and compensated sums survive.
_FLAGS = ("reassoc", "contract")
_FLOAT_OPERATIONS = frozenset({"fadd", "fsub", "fmul", "fdiv", "fcmp", "fneg"})
_STRICT = "gradc."


def mark(function: Any, *, wide: bool) -> None:
    """Set the floating-point flags of a function's instructions, and its vector width.

    Functions named `gradc.*` are the runtime's maths, exact to the operation: no flags for them.
    """
    if wide:
        # llvmlite's attribute set refuses strings that it doesn't know.
        attributes: set[str] = function.attributes
        set[str].add(attributes, '"prefer-vector-width"="512"')
    if function.name.startswith(_STRICT):
        return
    for block in function.blocks:
        for instruction in block.instructions:
            if instruction.opname in _FLOAT_OPERATIONS:
                instruction.flags.extend(_FLAGS)
            elif isinstance(instruction, ir.CallInstr) and _is_float(instruction.type):
                instruction.fastmath.update(_FLAGS)


def _is_float(type_: Any) -> bool:
    """Return whether an LLVM type is float or double."""
    return isinstance(type_, (ir.FloatType, ir.DoubleType))
