"""Every example in a docstring of the package runs and prints what it says."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import gradc

MODULES = sorted(m.name for m in pkgutil.walk_packages(gradc.__path__, "gradc."))


def examples(name):
    """The docstrings of a module that hold examples."""
    found = doctest.DocTestFinder().find(importlib.import_module(name))
    return [t for t in found if t.examples]


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache") / "gradc"))
        yield


@pytest.mark.parametrize("room", sorted({n.split(".")[1] for n in MODULES}))
def test_examples_of_a_room_print_what_they_show(room):
    runner = doctest.DocTestRunner()
    for name in MODULES:
        if name.split(".")[1] == room:
            for test in examples(name):
                runner.run(test)
    assert runner.failures == 0


def test_there_are_examples():
    assert sum(len(t.examples) for n in MODULES for t in examples(n)) > 200
