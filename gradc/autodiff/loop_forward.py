"""A loop -> the loop that carries tangents along."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from gradc.autodiff.loop_walk import activity
from gradc.autodiff.transform import jvp
from gradc.ir.builder import Builder, several
from gradc.ir.primitive import lookup
from gradc.primitives.loop import Body


def loop_jvp(
    b: Builder,
    params: dict[str, Any],
    inputs: tuple[Any, ...],
    outputs: tuple[Any, ...],
    tangents: tuple[Any, ...],
) -> list[Any | None]:
    """Return the tangent of each result of a scan; see `autodiff.rules.jvp_rule`."""
    loop = Body(**params)
    body = loop.body
    active, values = activity(loop, [t is not None for t in tangents])
    wrt = sorted(active)
    dual = jvp(body, wrt)
    count = len(body.inputs)
    dots = {i: dual.inputs[count + place] for place, i in enumerate(wrt)}
    given = {i: b.zeros_like(inputs[i]) if tangents[i] is None else tangents[i] for i in wrt}
    operands: list[Any] = []
    order: list[Any] = []
    ends = (0, loop.carries, loop.constants, count)
    for low, high in pairwise(ends):
        order += [*dual.inputs[low:high], *(dots[i] for i in wrt if low <= i < high)]
        operands += [*inputs[low:high], *(given[i] for i in wrt if low <= i < high)]
    dual.inputs = tuple(order)
    total = len(body.outputs)
    moved = [i for i in wrt if i < loop.carries]
    moved += [i for i, v in enumerate(body.outputs) if i >= loop.carries and v in values]
    carries = loop.carries + sum(i < loop.carries for i in wrt)
    sequences = loop.sequences + sum(loop.carries <= i < loop.constants for i in wrt)
    made = dual.outputs
    split = loop.carries
    dual.outputs = (
        *made[:split],
        *(made[total + i] for i in moved if i < split),
        *made[split:total],
        *(made[total + i] for i in moved if i >= split),
    )
    turned = Body(dual, loop.length, loop.reverse, carries, sequences)
    results = several(b.apply(lookup("scan"), tuple(operands), turned.params))
    places = [i for i in moved if i < split]
    found: list[Any | None] = [None] * total
    for place, i in enumerate(places, split):
        found[i] = results[place]
    first = carries + total - split
    for place, i in enumerate((i for i in moved if i >= split), first):
        found[i] = results[place]
    return found
