"""A step and what its arguments are like -> a Python callable that places them and runs it.

`run(array, ..., number, ...)` reads the addresses of arrays where NumPy keeps them: no Python
runs for an argument. It takes part in CPython's and NumPy's layout of objects, which `available`
checks on samples; elsewhere there are no direct calls.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gradc.runtime import direct_code as code

Array = np.ndarray[Any, Any]
_FASTCALL = 0x80
_NAME, _DOC = b"run", b"Place what is given and run; return 0 where that was done."


class _Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


@dataclass(frozen=True, slots=True)
class Given:
    """One argument of a direct call.

    Attributes:
        kind: ARRAY, NUMBER, FLOAT or RESULT.
        place: the address of the word that it goes to.
        type: its exact class.
        dtype: of an array.
        shape: of an array.
    """

    kind: int
    place: int
    type: type
    dtype: np.dtype[Any] | None = None
    shape: tuple[int, ...] = ()


class Direct:
    """A step with the arguments it is called with.

    Attributes:
        run: the callable; 0: done, 1: an argument is of another kind and nothing has run,
            -1: the step failed.
    """

    def __init__(
        self, step: int, table: int, given: Sequence[Given], ranges: Sequence[tuple[int, int]]
    ) -> None:
        """Describe a call.

        Args:
            step: its address; 0 to place the arguments only.
            table: its address.
            given: the arguments.
            ranges: begins and ends of memory that no array may lie in.
        """
        facts = np.zeros(code.HEADER + code.RECORD * len(given), np.int64)
        self._ranges = np.array(ranges, np.int64).reshape(-1)
        self._held = np.zeros(0, np.int64)
        self._sizes = [np.array(g.shape, np.int64) for g in given]
        facts[: code.HEADER] = (
            step, table, len(given), len(ranges), address(self._ranges), 0, 0, _alone(),
        )  # fmt: skip
        for i, g in enumerate(given):
            record = facts[code.HEADER + code.RECORD * i :]
            record[code.KIND], record[code.TYPE], record[code.PLACE] = g.kind, id(g.type), g.place
            if g.dtype is not None:
                elements = int(np.prod(g.shape, dtype=np.int64))
                record[code.DTYPE], record[code.RANK] = id(g.dtype), len(g.shape)
                record[code.SIZES_AT] = address(self._sizes[i])
                record[code.BYTES] = elements * g.dtype.itemsize
        self._facts, self._given = facts, tuple(given)
        self.run = _callable(facts)

    def hold(self, objects: Sequence[tuple[int, int]]) -> None:
        """Run only while these objects (their ids) have these numbers of references.

        The caller keeps them alive while `run` may be called.
        """
        self._held = np.array(objects, np.int64).reshape(-1)
        self._facts[code.HELD], self._facts[code.HELD_AT] = len(objects), address(self._held)


def address(array: Array) -> int:
    """Return where the elements of an array begin."""
    return array.__array_interface__["data"][0]


_ALONE = (ctypes.c_int64 * 4)(0, 1, 0, 0)


def _alone() -> int:
    """Return the address of a team of one thread."""
    return ctypes.addressof(_ALONE)


# Python functions point to these for good.
_METHOD = _Method(_NAME, None, _FASTCALL, _DOC)


def _callable(facts: Array) -> Callable[..., int]:
    """Return a Python function on the facts of a program, which it keeps alive."""
    if not _METHOD.function:
        _METHOD.function = code.call_address()
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    return make(ctypes.addressof(_METHOD), facts, None)


@cache
def available() -> bool:
    """Return whether objects lie in memory as the native half reads them."""
    if sys.implementation.name != "cpython" or object.__basicsize__ != code.CONTENT:
        return False
    array: Array = np.arange(6, dtype=np.float32).reshape(2, 3)
    place = id(array)
    flags = _word(place + code.FLAGS, ctypes.c_int)
    return (
        _word(place + code.OBJECT_TYPE) == id(np.ndarray)
        and _word(place + code.CONTENT) == address(array)
        and _word(place + code.NDIM, ctypes.c_int) == array.ndim
        and [_word(_word(place + code.SIZES) + 8 * i) for i in range(2)] == [2, 3]
        and _word(place + code.DESCR) == id(array.dtype)
        and flags & code.PLAIN == code.PLAIN
        and _word(id(array.T) + code.FLAGS, ctypes.c_int) & 1 == 0
        and _word(id(1.5) + code.CONTENT, ctypes.c_double) == 1.5
        and all(number_inside(kind(1)) for kind in (np.float32, np.float64, np.int64))
    )


def number_inside(number: np.generic[Any]) -> bool:
    """Return whether the value of a NumPy number lies inside of the object."""
    found = ctypes.string_at(id(number) + code.CONTENT, number.itemsize)
    return found == number.tobytes()


def _word(place: int, kind: Any = ctypes.c_int64) -> Any:
    """Return what lies at an address."""
    return kind.from_address(place).value
