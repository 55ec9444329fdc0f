"""The derivative fact of a primitive -> its VJP and its JVP, for any Builder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from gradc.autodiff.elementwise import names_used, product
from gradc.errors import GradientError
from gradc.ir.builder import Builder
from gradc.ir.derivative import (
    Bilinear,
    Composed,
    Derivative,
    Linear,
    Looped,
    Partials,
    Selection,
    Weighted,
    Zero,
)
from gradc.ir.primitive import Primitive
from gradc.primitives.reduction import spread

Operands = tuple[Any, ...]
Params = dict[str, Any]
EVERY = range(sys.maxsize)


def fact(primitive: Primitive) -> Derivative:
    """Return the derivative fact; a missing one is an error that names the primitive."""
    if primitive.derivative is None:
        raise GradientError(
            f"{primitive.name}: has no derivative rule",
            hint="use .detach() on its input if no gradient should flow through it",
        )
    return primitive.derivative


def differentiable(primitive: Primitive) -> bool:
    """Return whether a derivative can be other than zero."""
    return not isinstance(primitive.derivative, Zero)


def vjp_rule(
    b: Builder,
    primitive: Primitive,
    params: Params,
    inputs: Operands,
    outputs: Operands,
    cotangents: Operands,
    needed: Sequence[bool],
) -> list[Any | None]:
    """Return x_bar for each input, given y_bar for each output.

    Args:
        b: applies the primitives of the rule.
        primitive: of the equation that is differentiated.
        params: its static parameters.
        inputs: its operands. Only those named by `residuals` may be used for their values.
        outputs: its results; likewise.
        cotangents: one per output; None stands for zero.
        needed: which inputs want an adjoint.

    Returns:
        One adjoint per input; None where it is zero or not needed.
    """
    rule, none = fact(primitive), [None] * len(inputs)
    if isinstance(rule, Looped):
        # the derivative of a loop is found by walking its body with the rules of this file
        from gradc.autodiff.loop_reverse import loop_vjp

        return loop_vjp(b, params, inputs, outputs, cotangents, needed)
    if isinstance(rule, Composed):
        # likewise by walking what it stands for
        from gradc.autodiff.composed import composed_vjp

        return composed_vjp(b, rule, params, inputs, outputs, cotangents, needed)
    ct = cotangents[0]
    if ct is None or isinstance(rule, Zero):
        return list(none)
    match rule:
        case Partials():
            return [
                product(b, rule, i, inputs, outputs[0], ct) if want else None
                for i, want in enumerate(needed)
            ]
        case Linear():
            adjoints: list[Any | None] = list(none)
            places = range(len(inputs)) if rule.operands is None else rule.operands
            for i, adjoint in zip(places, rule.transpose(b, ct, inputs, params), strict=True):
                adjoints[i] = adjoint if needed[i] else None
            return adjoints
        case Bilinear():
            x, y = inputs
            return [
                rule.left(b, ct, x, y, params) if needed[0] else None,
                rule.right(b, ct, x, y, params) if needed[1] else None,
            ]
        case Weighted():
            (x,) = inputs
            weight = rule.weight(b, x, outputs[0], params)
            return [b.op("mul", weight, spread(b, ct, b.typeof(x), params["axes"]))]
        case Selection():
            (x,), axis = inputs, rule.axis(params)
            return [b.op("scatter_add", b.zeros_like(x), outputs[1], ct, axis=axis)]


def jvp_rule(
    b: Builder,
    primitive: Primitive,
    params: Params,
    inputs: Operands,
    outputs: Operands,
    tangents: Operands,
) -> list[Any | None]:
    """Return y_dot for each output, given x_dot for each input (None stands for zero)."""
    rule, none = fact(primitive), [None] * len(outputs)
    if isinstance(rule, Zero) or all(t is None for t in tangents):
        return list(none)
    if isinstance(rule, Looped):
        from gradc.autodiff.loop_forward import loop_jvp

        return loop_jvp(b, params, inputs, outputs, tangents)
    if isinstance(rule, Composed):
        from gradc.autodiff.composed import composed_jvp

        return composed_jvp(b, rule, params, inputs, tangents)
    match rule:
        case Partials():
            terms = [
                product(b, rule, i, inputs, outputs[0], dot)
                for i, dot in enumerate(tangents)
                if dot is not None
            ]
            return [_total(b, terms)]
        case Linear():
            places = range(len(inputs)) if rule.operands is None else rule.operands
            if all(tangents[i] is None for i in places):
                return list(none)
            operands = list(inputs)
            for i in places:
                dot = tangents[i]
                operands[i] = b.zeros_like(inputs[i]) if dot is None else dot
            changed = rule.tangent_params(params) if rule.tangent_params else params
            return [b.apply(primitive, tuple(operands), changed)]
        case Bilinear():
            (x, y), (x_dot, y_dot) = inputs, tangents
            terms = [] if x_dot is None else [b.apply(primitive, (x_dot, y), params)]
            terms += [] if y_dot is None else [b.apply(primitive, (x, y_dot), params)]
            return [_total(b, terms)]
        case Weighted():
            (x,), (x_dot,) = inputs, tangents
            weight = rule.weight(b, x, outputs[0], params)
            folded = {"axes": params["axes"], "keepdims": params.get("keepdims", False)}
            return [b.op("sum", b.op("mul", weight, x_dot), **folded)]
        case Selection():
            (x_dot,) = tangents
            return [b.op("gather", x_dot, outputs[1], axis=rule.axis(params)), None]


def residuals(primitive: Primitive) -> tuple[Sequence[int], Sequence[int]]:
    """Return (positions of inputs, positions of outputs) whose values the rules read."""
    match primitive.derivative:
        case Looped():
            return EVERY, ()
        case Composed() as rule:
            return EVERY, rule.reads
        case Partials() as rule:
            used = names_used(rule)
            inputs = tuple(i for i, name in enumerate(rule.operands) if name in used)
            return inputs, (0,) if "out" in used else ()
        case Bilinear():
            return (0, 1), ()
        case Weighted():
            return (0,), (0,)
        case Selection():
            return (), (1,)
        case Linear() as rule:
            return rule.others, ()
        case _:
            return (), ()


def rule_text(primitive: Primitive, position: int) -> str:
    """Return the derivative by one input, for comments in generated code.

    For elementwise primitives an expression over the operand names and `out`.
    """
    match primitive.derivative:
        case Partials() as rule:
            return rule.expressions[position] or "0"
        case Linear() | Weighted() | Composed() as rule:
            return rule.rule
        case Bilinear() as rule:
            return rule.rule_left if position == 0 else rule.rule_right
        case Selection():
            return "back to the place it came from"
        case _:
            return ""


def _total(b: Builder, terms: list[Any | None]) -> Any | None:
    total = None
    for term in terms:
        if term is not None:
            total = term if total is None else b.op("add", total, term)
    return total
