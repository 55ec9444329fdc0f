"""Operands in templates of maths get brackets just where reading would go wrong without."""

import numpy as np
import pytest
from emit_programs import Program
from emit_run import check

from gradc.emit.brackets import bracketed
from gradc.ir.dtype import float64, int32, int64, uint8
from gradc.ir.graph import TensorType


@pytest.mark.parametrize(
    ("template", "inner", "expected"),
    [
        ("1 / (1 + e^-{0})", "z + b", "1 / (1 + e^-(z + b))"),
        ("1 / (1 + e^-{0})", "z", "1 / (1 + e^-z)"),
        ("h * {0}", "1 / (1 + e^-z)", "h * 1 / (1 + e^-z)"),
        ("h / {0}", "a * b", "h / (a * b)"),
        ("{0} / c", "a * b", "a * b / c"),
        ("a - {0}", "b + c", "a - (b + c)"),
        ("a + {0}", "b - c", "a + b - c"),
        ("{0} / 0.7", "u >= 0.3", "(u >= 0.3) / 0.7"),
        ("a where {0}, else b", "z > 0", "a where z > 0, else b"),
        ("{0} + c", "a where z > 0, else b", "(a where z > 0, else b) + c"),
        ("max({0}, 0)", "z + b", "max(z + b, 0)"),
        ("|{0}|", "a - b", "|a - b|"),
        ("-{0}", "a + b", "-(a + b)"),
        ("-{0}", "f(a + b)", "-f(a + b)"),
        ("{0} ** 2", "-a", "(-a) ** 2"),
        ("not {0}", "a == b", "not (a == b)"),
    ],
)
def test_brackets(template, inner, expected):
    before, _, after = template.partition("{0}")
    assert before + bracketed(inner, before, after) + after == expected


@pytest.mark.parametrize("name", ["sum", "prod"])
@pytest.mark.parametrize("dtype", [int32, uint8])
def test_a_choice_in_a_fold_of_small_integers(name, dtype):
    b = Program("choices")
    x = b.input(TensorType((3, 4), dtype), "x")
    kept = b.op("where", b.op("gt", x, b.full(x.type, 4)), x, b.full(x.type, 1))
    padded = b.op("pad", x, low=(0, 1), high=(0, 0), interior=(0, 0), value=2)
    graph = b.finish(tuple(b.op(name, v, axes=(1,), keepdims=False) for v in (kept, padded)))
    check(graph, [np.arange(12).reshape(3, 4)], native=True)


def test_a_place_counted_backwards():
    b = Program("backwards")
    x = b.input(TensorType((6,), float64), "x")
    i, j = (b.input(TensorType((4,), int64), name) for name in "ij")
    flipped = b.op("flip", x, axes=(0,))
    graph = b.finish((b.op("index_select", flipped, b.op("add", i, j), axis=0),))
    check(graph, [np.arange(6.0), np.array([0, 1, 2, 3]), np.array([1, 2, 0, 2])])
