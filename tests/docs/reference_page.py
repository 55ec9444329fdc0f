"""The public names of gradc -> docs/reference.md: one line each, from the first docstring line."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType

import gradc

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference.md"
# Rooms with public names, in the order of the page.
ROOMS = (
    "gradc",
    "gradc.Tensor",
    "gradc.amp",
    "gradc.autograd",
    "gradc.autograd.functional",
    "gradc.cuda",
    "gradc.func",
    "gradc.nn",
    "gradc.nn.functional",
    "gradc.nn.init",
    "gradc.nn.utils",
    "gradc.optim",
    "gradc.optim.lr_scheduler",
    "gradc.utils.data",
    "gradc.utils.dlpack",
    "gradc.datasets",
    "gradc.inspect",
    "gradc.errors",
)
# What numbers and constants are, which carry no docstring.
SAID = {
    "gradc.default_generator": "The generator of random numbers where none is given.",
    "gradc.e": "The base of the natural logarithm, 2.718281828...",
    "gradc.inf": "Infinity.",
    "gradc.nan": "Not a number.",
    "gradc.pi": "The circumference of a circle over its diameter, 3.141592653...",
    "gradc.inspect.STAGES": "Names of the stages that `explain` shows.",
}


def exists(room: str) -> bool:
    """Whether a room is there; rooms that are not written yet are left out."""
    if room in ("gradc", "gradc.Tensor"):
        return True
    try:
        return importlib.util.find_spec(room) is not None
    except ModuleNotFoundError:
        return False


def home(room: str):
    return gradc.Tensor if room == "gradc.Tensor" else importlib.import_module(room)


def public_names(room: str) -> list[str]:
    """What a user may write after the room's name and a dot, sorted."""
    place = home(room)
    if isinstance(place, type):
        names = [n for c in place.__mro__[:-1] for n in vars(c)]
    else:
        names = list(getattr(place, "__all__", vars(place)))
    if place is gradc:
        names = [*vars(place), *gradc.HOMES]
    found = {n for n in names if not n.startswith("_") and is_public(place, n)}
    return sorted(found, key=lambda n: (n.lower(), n))


def is_public(place, name: str) -> bool:
    """Whether a name is the room's own: no module, no import of another library."""
    value = getattr(place, name)
    if isinstance(value, ModuleType) or name in ("annotations", "HOMES", "ROOMS", "Any"):
        return False
    if hasattr(place, "__all__") or isinstance(place, type) or place is gradc:
        return True
    if getattr(value, "__module__", "") == "gradc.errors" and place.__name__ != "gradc.errors":
        return False
    inside = "gradc" if hasattr(place, "__path__") else place.__name__
    return getattr(value, "__module__", "").startswith(inside)


def value_of(place, name: str):
    return inspect.getattr_static(place, name) if isinstance(place, type) else getattr(place, name)


def sentence(room: str, name: str) -> str:
    """The line that says what a name is; "" where there is none."""
    said = SAID.get(f"{room}.{name}")
    if said is not None:
        return said
    value = value_of(home(room), name)
    if isinstance(value, gradc.dtype):
        return f"Data type of {8 * value.itemsize} bits, `{value.name}`."
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    own = getattr(value, "__doc__", None)
    if not own or (not isinstance(value, type | property) and own == type(value).__doc__):
        return ""
    return own.strip().splitlines()[0]


def signature(room: str, name: str) -> str:
    """The arguments of a function or class, without annotations; "" for anything else."""
    place = home(room)
    value = value_of(place, name)
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    if isinstance(value, property) or not callable(value) or room == "gradc.errors":
        return ""
    try:
        parameters = list(inspect.signature(value).parameters.values())
    except (TypeError, ValueError):
        return ""
    if isinstance(place, type) and parameters and not isinstance(value, type):
        parameters = parameters[1:]
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in parameters]
    text = str(inspect.Signature(plain))
    return re.sub(r"<[^<>]* at 0x[0-9a-f]+>|<(function|class) [^<>]*>", "...", text)


def lines_of(room: str) -> list[str]:
    return [
        f"- `{name}{signature(room, name)}`: {sentence(room, name)}" for name in public_names(room)
    ]


INTRODUCTION = """# Reference

Every public name, with its arguments and one line. Names that PyTorch has mean what they mean
there; `help(name)` says more. This page is written by `pytest tests/docs --update-golden`, and
every run of the tests compares it with the code.

- Dtypes: bool, uint8, int32, int64, float32, float64. Devices: cpu.
- An argument that PyTorch has and gradc can't honour raises `UnsupportedError`, which names it.
- [Accuracy of the maths functions](#accuracy)
"""
ACCURACY = """## Accuracy

Largest error of the functions in compiled code, in units in the last place (ULP); a correctly
rounded result has at most 0.5. These are the limits that `tests/runtime/test_runtime_maths.py`
tests on numbers of all magnitudes against 80-bit floats; `python -m benchmarks.accuracy` tries
every float32 number (the table was made with every fourth). Eager operations use NumPy's
functions, and W. J. Cody's approximations of erf and erfc.

| function | float32 | float64 |
|---|---|---|
"""


def limits() -> dict[str, tuple[float, float]]:
    """The table of tests/runtime/ulp_limits.py."""
    path = ROOT / "tests" / "runtime" / "ulp_limits.py"
    spec = importlib.util.spec_from_file_location("ulp_limits_of_the_runtime", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.LIMITS


def page() -> str:
    """The whole text."""
    parts = [INTRODUCTION]
    for room in ROOMS:
        if exists(room):
            parts.append("\n".join([f"## {room}", "", *lines_of(room), ""]))
    rows = [f"| {name} | {a} | {b} |" for name, (a, b) in limits().items()]
    return "\n".join(parts) + "\n" + ACCURACY + "\n".join(rows) + "\n"
