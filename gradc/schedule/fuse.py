"""Roots -> groups: those that one loop nest computes together."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from gradc.ir.graph import Section, Value
from gradc.schedule.fragments import Fragment
from gradc.schedule.group import Group, Reason, depends, section_of
from gradc.schedule.host import Lanes, alone, find_host, first_split
from gradc.schedule.roots import Form, Program, Root

LOOPED = (Form.ELEMENT, Form.FOLD)


def groups(
    program: Program,
    parts: dict[Value, Fragment],
    late: dict[Value, Value],
    lanes: Lanes | None = None,
) -> list[Group]:
    """Return the groups in an order in which they can run.

    `late` values are computed after everything that reads the input they overwrite. With `lanes`
    positions belong to lanes that know nothing of each other, and it says what goes together.

    Each root, in the order of the program, joins a group that computes what it reads or reads
    what it reads, where loops fit and no other group comes between; else it founds one.
    """
    made: list[Group] = []
    home: dict[Value, Group] = {}
    for value, part in parts.items():
        root = program.roots[value]
        sources = {home[s] for s in part.sources if s in home}
        group, reason = None, alone(root)
        if value in late:
            reason = Reason("the state that it overwrites is read until then")
        elif root.form in LOOPED:
            group, reason = find_host(root, part, made, sources, parts, lanes)
        if group is None:
            form = Form.ELEMENT if root.form is Form.FOLD else root.form
            if value in late:
                sources |= {g for g in made if _reads(g, late[value], parts)}
            group = Group([root], form, root.domain, first_split(root), set(part.work), sources)
            made.append(group)
        else:
            group.roots.append(root)
            group.work |= part.work
            group.sources |= sources - {group}
        group.joined[value] = reason
        home[value] = group
        _join_outputs(root, home, made, group)
    _overwrite_late(program, parts, made, home)
    return ordered(made)


def _overwrite_late(
    program: Program, parts: dict[Value, Fragment], made: list[Group], home: dict[Value, Group]
) -> None:
    """Let the readers of a state run before the group that overwrites it, where that can be."""
    readers: dict[Value, dict[Group, None]] = {}
    for group in made:
        for root in group.roots:
            for source in parts[root.value].sources:
                readers.setdefault(source, {})[group] = None
    for old, new in program.graph.updates:
        root = program.home(new)
        if root is None:
            continue
        writer = home[root.value]
        for group in readers.get(old, ()):
            if group is not writer and not depends(group, writer):
                writer.sources.add(group)


def _reads(group: Group, value: Value, parts: dict[Value, Fragment]) -> bool:
    return any(value in parts[r.value].sources for r in group.roots)


def _join_outputs(root: Root, home: dict[Value, Group], made: list[Group], own: Group) -> None:
    """The outputs of one sort, loop or attention are computed by one kernel."""
    if root.form not in (Form.SORT, Form.LOOP, Form.ATTENTION) or root.equation is None:
        return
    first = root.equation.outputs[0]
    if first is not root.value and first in home and home[first] is not own:
        home[first].roots.append(root)
        home[first].joined |= own.joined
        home[root.value] = home[first]
        made.remove(own)


def ordered(made: list[Group]) -> list[Group]:
    """Return the groups, each after those it needs: forward first, then in program order."""
    sections = list(Section)
    rank = {g: (min(sections.index(section_of(r)) for r in g.roots), i) for i, g in enumerate(made)}
    waiting = {g: len(g.sources) for g in made}
    users: dict[Group, list[Group]] = {g: [] for g in made}
    for g in made:
        for source in g.sources:
            users[source].append(g)
    ready = [rank[g] for g in made if not waiting[g]]
    heapify(ready)
    done: list[Group] = []
    while ready:
        group = made[heappop(ready)[1]]
        done.append(group)
        for user in users[group]:
            waiting[user] -= 1
            if not waiting[user]:
                heappush(ready, rank[user])
    assert len(done) == len(made), "groups depend on each other"
    return done
