"""`gradc cache`: the compiled programs kept on disk."""

from __future__ import annotations

from argparse import Namespace

from gradc.config import cache_directory
from gradc.schedule.describe import amount
from gradc.store import CacheInfo, cache_info, clear


def run(options: Namespace) -> None:
    """Print what the store holds, or empty it."""
    directory = cache_directory()
    if options.action == "clear":
        print(f"removed {_counted(clear(directory))} from {directory}")
        return
    print(f"{directory}: {_counted(cache_info(directory))}")


def _counted(info: CacheInfo) -> str:
    programs = "1 program" if info.entries == 1 else f"{info.entries} programs"
    return f"{programs}, {amount(info.bytes)}B"
