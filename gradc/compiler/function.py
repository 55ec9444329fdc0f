"""gradc.compile: one program per signature, chosen at each call."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import functools
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any

from gradc.compiler.arguments import Key, key_of, names_of
from gradc.compiler.capture import capture
from gradc.compiler.collection import put_off
from gradc.compiler.constants import check_constant
from gradc.compiler.latest import MISS, Call, classes, latest, never
from gradc.compiler.target import build
from gradc.config import recompile_limit
from gradc.errors import ArgumentError, OutOfMemoryError, RecompileError, TraceError
from gradc.tensor.state import STATE
from gradc.tensor.tensor import Tensor
from gradc.tensor.tree import Spec, collect, flatten

if TYPE_CHECKING:
    from gradc.compiler.capture import Captured
    from gradc.compiler.target import AnyProgram

ONCE = 2  # programs in a row for one call each, where a function changes what it depends on
OFTEN = 3  # times that something makes a program invalid before the user is told
FORWARD = ("jvp", "linearize", "jacfwd")  # transforms that push tangents along the tape


class CompiledFunction:
    """A function of tensors that runs as one native call.

    Attributes:
        programs: compiled programs by signature.
    """

    def __init__(
        self, function: Callable[..., Any], on_recompile: str | None, example_inputs: str | None
    ) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        self.on_recompile = on_recompile
        self.example_inputs = example_inputs
        self.programs: dict[Key, list[AnyProgram]] = {}
        self.latest: Call = never
        self._newest: AnyProgram | None = None
        self._spent = self._in_a_row = 0  # programs for one call only
        self._reasons: Counter[str] = Counter()
        self._ways: dict[tuple[int, bool, tuple[type, ...]], Call] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program of this signature, compiling it at the first call."""
        result = self.latest(args, kwargs)
        if result is not MISS:
            return result
        if STATE.trace is not None or _transformed():
            return self.function(*args, **kwargs)
        leaves, call = flatten((args, kwargs), f"{self.name}: an argument", check_constant)
        program = self._program(leaves, call)
        return self._run(program, leaves, call, (args, kwargs))

    def _run(self, program: AnyProgram, leaves: list[Tensor], call: Spec, given: Any) -> Any:
        """Run a call that is unlike the one before; let the next be compared with it.

        Apart from `__call__`, whose frame may live on where it was traced in.
        """
        try:
            result = program(leaves)
        except OutOfMemoryError:
            if program.calls == 1:
                self._drop(program)
            raise
        found: list[Any] = []
        collect(call, given, found)
        way = (id(program), STATE.inference, classes(found))
        if way in self._ways:
            self.latest = self._ways[way]
        elif program.calls > 1:  # writing the function pays when there are more such calls
            names = names_of(self.function, call, len(leaves))
            self.latest = self._ways[way] = latest(program, leaves, found, call, names)
        return result

    def _drop(self, program: AnyProgram) -> None:
        """Forget a program that has never run, so that a smaller one finds its memory free."""
        for known in self.programs.values():
            if program in known:
                known.remove(program)
        self._newest = None

    def build(self, *args: Any, **kwargs: Any) -> AnyProgram:
        """Return the program for these arguments, compiled but not run."""
        leaves, call = flatten((args, kwargs), f"{self.name}: an argument", check_constant)
        return self._program(leaves, call)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Bind a compiled method to its object."""
        return self if instance is None else MethodType(self, instance)

    def __getattr__(self, name: str) -> Any:
        """Return what the function or module has: `parameters()`, `train()`, ..."""
        if name == "function":
            raise AttributeError(name)
        return getattr(self.function, name)

    def _program(self, given: Sequence[Tensor], call: Spec) -> AnyProgram:
        key = call, key_of(given), STATE.grad, STATE.autocast
        for program in self.programs.get(key, ()):
            if program.valid(given):
                return program
        reason = self._reason(key, given)
        self._report(reason)
        names = names_of(self.function, call, len(given))
        with put_off():
            captured = capture(self.function, self.name, call, given, names)
            self._check_settled(captured)
            self._newest = program = build(captured)
        if not captured.rewritten:
            self.programs.setdefault(key, []).append(program)
        return program

    def _check_settled(self, captured: Captured) -> None:
        """Raise where a function goes on changing what it depends on.

        A first call may differ from all others. The program of such a call is forgotten: its
        next trace begins where Python would.
        """
        if not captured.rewritten:
            self._in_a_row = 0
            return
        self._spent, self._in_a_row = self._spent + 1, self._in_a_row + 1
        if self._in_a_row > ONCE:
            raise TraceError(
                f"compile: {self.name} depends on {', '.join(captured.rewritten)} and changes it "
                "at each call",
                hint="keep what changes in a tensor (register_buffer), or change it outside of the "
                "compiled function",
            )

    def _reason(self, key: Key, given: Sequence[Tensor]) -> str:
        """Return the name of what makes the last program for such arguments invalid, or ""."""
        known = self.programs.get(key)
        return known[-1].broken_by(given) if known else ""

    def _report(self, reason: str) -> None:
        """Bound the number of programs, and say when another one is compiled."""
        count = sum(map(len, self.programs.values())) + self._spent
        if count == 0:
            return
        message = f"compile: {self.name} is compiled again, for signature number {count + 1}"
        hint = "keep shapes, dtypes, flags and Python arguments the same (drop_last=True)"
        if reason:
            self._reasons[reason] += 1
            message = f"{message}, because {reason} changed"
            hint = "numbers that change belong into a tensor: gradc.tensor(number) as an argument"
        if self.on_recompile == "error" or count >= recompile_limit():
            raise RecompileError(message, hint=hint)
        if self.on_recompile == "warn" or (reason and self._reasons[reason] == OFTEN):
            warnings.warn(f"{message}; {hint}", stacklevel=4)

    def _latest(self) -> AnyProgram:
        if self._newest is None:
            raise ArgumentError(
                f"{self.name} is not compiled yet", hint=f"call {self.name}(...) first"
            )
        return self._newest

    @property
    def source(self) -> str:
        """The generated text of the program compiled last."""
        return self._latest().source

    @property
    def path(self) -> Path:
        """The file that holds `source`."""
        return self._latest().path


def _transformed() -> bool:
    """Return whether a derivative is being taken that a program's one backward pass can't give.

    The function itself then runs, operation by operation: tangents, and derivatives of derivatives.
    """
    scopes = STATE.scopes
    return len(scopes) > 1 or (len(scopes) == 1 and scopes[0].name in FORWARD)


def compile(
    fn: Callable[..., Any] | None = None,
    *,
    on_recompile: str | None = None,
    example_inputs: str | None = None,
) -> Any:
    """Return `fn` as a function that runs as one native call per signature.

    Args:
        fn: a function of tensors (nested tuples, lists, dicts of them), a module, or a whole
            training step; None to use it as a decorator with arguments.
        on_recompile: None, "warn" or "error": what to do when a second signature is compiled.
        example_inputs: types of the arguments for the command line, "float32[8, 4], int64[8]".

    Raises:
        ArgumentError: for another `on_recompile`.

    Example:
        >>> import gradc
        >>> @gradc.compile
        ... def double(x):
        ...     return x + x
        >>> double(gradc.tensor([1.0, 2.5]))
        tensor([2., 5.])
    """
    if on_recompile not in (None, "warn", "error"):
        raise ArgumentError(
            f"compile: on_recompile must be None, 'warn' or 'error', got {on_recompile!r}"
        )

    def decorate(function: Callable[..., Any]) -> CompiledFunction:
        return CompiledFunction(function, on_recompile, example_inputs)

    return decorate if fn is None else decorate(fn)
