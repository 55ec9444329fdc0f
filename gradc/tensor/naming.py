"""While tracing: the user's stack -> the Origin of each equation and the names of its values."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import FrameType

from gradc.ir.graph import Value
from gradc.origin import PACKAGE, Origin
from gradc.tensor.statements import Statement, statement_at

Stack = list[tuple[FrameType, FrameType | None]]  # (user frame, the frame it is calling)


class _Execution:
    """One execution of one statement in one frame."""

    __slots__ = ("callee", "instruction", "statement", "value", "visit")

    def __init__(self, statement: Statement, visit: int) -> None:
        self.statement = statement
        self.visit = visit
        self.instruction = -1
        self.callee: FrameType | None = None
        self.value: tuple[Value, ...] = ()


class Names:
    """Follows the statements being executed, innermost frame first.

    A value made while `z = f(x) + 1` runs is called z until a later one of the same execution
    takes the name over; so in the end z names the value that z gets.

    Args:
        root: frame in which tracing began; frames that called it are not looked at.
    """

    def __init__(self, root: FrameType) -> None:
        self.root = root
        self.running: dict[FrameType, _Execution] = {}
        self.visits: dict[tuple[str, int], int] = {}
        self.named: dict[Value, _Execution] = {}

    def stack(self) -> Stack:
        """Return the user's frames, innermost first, down to where tracing began."""
        frames: Stack = []
        frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage] # no public way
        callee: FrameType | None = None
        while frame is not None:
            if not frame.f_code.co_filename.startswith(PACKAGE):
                frames.append((frame, callee))
            if frame is self.root:
                break
            frame, callee = frame.f_back, frame
        return frames

    def origin(self, stack: Stack, scope: str) -> Origin | None:
        """Return where the user's program is, telling repeated executions of a line apart."""
        for frame, callee in reversed(stack):
            self._enter(frame, callee)
        if not stack:
            return None
        frame = stack[0][0]
        execution = self.running[frame]
        code = frame.f_code
        return Origin(
            code.co_filename, execution.statement.line, code.co_name, execution.visit, scope
        )

    def _enter(self, frame: FrameType, callee: FrameType | None) -> None:
        """Note what a frame is doing; begin a new execution where it went on or back."""
        file, instruction = frame.f_code.co_filename, frame.f_lasti
        statement = statement_at(file, frame.f_lineno)
        running = self.running.get(frame)
        again = running is not None and (
            running.statement == statement
            and (
                instruction > running.instruction
                or (instruction == running.instruction and callee is running.callee)
            )
        )
        if running is None or not again:
            key = (file, statement.line)
            visit = self.visits.get(key, 0)
            self.visits[key] = visit + 1
            running = self.running[frame] = _Execution(statement, visit)
        running.instruction, running.callee = instruction, callee

    def assign(self, stack: Stack, values: Sequence[Value]) -> None:
        """Name the values just made after the statements they were made for."""
        for frame, _ in stack:
            execution = self.running.get(frame)
            if execution is None or not any(execution.statement.names):
                continue
            for old in execution.value:
                if self.named.get(old) is execution:
                    old.name = ""
                    del self.named[old]
            execution.value = tuple(values)
            names = execution.statement.names
            if len(names) != len(values):
                names = names[:1] if len(names) == 1 else ()
            for value, name in zip(values, names, strict=False):
                if name and not value.name:
                    value.name = name
                    self.named[value] = execution
