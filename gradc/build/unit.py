"""The functions of a generated module -> one LLVM module with a plain C entry point."""

from __future__ import annotations

import ast
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir

from gradc.build.functions import declare, define
from gradc.build.machine import SYMBOL
from gradc.build.marks import mark
from gradc.errors import BuildError
from gradc.runtime.decorators import Kernel


class Unit:
    """Gathers functions, callers before what they call, so that it is known how they are called."""

    def __init__(self, name: str, path: str, *, wide: bool) -> None:
        """Begin a module; `path` is for messages, `wide` asks for vectors of 512 bits."""
        self._path, self._wide = path, wide
        self._module = ir.Module(name)
        self._module.triple = llvm.get_process_triple()
        self._made: dict[Kernel, Any] = {}
        self._calls: dict[Kernel, list[list[Any]]] = {}

    def write(self, kernel: Kernel, tree: ast.FunctionDef) -> None:
        """Translate a function.

        Raises:
            BuildError: it says something that can't be compiled.
        """
        function = self._declared(kernel)
        calls = self._calls.get(kernel, [])
        known = [_agreed(values) for values in zip(*calls, strict=True)]
        try:
            define(function, kernel, tree, known or [None] * len(function.args), self._call)
        except Exception as error:
            why = error.message if isinstance(error, BuildError) else error
            raise BuildError(
                f"build: {kernel.__name__} in {self._path} did not compile: {why}"
            ) from error

    def _declared(self, kernel: Kernel) -> Any:
        if kernel not in self._made:
            name = f"kernel.{kernel.function.__name__}"
            self._made[kernel] = declare(self._module, kernel, name)
            self._made[kernel].linkage = "internal"
            import os

            if os.environ.get("NOINLINE"):
                self._made[kernel].attributes.add("noinline")
        return self._made[kernel]

    def _call(self, builder: Any, kernel: Kernel, args: list[Any]) -> None:
        """Emit a call."""
        self._calls.setdefault(kernel, []).append(args)
        builder.call(self._declared(kernel), args)

    def finished(self, step: Kernel) -> Any:
        """Return the whole as LLVM's, entered through `int gradc_step(int64_t*, int64_t*)`."""
        words = ir.IntType(64).as_pointer()
        entry = ir.Function(self._module, ir.FunctionType(ir.IntType(32), [words] * 2), SYMBOL)
        builder = ir.IRBuilder(entry.append_basic_block("entry"))
        builder.call(self._made[step], entry.args[: len(step.arguments)])
        builder.ret(ir.IntType(32)(0))
        for function in self._module.functions:
            if function.blocks:
                mark(function, wide=self._wide)
                if function is not entry:
                    function.linkage = "internal"
        module = llvm.parse_assembly(str(self._module))
        module.verify()
        return module


def _agreed(values: tuple[Any, ...]) -> Any:
    """Return the constant that all calls give, or None."""
    first = values[0]
    same = all(isinstance(v, ir.Constant) and v.constant == first.constant for v in values)
    return first if same and isinstance(first.type, ir.IntType) else None
