"""Elementwise logic on the bits of integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradc.ir.derivative import Zero
from gradc.ir.primitive import Primitive, register
from gradc.primitives.elementwise import Accepts, elementwise
from gradc.primitives.elementwise_samples import integers
from gradc.primitives.precedence import BIT_AND, BIT_OR, BIT_XOR


def _bits(name: str, meaning: Callable[..., Any], sign: str, level: int) -> Primitive:
    return register(
        elementwise(
            name,
            meaning,
            Zero(),
            operands=("x", "y"),
            maths=f"{{0}} {sign} {{1}}",
            code=f"{{0}} {sign} {{1}}",
            precedence=level,
            accepts=Accepts.INTEGERS,
            samples=integers,
            reference=name,
            hint="logical_and, logical_or, logical_xor for bool, or convert with .to(gradc.int64)",
        )
    )


bitwise_and = _bits("bitwise_and", np.bitwise_and, "&", BIT_AND)
bitwise_or = _bits("bitwise_or", np.bitwise_or, "|", BIT_OR)
bitwise_xor = _bits("bitwise_xor", np.bitwise_xor, "^", BIT_XOR)
