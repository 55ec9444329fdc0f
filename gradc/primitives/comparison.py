"""Elementwise comparisons and tests, which give bool."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradc.ir.derivative import Zero
from gradc.ir.primitive import Primitive, register
from gradc.primitives.elementwise import Accepts, elementwise
from gradc.primitives.elementwise_samples import binary, unary
from gradc.primitives.precedence import COMPARISON


def _comparison(name: str, meaning: Callable[..., Any], operator: str) -> Primitive:
    return register(
        elementwise(
            name,
            meaning,
            Zero(),
            operands=("x", "y"),
            maths=f"{{0}} {operator} {{1}}",
            code=f"{{0}} {operator} {{1}}",
            precedence=COMPARISON,
            accepts=Accepts.ANY,
            to_bool=True,
            samples=binary(),
            reference=name,
        )
    )


def _test(name: str, meaning: Callable[..., Any], maths: str) -> Primitive:
    return register(
        elementwise(
            name,
            meaning,
            Zero(),
            operands=("x",),
            maths=maths,
            code=f"{name}({{0}})",
            accepts=Accepts.NUMBERS,
            to_bool=True,
            samples=unary(integers=True),
            reference=name,
        )
    )


eq = _comparison("eq", np.equal, "==")
ne = _comparison("ne", np.not_equal, "!=")
lt = _comparison("lt", np.less, "<")
le = _comparison("le", np.less_equal, "<=")
gt = _comparison("gt", np.greater, ">")
ge = _comparison("ge", np.greater_equal, ">=")
isnan = _test("isnan", np.isnan, "{0} is NaN")
isinf = _test("isinf", np.isinf, "{0} is infinite")
isfinite = _test("isfinite", np.isfinite, "{0} is finite")
