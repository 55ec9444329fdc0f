"""Text -> the terminal, in colour where it can show it."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec


def wants_colour(choice: str) -> bool:
    """Return whether to write colours: `always`, `never`, or `auto`.

    `auto` is yes on a terminal that knows colours, unless NO_COLOR is set (https://no-color.org).
    """
    if choice != "auto":
        return choice == "always"
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def write(text: str, *, colour: bool, python: bool) -> None:
    """Print `text`, highlighted as Python where that is asked for and rich is installed."""
    if not (colour and python and find_spec("rich")):
        print(text)
        return
    # rich takes 60 ms to import and is no dependency of gradc.
    from rich.console import Console
    from rich.syntax import Syntax

    console = Console(force_terminal=True, color_system="standard", soft_wrap=True)
    syntax = Syntax("", "python", theme="ansi_dark", background_color="default")
    console.print(syntax.highlight(text), soft_wrap=True, end="")
