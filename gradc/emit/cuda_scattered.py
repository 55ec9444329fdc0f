"""Scattered sums in ranges of places -> text: each thread adds up what belongs to its range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gradc.emit.cuda_statements import scattered_places, without
from gradc.emit.expression import affine
from gradc.emit.kernel import Body
from gradc.schedule.frame import Launch
from gradc.schedule.loops import Store

Ends = tuple[str, str]  # names of the first place of a range, and of the one after its last


def write_ranges(body: Body, launch: Launch, lines: Sequence[int], ends: Ends) -> None:
    """Write a loop over ranges of places and lines, in which a thread looks at all places."""
    part, places = body.namer("part"), scattered_places(body.nest)
    together, before = launch.together, set(body.visible)
    names = ", ".join([part, *(body.names.axes[a] for a in lines)])
    sizes = ", ".join(map(str, [launch.parts, *(body.nest.extents[a] for a in lines)]))
    body.used.add("grid")
    with body.writer.block(f"for {names} in grid({sizes}):"):
        low, high = ends
        body.writer.line(f"{low} = {f'{together} * {part}' if together > 1 else part}")
        end = f"{low} + {together}"
        if places % together:  # the last range is shorter
            body.used.add("minimum")
            end = f"minimum({end}, {places})"
        body.writer.line(f"{high} = {end}")
        body.write(without(body.nest.body, lines))
    body.visible = before


def store_in_range(body: Body, store: Store, ends: Ends) -> None:
    """Write a scattered sum's step, for places of this thread's range."""
    low, high = ends
    place = next(t for t in store.tests if t.place.nodes)
    rest = tuple(t for t in store.tests if t is not place)
    text = affine(place.place, body.names)[0]
    with body.writer.block(f"if {low} <= {text} < {high}:"):
        body.store(replace(store, tests=rest))
