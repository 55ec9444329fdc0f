"""Operands in templates of maths get brackets just where reading would go wrong without."""

import pytest

from gradc.emit.brackets import bracketed


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
