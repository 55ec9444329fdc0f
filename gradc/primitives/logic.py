"""Elementwise logic on bool, and the choice between two values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradc.errors import DeviceError, DTypeError, ShapeError
from gradc.ir.derivative import Zero
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Primitive, register
from gradc.primitives.elementwise import Accepts, check_agree, check_count, elementwise
from gradc.primitives.elementwise_samples import bools, selection
from gradc.primitives.precedence import BIT_AND, BIT_OR, BIT_XOR, CONDITIONAL, NOT
from gradc.symbolic.derived import PARTIALS

AS_BOOL = "compare with 0 first: x != 0"


def _logic(name: str, meaning: Callable[..., Any], word: str, code: str, level: int) -> Primitive:
    return register(
        elementwise(
            name,
            meaning,
            Zero(),
            operands=("x", "y"),
            maths=f"{{0}} {word} {{1}}",
            code=code,
            precedence=level,
            accepts=Accepts.BOOLS,
            samples=bools(2),
            reference=name,
            hint=AS_BOOL,
        )
    )


# & and | rather than `and` and `or`: no branches, so that loops vectorise.
logical_and = _logic("logical_and", np.logical_and, "and", "{0} & {1}", BIT_AND)
logical_or = _logic("logical_or", np.logical_or, "or", "{0} | {1}", BIT_OR)
logical_xor = _logic("logical_xor", np.logical_xor, "xor", "{0} ^ {1}", BIT_XOR)
logical_not = register(
    elementwise(
        "logical_not",
        np.logical_not,
        Zero(),
        operands=("x",),
        maths="not {0}",
        code="not {0}",
        precedence=NOT,
        accepts=Accepts.BOOLS,
        samples=bools(1),
        reference="logical_not",
        hint=AS_BOOL,
    )
)


def _where_typing(*types: TensorType) -> TensorType:
    """The condition is bool of the same shape; a and b agree."""
    check_count("where", ("c", "a", "b"), types)
    condition, a, b = types
    if not condition.dtype.is_bool:
        raise DTypeError(f"where: the condition must be bool, got {condition}", hint=AS_BOOL)
    check_agree("where", (a, b))
    if condition.shape != a.shape:
        raise ShapeError(f"where: shapes differ: {condition}, {a} and {b}")
    if condition.device != a.device:
        raise DeviceError(f"where: devices differ: {condition}, {a} and {b}")
    return a


where = register(
    elementwise(
        "where",
        np.where,
        PARTIALS["where"],
        operands=("c", "a", "b"),
        maths="{1} where {0}, else {2}",
        code="{1} if {0} else {2}",
        precedence=CONDITIONAL,
        typing=_where_typing,
        samples=selection,
        reference="where",
    )
)
