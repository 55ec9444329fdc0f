"""The text of the kernel that sorts each row, stable, with the position that each element had."""

from __future__ import annotations

from gradc.emit.arguments import CODES
from gradc.ir.dtype import DType

TEXT = """@kernel("{code}[:,:], {code}[:,:], i64[:,:], i64[:]")
def {name}(x, values, index, merged):
    # stable merge sort of the positions in each row{nan}
    for i in range(x.shape[0]):
        n = x.shape[1]
        for j in range(n):
            index[i, j] = j
        width = 1
        while width < n:
            for start in range(0, n, 2 * width):
                middle, end = minimum(start + width, n), minimum(start + 2 * width, n)
                left, right = start, middle
                for j in range(start, end):
                    take_right = left >= middle
                    if left < middle and right < end:
                        a, b = x[i, index[i, left]], x[i, index[i, right]]
                        take_right = {better}
                    if take_right:
                        merged[j] = index[i, right]
                        right += 1
                    else:
                        merged[j] = index[i, left]
                        left += 1
            for j in range(n):
                index[i, j] = merged[j]
            width *= 2
        for j in range(n):
            values[i, j] = x[i, index[i, j]]
"""


def sort_kernel(name: str, dtype: DType, *, descending: bool) -> str:
    """Return the kernel's text; NaN counts as the largest, as in PyTorch."""
    better = "b > a" if descending else "b < a"
    nan = ""
    if dtype.is_floating_point:
        nan = "; NaN counts as the largest"
        better += " or (b != b and a == a)" if descending else " or (a != a and b == b)"
    return TEXT.format(code=CODES[dtype], name=name, nan=nan, better=better)
