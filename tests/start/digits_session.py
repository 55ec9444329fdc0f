"""Three training steps of examples/digits.py in a process of their own; prints what happened."""

from __future__ import annotations

import importlib.util
import io
import json
import pdb
import sys
from pathlib import Path

import gradc

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits.py"
HEAVY = ("numba", "llvmlite", "sympy", "scipy", "matplotlib", "sklearn")


def example():
    """Return the example's module."""
    spec = importlib.util.spec_from_file_location("digits", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def batches():
    generator = gradc.Generator().manual_seed(3)
    for _ in range(3):
        x = gradc.randn(64, 64, generator=generator)
        yield x, gradc.randint(0, 10, (64,), generator=generator)


def under_pdb(function, path, line):
    """Call a function with a breakpoint; return its result and what pdb printed."""
    commands = [f"break {path}:{line}", "continue", "where", "continue"]
    printed = io.StringIO()
    debugger = pdb.Pdb(stdin=io.StringIO("\n".join(commands) + "\n"), stdout=printed, nosigint=True)
    debugger.use_rawinput = False
    debugger.clear_all_breaks()
    return debugger.runcall(function), printed.getvalue()


def main(breakpoint_at: str) -> None:
    """Train; with a text to stop at, stop at the first line of code after it."""
    digits = example()
    gradc.manual_seed(0)
    model, _, step = digits.make_network(pixels=64)
    losses, printed = [], ""
    for i, (x, y) in enumerate(batches()):
        if i == 2 and breakpoint_at:
            lines = step.source.splitlines()
            at = next(n for n, text in enumerate(lines) if breakpoint_at in text)
            code = (n for n in range(at + 1, len(lines)) if lines[n].strip()[:1] not in ("", "#"))
            line = next(code) + 1
            loss, printed = under_pdb(lambda x=x, y=y: step(x, y), step.path, line)
        else:
            loss = step(x, y)
        losses.append(loss.item())
    (programs,) = step.programs.values()
    report = {
        "losses": losses,
        "weights": model.fc1.weight.sum().item(),
        "cached": [p.native.cached for p in programs],
        "seconds": [p.native.compile_seconds for p in programs],
        "heavy": [name for name in HEAVY if name in sys.modules],
        "path": str(step.path),
        "printed": printed,
    }
    print(json.dumps(report))


main(*sys.argv[1:])
