"""A program's text -> the hash of everything that its machine code depends on."""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache

from gradc.build.machine import host
from gradc.runtime.installed import installed_version, version_of

_HOUSE = os.path.dirname(os.path.dirname(__file__))
_ROOMS = ("runtime", "build")
# The rooms that turn a traced graph into a text.
_MAKERS = ("ir", "symbolic", "primitives", "passes", "schedule", "emit")
EMULATED = "emulated"


def key(source: str, *, interpreted: bool) -> str:
    """Return the key of a program for this processor, these compilers and this runtime.

    BLAS is no part of it: its functions are reached through the table, with 64-bit integers.
    """
    return keyed(source, "interpreted" if interpreted else _machine())


def cuda_key(source: str, arch: str) -> str:
    """Return the key of a program for a GPU architecture, or for the emulated device."""
    if arch in (EMULATED, "interpreted"):
        return keyed(source, "\0".join(("cuda", arch, _machine())))
    # without its assembler nothing can be compiled, but what is in the store can be loaded
    assembler = version_of("nvidia_nvjitlink") or "none"
    tools = (
        *(f"{n} {installed_version(n)}" for n in ("numba", "llvmlite")),
        f"nvjitlink {assembler}",
    )
    return keyed(source, "\0".join(("cuda", arch, *tools)))


def graph_key(fingerprint: str) -> str:
    """Return the key of a traced graph for this processor, these compilers and this house."""
    parts = ("graph", _machine(), _files(_MAKERS), _files(_ROOMS), fingerprint)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def keyed(source: str, mode: str) -> str:
    """Return the key of a program in one mode of this house."""
    return hashlib.sha256("\0".join((mode, _files(_ROOMS), source)).encode()).hexdigest()


@cache
def _machine() -> str:
    """Return the processor and the versions of what makes code for it."""
    machine = host()
    tools = [f"{name} {installed_version(name)}" for name in ("numba", "llvmlite")]
    python = f"python {sys.version_info.major}.{sys.version_info.minor}"
    return "\0".join((machine.triple, machine.cpu, machine.features, *tools, python))


@cache
def _files(rooms: tuple[str, ...]) -> str:
    """Return the hash of the files of some rooms."""
    digest = hashlib.sha256()
    for room in rooms:
        folder = os.path.join(_HOUSE, room)
        for name in sorted(os.listdir(folder)):
            if name.endswith(".py"):
                digest.update(f"{room}/{name}".encode())
                with open(os.path.join(folder, name), "rb", buffering=0) as file:
                    digest.update(file.read())
    return digest.hexdigest()
