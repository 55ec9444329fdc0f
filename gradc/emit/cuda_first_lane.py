"""Stores of what belongs to a row as a whole -> text: one lane of the group makes them."""

from __future__ import annotations

from gradc.emit.kernel import Body
from gradc.schedule.loops import Store


def store_by_first_lane(body: Body, store: Store, lead: str) -> None:
    """Write a store of the first lane; neighbouring ones share their test."""
    value, given = body.value(store.node), body.given
    if not value.isidentifier():
        value = body.kept(store.node, value)
    number = given.at[store.root, store.dims]
    if len(given.arrays[number].values) > 1 or number in given.on_scalars:
        # The other lanes may still have to read what it overwrites.
        body.used.add("meet_lanes")
        body.writer.line("meet_lanes()")
    body.used.add("first_lane")
    head = f"{body.writer.indent}if first_lane():"
    if body.writer.lines and _is_open(body, head):
        body.writer.depth += 1
        body.store(store, lead)
        body.writer.depth -= 1
        return
    with body.writer.block("if first_lane():"):
        body.store(store, lead)


def _is_open(body: Body, head: str) -> bool:
    """Return whether the last lines are stores of the first lane."""
    for line in reversed(body.writer.lines):
        if line == head:
            return True
        if not line.startswith(f"{body.writer.indent}    "):
            return False
    return False
