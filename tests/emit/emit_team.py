"""Run generated text as several threads, one after the other between two meetings."""

import threading

import numpy as np
from emit_run import compile_text, runtime_of_interpreter, tables

from gradc.runtime import interpreted_team
from gradc.runtime.interpreted_team import Columns, Rows
from gradc.schedule import product_tiles, spread


def share_everything(monkeypatch):
    """Let even the smallest programs be shared, in the smallest blocks."""
    for name, value in (("WORTH", 0), ("SMALL", 0), ("BLOCK", 0.001), ("FLAT", 1)):
        monkeypatch.setattr(spread, name, value)
    monkeypatch.setattr(spread, "BLAS_BLOCK", 1)
    monkeypatch.setattr(spread, "LINE", 1)
    monkeypatch.setattr(product_tiles, "_row_counts", lambda rows, most: [min(rows, 2)])
    for name in ("BLAS_FLOPS_PER_NS", "SMALL_FLOPS_PER_NS"):
        monkeypatch.setattr(product_tiles, name, 1e-3)


class Member:
    """One thread of a team in which only the one with the baton runs."""

    def __init__(self, thread, order, batons):
        self.thread, self.order, self.batons = thread, order, batons

    def begin(self):
        self.batons[self.thread].acquire()

    def end(self):
        place = self.order.index(self.thread)
        self.batons[self.order[(place + 1) % len(self.order)]].release()

    def share(self, size, block, kind=Rows):
        threads, blocks = len(self.order), -(-size // block)
        first, last = (
            min(-(-blocks * t // threads) * block, size) for t in (self.thread, self.thread + 1)
        )
        return kind(first, last, block)

    def share_columns(self, size, block):
        return self.share(size, block, Columns)

    def meet(self):
        self.end()
        self.begin()


def run_as(source, table, order):
    """Run a generated file as len(order) threads that take turns in this order."""
    names = {
        "share": Member.share,
        "share_columns": Member.share_columns,
        "meet": Member.meet,
        "is_first": lambda team: team.thread == 0,
        "chunks": interpreted_team.chunks,
        "elements": interpreted_team.elements,
        "part_of": interpreted_team.part_of,
        "tiled": interpreted_team.tiled,
    }
    batons = [threading.Lock() for _ in order]
    for baton in batons:
        baton.acquire()
    errors = []

    def work(thread, function, buffers):
        member = Member(thread, order, batons)
        member.begin()
        try:
            with np.errstate(all="ignore"):
                function(buffers, member)
        except BaseException as error:  # a failed thread must not leave the others waiting
            errors.append(error)
        member.end()

    def whole(function, buffers):
        workers = [threading.Thread(target=work, args=(t, function, buffers)) for t in order]
        for worker in workers:
            worker.start()
        batons[order[0]].release()
        for worker in workers:
            worker.join()

    runtime_of_interpreter(source, table, names, whole)
    if errors:
        raise errors[0]


def outcomes(graph, arrays, orders):
    """Return (plan, emitted, the bytes of all results for each order)."""
    plan, emitted = compile_text(graph)
    found = []
    for order in orders:
        table, inputs, outputs, arena = tables(graph, emitted, arrays)
        if plan.shared:
            run_as(emitted.source, table, order)
        else:
            runtime_of_interpreter(emitted.source, table, {}, None)
        found.append([*outputs, *inputs])
        del arena
    return plan, emitted, found
