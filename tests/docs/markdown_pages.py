"""A markdown page -> its fenced blocks, in order, with the lines they stand on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)[ ]*([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    The first word after the fence is the language, the rest are flags: `output` (what the block
    before it prints), `file=neuron.py` (the code is that file's).
    """

    language: str
    flags: tuple[str, ...]
    text: str
    line: int
    start: int
    end: int

    @property
    def is_output(self) -> bool:
        return "output" in self.flags

    @property
    def file(self) -> str:
        return next((f.removeprefix("file=") for f in self.flags if f.startswith("file=")), "")


def blocks(text: str) -> list[Block]:
    return [
        Block(
            match[1],
            tuple(match[2].split()),
            match[3],
            text.count("\n", 0, match.start(3)) + 1,
            match.start(3),
            match.end(3),
        )
        for match in FENCE.finditer(text)
    ]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))
