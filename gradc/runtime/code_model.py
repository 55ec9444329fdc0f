"""How machine code refers to its own constants."""

from __future__ import annotations


def code_model(triple: str) -> tuple[str, str]:
    """Return (relocation model, code model) for LLVM.

    On x86-64 by whole addresses: LLVM puts code and constants into memory of their own, which may
    be more than the 2 GiB apart that a short reference reaches where a process has reserved much
    address space; LLVM then ends the process.
    """
    return ("static", "large") if triple.startswith("x86_64") else ("pic", "default")
