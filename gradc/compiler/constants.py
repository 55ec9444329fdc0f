"""Refuse arguments and results that a program can't be specialised to."""

from __future__ import annotations

from typing import Any

from gradc.errors import ArgumentTypeError


def check_constant(what: str, value: Any) -> None:
    """Raise for a Python value that can't be compared (no hash).

    Args:
        what: its place, `argument x[0]`.
        value: any object.
    """
    try:
        hash(value)
    except TypeError:
        raise ArgumentTypeError(
            f"{what}: a compiled function takes tensors, hashable Python values, and tuples, "
            f"lists and dicts of them; got {type(value).__name__}",
            hint="pass the tensors it holds, or read it from a variable around the function",
        ) from None
