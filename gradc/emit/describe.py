"""Plan -> the docstrings of a generated file: what it computes, on what, what is kept."""

from __future__ import annotations

from collections.abc import Callable

from gradc.emit.writer import folded
from gradc.ir.graph import Role, Section, Value
from gradc.schedule.group import section_of
from gradc.schedule.plan import Plan
from gradc.schedule.target import Target

Name = Callable[[Value], str]
Row = tuple[str, list[str]]


def docstring(plan: Plan, name: Name) -> list[str]:
    """Return the lines of the module's docstring."""
    call = "one native call" if plan.target is Target.CPU else "one launch of a graph"
    lines = [f'"""{plan.name}: {_mode(plan)}, {call}.', ""]
    rows = [("target", [_target(plan)]), *_shapes(plan, name), *_decisions(plan, name)]
    for label, items in rows:
        for line in _filled(items, 76):
            lines.append(f"{label:<10}{line}")
            label = ""
    return [*lines, '"""']


def _filled(items: list[str], width: int) -> list[str]:
    """Return items side by side on lines of at most `width` columns, none broken apart."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + 3 + len(item) <= width:
            lines[-1] += f"   {item}"
        else:
            lines += folded(item, width)
    return lines


def _mode(plan: Plan) -> str:
    sections = {section_of(r) for k in plan.kernels for r in k.roots}
    words = [s.value for s in Section if s in sections]
    if len(words) < 2:
        return words[0] if words else "nothing to compute"
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _target(plan: Plan) -> str:
    dtypes = {v.dtype for k in plan.kernels for v in k.values if v.dtype.is_floating_point}
    names = sorted(str(d) for d in dtypes)
    return ", ".join([plan.target.value, *names])


def _shapes(plan: Plan, name: Name) -> list[Row]:
    graph = plan.graph
    updated = {old for old, _ in plan.program.graph.updates}
    rows: list[Row] = []
    kinds = [
        ("takes", [v for v in graph.inputs if graph.roles.get(v, Role.ARGUMENT) is Role.ARGUMENT]),
        ("reads", [v for v in graph.inputs if _is_state(plan, v) and v not in updated]),
        ("updates", [v for v in graph.inputs if v in updated]),
    ]
    for label, values in kinds:
        if values:
            rows.append((label, [f"{name(v)} {_shape(v)}" for v in values]))
    return rows


def _is_state(plan: Plan, value: Value) -> bool:
    return plan.graph.roles.get(value, Role.ARGUMENT) is not Role.ARGUMENT


def _shape(value: Value) -> str:
    return str(list(value.shape)) if value.shape else str(value.dtype)


def _decisions(plan: Plan, name: Name) -> list[Row]:
    rows: list[Row] = []
    later = {v for k in plan.kernels if k.section is not Section.FORWARD for v in k.reads}
    forward = {v for k in plan.kernels if k.section is Section.FORWARD for v in k.values}
    kept = [d for d in plan.decisions if d.kept and d.value in later & forward]
    kept = [d for d in kept if d.value.adjoint_of is None]
    if kept:
        rows.append(("keeps", [f"{name(d.value)}: {d.reason}" for d in kept]))
    dropped = [d for d in plan.decisions if not d.kept]
    if dropped:
        rows.append(("not kept", [f"{name(d.value)}: {d.reason}" for d in dropped]))
    return rows


def returns(plan: Plan, name: Name) -> str:
    """Return the docstring of the step."""
    results: list[str] = []
    for value in plan.program.graph.outputs:
        root = plan.program.home(value)
        results.append(name(root.value if root is not None else value))
    updated = [name(old) for old, _ in plan.program.graph.updates]
    wanted = ", ".join(results)
    wanted = wanted if len(wanted) <= 40 else f"{len(results)} results"
    changed = ", ".join(updated)
    changed = changed if len(changed) <= 28 else f"{len(updated)} arrays"
    parts = [
        f"compute {wanted}" if results else "",
        f"update {changed} in place" if updated else "",
    ]
    text = "; ".join(p for p in parts if p) or "do nothing"
    return f"{text[0].upper()}{text[1:]}."
