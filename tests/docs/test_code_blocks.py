"""Every Python block of README and docs runs, and prints what the page shows.

Blocks of one page share their names. A block with the flag `output` holds what the block before
it prints (`...` stands for anything); `console` blocks are run by a shell, commands after `$ `.
`pytest tests/docs --update-golden` rewrites the outputs that hold no `...`. Blocks of the
language `py` are not run: they need a GPU.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import linecache
import os
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_pages import PAGES, ROOT, blocks, name_of

import gradc
from gradc.devices import driver as drivers
from gradc.tensor import generator

MARK = "<end of command>"
CHECKER = doctest.OutputChecker()
RUN = [p for p in PAGES if any(b.language in ("python", "console") for b in blocks(p.read_text()))]


@pytest.fixture
def emulated(monkeypatch, page):
    """An emulated CUDA device for the page that is about devices."""
    if page.name == "cuda.md":
        monkeypatch.setenv("GRADC_CUDA", "emulate")
        monkeypatch.setattr(drivers, "_DRIVERS", {})
        defaults = {"cpu": generator.default_generator()}
        monkeypatch.setattr(generator, "_DEFAULTS", defaults)


@pytest.fixture
def folder(tmp_path, monkeypatch, emulated):
    """An empty working folder with a cache of its own."""
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    monkeypatch.setenv("GRADC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    folders = (tmp_path / "bin", Path(sys.executable).parent, os.environ["PATH"])
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, folders)))
    monkeypatch.setenv("COLUMNS", "100")
    # The command as an installation makes it.
    command = tmp_path / "bin" / "gradc"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m gradc.cli.main "$@"\n')
    command.chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.syspath_prepend(str(work))
    gradc.manual_seed(0)
    yield work
    gradc.set_default_dtype(gradc.float32)


def run_python(block, page, folder, names):
    """Run a block under the page's lines, or as the file that it names; return what it printed."""
    if block.file:
        path = folder / block.file
        path.write_text(block.text)
        file, text = str(path), block.text
    else:
        file, text = str(page), "\n" * (block.line - 1) + block.text
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(text, file, "exec"), names)
    return printed.getvalue()


def run_console(block):
    """Run the commands of a console block in one shell; return them with what they print."""
    commands = [x[2:] for x in block.text.splitlines() if x.startswith("$ ")]
    script = "\n".join(["set -e", *(f"{c}\necho '{MARK}'" for c in commands)])
    run = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, f"{block.text}\n{run.stdout}\n{run.stderr}"
    outputs = run.stdout.split(f"{MARK}\n")
    return "".join(f"$ {c}\n{out}" for c, out in zip(commands, outputs, strict=False))


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_blocks_run_and_print_what_is_shown(page, folder, request):
    text = page.read_text()
    update = request.config.getoption("--update-golden")
    names = {"__name__": "__main__"}
    printed, changes, failures, shown = "", [], [], True
    for block in blocks(text):
        if block.language == "console":
            got = run_console(block)
        elif block.is_output:
            got, shown = printed, True
        elif block.language == "python":
            assert shown or not printed, f"line {block.line}: output above is not shown: {printed}"
            printed, shown = run_python(block, page, folder, names), False
            continue
        else:
            continue
        got = got.rstrip() + "\n"
        if CHECKER.check_output(block.text, got, doctest.ELLIPSIS):
            continue
        if update and "..." not in block.text:
            changes.append((block, got))
            continue
        flags = doctest.ELLIPSIS | doctest.REPORT_UDIFF
        difference = CHECKER.output_difference(doctest.Example("", block.text), got, flags)
        failures.append(f"{name_of(page)}:{block.line}: the output differs\n{difference}")
    assert shown or not printed, f"the last output is not shown: {printed}"
    for block, got in reversed(changes):
        text = text[: block.start] + got + text[block.end :]
    if changes:
        page.write_text(text)
    assert not failures, "\n".join(failures)


def test_there_are_blocks():
    found = [b for p in RUN for b in blocks(p.read_text()) if b.language == "python"]
    assert len([b for b in found if not b.is_output]) >= 20
    assert len([b for b in found if b.is_output]) >= 2


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_fences_are_closed(page):
    lines = [x for x in page.read_text().splitlines() if x.startswith("```")]
    assert len(lines) == 2 * len(blocks(page.read_text()))
