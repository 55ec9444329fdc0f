"""What a call must be like -> the text of a Python function that sees whether it is, and runs."""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gradc.compiler.arguments import State, state_of
from gradc.compiler.capture import Source
from gradc.compiler.checks import CellGuard, GlobalGuard
from gradc.compiler.program import Program
from gradc.compiler.shortcut import Shortcut
from gradc.emit.namer import Namer
from gradc.optim.hyper import Entry
from gradc.optim.structure import Structure
from gradc.tensor import epoch
from gradc.tensor.core import mark_inference
from gradc.tensor.state import STATE
from gradc.tensor.tensor import Tensor
from gradc.tensor.tree import PLAIN, Branch, Constant, Leaf, Spec, exact, unflatten

if TYPE_CHECKING:
    from gradc.compiler.target import AnyProgram

WIDTH = 76  # of a line, without its indentation
_DATA: State = ("cpu", False, False, ((), ()))
_OWN = frozenset(
    """
    args kwargs before now seen MISS STATE CHANGES GRAD INFERENCE AUTOCAST LOCK PROGRAM PLACE
    state_of steady run launch made mark_inference unflatten exact
    """.split()
)


class Function:
    """Collects the lines of `call(args, kwargs)` and the values that they name.

    Attributes:
        values: what the text finds as global names.
    """

    def __init__(self, program: AnyProgram, names: Sequence[str], call: Spec, miss: Any) -> None:
        self.program = program
        last = {self._last(i) for i in range(len(names))}
        self._namer = Namer(_OWN | last)
        self.leaves = [self._namer(name) for name in names]
        self._known: list[int] = []  # the leaves that a call can be compared with the last by
        self._checks: list[str] = []
        self._lines = [
            "def call(args, kwargs):",
            f'    """Run {program.graph.name} for a call like the last, or return MISS."""',
            "    global before",
        ]
        self.values: dict[str, Any] = {
            "MISS": miss,
            "STATE": STATE,
            "CHANGES": epoch.CHANGES,
            "GRAD": STATE.grad,
            "INFERENCE": STATE.inference,
            "AUTOCAST": STATE.autocast,
            "before": (-1,),
        }
        self._miss("STATE.trace is not None", "STATE.grad is not GRAD", "STATE.anomaly")
        self._miss("STATE.inference is not INFERENCE", "STATE.autocast is not AUTOCAST")
        self._line("try:")
        assert isinstance(call, Branch)
        args, kwargs = call.parts
        assert isinstance(args, Branch)
        assert isinstance(kwargs, Branch)
        self._deep = "    "
        if kwargs.parts:
            self._miss(f"len(args) != {len(args.parts)}", self._keys(kwargs, "kwargs"))
        else:
            self._miss("kwargs", f"len(args) != {len(args.parts)}")
        self._parts(args, "args")
        self._parts(kwargs, "kwargs.values()")

    _deep = ""

    def _line(self, *lines: str) -> None:
        self._lines += [f"    {self._deep}{line}" for line in lines]

    def _miss(self, *conditions: str) -> None:
        """Return MISS where one of several conditions holds."""
        if conditions:
            self._line(*_if_any(conditions), "    return MISS")

    def _value(self, hint: str, value: Any) -> str:
        """Return a name for a value."""
        name = self._namer(hint)
        self.values[name] = value
        return name

    # ---- what stands around the tensors --------------------------------------------------------
    def _parts(self, branch: Branch, holder: str) -> None:
        """Take a container apart, whose type and length have been looked at."""
        if not branch.parts:
            return
        names = [
            self.leaves[p.position] if isinstance(p, Leaf) else self._namer("part")
            for p in branch.parts
        ]
        self._line(f"{', '.join(names)}{',' if len(names) == 1 else ''} = {holder}")
        inner = list(zip(branch.parts, names, strict=True))
        self._miss(*(c for part, name in inner for c in self._differs(part, name)))
        for part, name in inner:
            if isinstance(part, Branch):
                self._parts(part, f"{name}.values()" if part.keys else name)

    def _differs(self, part: Spec, name: str) -> list[str]:
        """Return conditions under which something is not what it was."""
        if isinstance(part, Leaf):
            return []
        kind = self._value("KIND", part.kind)
        if isinstance(part, Constant):
            value = self._value("VALUE", part.value)
            if part.kind in PLAIN:
                now, key = name, value
                if part.key is not part.value:
                    self.values["exact"] = exact
                    now, key = f"exact({name})", self._value("EXACT", part.key)
                other = f"{name}.__class__ is not {kind} or {now} != {key}"
                return [f"({name} is not {value} and ({other}))"]
            return [f"{name} is not {value}"]
        inside = self._keys(part, name) if part.keys else f"len({name}) != {len(part.parts)}"
        return [f"{name}.__class__ is not {kind}", inside]

    def _keys(self, branch: Branch, name: str) -> str:
        return f"tuple({name}) != {self._value('KEYS', branch.keys)}"

    # ---- the tensors ---------------------------------------------------------------------------
    def argument(self, leaf: int, state: State, tensor: Tensor) -> None:
        """Say what a tensor must be like: with gradients or not, a leaf or not, with which hooks.

        One that is the same as at the last call, and is no view and no result, need not be looked
        at while the count of changes stands still.
        """
        name = self.leaves[leaf]
        if state == _DATA:
            fields = [
                f"{name}.{field} is not None" for field in ("_node", "_base", "_storage.place")
            ]
            differs = f"({' or '.join([*fields, f'{name}._leaf'])})"
        else:
            self.values["state_of"] = state_of
            differs = f"state_of({name}) != {self._value('STATE_OF', state)}"
        if tensor._node is None and tensor._base is None:
            self._known.append(leaf)
            differs = f"{name} is not {self._last(leaf)} and {differs}"
        self._checks += [f"if {differs}:", "    return MISS"]

    def _last(self, leaf: int) -> str:
        return f"last_{leaf}"

    def distinct(self, pattern: Sequence[int]) -> None:
        """Say which tensors are one and the same."""
        firsts = [self.leaves[i] for i, first in enumerate(pattern) if first == i]
        same = [
            f"{self.leaves[i]} is not {self.leaves[first]}"
            for i, first in enumerate(pattern)
            if first != i
        ]
        if len(firsts) > 1:
            ids = ", ".join(f"id({name})" for name in firsts)
            same.append(f"len({{{ids}}}) != {len(firsts)}")
        if same:
            self._checks += [*_if_any(same), "    return MISS"]

    def unchanged(self) -> None:
        """Compare with the last call; look at what is different, and at what is around."""
        last = [self._last(i) for i in self._known]
        self.values["before"] = (-1, *(self.values["MISS"] for _ in last))
        checks = [*self.program.captured.steady]
        if isinstance(self.program, Program):
            checks += [g.kept for g in self.program.gradients]
        self.values["steady"] = _all(checks)
        unpacked = ", ".join(["seen", *last])
        self._line("now = CHANGES.value", f"{unpacked}{'' if last else ','} = before")
        self._line("if now != seen:", "    if not steady():", "        return MISS")
        if last:
            self._line(f"    {' = '.join(last)} = MISS")
        now = ", ".join(["now", *(self.leaves[i] for i in self._known)])
        changed = [f"{self.leaves[i]} is not {self._last(i)}" for i in self._known]
        everything = len(self._known) == len(self.leaves)
        if everything:
            self._line(*_if_any(["now != seen", *changed]))
            self._line(*(f"    {line}" for line in self._checks))
            self._line(f"    before = {now}{'' if last else ','}")
        else:
            self._line(*self._checks)
            self._line(f"before = {now}{'' if last else ','}")
        for guard in self.program.captured.guards:
            self._guard(guard)
        self._deep = ""
        self._line("except (AttributeError, KeyError, ValueError):", "    return MISS")

    def _guard(self, guard: Any) -> None:
        """Compare by identity; ask the guard itself where something is another object."""
        if isinstance(guard, Structure):
            self._line(*_if_any(self._differs_in(guard)))
            self._line(f"    if not {self._value('guard', guard)}():", "        return MISS")
            return
        if isinstance(guard, CellGuard):
            found = f"{self._value('CELL', guard.cell)}.cell_contents"
        elif isinstance(guard, GlobalGuard):
            found = f"{self._value('SPACE', guard.space)}[{guard.name!r}]"
        else:
            self._miss(f"not {self._value('guard', guard)}()")
            return
        before = self._value("BEFORE", guard.before)
        self._miss(f"{found} is not {before} and not {self._value('guard', guard)}()")

    def _differs_in(self, structure: Structure) -> list[str]:
        """Return conditions under which an optimizer is not what it was."""
        optimizer = self._value("optimizer", structure.optimizer)
        found = [
            f"{optimizer}.generation != {structure.generation}",
            f"len({optimizer}.param_groups) != {len(structure.groups)}",
        ]
        for i, (group, size, options) in enumerate(structure.groups):
            name = self._value("group", group)
            found.append(f"{optimizer}.param_groups[{i}] is not {name}")
            found.append(f"len({name}['params']) != {size}")
            for key, value in options.items():
                found.append(f"{name}[{key!r}] is not {self._value('OPTION', value)}")
        return found

    # ---- running -------------------------------------------------------------------------------
    def long_way(self, given: Sequence[Tensor]) -> None:
        """Run by way of the program."""
        for name, t in zip(self.leaves, given, strict=True):
            shape, dtype = self._value("SHAPE", t._data.shape), self._value("DTYPE", t._dtype)
            self._miss(f"{name}._data.shape != {shape}", f"{name}._dtype is not {dtype}")
        self.values["PROGRAM"] = self.program
        tensors = f"({', '.join(self.leaves)}{',' if len(self.leaves) == 1 else ''})"
        if self.program.captured.grads_seen:
            self._miss(f"not PROGRAM.grads_fit({tensors})")
        self._line(f"return PROGRAM({tensors})")

    def run(self, shortcut: Shortcut, tensors: Sequence[bool]) -> None:
        """Run by the native way.

        Args:
            shortcut: the way.
            tensors: for each leaf, whether it is a tensor and no array or number of NumPy's.
        """
        program = self.program
        assert isinstance(program, Program)
        captured, code = program.captured, program.code
        self.values["run"] = shortcut.run
        names = [f"{self.leaves[p]}{'._data' if tensors[p] else ''}" for p in captured.positions]
        taken = [f"{self._value('take', program.fresh[i].take)}()[0]" for i in shortcut.taken]
        given = ", ".join([*names, *map(self._number, program.hypers), *taken])
        run = f"made = run({given})"
        after: list[str] = []
        if not code.brief:
            self.values["launch"], self.values["PLACE"] = code.call, shortcut.place
            after = ["if made is not MISS:", "    launch(PLACE)"]
        if after or program.changed or program.hypers or program.gradients:
            self.values["LOCK"] = code.lock
            self._line("with LOCK.inner:", f"    {run}", *(f"    {line}" for line in after))
        else:
            self._line(run)
        self._finish()

    def _number(self, hyper: tuple[Any, str]) -> str:
        """Return the text that reads a hyper-parameter."""
        owner, key = hyper
        if isinstance(owner, Entry):
            return f"{self._value('group', owner.group)}[{owner.key!r}][{owner.index}]"
        return f"{self._value('group', owner)}[{key!r}]"

    def _finish(self) -> None:
        """Return the new tensors in what the function returns, or MISS where nothing was made."""
        captured = self.program.captured
        new = [self._namer("new") for _ in range(captured.returned)]
        made = iter(new)
        tensors = [next(made) if own is None else self._own(own) for own in captured.passed]
        returned = self._tree(captured.result, tensors)
        unpacked = f"{', '.join(new)}{',' if len(new) == 1 else ''}"
        asis = returned == f"({unpacked})"
        if not (asis and not STATE.inference):
            self._miss("made is MISS")
        if STATE.inference:
            self.values["mark_inference"] = mark_inference
            self._line("mark_inference(made)")
        if not asis and new:
            self._line(f"{unpacked} = made")
        self._line(f"return {'made' if asis else returned}")

    def _own(self, source: Source) -> str:
        """Return the text of a tensor that is not new."""
        return self.leaves[source] if isinstance(source, int) else self._value("kept", source)

    def _tree(self, spec: Spec, tensors: list[str]) -> str:
        if isinstance(spec, Leaf):
            return tensors[spec.position]
        if isinstance(spec, Constant):
            return self._value("VALUE", spec.value)
        parts = [self._tree(part, tensors) for part in spec.parts]
        if spec.kind is tuple:
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        if spec.kind is list:
            return f"[{', '.join(parts)}]"
        if spec.kind is dict:
            keys = [self._value("KEY", key) for key in spec.keys]
            return f"{{{', '.join(f'{k}: {p}' for k, p in zip(keys, parts, strict=True))}}}"
        self.values["unflatten"] = unflatten
        flat = Branch(spec.kind, spec.keys, tuple(Leaf(i) for i in range(len(parts))))
        return f"unflatten({self._value('BRANCH', flat)}, [{', '.join(parts)}])"

    def text(self) -> str:
        """Return the whole function."""
        return "\n".join(self._lines) + "\n"


def _if_any(conditions: Sequence[str]) -> list[str]:
    """Return the lines that begin an `if`."""
    line = f"if {' or '.join(conditions)}:"
    if len(line) <= WIDTH:
        return [line]
    first, *others = conditions
    return ["if (", f"    {first}", *(f"    or {c}" for c in others), "):"]


def _all(guards: Sequence[Any]) -> Any:
    """Return one check for several."""
    return lambda: all(guard() for guard in guards)
