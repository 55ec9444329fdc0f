"""LLVM text of this house -> functions of this process, compiled once and kept in the store."""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from gradc import store
from gradc.config import cache_directory
from gradc.runtime.code_model import code_model
from gradc.runtime.installed import installed_version
from gradc.runtime.loaded import generator, loaded

PLACES = "addresses"  # the variable that holds them
_ENDING = """
@addresses = global [{count} x i64] zeroinitializer, align 8
"""


def architecture() -> str:
    """Return what kind of processor this is."""
    if hasattr(os, "uname"):
        return os.uname().machine
    return os.environ.get("PROCESSOR_ARCHITECTURE", "").lower().replace("amd64", "x86_64")


def compiled(text: str, opt: int, addresses: Mapping[str, int]) -> Callable[[str], int]:
    """Return what gives the address of each function of a text; it is never freed.

    The text is the same in each process: addresses that aren't are in a variable of its own,
    and `{name}` in it becomes an instruction's operand, the place of one of them.

    Args:
        text: LLVM's language.
        opt: level of LLVM's code generator.
        addresses: by name.
    """
    text += _ENDING.format(count=len(addresses))
    kind = architecture()
    told = (sys.platform, kind, *code_model(kind), installed_version("llvmlite"), str(opt), text)
    key = hashlib.sha256("\0".join(("own", *told)).encode()).hexdigest()
    directory = store.opened(cache_directory())
    piece = store.read_piece(directory, key)
    if piece is None:
        piece = _object(text, opt), ()
        store.write_piece(directory, key, *piece)
    code = loaded([piece[0]], ())
    place = code.address(PLACES)
    (ctypes.c_int64 * len(addresses)).from_address(place)[:] = list(addresses.values())
    # Threads may still wait in the code when the interpreter ends.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(code))
    return code.address


def places(addresses: Mapping[str, int]) -> dict[str, str]:
    """Return for each name how LLVM's text says where its address is kept."""
    words = f"[{len(addresses)} x i64]"
    return {
        name: f"getelementptr ({words}, ptr @{PLACES}, i64 0, i64 {i})"
        for i, name in enumerate(addresses)
    }


def _object(text: str, opt: int) -> bytes:
    """Return machine code for any processor like this one."""
    # imported here: what is in the store is loaded without LLVM
    import llvmlite.binding as llvm

    target: Any = generator(opt)
    module = llvm.parse_assembly(f'target triple = "{target.triple}"\n{text}')
    module.verify()
    return target.emit_object(module)
