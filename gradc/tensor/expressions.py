"""The user's own words for the operands of the operation that runs now, for error messages."""

from __future__ import annotations

import ast
import linecache
from types import FrameType

from gradc.tensor.mark import user_frame

DEFAULT = ("x", "y", "z")
LONGEST = 24

_OPERATORS: dict[str, type[ast.operator]] = {
    "add": ast.Add,
    "sub": ast.Sub,
    "mul": ast.Mult,
    "div": ast.Div,
    "floor_divide": ast.FloorDiv,
    "remainder": ast.Mod,
    "pow": ast.Pow,
    "matmul": ast.MatMult,
}


def default_names(count: int) -> tuple[str, ...]:
    """Return x, y, z, x3, x4, ..."""
    return tuple(DEFAULT[i] if i < 3 else f"x{i}" for i in range(count))


def operand_names(operation: str, count: int) -> tuple[str, ...]:
    """Return the source text of the operands, or x, y, z where it can't be told."""
    default = default_names(count)
    frame = user_frame()
    if frame is None:
        return default
    text = _instruction_text(frame)
    try:
        node = ast.parse(text.strip(), mode="eval").body if text else None
    except SyntaxError:
        return default
    found = None if node is None else _operands(node, operation)
    if found is None or len(found) < count:
        return default
    names = [ast.unparse(n) for n in found[:count]]
    return default if any(len(n) > LONGEST for n in names) else tuple(names)


def _operands(node: ast.expr, operation: str) -> list[ast.expr] | None:
    """Return the operand expressions of an expression that is the operation."""
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            wanted = _OPERATORS.get(operation)
            return [left, right] if wanted is not None and isinstance(op, wanted) else None
        case ast.Compare(left=left, comparators=[right]):
            return [left, right]
        case ast.Call(func=ast.Attribute(value=value, attr=attr), args=args) if attr in (
            operation,
            f"{operation}_",
        ):
            module = isinstance(value, ast.Name) and value.id in ("gradc", "torch", "F")
            return list(args) if module else [value, *args]
        case ast.Call(func=ast.Name(id=name), args=args) if name == operation:
            return list(args)
        case _:
            return None


def _instruction_text(frame: FrameType) -> str:
    """Return the source text of the expression that a frame is evaluating."""
    positions = list(frame.f_code.co_positions())
    place = frame.f_lasti // 2
    if place >= len(positions):
        return ""
    line, last, start, end = positions[place]
    if line is None or last is None or start is None or end is None:
        return ""
    lines = [linecache.getline(frame.f_code.co_filename, n).encode() for n in range(line, last + 1)]
    if not all(lines):
        return ""
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    return b"".join(lines).decode(errors="replace")
