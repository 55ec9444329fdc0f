"""Statements -> lines of text: indentation, comments, and calls broken as a formatter would."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager

WIDTH = 88


class Writer:
    """Collects lines at the current indentation."""

    def __init__(self, depth: int = 0) -> None:
        self.lines: list[str] = []
        self.depth = depth

    @property
    def indent(self) -> str:
        """The white space before a line."""
        return "    " * self.depth

    @property
    def room(self) -> int:
        """How many columns a line has left."""
        return WIDTH - len(self.indent)

    def line(self, text: str = "") -> None:
        """Add a line."""
        self.lines.append(f"{self.indent}{text}" if text else "")

    def assign(self, target: str, expression: str, operator: str = "=") -> None:
        """Add an assignment, in brackets and broken at its operators where it is long."""
        whole = f"{target} {operator} {expression}"
        if len(whole) <= self.room:
            self.line(whole)
            return
        self.line(f"{target} {operator} (")
        for part in pieces(expression, self.room - 4):
            self.line(f"    {part}")
        self.line(")")

    def comment(self, text: str, right: str = "") -> None:
        """Add a comment, with `right` at the right margin."""
        space = self.room - 2 - len(right)
        if right and len(text) + 2 <= space:
            self.line(f"# {text:<{space}}{right}")
            return
        for part in folded(text, self.room - 2):
            self.line(f"# {part}")
        if right:
            self.line(f"# {right:>{self.room - 2}}")

    def rule(self, title: str) -> None:
        """Add a ruled-off title."""
        self.line(f"# ---- {title} ".ljust(self.room, "-"))

    def call(
        self, function: str, arguments: Sequence[str], before: str = "", after: str = ""
    ) -> None:
        """Add a call, broken over lines where it is long."""
        whole = f"{before}{function}({', '.join(arguments)}){after}"
        if len(whole) <= self.room:
            self.line(whole)
            return
        self.line(f"{before}{function}(")
        joined = ", ".join(arguments)
        if len(joined) + 4 <= self.room:
            self.line(f"    {joined}")
        else:
            for argument in arguments:
                self.line(f"    {argument},")
        self.line(f"){after}")

    def quote(self, function: str, text: str, after: str = "") -> None:
        """Add a call with a string, which is cut between words where it is long."""
        if len(function) + len(text) + len(after) + 4 <= self.room:
            self.line(f'{function}("{text}"{after})')
            return
        self.line(f"{function}(")
        *first, last = folded(text, self.room - 8)
        for part in first:
            self.line(f'    "{part.strip()} "')
        self.line(f'    "{last.strip()}"{"," if after else ""}')
        for one in re.findall(r", (\w+=(?:\([^)]*\)[ *\d]*|\w+))", after):
            self.line(f"    {one},")
        self.line(")")

    def open(self, head: str) -> None:
        """Add a line that ends in a colon, and stay inside of what it begins."""
        self.line(head)
        self.depth += 1

    @contextmanager
    def block(self, head: str) -> Generator[None]:
        """Add a line that ends in a colon; what is added inside is indented."""
        self.open(head)
        yield
        self.depth -= 1

    def extend(self, other: Writer) -> None:
        """Add the lines of another writer as they are."""
        self.lines += other.lines

    def __str__(self) -> str:
        return "\n".join(self.lines) + "\n"


def folded(text: str, width: int) -> list[str]:
    """Return `text` as lines of at most `width` columns, broken between words."""
    lines, current = list[str](), ""
    for word in text.split(" "):
        longer = f"{current} {word}" if current else word
        if len(longer) > width and current:
            lines.append(current)
            current = f"  {word}"
        else:
            current = longer
    return [*lines, current]


LOOSE_FIRST = ((" if ", " else "), (" or ",), (" and ",), (" + ", " - "), (" * ", " / "))


def pieces(expression: str, width: int) -> list[str]:
    """Return an expression cut before operators, those in the fewest brackets first."""
    if len(expression) <= width:
        return [expression]
    for depth in range(expression.count("(") + 1):
        for words in LOOSE_FIRST:
            cuts = _cuts(expression, words, depth)
            if cuts:
                ends = [*cuts[1:], len(expression)]
                parts = [expression[: cuts[0]]]
                parts += [expression[a + 1 : b] for a, b in zip(cuts, ends, strict=True)]
                return [line for part in parts for line in pieces(part, width)]
    return [expression]


def _cuts(expression: str, words: tuple[str, ...], wanted: int) -> list[int]:
    """Return where one of `words` stands in `wanted` brackets."""
    found: list[int] = []
    depth = 0
    for i, c in enumerate(expression):
        depth += (c in "([") - (c in ")]")
        if depth == wanted and i and expression.startswith(words, i):
            found.append(i)
    return found
