"""Running sums -> text: the lanes of a group go along a line side by side, step by step."""

from __future__ import annotations

from gradc.emit.cuda_statements import opened
from gradc.emit.kernel import Body, first_value
from gradc.schedule.loops import Loop, Start, Store


def write_running(body: Body) -> None:
    """Write what a group does with one line, whose position along other axes is known."""
    statements, writer = list(body.nest.body), body.writer
    for _ in range(body.nest.rows):
        statements = opened(statements)
    (loop,) = [s for s in statements if isinstance(s, Loop)]
    (fold,) = [s.fold for s in statements if isinstance(s, Start)]
    body.write([s for s in statements if not isinstance(s, Loop | Start)])
    length, at = body.nest.extents[loop.axis], body.names.axes[loop.axis]
    sum_before = body.namer("before")
    writer.line(f"{sum_before} = {first_value('sum', fold.root.dtype, body.used)}")
    body.used.update(("steps", "row_running"))
    with writer.block(f"for {at} in steps({length}):"):
        body.start(fold)
        seen = set(body.visible)
        with writer.block(f"if {at} < {length}:"):
            body.write([s for s in loop.body if not isinstance(s, Store)])
        body.visible = seen
        running = body.fixed[fold][0]
        writer.line(f"{running}, {sum_before} = row_running({running}, {sum_before})")
        with writer.block(f"if {at} < {length}:"):
            body.write([s for s in loop.body if isinstance(s, Store)])
