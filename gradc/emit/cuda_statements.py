"""The statements of a loop nest, taken apart as frames of CUDA kernels need them."""

from __future__ import annotations

from collections.abc import Sequence

from gradc.emit.kernel import all_statements
from gradc.schedule.loops import Fold, Join, Loop, Statement, Store
from gradc.schedule.nest import Nest


def totals(nest: Nest) -> dict[Fold, Fold]:
    """Return the total that each sum of one run of the innermost loop joins."""
    joins = [s for s in all_statements(nest.body) if isinstance(s, Join)]
    return {join.part: join.total for join in joins}


def scattered_places(nest: Nest) -> int:
    """Return how many places a scattered sum has."""
    stores = [s for s in all_statements(nest.body) if isinstance(s, Store) and s.fold]
    found = [t.high for s in stores for t in s.tests if t.place.nodes and t.high is not None]
    return found[0]


def around(
    statements: Sequence[Statement],
) -> tuple[list[Statement], Loop, list[Statement]]:
    """Return what comes before the loop, the loop, and what follows."""
    at = next(i for i, s in enumerate(statements) if isinstance(s, Loop))
    loop = statements[at]
    assert isinstance(loop, Loop)
    return list(statements[:at]), loop, list(statements[at + 1 :])


def opened(statements: Sequence[Statement]) -> list[Statement]:
    """Return statements with their loops' bodies in place of the loops."""
    found: list[Statement] = []
    for s in statements:
        found += s.body if isinstance(s, Loop) else [s]
    return found


def without(statements: Sequence[Statement], axes: Sequence[int]) -> list[Statement]:
    """Return statements without the loops over some axes, whose bodies stay."""
    found: list[Statement] = []
    for s in statements:
        if not isinstance(s, Loop):
            found.append(s)
        elif s.axis in axes:
            found += without(s.body, axes)
        else:
            found.append(Loop(s.axis, without(s.body, axes)))
    return found
