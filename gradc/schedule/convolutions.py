"""conv equations -> operands as they lie in memory: permutations cost nothing where loops allow."""

from __future__ import annotations

from dataclasses import dataclass

from gradc.ir.graph import Equation, Value
from gradc.schedule.products import Definitions

Axes = tuple[int, ...]
PLACES, WINDOW = ("p", "q", "r"), ("i", "j", "k")


@dataclass(frozen=True, slots=True)
class Seen:
    """An operand of a convolution, as it lies in memory.

    Args:
        value: the materialised value.
        dims: its sizes there.
        axes: for each axis of the operand, its axis there.
    """

    value: Value
    dims: Axes
    axes: Axes


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """y[n, p, g, o] = sum over k, c of x[n, stride p + dilation k, g, c] w[k, g, c, o].

    Args:
        left, right: x and w.
        samples, groups, inner, outer: sizes of n, g, c, o.
        places: sizes of p.
        window: sizes of k.
        stride, dilation: as in the equation.
        rounds: the 16-bit format that operands are rounded to as they are read, or "".
    """

    left: Seen
    right: Seen
    samples: int
    places: Axes
    groups: int
    inner: int
    outer: int
    window: Axes
    stride: Axes
    dilation: Axes
    rounds: str = ""

    @property
    def batch(self) -> int:
        """Number of samples n: of places, or of terms where it is a weight's gradient."""
        return self.inner if self.sums_samples else self.samples

    @property
    def grouped(self) -> bool:
        """Whether there is more than one group."""
        return self.groups > 1

    @property
    def depthwise(self) -> bool:
        """Whether each channel is a group of its own."""
        channels = self.samples if self.sums_samples else self.inner
        return self.grouped and channels == self.outer == 1

    @property
    def sample_name(self) -> str:
        """Name of the first axis of the result; a weight's gradient has its channels there."""
        return "c" if self.sums_samples else "n"

    @property
    def inner_name(self) -> str:
        """Name of the summed channels, which are the samples of a weight's gradient."""
        return "n" if self.sums_samples else "c"

    @property
    def places_names(self) -> tuple[str, ...]:
        """Names of the places; those of a weight's gradient are elements of the window."""
        return (WINDOW if self.sums_samples else PLACES)[: len(self.places)]

    @property
    def window_names(self) -> tuple[str, ...]:
        """Names of the elements of the window."""
        return (PLACES if self.sums_samples else WINDOW)[: len(self.places)]

    @property
    def shapes(self) -> tuple[Axes, Axes, Axes]:
        """Sizes of x, w and y in memory, without the axis of a single group."""
        n = len(self.window)
        y = (self.samples, *self.places, *(self.groups,) * self.grouped, self.outer)
        return self._shape(self.left, n + 1), self._shape(self.right, n), y

    def _shape(self, seen: Seen, group: int) -> Axes:
        axis = seen.axes[group]
        return tuple(m for a, m in enumerate(seen.dims) if self.grouped or a != axis)

    @property
    def flops(self) -> int:
        """Operations of one run."""
        n = 2 * self.samples * self.groups * self.inner * self.outer
        for size in (*self.places, *self.window):
            n *= size
        return n

    @property
    def sums_samples(self) -> bool:
        """Whether it is a weight's gradient: x with samples and channels changed about."""
        return self.left.axes[0] == len(self.left.axes) - 1


def convolution(equation: Equation, known: Definitions) -> Convolution:
    """Return a conv equation with its operands."""
    (x, w), (y,) = equation.inputs, equation.outputs
    n = len(equation.params["stride"])
    left, right = operands(equation, known)
    return Convolution(
        left,
        right,
        y.shape[0],
        y.shape[1 : n + 1],
        x.shape[n + 1],
        x.shape[n + 2],
        w.shape[n + 2],
        w.shape[:n],
        equation.params["stride"],
        equation.params["dilation"],
        equation.params.get("rounds", ""),
    )


def operands(equation: Equation, known: Definitions) -> tuple[Seen, Seen]:
    """Return both operands in the order that memory has them, where that is a known one.

    Known are the order of the equation, and the one of a weight's gradient: samples for channels.
    """
    x, w = equation.inputs
    n = len(equation.params["stride"])
    space = tuple(range(1, n + 1))
    swapped = look_through(x, known), look_through(w, known)
    turned = (n + 2, *space, n + 1, 0), (*space, n + 1, 0, n + 2)
    if (swapped[0].axes, swapped[1].axes) == turned:
        return swapped
    return _plain(x, known), _plain(w, known)


def _plain(value: Value, known: Definitions) -> Seen:
    seen = look_through(value, known)
    if seen.axes == tuple(range(value.type.ndim)):
        return seen
    return Seen(value, value.shape, tuple(range(value.type.ndim)))


def look_through(value: Value, known: Definitions) -> Seen:
    """Return what lies below permutes, and below slices that only cut off ends."""
    axes = tuple(range(value.type.ndim))
    while value in known:
        equation = known[value]
        match equation.primitive.name:
            case "permute":
                axes = tuple(equation.params["axes"][a] for a in axes)
            case "slice" if not any(equation.params["start"]) and set(equation.params["step"]) <= {
                1
            }:
                pass
            case _:
                break
        value = equation.inputs[0]
    return Seen(value, value.shape, axes)
