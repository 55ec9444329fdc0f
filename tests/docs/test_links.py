"""Links between pages lead to files and headings that are there; every page is reachable."""

from __future__ import annotations

import re

import pytest
from markdown_pages import FENCE, PAGES, ROOT, name_of

LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


def links(page):
    found = LINK.findall(FENCE.sub("", page.read_text()))
    return [x for x in found if not x.startswith(("http://", "https://"))]


def anchors(page):
    """Headings as GitHub makes anchors of them."""
    heads = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in heads}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_can_be_reached_from_the_readme():
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        targets = [(page.parent / x.partition("#")[0]).resolve() for x in links(page)]
        waiting += [t for t in targets if t in PAGES]
    assert [name_of(p) for p in PAGES if p not in seen] == []
