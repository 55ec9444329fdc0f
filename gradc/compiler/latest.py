"""The program of the call before -> a Python function for calls like that one.

Most calls are like the one before. The function is written for one program and one form of
arguments, in straight lines: it takes them apart, sees that nothing is different, and runs.
"""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import linecache
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from gradc.compiler.arguments import state_of
from gradc.compiler.latest_text import Function
from gradc.compiler.program import Program
from gradc.compiler.shortcut import Shortcut, possible
from gradc.tensor.tensor import Tensor
from gradc.tensor.tree import Spec

if TYPE_CHECKING:
    from gradc.compiler.target import AnyProgram

Call = Callable[[tuple[Any, ...], dict[str, Any]], Any]
MISS: Any = object()
_FILES = count()


def never(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return MISS: there was no call before."""
    return MISS


def latest(
    program: AnyProgram,
    given: Sequence[Tensor],
    leaves: Sequence[Any],
    call: Spec,
    names: list[str],
) -> Call:
    """Return the function, which returns MISS for a call that is different.

    Args:
        program: that has run for such a call.
        given: its tensors.
        leaves: what the caller gave for each: the same, or a NumPy array or number.
        call: what (args, kwargs) look like around them.
        names: what the user calls them.
    """
    plain = all(isinstance(leaf, Tensor) for leaf in leaves)
    direct = isinstance(program, Program) and possible(program, leaves)
    if not plain and not direct:
        return never
    function = Function(program, names, call, MISS)
    for i, (tensor, leaf) in enumerate(zip(given, leaves, strict=True)):
        if isinstance(leaf, Tensor):
            function.argument(i, state_of(tensor), tensor)
    function.distinct(_pattern(given))
    function.unchanged()
    if direct:
        assert isinstance(program, Program)
        shortcut = Shortcut(program, leaves, [t._dtype for t in given], MISS)
        program.shortcuts.append(shortcut)
        function.run(shortcut, [isinstance(leaf, Tensor) for leaf in leaves])
    else:
        function.long_way(given)
    return _made(function.text(), function.values, program.graph.name)


def _pattern(given: Sequence[Tensor]) -> list[int]:
    """Return for each tensor the first place that it is given at."""
    first: dict[int, int] = {}
    return [first.setdefault(id(t), i) for i, t in enumerate(given)]


def classes(leaves: Sequence[Any]) -> tuple[type, ...]:
    """Return what a function for such leaves depends on besides the signature."""
    return tuple(Tensor if isinstance(x, Tensor) else x.__class__ for x in leaves)


def _made(text: str, values: dict[str, Any], name: str) -> Call:
    """Run the text; tracebacks find its lines."""
    file = f"<call {next(_FILES)} of {name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), values)
    return values["call"]
