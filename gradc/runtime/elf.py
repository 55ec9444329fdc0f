"""Object files for Linux on x86-64 -> machine code in memory, ready to run, without LLVM.

LLVM is asked for references by whole addresses (`code_model.py`), so a program is put together by
adding: two kinds of relocations occur. What is different in any way is left to LLVM's own loader.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from collections.abc import Sequence
from functools import cache
from struct import Struct
from typing import NamedTuple

_HEADER = Struct("<16sHHIQQQIHHHHHH")
_SECTION = Struct("<IIQQQQIIQQ")
_SYMBOL = Struct("<IBBHQQ")
_RELOCATION = Struct("<QQq")
_WORD = Struct("<Q")
_MAGIC = b"\x7fELF\x02\x01\x01"
_RELOCATABLE, _X86_64 = 1, 62
# Types of sections; tables for unwinding are of no use to code that raises nothing.
_PROGRAM, _SYMBOLS, _ADDED, _NO_BITS, _UNWINDING = 1, 2, 4, 8, 0x70000001
_WRITABLE, _LOADED, _THREADS = 0x1, 0x2, 0x400
_OUTSIDE, _LOCAL = 0, 0
_WHOLE, _FROM_HERE = 1, 24  # R_X86_64_64 and R_X86_64_PC64
_WORDS = (1 << 64) - 1
_LINE = 64  # bytes that the processor fetches together: what is in a section lies the same in them


class Unreadable(ValueError):
    """An object file holds what isn't read here."""


class Section(NamedTuple):
    """A header of an object file."""

    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry: int


@cache
def supported() -> bool:
    """Return whether object files of this system can be read here."""
    if sys.platform != "linux":
        return False
    return os.uname().machine == "x86_64" and sys.maxsize == (1 << 63) - 1


class Image:
    """Object files that call each other, in memory of this process; it lives as long as this."""

    def __init__(self, objects: Sequence[bytes]) -> None:
        """Put object files together, and functions of this process that they call.

        Raises:
            Unreadable: they hold something unknown, or call a function that is nowhere.
            OSError: the system gives no memory that code can run in.
        """
        files = [_File(code) for code in objects]
        fixed, changing = _Room(), _Room()
        for file in files:
            for i, section in enumerate(file.sections):
                if section.flags & _LOADED and section.type in (_PROGRAM, _NO_BITS):
                    room = changing if section.flags & _WRITABLE else fixed
                    file.places[i] = room, room.add(section)
        for room in (fixed, changing):
            room.open()
        self._own: dict[str, int] = {}
        for file in files:
            self._own |= file.load()
        known = dict(self._own)
        for file in files:
            file.relocate(known)
        fixed.run()
        self._rooms = fixed, changing

    def address(self, symbol: str) -> int:
        """Return where a function or a variable is; 0 where there is none of the name."""
        return self._own.get(symbol, 0)


class _Room:
    """Memory for sections of one kind."""

    def __init__(self) -> None:
        self.size = 0

    def add(self, section: Section) -> int:
        """Return where in the room a section goes."""
        alignment = max(section.alignment, _LINE)
        begin = -(-self.size // alignment) * alignment
        self.size = begin + section.size
        return begin

    def open(self) -> None:
        """Get the memory; it is this process's own, also after a fork."""
        private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self.memory = mmap.mmap(-1, max(self.size, 1), flags=private)
        self._begin = (ctypes.c_char * len(self.memory)).from_buffer(self.memory)
        self.address = ctypes.addressof(self._begin)

    def run(self) -> None:
        """Let what is there run, and nobody change it."""
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        if protect(self.address, len(self.memory), mmap.PROT_READ | mmap.PROT_EXEC):
            raise OSError(ctypes.get_errno(), "mprotect")


class _File:
    """One object file."""

    def __init__(self, code: bytes) -> None:
        if len(code) < _HEADER.size:
            raise Unreadable("cut short")
        head = _HEADER.unpack_from(code)
        magic, kind, machine, at, count = head[0], head[1], head[2], head[6], head[12]
        if not magic.startswith(_MAGIC) or (kind, machine) != (_RELOCATABLE, _X86_64):
            raise Unreadable("no object file for x86-64")
        self.code = code
        self.sections = [
            Section(*_SECTION.unpack_from(code, at + i * _SECTION.size)) for i in range(count)
        ]
        known = (_PROGRAM, _NO_BITS, _UNWINDING)
        for section in self.sections:
            loaded = section.flags & _LOADED
            if loaded and (section.type not in known or section.flags & _THREADS):
                raise Unreadable(f"section of type {section.type}")
        self.places: dict[int, tuple[_Room, int]] = {}
        self._values: list[int | str] = []

    def load(self) -> dict[str, int]:
        """Copy what is loaded; return the addresses that other object files may ask for."""
        for i, (room, begin) in self.places.items():
            section = self.sections[i]
            if section.type == _PROGRAM:
                bits = self.code[section.offset : section.offset + section.size]
                room.memory[begin : begin + section.size] = bits
        found: dict[str, int] = {}
        for section in self.sections:
            if section.type != _SYMBOLS:
                continue
            names = self.sections[section.link].offset
            for at in range(section.offset, section.offset + section.size, _SYMBOL.size):
                name_at, info, _, where, value, _ = _SYMBOL.unpack_from(self.code, at)
                begin = names + name_at
                name = self.code[begin : self.code.index(b"\0", begin)].decode()
                if where not in self.places:
                    # outside of this file, or a section that isn't loaded
                    self._values.append(name if where == _OUTSIDE else f"section {where}")
                    continue
                room, place = self.places[where]
                self._values.append(room.address + place + value)
                if info >> 4 != _LOCAL:
                    found[name] = room.address + place + value
        return found

    def relocate(self, known: dict[str, int]) -> None:
        """Fill in what code says of other places; note addresses of the process's functions."""
        for section in self.sections:
            if section.type != _ADDED or section.info not in self.places:
                continue
            room, begin = self.places[section.info]
            for at in range(section.offset, section.offset + section.size, _RELOCATION.size):
                words: tuple[int, int, int] = _RELOCATION.unpack_from(self.code, at)
                offset, info, more = words
                value = self._values[info >> 32]
                if isinstance(value, str):
                    if value not in known:
                        known[value] = _outside(value)
                    value = known[value]
                place, kind = begin + offset, info & 0xFFFFFFFF
                if kind == _FROM_HERE:
                    value -= room.address + place
                elif kind != _WHOLE:
                    raise Unreadable(f"relocation of type {kind}")
                _WORD.pack_into(room.memory, place, (value + more) & _WORDS)


def _outside(name: str) -> int:
    """Return the address of a function of this process (libm's, memset)."""
    try:
        return ctypes.cast(ctypes.CDLL(None)[name], ctypes.c_void_p).value or 0
    except AttributeError as error:
        raise Unreadable(f"{name} is nowhere") from error
