"""Operands of a maths template -> the same in brackets where reading would go wrong without."""

from __future__ import annotations

import re

# How tightly words hold what is beside them, loosest first.
LEVELS: tuple[tuple[int, tuple[str, ...]], ...] = (
    (10, (" where ", ", else ")),
    (20, (" or ", " xor ", " and ")),
    (30, (" == ", " != ", " < ", " <= ", " > ", " >= ")),
    (50, (" + ", " - ")),
    (60, (" * ", " / ", " @ ")),
    (80, (" ** ", "^")),
)
NOT_TWICE = (" where ", ", else ", " == ", " != ", " < ", " <= ", " > ", " >= ", " ** ", "^")
RIGHT = (" - ", " / ")  # a - (b + c), a / (b * c)
UNARY, WORDS, TIGHT = 70, 40, 100


def bracketed(inner: str, before: str, after: str) -> str:
    """Return `inner` as it must stand between the texts before and after it in a template."""
    return f"({inner})" if binding(inner) < demand(before, after) else inner


def binding(text: str) -> int:
    """Return how tightly the loosest operator outside of brackets holds; TIGHT without any."""
    outside = _outside(text)
    for level, words in LEVELS:
        if any(w in outside[1:] for w in words):
            return level
    if outside.startswith("-"):
        return UNARY
    return WORDS if " " in outside else TIGHT


def demand(before: str, after: str) -> int:
    """Return how tightly what stands between two texts must hold."""
    needed = 0
    for level, words in LEVELS:
        for w in words:
            if before.endswith(w):
                needed = max(needed, level + (w in NOT_TWICE or w in RIGHT))
            if after.startswith(w):
                needed = max(needed, level + (w in NOT_TWICE))
    if needed or not before or before.endswith(("(", "|", ", ")):
        return needed
    return UNARY + 1 if before == "-" else TIGHT


def _outside(text: str) -> str:
    """Return a text without what stands in brackets."""
    shorter = re.sub(r"\([^()]*\)|\[[^\[\]]*\]|\|[^|]*\|", "_", text)
    return shorter if shorter == text else _outside(shorter)
