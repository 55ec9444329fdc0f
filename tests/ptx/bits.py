"""Registers are arrays of bits, one element per lane, or one number where all lanes agree.

An instruction reads them as the type that it names and writes its result back as bits.
"""

from __future__ import annotations

import numpy as np
from ptx.text import SIZES, Group, Instruction, Kernel, Number, PtxError, Register, Symbol

UNSIGNED = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}
SIGNED = {1: np.int8, 2: np.int16, 4: np.int32, 8: np.int64}
GARBAGE = {1: 0xCD, 2: 0xCDCD, 4: 0xCDCDCDCD, 8: 0xCDCDCDCDCDCDCDCD}


def dtype_of(kind: str):
    """Return the NumPy type of a PTX type; 16-bit reals and pairs are bits."""
    if kind == "pred":
        return np.bool_
    if kind in ("f32", "f64"):
        return {"f32": np.float32, "f64": np.float64}[kind]
    if kind not in SIZES:
        raise PtxError(f"type .{kind} is not known")
    return (SIGNED if kind[0] == "s" else UNSIGNED)[SIZES[kind]]


def unknown(instruction: Instruction, why: str = "") -> PtxError:
    """Return the error for what the machine can't do."""
    said = f": {why}" if why else ""
    return PtxError(f"line {instruction.line}: {instruction.name} is not known{said}")


def reader(operand, kind: str, kernel: Kernel, symbols: dict[str, int]):
    """Return what reads an operand as a type: a function of the registers."""
    dtype = dtype_of(kind)
    if isinstance(operand, Number):
        return _constant(operand.bits, dtype)
    if isinstance(operand, Symbol):
        if operand.name not in symbols:
            raise PtxError(f"{kernel.name}: there is no {operand.name}")
        return _constant(symbols[operand.name], dtype)
    if isinstance(operand, Group):
        return _packed(operand, kind, kernel, symbols)
    if not isinstance(operand, Register):
        raise PtxError(f"{kernel.name}: can't read {operand}")
    name = operand.name
    if special(name):
        return lambda values: values[name].astype(dtype, copy=False)
    held = kernel.type_of(name)
    if kind == "pred" or held == "pred":
        if kind != held:
            raise PtxError(f"{kernel.name}: {name} is .{held}, not .{kind}")
        if operand.negated:
            return lambda values: ~values[name]
        return lambda values: values[name]
    wide, size = SIZES[held], SIZES[kind]
    if size == wide:
        return lambda values: values[name].view(dtype)
    if size > wide:
        raise PtxError(f"{kernel.name}: {name} is .{held}, too narrow for .{kind}")
    narrow = UNSIGNED[size]
    return lambda values: values[name].astype(narrow).view(dtype)


def _constant(bits: int, dtype):
    if dtype is np.bool_:
        value = np.bool_(bits)
    else:
        size = np.dtype(dtype).itemsize
        value = UNSIGNED[size](bits % (1 << 8 * size)).view(dtype)
    return lambda values: value


def _packed(group: Group, kind: str, kernel: Kernel, symbols: dict[str, int]):
    """Return what reads `{low, high}` as one number."""
    whole = UNSIGNED[SIZES[kind]]
    width = 8 * SIZES[kind] // len(group.parts)
    parts = [reader(p, f"b{width}", kernel, symbols) for p in group.parts]

    def read(values):
        total = whole(0)
        for i, part in enumerate(parts):
            total = total | (part(values).astype(whole) << whole(i * width))
        return total

    return read


def writer(operand, kind: str, kernel: Kernel):
    """Return what writes a result of a type to a register: a function of registers and result."""
    if isinstance(operand, Symbol) and operand.name == "_":
        return lambda values, result: None
    if isinstance(operand, Group):
        return _unpacked(operand, kind, kernel)
    if not isinstance(operand, Register):
        raise PtxError(f"{kernel.name}: can't write to {operand}")
    name, held = operand.name, kernel.type_of(operand.name)
    if held == "pred" or kind == "pred":
        if held != kind:
            raise PtxError(f"{kernel.name}: {name} is .{held}, not .{kind}")

        def write(values, result):
            values[name] = result

        return write
    wide, size = SIZES[held], SIZES[kind]
    bits = UNSIGNED[wide]
    if size > wide:
        raise PtxError(f"{kernel.name}: {name} is .{held}, too narrow for .{kind}")
    if size == wide:

        def write(values, result):
            values[name] = result.view(bits)

    elif kind[0] == "s":
        extended = SIGNED[wide]

        def write(values, result):
            values[name] = result.astype(extended).view(bits)

    else:
        same = UNSIGNED[size]

        def write(values, result):
            values[name] = result.view(same).astype(bits)

    return write


def _unpacked(group: Group, kind: str, kernel: Kernel):
    """Return what writes one number to `{low, high}`."""
    whole = UNSIGNED[SIZES[kind]]
    width = 8 * SIZES[kind] // len(group.parts)
    narrow = UNSIGNED[width // 8]
    parts = [writer(p, f"b{width}", kernel) for p in group.parts]

    def write(values, result):
        raw = result.view(whole)
        for i, part in enumerate(parts):
            part(values, (raw >> whole(i * width)).astype(narrow))

    return write


_SPECIAL = {f"%{a}.{b}" for a in ("tid", "ntid", "ctaid", "nctaid") for b in "xyz"}
_SPECIAL |= {"%laneid", "%warpid", "%lanemask_lt", "%lanemask_eq"}


def special(name: str) -> bool:
    """Return whether a register is one that the machine sets."""
    return name in _SPECIAL
