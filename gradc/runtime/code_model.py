"""LLVM text -> machine code for this process, and how such code refers to its own constants."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm


def code_model(triple: str) -> tuple[str, str]:
    """Return (relocation model, code model) for LLVM.

    On x86-64 by whole addresses: LLVM puts code and constants into memory of their own, which may
    be more than the 2 GiB apart that a short reference reaches where a process has reserved much
    address space; LLVM then ends the process.
    """
    return ("static", "large") if triple.startswith("x86_64") else ("pic", "default")


def compiled(text: Callable[[str], str], opt: int) -> Any:
    """Return LLVM's engine with the functions of a text, given for a triple; it is never freed.

    Threads may still wait in the code when the interpreter ends.
    """
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    triple = llvm.get_process_triple()
    reloc, model = code_model(triple)
    target = llvm.Target.from_triple(triple).create_target_machine(
        opt=opt, reloc=reloc, codemodel=model
    )
    module = llvm.parse_assembly(text(triple))
    module.verify()
    engine = llvm.create_mcjit_compiler(module, target)
    engine.finalize_object()
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))
    return engine
