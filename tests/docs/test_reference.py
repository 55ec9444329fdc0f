"""docs/reference.md lists every public name of the code, and nothing else."""

from __future__ import annotations

import difflib

import pytest
from reference_page import PAGE, ROOMS, exists, page, public_names, sentence

UPDATE = "to write it anew: pytest tests/docs --update-golden"


def test_the_page_is_the_codes(request):
    text = page()
    if request.config.getoption("--update-golden"):
        PAGE.write_text(text)
    old = PAGE.read_text()
    changed = list(difflib.unified_diff(old.splitlines(), text.splitlines(), "page", "code", n=0))
    assert old == text, "\n".join([UPDATE, *changed[2:30]])


@pytest.mark.parametrize("room", [r for r in ROOMS if exists(r)])
def test_every_public_name_says_what_it_is(room):
    names = public_names(room)
    assert names
    assert [n for n in names if not sentence(room, n).endswith((".", ")"))] == []


def test_the_text_is_the_same_every_time():
    assert page() == page()
    assert " at 0x" not in page()
