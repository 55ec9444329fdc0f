"""Commands that the pages mention are commands that gradc has, on files that are there."""

from __future__ import annotations

import re
import shlex

import pytest
from markdown_pages import PAGES, ROOT, blocks, name_of

from gradc.cli.main import parser

INLINE = re.compile(r"`(gradc [a-z][^`]*)`")
CODE = re.compile(r"\b(?:examples|tests|gradc)/[\w/.]+\b")


def commands(page):
    """Lines of shell blocks and inline code that begin with `gradc`."""
    text = page.read_text()
    shell = [b.text for b in blocks(text) if b.language in ("sh", "console")]
    lines = [x.removeprefix("$ ").strip() for t in shell for x in t.splitlines()]
    inline = INLINE.findall(re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    found = [x for x in [*lines, *inline] if x.startswith("gradc ")]
    return [re.split(r" [|#>&]", x)[0] for x in found]


CASES = [(name_of(p), c) for p in PAGES for c in commands(p) if len(c.split()) > 2 or "doctor" in c]


@pytest.mark.parametrize(("page", "command"), CASES)
def test_commands_parse(page, command):
    parser().parse_args(shlex.split(command)[1:])


def test_there_are_commands():
    assert len(CASES) >= 5


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_paths_are_there(page):
    for path in CODE.findall(page.read_text()):
        path = path.rstrip(".").removesuffix(":")
        assert (ROOT / path).exists(), path
