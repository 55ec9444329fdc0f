"""Text of a tensor as PyTorch writes it: `tensor([[1.0000, 2.5000]])`."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.errors import ArgumentError
from gradc.ir.dtype import bool_, int64
from gradc.tensor.core import elements, resolve, type_text
from gradc.tensor.edges import edge_of
from gradc.tensor.node import Node
from gradc.tensor.refusal import refuse_value
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

Array = np.ndarray[Any, Any]


@dataclass(slots=True)
class Options:
    """How tensors are printed.

    Args:
        precision: digits after the point.
        threshold: number of elements above which the middle is left out.
        edgeitems: how many are shown at each end then.
        linewidth: characters per line.
        sci_mode: whether to use scientific notation; None decides by the values.
    """

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


OPTIONS = Options()
PROFILES = {
    "default": Options(),
    "short": Options(precision=2, threshold=1000, edgeitems=2),
    "full": Options(threshold=math.inf),
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed.

    Args:
        precision: digits after the point.
        threshold: number of elements above which the middle is left out.
        edgeitems: how many are shown at each end then.
        linewidth: characters per line.
        profile: `default`, `short` or `full`, applied first.
        sci_mode: whether to use scientific notation; None decides by the values.
    """
    if profile is not None:
        if profile not in PROFILES:
            raise ArgumentError(
                f"set_printoptions: profile must be one of {', '.join(PROFILES)}, got {profile!r}"
            )
        chosen = PROFILES[profile]
        OPTIONS.precision, OPTIONS.threshold = chosen.precision, chosen.threshold
        OPTIONS.edgeitems, OPTIONS.linewidth = chosen.edgeitems, chosen.linewidth
    if precision is not None:
        OPTIONS.precision = precision
    if threshold is not None:
        OPTIONS.threshold = threshold
    if edgeitems is not None:
        OPTIONS.edgeitems = edgeitems
    if linewidth is not None:
        OPTIONS.linewidth = linewidth
    OPTIONS.sci_mode = sci_mode


class _Numbers:
    """How the numbers of one tensor are written: all in one width and notation."""

    def __init__(self, array: Array) -> None:
        self.floating = array.dtype.kind == "f"
        self.whole = True
        self.scientific = False
        self.width = 1
        if not self.floating:
            self.width = max((len(self._plain(v)) for v in array.flat), default=1)
            return
        finite = array[np.isfinite(array) & (array != 0)].astype(np.float64)
        if finite.size == 0:
            return
        sizes = np.abs(finite)
        low, high = float(sizes.min()), float(sizes.max())
        self.whole = bool((finite == np.ceil(finite)).all())
        wide = high / low > 1000.0 or high > 1.0e8
        self.scientific = wide or (not self.whole and low < 1.0e-4)
        if OPTIONS.sci_mode is not None:
            self.scientific = OPTIONS.sci_mode
        self.width = max(len(self._plain(v)) for v in finite.flat)

    def _plain(self, value: Any) -> str:
        """Return a number without padding."""
        if not self.floating:
            return str(value.item())
        number = float(value)
        if self.scientific:
            return f"{number:.{OPTIONS.precision}e}"
        if self.whole:
            return f"{number:.0f}." if math.isfinite(number) else f"{number:.0f}"
        return f"{number:.{OPTIONS.precision}f}"

    def text(self, value: Any) -> str:
        """Return a number, padded to the common width."""
        return self._plain(value).rjust(self.width)


def _vector(array: Array, indent: int, numbers: _Numbers, short: bool) -> str:
    per_line = max(1, (OPTIONS.linewidth - indent) // (numbers.width + 2))
    edge = OPTIONS.edgeitems
    if short and len(array) > 2 * edge:
        words = [numbers.text(v) for v in array[:edge]]
        words += [" ..."] + [numbers.text(v) for v in array[len(array) - edge :]]
    else:
        words = [numbers.text(v) for v in array]
    lines = [", ".join(words[i : i + per_line]) for i in range(0, len(words), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _nested(array: Array, indent: int, numbers: _Numbers, short: bool) -> str:
    if array.ndim == 0:
        return numbers.text(array[()])
    if array.ndim == 1:
        return _vector(array, indent, numbers, short)
    edge = OPTIONS.edgeitems
    cut = short and len(array) > 2 * edge
    rows = [*range(edge), None, *range(len(array) - edge, len(array))] if cut else range(len(array))
    parts = ["..." if i is None else _nested(array[i], indent + 1, numbers, short) for i in rows]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(parts) + "]"


def _shown(array: Array) -> Array:
    """Return the elements that are printed when the middle is left out."""
    edge = OPTIONS.edgeitems
    for axis, n in enumerate(array.shape):
        if n > 2 * edge:
            keep = np.r_[0:edge, n - edge : n]
            array = np.take(array, keep, axis)
    return array


def represent(x: Tensor) -> str:
    """Return the text of a tensor; of a traced one, which has no values, its type."""
    of = resolve(x) if not x._storage.traced or x._storage.place is STATE.trace else x
    if of._storage.traced:
        return f"tensor({type_text(of)}, traced)"
    array = elements(of)
    prefix = "tensor("
    suffixes: list[str] = []
    default = of._dtype in (STATE.default_dtype, int64, bool_)
    if of._storage.place is not None:
        suffixes.append(f"device='{of.device}'")
    if array.size == 0:
        body = "[]"
        if array.ndim != 1:
            suffixes.append(f"size={tuple(array.shape)}")
        default = of._dtype is STATE.default_dtype
    else:
        short = array.size > OPTIONS.threshold
        numbers = _Numbers(_shown(array) if short else array)
        body = _nested(array, len(prefix), numbers, short)
    if not default:
        suffixes.append(f"dtype={of._dtype!r}")
    edge = edge_of(of)
    if edge is not None:
        made_by = edge[0]
        is_node = isinstance(made_by, Node)
        suffixes.append(f"grad_fn=<{made_by.name()}>" if is_node else "requires_grad=True")
    return _with_suffixes(prefix + body, suffixes, len(prefix))


def _with_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    last = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if last + len(suffix) + 2 > OPTIONS.linewidth:
            text += ",\n" + " " * indent + suffix
            last = indent + len(suffix)
        else:
            text += ", " + suffix
            last += len(suffix) + 2
    return text + ")"


def text_of(x: Tensor) -> str:
    """Return str(x); an error for a traced tensor, whose values can't be printed."""
    if x._storage.traced or STATE.trace is not None:
        refuse_value(
            resolve(x),
            "printing",
            "return the tensor and print it outside, or print repr(x) to see its type",
        )
    return represent(x)


def formatted(x: Tensor, spec: str) -> str:
    """Return format(x, spec): of the number for a 0-d tensor."""
    if not spec:
        return text_of(x)
    of = resolve(x)
    refuse_value(of, "printing", "return the tensor and print it outside")
    array = elements(of)
    if array.ndim == 0:
        return format(array.item(), spec)
    raise TypeError("unsupported format string passed to Tensor.__format__")
