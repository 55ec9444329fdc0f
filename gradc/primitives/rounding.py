"""Elementwise rounding to whole numbers; the derivative is zero wherever there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradc.ir.primitive import Primitive, register
from gradc.primitives.elementwise import elementwise
from gradc.primitives.elementwise_samples import unary
from gradc.symbolic.derived import PARTIALS

HALVES = (0.5, 1.5, 2.5, -0.5, -1.5, 0.49999999999999994, 4503599627370497.5)


def _rounding(name: str, meaning: Callable[..., Any], maths: str, function: str) -> Primitive:
    return register(
        elementwise(
            name,
            meaning,
            PARTIALS[name],
            operands=("x",),
            maths=maths,
            code=f"{function}({{0}})",
            samples=unary(kinks=HALVES),
            reference=name,
            hint="integers are whole already",
        )
    )


floor = _rounding("floor", np.floor, "floor({0})", "floor")
ceil = _rounding("ceil", np.ceil, "ceil({0})", "ceil")
trunc = _rounding("trunc", np.trunc, "{0} rounded towards 0", "trunc")
round_ = _rounding("round", np.rint, "{0} rounded, halves to even", "round_even")
