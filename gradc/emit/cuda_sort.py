"""Stable sorts of rows -> the text of their CUDA kernels; NaN counts as the largest.

Merging needs no order of threads: an element's place is its own in its run, and the number of
elements of the run beside that come before it, which a binary search finds.
"""

from __future__ import annotations

from dataclasses import dataclass

from gradc.emit.arguments import CODES
from gradc.ir.dtype import DType

RANKS = """@kernel("{code}[{sizes}], {code}[{sizes}], i64[{sizes}]"{facts})
def @(x, values, index):
    # an element's place is the number of those that come before it{nan}
    for i, j in grid({rows}, {columns}):
        a = x[i, j]
        place = 0
        for k in range({columns}):
            b = x[i, k]
            if {first}:
                place += 1
            elif k < j and ({same}):
                place += 1
        values[i, place] = a
        index[i, place] = j
"""
RUNS = """@kernel("{code}[{sizes}], {code}[{sizes}], i64[{sizes}]"{facts})
def @(x, values, index):
    # runs of {run} in order, merged from runs of 1, 2, 4 ...{nan}
    keys, places = shared_{code}(2, {run}), shared_i32(2, {run})
    for i, r in rows({rows}, {runs}):
        begin = {run} * r
        count = minimum({run}, {columns} - begin)
        for j in lanes({run}):
            if j < count:
                keys[0, j] = x[i, begin + j]
                places[0, j] = begin + j
        meet_lanes()
        now, width = 0, 1
        while width < count:
            for j in lanes({run}):
                if j < count:
                    a = keys[now, j]
                    start = j & -2 * width
                    is_left = j < start + width
                    beside = minimum(start + width, count) if is_left else start
                    low, high = beside, minimum(beside + width, count)
                    while low < high:
                        middle = (low + high) // 2
                        b = keys[now, middle]
                        first = {first}
                        same = {same}
                        if first or (same and not is_left):
                            low = middle + 1
                        else:
                            high = middle
                    place = j + low - beside - (0 if is_left else width)
                    keys[1 - now, place] = a
                    places[1 - now, place] = places[now, j]
            meet_lanes()
            now, width = 1 - now, 2 * width
        for j in lanes({run}):
            if j < count:
                values[i, begin + j] = keys[now, j]
                index[i, begin + j] = places[now, j]
        meet_lanes()
"""
MERGE = """@kernel("{code}[{sizes}], i64[{sizes}], {code}[{sizes}], i64[{sizes}]"{facts})
def @(keys, places, values, index):
    # runs of {run} in order -> runs of {twice}: a place in its run, and those before it beside
    for i, j in grid({rows}, {columns}):
        a = keys[i, j]
        start = j & -{twice}
        is_left = j < start + {run}
        beside = minimum(start + {run}, {columns}) if is_left else start
        low, high = beside, minimum(beside + {run}, {columns})
        while low < high:
            middle = (low + high) // 2
            b = keys[i, middle]
            first = {first}
            same = {same}
            if first or (same and not is_left):
                low = middle + 1
            else:
                high = middle
        place = j + low - beside - (0 if is_left else {run})
        values[i, place] = a
        index[i, place] = places[i, j]
"""


@dataclass(frozen=True, slots=True)
class SortText:
    """Writes the kernels of one sort; they are called `@`, and get their names where used.

    Args:
        dtype: of the elements.
        rows, columns: how many there are.
        descending: the order.
        facts: what the compiler may not take for granted.
        used: names that the text needs.
    """

    dtype: DType
    rows: int
    columns: int
    descending: bool
    facts: str
    used: set[str]

    def ranks(self) -> str:
        """Return the kernel for short rows."""
        self.used.update(("kernel", "grid"))
        return self._filled(RANKS)

    def runs(self, run: int) -> str:
        """Return the kernel that puts runs in order, each by a block."""
        code = CODES[self.dtype]
        self.used.update(("kernel", "rows", "lanes", "meet_lanes", "minimum"))
        self.used.update((f"shared_{code}", "shared_i32"))
        return self._filled(RUNS, run=run, runs=-(-self.columns // run))

    def merge(self, run: int) -> str:
        """Return the kernel that merges two runs each."""
        self.used.update(("kernel", "grid", "minimum"))
        return self._filled(MERGE, run=run, twice=2 * run)

    def _filled(self, text: str, **numbers: int) -> str:
        first = "b > a" if self.descending else "b < a"
        same, nan = "b == a", ""
        if self.dtype.is_floating_point:
            nan = "; NaN counts as the largest"
            later = "(b != b and a == a)" if self.descending else "(a != a and b == b)"
            first, same = f"{first} or {later}", "b == a or (a != a and b != b)"
        sizes = f"{self.rows},{self.columns}"
        return text.format(
            code=CODES[self.dtype], sizes=sizes, facts=self.facts, nan=nan, first=first,
            same=same, rows=self.rows, columns=self.columns, **numbers,
        )  # fmt: skip
