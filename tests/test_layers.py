"""Imports run downwards only: each room may import from the rooms before it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "gradc"
# A room may import from itself and from every room on an earlier line.
LEVELS = [
    {"origin", "lazy"},
    {"errors", "config"},
    {"store"},
    {"ir"},
    {"devices"},
    {"symbolic"},
    {"primitives"},
    {"autodiff", "batching"},
    {"tensor", "passes"},
    {"functional", "schedule", "cuda"},
    {"emit", "runtime"},
    {"build"},
    {"accelerator", "backends"},
    {"nn", "serialization"},
    {"func", "optim", "utils"},
    {"compiler", "datasets", "amp", "autograd"},
    {"inspect"},
    {"cli"},
]
LEVEL = {room: i for i, rooms in enumerate(LEVELS) for room in rooms}


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        for module in modules:
            parts = module.split(".")
            if parts[0] == "gradc" and len(parts) > 1:
                rooms.add(parts[1])
    return rooms


FILES = [p for p in sorted(ROOT.rglob("*.py")) if p.parent != ROOT or p.stem in LEVEL]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_run_downwards(path):
    room = room_of(path)
    upwards = {
        other
        for other in imported_rooms(path) & LEVEL.keys()
        if other != room and LEVEL[other] >= LEVEL[room]
    }
    assert upwards == set()


def test_every_room_has_a_level():
    rooms = {p.stem for p in ROOT.iterdir() if p.is_dir() and any(p.glob("*.py"))}
    rooms |= {p.stem for p in ROOT.glob("*.py")} - {"__init__", "__main__"}
    assert rooms - {"__pycache__"} <= LEVEL.keys()


def test_no_module_without_a_concept():
    names = {"utils", "helpers", "common", "misc"}
    assert [p for p in ROOT.rglob("*.py") if p.stem in names] == []
