"""A key -> the entry of files kept under it, safe against other processes and killed writers.

An entry `{key[:2]}/{key}/` holds `kernel.py`, `kernel.o` and `meta.json`. It is written beside its
place and moved there whole; an entry whose files don't match `meta.json` is replaced. Beside the
entries lie notes `{key}.json`, which say what entry a graph became, and kernels `{key}.o`, compiled
on their own; each file is moved to its place whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from gradc.errors import CacheError

SOURCE, OBJECT, META = "kernel.py", "kernel.o", "meta.json"
_KEY = re.compile(r"[0-9a-f]{64}")
_PENDING = "pending-"
_OTHERS_MAY_WRITE = 0o022


@dataclass(frozen=True, slots=True)
class Entry:
    """One program of the store: its text and, unless it is only interpreted, machine code."""

    path: Path
    text: str
    code: bytes
    externals: tuple[str, ...]
    parts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What a store holds: its directory, the number of programs, their size in bytes."""

    path: Path
    entries: int
    bytes: int


def opened(directory: Path) -> Path:
    """Return a directory that this process may trust and write; make it where it isn't there.

    Raises:
        CacheError: the directory is owned by another user, or others can write it.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        return _temporary(directory, str(error))
    _refuse_untrusted(directory)
    if not os.access(directory, os.W_OK | os.X_OK):
        return _temporary(directory, "it can't be written")
    return directory


def _refuse_untrusted(directory: Path) -> None:
    """Raise where another user could put code into the directory."""
    if sys.platform == "win32":
        return
    found = directory.stat()
    if found.st_uid != os.getuid():
        raise CacheError(
            f"cache: {directory} belongs to another user (uid {found.st_uid}, expected "
            f"{os.getuid()}); the machine code in it can't be trusted",
            hint="set GRADC_CACHE to a directory of your own",
        )
    if found.st_mode & _OTHERS_MAY_WRITE:
        raise CacheError(
            f"cache: other users can write {directory} (mode {found.st_mode & 0o777:o}); "
            "the machine code in it can't be trusted",
            hint=f"chmod 700 {directory}",
        )


@cache
def _temporary(directory: Path, reason: str) -> Path:
    """Return a private directory that lasts as long as this process, and say so once."""
    warnings.warn(
        f"cache: {directory} is not usable ({reason}); programs compiled now are not kept. "
        "Set GRADC_CACHE to a directory that can be written.",
        RuntimeWarning,
        stacklevel=2,
    )
    _kept_alive.append(tempfile.TemporaryDirectory(prefix="gradc-"))
    return Path(_kept_alive[-1].name)


# Temporary stores, removed when the process ends.
_kept_alive: list[tempfile.TemporaryDirectory[str]] = []


def place(directory: Path, key: str) -> Path:
    """Return the folder of an entry."""
    return directory / key[:2] / key


def read(directory: Path, key: str, source: str | None) -> Entry | None:
    """Return the whole entry of a key, or None where it is missing, cut short or changed.

    Args:
        directory: of the store.
        key: of the entry.
        source: its text; None where the caller compares that.
    """
    folder = place(directory, key)
    try:
        meta = json.loads((folder / META).read_text())
        code = (folder / OBJECT).read_bytes()
        text = (folder / SOURCE).read_text()
        sound = meta["object"] == hashlib.sha256(code).hexdigest() and source in (None, text)
        externals = tuple(str(name) for name in meta["externals"])
        parts = tuple(int(size) for size in meta.get("parts", ()))
    except (OSError, ValueError, KeyError, TypeError):
        # Missing or damaged: the caller builds the entry anew.
        return None
    return Entry(folder / SOURCE, text, code, externals, parts) if sound else None


def write(
    directory: Path,
    key: str,
    source: str,
    code: bytes,
    externals: tuple[str, ...],
    parts: tuple[int, ...] = (),
) -> Path:
    """Put an entry in its place as a whole; return the path of its text.

    Raises:
        CacheError: the files can't be written (a full disk, say).
    """
    if read(directory, key, source) is not None:
        # Another process was faster.
        return place(directory, key) / SOURCE
    meta: dict[str, Any] = {"object": hashlib.sha256(code).hexdigest(), "externals": externals}
    if parts:
        meta["parts"] = parts
    return _publish(directory, key, {SOURCE: source, OBJECT: code, META: json.dumps(meta)})


def write_source(directory: Path, key: str, source: str) -> Path:
    """Put the text alone in its place, for a program that did not compile."""
    return _publish(directory, key, {SOURCE: source})


def read_note(directory: Path, key: str) -> dict[str, Any]:
    """Return what is noted under a key; nothing where the note is missing or damaged."""
    try:
        found = json.loads(_note(directory, key).read_text())
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def write_note(directory: Path, key: str, facts: dict[str, Any]) -> None:
    """Put a note in its place, whole; without room for it, there is none."""
    _put(directory, _note(directory, key), json.dumps(facts).encode())


def read_piece(directory: Path, key: str) -> tuple[bytes, tuple[str, ...]] | None:
    """Return a kernel's machine code and what it calls, or None where it isn't there whole."""
    try:
        head, _, code = _piece(directory, key).read_bytes().partition(b"\n")
        meta = json.loads(head)
        sound = meta["object"] == hashlib.sha256(code).hexdigest()
        return (code, tuple(str(name) for name in meta["externals"])) if sound else None
    except (OSError, ValueError, KeyError, TypeError):
        # Missing or damaged: the caller compiles it anew.
        return None


def write_piece(directory: Path, key: str, code: bytes, externals: tuple[str, ...]) -> None:
    """Put a kernel in its place, whole; without room for it, there is none."""
    meta = {"object": hashlib.sha256(code).hexdigest(), "externals": externals}
    _put(directory, _piece(directory, key), json.dumps(meta).encode() + b"\n" + code)


def _put(directory: Path, target: Path, data: bytes) -> None:
    with suppress(OSError):
        target.parent.mkdir(mode=0o700, exist_ok=True)
        handle, pending = tempfile.mkstemp(prefix=_PENDING, dir=directory)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(pending, target)


def _piece(directory: Path, key: str) -> Path:
    return directory / key[:2] / f"{key}.o"


def _note(directory: Path, key: str) -> Path:
    return directory / key[:2] / f"{key}.json"


def _publish(directory: Path, key: str, files: dict[str, str | bytes]) -> Path:
    """Write the files beside their place, then move them there in one step."""
    folder = place(directory, key)
    try:
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        pending = Path(tempfile.mkdtemp(prefix=_PENDING, dir=directory))
        try:
            for name, content in files.items():
                data = content.encode() if isinstance(content, str) else content
                (pending / name).write_bytes(data)
            _move(pending, folder, directory)
        finally:
            shutil.rmtree(pending, ignore_errors=True)
    except OSError as error:
        raise CacheError(
            f"cache: can't write {folder}: {error}",
            hint="set GRADC_CACHE to a directory with room",
        ) from error
    return folder / SOURCE


def _move(pending: Path, folder: Path, directory: Path) -> None:
    """Move a finished folder to its place; a broken one that is there moves out first."""
    if folder.exists():
        aside = Path(tempfile.mkdtemp(prefix=_PENDING, dir=directory))
        # Another process may have just moved it.
        with suppress(FileNotFoundError):
            os.rename(folder, aside)
        shutil.rmtree(aside, ignore_errors=True)
    try:
        os.rename(pending, folder)
    except OSError:
        # Another process was faster: its entry has the same key, so it is as good.
        if not (folder / SOURCE).exists():
            raise


def cache_info(directory: Path) -> CacheInfo:
    """Return what the store in a directory holds."""
    folders = list(_entries(directory))
    files = [*_files(directory), *(file for folder in folders for file in folder.iterdir())]
    size = sum(file.stat().st_size for file in files)
    return CacheInfo(directory, len(folders), size)


def clear(directory: Path) -> CacheInfo:
    """Remove the store's entries from a directory, nothing else; return what was removed."""
    removed = cache_info(directory)
    for own in [*_entries(directory), *_files(directory)]:
        _remove(own)
        if not any(own.parent.iterdir()):
            own.parent.rmdir()
    for left_over in directory.glob(f"{_PENDING}*"):
        _remove(left_over)
    return removed


def _remove(path: Path) -> None:
    """Remove a folder or a file."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _entries(directory: Path) -> Iterator[Path]:
    """Yield the folders of a store that are entries by their name, in order."""
    for folder in sorted(directory.glob("??/*")):
        if _KEY.fullmatch(folder.name) and folder.parent.name == folder.name[:2]:
            yield folder


def _files(directory: Path) -> list[Path]:
    """Return the notes and kernels of a store by their names, in order."""
    found = [f for ending in ("json", "o") for f in sorted(directory.glob(f"??/*.{ending}"))]
    return [f for f in found if _KEY.fullmatch(f.stem) and f.parent.name == f.stem[:2]]


def damaged(directory: Path) -> tuple[Path, ...]:
    """Return the entries whose machine code is not what was written; they are not used."""
    return tuple(folder for folder in _entries(directory) if not _sound(folder))


def _sound(folder: Path) -> bool:
    """Return whether an entry is whole; one with its text alone is: it did not compile."""
    if not (folder / META).exists():
        return (folder / SOURCE).exists() and not (folder / OBJECT).exists()
    try:
        source = (folder / SOURCE).read_text()
    except (OSError, ValueError):
        return False
    return read(folder.parent.parent, folder.name, source) is not None
