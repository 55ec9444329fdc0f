"""Python's operator precedences as numbers: which operands of generated code need brackets.

An operand whose own precedence is lower than the operator's is bracketed; one of equal
precedence too, unless it is the first operand of a left-associative operator (the sums and
products: floating-point `a - (b - c)` and `a * (b * c)` must keep their order, and
comparisons must not become chains).
"""

from __future__ import annotations

CONDITIONAL = 20  # a if c else b
OR = 30
AND = 40
NOT = 50
COMPARISON = 60  # == != < <= > >=
BIT_OR = 65
BIT_XOR = 66
BIT_AND = 67
SUM = 70  # + -
PRODUCT = 80  # * / // %
UNARY = 85  # -a
POWER = 90
ATOM = 100  # names, literals, calls, subscripts
