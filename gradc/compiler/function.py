"""gradc.compile: one program per signature, chosen at each call."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gradc.compiler.capture import capture
from gradc.compiler.program import Program, build
from gradc.compiler.tree import Spec, flatten
from gradc.config import recompile_limit
from gradc.errors import ArgumentError, RecompileError, TraceError
from gradc.tensor.core import shape_of
from gradc.tensor.state import STATE
from gradc.tensor.tensor import Tensor

Key = tuple[Any, ...]


class CompiledFunction:
    """A function of tensors that runs as one native call.

    Attributes:
        programs: compiled programs by signature.
    """

    def __init__(
        self, function: Callable[..., Any], on_recompile: str | None, example_inputs: str | None
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        self.on_recompile = on_recompile
        self.example_inputs = example_inputs
        self.programs: dict[Key, list[Program]] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the program of this signature, compiling it at the first call."""
        if STATE.trace is not None:
            return self.function(*args, **kwargs)
        leaves, call = flatten((args, kwargs), f"{self.name}: an argument")
        return self._program(leaves, call)(leaves)

    def _program(self, leaves: list[Tensor], call: Spec) -> Program:
        storages = [id(t._storage) for t in leaves]
        key = (
            call,
            tuple((shape_of(t), t._dtype, t._leaf) for t in leaves),
            tuple(storages.index(s) for s in storages),
            STATE.grad,
        )
        known = self.programs.setdefault(key, [])
        for program in known:
            if program.valid():
                return program
        self._report()
        if len(set(storages)) != len(storages):
            raise TraceError(
                f"compile: two arguments of {self.name} share their memory",
                hint="pass a .clone() of one of them",
            )
        program = build(capture(self.function, self.name, call, leaves, self._names(leaves, call)))
        known.append(program)
        return program

    def _report(self) -> None:
        """Bound the number of programs, and say when another one is compiled."""
        count = sum(map(len, self.programs.values()))
        if count == 0:
            return
        message = f"compile: {self.name} is compiled again, for signature number {count + 1}"
        hint = "keep shapes, dtypes, flags and Python arguments the same (drop_last=True)"
        if self.on_recompile == "error" or count >= recompile_limit():
            raise RecompileError(message, hint=hint)
        if self.on_recompile == "warn":
            warnings.warn(f"{message}; {hint}", stacklevel=4)

    def _names(self, leaves: list[Tensor], call: Spec) -> list[str]:
        """Return the user's parameter names where each argument is one tensor."""
        target = getattr(self.function, "forward", self.function)
        try:
            names = [p.name for p in inspect.signature(target).parameters.values()]
        except (TypeError, ValueError):
            names = []
        return [names[i] if i < len(names) else f"x{i}" for i in range(len(leaves))]

    def _latest(self) -> Program:
        programs = [p for known in self.programs.values() for p in known]
        if not programs:
            raise ArgumentError(
                f"{self.name} is not compiled yet", hint=f"call {self.name}(...) first"
            )
        return programs[-1]

    @property
    def source(self) -> str:
        """The generated text of the program compiled last."""
        return self._latest().emitted.source

    @property
    def path(self) -> Path:
        """The file that holds `source`."""
        return self._latest().native.path


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
