"""The text of a generated file -> a step that can be called with a table of addresses."""

from __future__ import annotations

import ctypes
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from gradc import store
from gradc.build.key import key
from gradc.build.machine import Code, host
from gradc.config import cache_directory, jit_disabled
from gradc.errors import BuildError
from gradc.runtime import threads
from gradc.runtime.pace import Pace

if TYPE_CHECKING:
    from gradc.build.objectfile import Objects
    from gradc.build.workers import Workers

_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
# NOTE: keeps the interpreter's lock, which costs less than what a short step does.
_AT_ONCE = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
_TEAM = re.compile(r"^def \w+\(buffers, team\):$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Native:
    """A loaded program.

    Attributes:
        address: of the C function `int gradc_step(int64_t *table, int64_t *team)`; 0 where it is
            interpreted.
        path: the readable text, kernel.py.
        compile_seconds: what compiling took in this process; 0 where it came from the store.
        cached: whether the machine code came from the store.
        source: the text.
        shared: whether several threads run it.
    """

    address: int
    path: Path
    compile_seconds: float
    cached: bool
    source: str
    shared: bool
    _entry: Callable[[int, int], int] = field(repr=False)
    _at_once: Callable[[int, int], int] = field(repr=False)
    _keep_alive: Code | None = field(repr=False)
    _pace: Pace = field(repr=False, default_factory=Pace)

    def call(self, table_address: int) -> None:
        """Run the step on a table of addresses; other Python threads run meanwhile.

        Raises:
            BuildError: the step reported an error, which generated code never should.
        """
        if self.shared:
            status = threads.run(self._entry, self.address, table_address, self._pace)
        else:
            status = self._entry(table_address, 0)
        self.check(status)

    def call_at_once(self, table_address: int) -> None:
        """Run a short step on one thread, while no other Python thread runs.

        Raises:
            BuildError: as `call`.
        """
        self.check(self._at_once(table_address, 0))

    def check(self, status: int) -> None:
        """Raise unless a step has returned 0."""
        if status != 0:
            raise BuildError(f"step: {self.path} returned status {status}, expected 0")


def load(source: str, name: str, workers: Workers | None = None) -> Native:
    """Return the program of a text, from the store or compiled now.

    Under NUMBA_DISABLE_JIT=1 the same text runs in the Python interpreter.

    Args:
        source: a generated file: imports, `@kernel` functions, one `@step` function.
        name: what messages and `sys.modules` call it.
        workers: who compile, where they were started before.

    Raises:
        BuildError: the text does not run or does not compile; the cause is kept.
        CacheError: the cache directory can't be trusted.
    """
    if jit_disabled():
        return _interpreted(source, name)
    directory = store.opened(cache_directory())
    program = key(source, interpreted=False)
    entry = store.read(directory, program, source)
    if entry is not None:
        return _native(_loaded(entry), entry.path, 0.0, source)
    started = time.perf_counter()
    path = store.place(directory, program) / store.SOURCE
    try:
        if workers is not None:
            made = _compiled(source, name, program, directory, workers)
        else:
            # imported here, and the compiler below: a warm start does without them
            from gradc.build.workers import LEAST, Workers, wanted

            with Workers(wanted(pays=len(source) >= LEAST)) as workers:
                made = _compiled(source, name, program, directory, workers)
    except BuildError:
        store.write_source(directory, program, source)
        raise
    store.write(directory, program, source, made.code, made.externals, made.parts)
    code = Code(made.code, made.externals, parts=made.parts)
    return _native(code, path, time.perf_counter() - started, source)


def _compiled(source: str, name: str, program: str, directory: Path, workers: Workers) -> Objects:
    """Run the text and compile what it defines."""
    from gradc.build.objectfile import compile_module

    module = module_of(source, name, program, store.place(directory, program) / store.SOURCE)
    return compile_module(module, source, host(), directory, workers)


def _loaded(entry: store.Entry) -> Code:
    """Return an entry's machine code, ready to run."""
    return Code(entry.code, entry.externals, parts=entry.parts)


def known(program: str) -> Native | None:
    """Return the program of a key, or None where the store doesn't have it whole."""
    entry = store.read(store.opened(cache_directory()), program, None)
    if entry is None or key(entry.text, interpreted=False) != program:
        return None
    return _native(_loaded(entry), entry.path, 0.0, entry.text)


def _native(code: Code, path: Path, seconds: float, source: str) -> Native:
    """Return the program around loaded machine code."""
    entry, at_once = _ENTRY(code.address), _AT_ONCE(code.address)
    shared = _TEAM.search(source) is not None
    return Native(code.address, path, seconds, seconds == 0.0, source, shared, entry, at_once, code)


def _interpreted(source: str, name: str) -> Native:
    """Return the program run by the Python interpreter, so that pdb can stop in it."""
    from gradc.runtime.interpreted import Step

    directory = store.opened(cache_directory())
    program = key(source, interpreted=True)
    entry = store.read(directory, program, source)
    path = entry.path if entry else store.write(directory, program, source, b"", ())
    module = module_of(source, name, program, path)
    steps = [value for value in vars(module).values() if isinstance(value, Step)]
    if len(steps) != 1:
        raise BuildError(f"build: {path} has {len(steps)} @step functions, expected 1")
    run = steps[0].run
    return Native(0, path, 0.0, entry is not None, source, False, run, run, None)


def module_of(source: str, name: str, program: str, path: Path) -> ModuleType:
    """Run the text as a module that tracebacks, pdb and inspect find at its path."""
    module = ModuleType(f"gradc_generated_{name}_{program[:16]}")
    module.__file__ = str(path)
    # NOTE: registered before it runs, so that a name in it resolves to this module.
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except Exception as error:
        del sys.modules[module.__name__]
        message = f"build: the text of {name} ({path}) did not run: {type(error).__name__}: {error}"
        raise BuildError(message) from error
    return module
