"""Expressions as plain maths and as LaTeX."""

from __future__ import annotations

import doctest

import pytest

import gradc.primitives
import gradc.primitives.user
from gradc.errors import ArgumentError
from gradc.symbolic import latex, notation
from gradc.symbolic.definitions import DEFINITIONS
from gradc.symbolic.derived import PARTIALS
from gradc.symbolic.latex import definition_latex, partials_latex
from gradc.symbolic.notation import plain

PLAIN = [
    ("out * (1 - out)", "r (1 - r)"),
    ("-out / y", "-r / y"),
    ("-0.5 * out * out * out", "-0.5 r^3"),
    ("1.1283791670955126 * exp(-x * x)", "2/sqrt(pi) e^(-x^2)"),
    ("1 / (x * x + 1)", "1 / (x^2 + 1)"),
    ("rsqrt(1 - x * x)", "1 / sqrt(1 - x^2)"),
    ("reciprocal(x + 1)", "1 / (x + 1)"),
    ("x / (y / 2)", "x / (y / 2)"),
    ("x / (y * 2)", "x / (y 2)"),
    ("x - (y - 1)", "x - (y - 1)"),
    ("x - y + 1", "x - y + 1"),
    ("(x + y) * (x - y)", "(x + y) (x - y)"),
    ("(-x) ** 2", "(-x)^2"),
    ("x * -y", "x (-y)"),
    ("where(out > 0, 1, 0)", "1 where r > 0, else 0"),
    ("where((x == 0) & (y >= 0), 0, x)", "0 where x = 0 and y >= 0, else x"),
    ("where(not (x < y), x, y)", "x where not (x < y), else y"),
    ("y * x ** (y - 1)", "y x^(y - 1)"),
    ("-floor_divide(x, y)", "-floor(x / y)"),
    ("abs(x - 1)", "|x - 1|"),
    ("maximum(x, 0)", "max(x, 0)"),
]


@pytest.mark.parametrize(("text", "expected"), PLAIN, ids=[t for t, _ in PLAIN])
def test_plain(text, expected):
    assert plain(text, {"out": "r"}) == expected


def test_the_users_names_are_used():
    assert plain("out * (1 - out)", {"out": "hidden"}) == "hidden (1 - hidden)"


def test_latex():
    assert definition_latex("sqrt") == r"\sqrt{x}"
    assert definition_latex("remainder") == r"x - y \left\lfloor{\frac{x}{y}}\right\rfloor"
    assert partials_latex("div") == {"x": r"\frac{1}{y}", "y": r"- \frac{r}{y}"}
    assert partials_latex("erf") == {"x": r"\frac{2 e^{- x^{2}}}{\sqrt{\pi}}"}
    assert partials_latex("floor") == {"x": "0"}


def test_every_definition_has_latex():
    for name in DEFINITIONS:
        assert definition_latex(name)
        assert list(partials_latex(name)) == list(PARTIALS[name].operands)


def test_a_primitive_without_an_expression_has_none():
    with pytest.raises(ArgumentError) as caught:
        definition_latex("sum")
    assert caught.value.message == "latex: no primitive 'sum' is defined by an expression"


@pytest.mark.parametrize("module", [latex, notation, gradc.primitives.user])
def test_examples(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
