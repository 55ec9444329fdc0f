"""A traced graph -> the program that it became before, so that it need not be planned again."""

from __future__ import annotations

from dataclasses import dataclass

from gradc import store
from gradc.build.key import graph_key, key
from gradc.build.load import Native, known
from gradc.config import cache_directory


@dataclass(frozen=True, slots=True)
class Facts:
    """What must be known of a plan to run its program.

    Attributes:
        arena: bytes of memory for temporaries.
        blas: whether it calls BLAS.
        brief: whether it ends before another Python thread would get its turn.
    """

    arena: int
    blas: bool
    brief: bool


def recall(fingerprint: str) -> tuple[Native, Facts] | None:
    """Return the program of a graph and its facts, where both are in the store."""
    told = store.read_note(store.opened(cache_directory()), graph_key(fingerprint))
    match told.get("program"), told.get("arena"), told.get("blas"), told.get("brief"):
        case str(program), int(arena), bool(blas), bool(brief):
            native = known(program)
            return None if native is None else (native, Facts(arena, blas, brief))
        case _:
            return None


def note(fingerprint: str, source: str, facts: Facts) -> None:
    """Keep which text a graph became."""
    directory = store.opened(cache_directory())
    told = {"program": key(source, interpreted=False), "arena": facts.arena}
    told |= {"blas": facts.blas, "brief": facts.brief}
    store.write_note(directory, graph_key(fingerprint), told)
