"""Layers, functions and optimizers are imported when they are first asked for."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("gradc.nn", "gradc.nn.functional", "gradc.optim")


def declared(package):
    """Return the names that type checkers see, with the modules that they come from."""
    tree = ast.parse(Path(importlib.import_module(package).__file__).read_text())
    (block,) = (n for n in tree.body if isinstance(n, ast.If))
    found = {}
    for node in block.body:
        for alias in node.names:
            own = node.module == package
            found[alias.name] = f"{package}.{alias.name}" if own else node.module
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_names_are_where_type_checkers_look(package):
    module = importlib.import_module(package)
    homes = {n: home for home, names in module._HOMES.items() for n in names.split()}
    assert homes == declared(package)
    assert set(module.__all__) <= homes.keys()
    assert set(module.__all__) <= set(dir(module))
    for name, home in homes.items():
        found = importlib.import_module(home)
        assert getattr(module, name) is (
            found if home == f"{package}.{name}" else vars(found)[name]
        )
        assert name in vars(module)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_that_is_not_there(package):
    module = importlib.import_module(package)
    with pytest.raises(AttributeError) as caught:
        module.Nothing  # noqa: B018
    assert str(caught.value) == f"module {package!r} has no attribute 'Nothing'"


def test_a_room_loads_what_is_asked_for():
    code = """
import sys
from gradc import nn, optim
def loaded():
    return [r for r in ("linear", "recurrent", "attention") if f"gradc.nn.{r}" in sys.modules]
print(loaded())
nn.Linear
print(loaded(), "gradc.optim.adam" in sys.modules)
from gradc.nn import *
from gradc.optim import *
print(loaded(), Adam.__name__, LSTM.__name__, functional.relu.__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "[]",
        "['linear'] False",
        "['linear', 'recurrent', 'attention'] Adam LSTM relu",
    ]
