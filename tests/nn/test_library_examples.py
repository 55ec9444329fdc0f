"""Every example in the docstrings of the library runs and prints what it says."""

import doctest
import importlib
import pkgutil

import pytest

import gradc.datasets
import gradc.functional
import gradc.nn
import gradc.optim
import gradc.utils

PACKAGES = (gradc.datasets, gradc.functional, gradc.nn, gradc.optim, gradc.utils)
MODULES = sorted(
    info.name for p in PACKAGES for info in pkgutil.walk_packages(p.__path__, f"{p.__name__}.")
)


@pytest.mark.parametrize("name", [*MODULES, "gradc.serialization"])
def test_examples(name):
    failed, _ = doctest.testmod(importlib.import_module(name), raise_on_error=False)
    assert failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    found = [
        example
        for name in MODULES
        for test in finder.find(importlib.import_module(name))
        for example in test.examples
    ]
    assert len(found) > 60
