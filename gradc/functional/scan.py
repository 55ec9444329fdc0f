"""gradc.scan: a Python function of (carry, x) -> one loop over time with its derivative."""

# The fields of a tensor are shared between the rooms that trace it.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from gradc.autodiff.loop_walk import with_residuals
from gradc.errors import ArgumentError, ArgumentTypeError, ShapeError, TraceError
from gradc.ir.graph import TensorType
from gradc.ir.primitive import lookup
from gradc.primitives.loop import Body
from gradc.tensor import Tensor, no_grad
from gradc.tensor import tensor as make_tensor
from gradc.tensor.body import BodyTrace
from gradc.tensor.core import read, resolve, type_text, typeof
from gradc.tensor.dispatch import apply
from gradc.tensor.edges import wants_grad
from gradc.tensor.state import STATE
from gradc.tensor.tree import Leaf, Spec, flatten, places, unflatten


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Run `carry, y = f(carry, x)` for each x along the first axis; return (carry, stacked ys).

    Compiled, it is one native loop whose body is compiled once, however many steps there are;
    its gradient is a second loop backwards over time. Tensors that `f` uses from outside are
    constants of the loop, and get gradients too.

    Args:
        f: runs once, on stand-ins; `carry` must come out with the types that it came in with.
            It may draw random numbers; it may not look at values.
        init: the first carry: tensors, numbers, nested tuples, lists and dicts of them.
        xs: tensors with time first, nested likewise; None: f gets None.
        length: number of steps; needed where there are no xs.
        reverse: whether to run from the last step to the first; ys keep the order of xs.

    Returns:
        The last carry, and what `f` returned second, stacked along a new first axis.

    Raises:
        ShapeError: xs of different lengths, or a carry that changes its shape or dtype.
        ArgumentTypeError: something that is neither a tensor nor a number.
        TraceError: the body changes a tensor from outside that takes part in gradients.

    Example:
        >>> import gradc
        >>> total, totals = gradc.scan(lambda c, x: (c + x, c + x), 0.0, gradc.arange(4.0))
        >>> total.item(), totals.tolist()
        (6.0, [0.0, 1.0, 3.0, 6.0])

    Source: the semantics are those of jax.lax.scan.
    """
    carry, carry_spec = flatten(_tensors(init, "init"), "init")
    sequences, xs_spec = flatten(_tensors(xs, "xs"), "xs")
    steps = _length(sequences, length)
    trace = BodyTrace(getattr(f, "__name__", "body").strip("<>"), "scan")
    with trace:
        if trace.around is None:
            for t in (*carry, *sequences):
                trace.meet(t)
        inner = [trace.operand(typeof(t), _hint(t)) for t in carry]
        cut = [trace.operand(_step_type(t), _hint(t)) for t in sequences]
        returned: Any = f(unflatten(carry_spec, inner), unflatten(xs_spec, cut))
        after, made, made_spec = _results(returned, carry, carry_spec)
        results = [read(resolve(t)) for t in (*after, *made)]
        changed = trace.changed()
        fresh = [read(trace.inside[i]) for i in changed]
    kept = [i for i in range(len(trace.outside)) if i not in changed]
    state = [trace.outside[i] for i in changed]
    _check_state(state)
    # what the body changes (the count of random draws) is carried along
    graph = trace.builder.graph
    split, first = len(carry), len(carry) + len(sequences)
    graph.inputs = (
        *graph.inputs[:split],
        *(graph.inputs[first + i] for i in changed),
        *graph.inputs[split:first],
        *(graph.inputs[first + i] for i in kept),
    )
    body = trace.builder.finish((*results[:split], *fresh, *results[split:]))
    loop = Body(body, steps, reverse, split + len(changed), len(sequences))
    before = [t.detach().clone() for t in state]
    operands = [*carry, *before, *sequences, *(trace.outside[i] for i in kept)]
    found = run_loop(loop, operands)
    for t, new in zip(state, found[split:], strict=False):
        with no_grad():
            t.copy_(new)
    count = loop.carries + len(made)
    return unflatten(carry_spec, found[:split]), unflatten(made_spec, found[loop.carries : count])


def run_loop(loop: Body, operands: list[Tensor]) -> list[Tensor]:
    """Apply the primitive, with results for the backward pass where one may follow."""
    needed = [wants_grad(resolve(t)) for t in operands]
    if STATE.grad and any(needed):
        loop = with_residuals(loop, needed)
    if not loop.body.outputs:
        return []
    results: tuple[Tensor, ...] = apply(lookup("scan"), *operands, **loop.params)
    return list(results)


def _length(sequences: list[Tensor], length: int | None) -> int:
    """Return the number of steps."""
    for t in sequences:
        if t.ndim == 0:
            raise ShapeError("scan: xs must have a first axis to run along, got a 0-d tensor")
    lengths = {int(t.shape[0]) for t in sequences}
    if length is not None:
        lengths.add(length)
    if not lengths:
        raise ArgumentError("scan: there are no xs to tell the number of steps", hint="length=...")
    if len(lengths) > 1:
        sizes = ", ".join(type_text(t) for t in sequences)
        given = "" if length is None else f" and length={length}"
        raise ShapeError(f"scan: expected xs of one length, got {sizes}{given}")
    (steps,) = lengths
    if steps < 0:
        raise ArgumentError(f"scan: length must not be negative, got {steps}")
    return steps


def _step_type(t: Tensor) -> TensorType:
    whole = typeof(t)
    return whole.with_shape(whole.shape[1:])


def _hint(t: Tensor) -> str:
    """Return the name that a traced tensor has so far."""
    return t._data.hint if t._storage.traced else ""


def _tensors(tree: Any, what: str) -> Any:
    """Return a tree with its numbers as tensors."""
    if isinstance(tree, bool | int | float):
        return make_tensor(tree)
    kind: Any = cast("object", tree).__class__
    if isinstance(tree, tuple | list):
        items = cast("list[Any]", tree)
        parts = [_tensors(p, f"{what}[{i}]") for i, p in enumerate(items)]
        return kind(*parts) if hasattr(kind, "_fields") else kind(parts)
    if isinstance(tree, dict):
        table = cast("dict[Any, Any]", tree)
        return {k: _tensors(p, f"{what}[{k!r}]") for k, p in table.items()}
    if tree is None or isinstance(tree, Tensor):
        return tree
    raise ArgumentTypeError(
        f"scan: {what} must be a Tensor, a number, or a tuple, list or dict of them, got "
        f"{type(tree).__name__}"
    )


def _results(
    returned: Any, carry: list[Tensor], carry_spec: Spec
) -> tuple[list[Tensor], list[Tensor], Spec]:
    """Return the carry and the ys that one call of the body gave."""
    pair = cast("tuple[Any, ...]", returned) if isinstance(returned, tuple) else ()
    if len(pair) != 2:
        kind = cast("object", returned).__class__.__name__
        raise ArgumentTypeError(
            f"scan: the body must return (carry, y), got {kind}", hint="return carry, None"
        )
    after, spec = flatten(_tensors(pair[0], "the carry"), "the carry")
    if spec != carry_spec:
        raise ArgumentTypeError(
            f"scan: the carry must keep its structure: it goes in as {_outline(carry_spec)} and "
            f"comes out as {_outline(spec)}"
        )
    for (place, _), before, t in zip(places(spec, "carry"), carry, after, strict=False):
        if typeof(before) != typeof(t):
            raise ShapeError(
                f"scan: the carry must keep its types: {place} goes in as {type_text(before)} and "
                f"comes out as {type_text(t)}"
            )
    made, made_spec = flatten(_tensors(pair[1], "y"), "y")
    return after, made, made_spec


def _outline(spec: Spec) -> str:
    """Return a tree with a dot for each tensor."""
    return repr(unflatten(spec, [_Dot()] * sum(isinstance(p, Leaf) for _, p in places(spec, ""))))


class _Dot:
    """Stands for a tensor in messages."""

    def __repr__(self) -> str:
        return "Tensor"


def _check_state(state: list[Tensor]) -> None:
    """Refuse changes in place that gradients would have to know of."""
    for t in state:
        of = resolve(t)
        if wants_grad(of) or of._path:
            raise TraceError(
                f"scan: the body changes a tensor {type_text(t)} from outside in place",
                hint="carry it along and return its new value",
            )
