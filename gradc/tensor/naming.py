"""While tracing: the user's stack -> the Origin of each equation and the names of its values."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import CodeType, FrameType

from gradc.ir.graph import Value
from gradc.origin import PACKAGE, Origin
from gradc.tensor.statements import Statement, statement_at

Stack = list[tuple[FrameType, FrameType | None]]  # (frame, the frame it is calling)

# Rooms written with tensors, as the user's code is: their variables name values that the user
# has no name for.
ROOMS = ("functional/", "nn/", "optim/", "tensor/random", "tensor/statistics")
COMPOSITES = tuple(PACKAGE + room for room in ROOMS)
CALLS = tuple(PACKAGE + file for file in ("nn/module", "nn/call", "nn/container", "nn/hooks"))


class _Execution:
    """One execution of one statement in one frame."""

    __slots__ = ("callee", "instruction", "statement", "value", "visit")

    def __init__(self, statement: Statement, visit: int) -> None:
        self.statement = statement
        self.visit = visit
        self.instruction = -1
        self.callee: FrameType | None = None
        self.value: tuple[Value, ...] = ()


class _Layer:
    """Follows the statements being executed in the frames of one kind.

    Attributes:
        running: what each frame is doing.
        named: the execution that names each value, and the name.
    """

    def __init__(self) -> None:
        self.running: dict[FrameType, _Execution] = {}
        self.visits: dict[tuple[str, int], int] = {}
        self.named: dict[Value, tuple[_Execution, str]] = {}
        self._statements: dict[tuple[CodeType, int], Statement] = {}

    def enter(self, frame: FrameType, callee: FrameType | None) -> _Execution:
        """Note what a frame is doing; begin a new execution where it went on or back."""
        file, instruction = frame.f_code.co_filename, frame.f_lasti
        place = (frame.f_code, frame.f_lineno)
        statement = self._statements.get(place)
        if statement is None:
            statement = self._statements[place] = statement_at(file, frame.f_lineno)
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
        return running

    def assign(self, stack: Stack, values: Sequence[Value]) -> list[Value]:
        """Name the values just made, innermost statement first; return those renamed."""
        renamed = list(values)
        for frame, _ in stack:
            execution = self.running.get(frame)
            if execution is None or not any(execution.statement.names):
                continue
            for old in execution.value:
                if old in self.named and self.named[old][0] is execution:
                    del self.named[old]
                    renamed.append(old)
            execution.value = tuple(values)
            names = execution.statement.names
            if len(names) != len(values):
                names = names[:1] if len(names) == 1 else ()
            for value, name in zip(values, names, strict=False):
                if name and value not in self.named:
                    self.named[value] = (execution, name)
        return renamed

    def name(self, value: Value) -> str:
        """Return the name of a value, or ""."""
        return self.named[value][1] if value in self.named else ""


class Names:
    """Names values after the statements that make them.

    A value made while `z = f(x) + 1` runs is called z until a later one of the same execution
    takes the name over; so in the end z names the value that z gets. Where the user has no name,
    the variable of the function of gradc that makes the value serves.

    Args:
        root: frame in which tracing began; frames that called it are not looked at.
    """

    def __init__(self, root: FrameType) -> None:
        self.root = root
        self.user = _Layer()
        self.composite = _Layer()
        self.inner: Stack = []

    def stack(self) -> Stack:
        """Return the user's frames, innermost first, down to where tracing began."""
        frames: Stack = []
        self.inner = []
        frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage] # no public way
        callee: FrameType | None = None
        while frame is not None:
            file = frame.f_code.co_filename
            if not file.startswith(PACKAGE):
                frames.append((frame, callee))
            elif file.startswith(COMPOSITES) and not file.startswith(CALLS):
                self.inner.append((frame, callee))
            if frame is self.root:
                break
            frame, callee = frame.f_back, frame
        return frames

    def origin(self, stack: Stack, scope: str) -> Origin | None:
        """Return where the user's program is, telling repeated executions of a line apart."""
        for frame, callee in reversed(stack):
            self.user.enter(frame, callee)
        for frame, callee in reversed(self.inner):
            self.composite.enter(frame, callee)
        if not stack:
            return None
        frame = stack[0][0]
        execution = self.user.running[frame]
        code = frame.f_code
        return Origin(
            code.co_filename, execution.statement.line, code.co_name, execution.visit, scope
        )

    def assign(self, stack: Stack, values: Sequence[Value]) -> None:
        """Name the values just made after the statements they were made for."""
        renamed = self.user.assign(stack, values) + self.composite.assign(self.inner, values)
        for value in renamed:
            value.name = self.user.name(value) or self.composite.name(value)
