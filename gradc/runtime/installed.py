"""The name of an installed package -> its version, from the name of its folder.

`importlib.metadata` tells the same, but takes longer to import than to start most programs.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache

_INFO = ".dist-info"


def version_of(name: str) -> str | None:
    """Return the version of a package that a wheel installed; None where there is none.

    Args:
        name: as its folder has it, `numba` for `numba-0.68.1.dist-info`.
    """
    for place in sys.path:
        entries: list[str] = []
        with suppress(OSError):  # not a folder, or not to be read
            entries = os.listdir(place or ".")
        for entry in entries:
            found, _, version = entry.removesuffix(_INFO).partition("-")
            if found == name and entry.endswith(_INFO):
                return version
    return None


@cache
def installed_version(name: str) -> str:
    """Return the version of a package, however it was installed."""
    found = version_of(name)
    if found is None:
        # Imported where it is needed: it takes longer than the rest of a warm start's key.
        from importlib.metadata import version

        found = version(name)
    return found
