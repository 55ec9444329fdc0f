"""A function of a generated module -> LLVM's text, and under what its machine code is kept."""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import types

from gradc.build.functions import declare, define
from gradc.build.machine import SYMBOL, host
from gradc.build.marks import mark
from gradc.build.optimiser import target
from gradc.build.typed import flat_types
from gradc.errors import BuildError
from gradc.runtime.decorators import Kernel, Step
from gradc.runtime.operation import Operation

FUNCTION = "kernel."
MANY = 8  # calls of one operation in a step, from which on it is a function of its own
_HOUSE = "gradc."
_APART = ("name", "ctx", "decorator_list", "returns", "type_comment", "kind")


Inner = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """A kernel for arrays whose rows are so long.

    Attributes:
        kernel: of the module.
        number: of the version.
        inner: the sizes of all axes but the first of each array, where they are known.
    """

    kernel: Kernel
    number: int
    inner: Inner

    @property
    def name(self) -> str:
        """What it is called in LLVM's text, unlike any other."""
        return f"{self.kernel.__name__}.{self.number}" if self.number else self.kernel.__name__


class Unit:
    """Functions one by one, callers before what they call: so it is known how they are called."""

    def __init__(self, path: str, texts: dict[str, ast.FunctionDef], *, wide: bool) -> None:
        """Begin a module: its file, for messages, and its functions as they are written.

        Args:
            path: of the text, for messages.
            texts: its functions by name.
            wide: whether vectors of 512 bits are wanted.
        """
        self._path, self._texts, self._wide = path, texts, wide
        self._calls: dict[Kernel, dict[Inner, list[list[Any]]]] = {}

    def versions(self, kernel: Kernel) -> list[Version]:
        """Return the versions of a kernel that are called: one for each row length of its arrays.

        Rows at distances that are known cost fewer registers; numbers of rows don't matter.
        """
        return [Version(kernel, i, inner) for i, inner in enumerate(self._calls.get(kernel, [()]))]

    def _known(self, version: Version) -> list[Any]:
        """Return for each of LLVM's arguments the constant that all calls give, or None."""
        calls = self._calls.get(version.kernel, {}).get(version.inner, [])
        return [_agreed(values) for values in zip(*calls, strict=True)]

    def identity(self, version: Version) -> str | None:
        """Return the hash of what a kernel becomes; names of its own don't count.

        None for one that calls others, or something from outside of this house.
        """
        kernel = version.kernel
        tree = self._texts[kernel.function.__name__]
        told = list(_told(tree, _own(tree)))
        around = kernel.function.__globals__
        for name in sorted({n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}):
            found = around.get(name)
            if isinstance(found, Kernel):
                return None
            if isinstance(found, Operation):
                if found.lowering is not None and not found.lowering.__module__.startswith(_HOUSE):
                    return None
            elif found is not None:
                told.append(f"{name} {found!r}")
        told.append(f"{kernel.arguments} {kernel.overlap} {self._wide}")
        told += ["" if k is None else str(k.constant) for k in self._known(version)]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()

    def text(self, version: Version) -> str:
        """Return the function as LLVM's text, the program's entry where it is the step.

        Raises:
            BuildError: it says something that can't be compiled.
        """
        kernel = version.kernel
        module = ir.Module("gradc")
        module.triple, module.data_layout = llvm.get_process_triple(), _layout()
        made: dict[str, Any] = {}

        def declared(called: Version) -> Any:
            if called.name not in made:
                made[called.name] = declare(module, called.kernel, FUNCTION + called.name)
            return made[called.name]

        def call(builder: Any, called: Kernel, args: list[Any]) -> None:
            known, inner = self._calls.setdefault(called, {}), _inner(called, args)
            known.setdefault(inner, []).append(args)
            builder.call(declared(Version(called, list(known).index(inner), inner)), args)

        function = declared(version)
        known = self._known(version) or [None] * len(function.args)
        try:
            define(function, kernel, self._texts[kernel.function.__name__], known, call)
        except Exception as error:
            why = error.message if isinstance(error, BuildError) else error
            raise BuildError(
                f"build: {kernel.__name__} in {self._path} did not compile: {why}"
            ) from error
        outside = {function}
        if isinstance(kernel, Step):
            _keep_apart(function)
            outside = {_entry(module, function, len(kernel.arguments))}
        for one in module.functions:
            if one.blocks:
                mark(one, wide=self._wide)
                if one not in outside:
                    one.linkage = "internal"
        return str(module)


@cache
def _layout() -> str:
    """Return how LLVM lays data out on this processor, which its optimiser must know."""
    return str(target(host().goal).target_data)


def _keep_apart(step: Any) -> None:
    """Let LLVM put no operation into a step that occurs in it many times: it runs few of them."""
    calls = [i for b in step.blocks for i in b.instructions if isinstance(i, ir.CallInstr)]
    for callee, count in Counter(call.callee for call in calls).items():
        if count > MANY and "alwaysinline" in getattr(callee, "attributes", ()):
            callee.attributes.remove("alwaysinline")
            callee.attributes.add("noinline")


def _entry(module: Any, step: Any, arguments: int) -> Any:
    """Add `int gradc_step(int64_t *table, int64_t *team)`."""
    words = ir.IntType(64).as_pointer()
    entry = ir.Function(module, ir.FunctionType(ir.IntType(32), [words] * 2), SYMBOL)
    builder = ir.IRBuilder(entry.append_basic_block("entry"))
    builder.call(step, entry.args[:arguments])
    builder.ret(ir.IntType(32)(0))
    return entry


def _inner(kernel: Kernel, args: Sequence[Any]) -> Inner:
    """Return the sizes of all axes but the first that a call gives."""
    found: list[int | None] = []
    at = 0
    for argument in kernel.arguments:
        count = len(flat_types(argument))
        if isinstance(argument, types.Array):
            sizes = args[at + 2 : at + 1 + argument.ndim]
            found += [s.constant if isinstance(s, ir.Constant) else None for s in sizes]
        at += count
    return tuple(found)


def _agreed(values: Sequence[Any]) -> Any:
    """Return the constant that all values are, or None."""
    first = values[0]
    same = all(isinstance(v, ir.Constant) and v.constant == first.constant for v in values)
    return first if same and isinstance(first.type, ir.IntType) else None


def _own(tree: ast.FunctionDef) -> dict[str, str]:
    """Return numbers for the names that a function gives: arguments, targets."""
    names = [a.arg for a in tree.args.args]
    names += [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and _stored(n)]
    return {name: f"%{i}" for i, name in enumerate(dict.fromkeys(names))}


def _stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)


def _told(node: Any, own: dict[str, str]) -> Iterator[str]:
    """Yield a text without its layout and comments, its own names as numbers."""
    if isinstance(node, ast.Name | ast.arg):
        name = node.id if isinstance(node, ast.Name) else node.arg
        yield own.get(name, name)
    elif isinstance(node, ast.AST):
        yield type(node).__name__
        for field, value in ast.iter_fields(node):
            if field not in _APART:
                yield from _told(value, own)
    elif isinstance(node, list):
        items = cast("list[Any]", node)
        yield f"[{len(items)}"
        for item in items:
            yield from _told(item, own)
    else:
        yield repr(node)
