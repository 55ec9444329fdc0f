"""A step and what its arguments are like -> a Python callable that places them and runs it.

`run(array, ..., number, ...)` reads the addresses of arrays where NumPy keeps them, and makes the
tensors of results: no Python runs for an argument or a result. It takes part in CPython's and
NumPy's layout of objects, which `available` checks on samples; elsewhere there are no direct calls.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gradc.runtime import direct_facts as code
from gradc.runtime.direct_code import call_address
from gradc.runtime.direct_facts import Layout
from gradc.runtime.result_code import makes_arrays

Array = np.ndarray[Any, Any]
_FASTCALL = 0x80
_NAME, _DOC = b"run", b"Place what is given and run; return new tensors."


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


@dataclass(frozen=True, slots=True)
class Result:
    """One tensor that a direct call returns.

    Attributes:
        place: the address of the word that the address of its elements goes to.
        dtype: of its array.
        shape: of its array.
        name: what the tensor calls its dtype.
        argument: the argument that is its array; NEW to make one.
    """

    place: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    name: Any
    argument: int = code.NEW


@dataclass(frozen=True, slots=True)
class Around:
    """What a direct call needs besides its arguments.

    Attributes:
        step: the address of the step; 0 to place the arguments only.
        table: the address of its table.
        ranges: begins and ends of memory that no array may lie in.
        changed: storages whose versions count the calls.
        otherwise: what is returned where nothing could run.
    """

    step: int
    table: int
    ranges: Sequence[tuple[int, int]]
    changed: Sequence[Any]
    otherwise: Any


class Direct:
    """A step with the arguments it is called with.

    Attributes:
        run: the callable; it returns a tuple of new tensors.
    """

    def __init__(
        self, around: Around, given: Sequence[Given], results: Sequence[Result], layout: Layout
    ) -> None:
        """Describe a call."""
        facts = np.zeros(code.HEADER + code.RECORD * (len(given) + len(results)), np.int64)
        self._ranges = np.array(around.ranges, np.int64).reshape(-1)
        self._held = np.zeros(0, np.int64)
        self._changed = np.array([id(s) for s in around.changed], np.int64)
        self._sizes = [np.array(r.shape, np.int64) for r in (*given, *results)]
        facts[: code.HEADER] = (
            around.step, around.table, len(given), len(around.ranges), address(self._ranges), 0, 0,
            _alone(), len(results), len(around.changed), address(self._changed),
            id(around.otherwise),
        )  # fmt: skip
        records = facts[code.HEADER :].reshape(-1, code.RECORD)
        for record, r, sizes in zip(records, (*given, *results), self._sizes, strict=True):
            record[code.PLACE] = r.place
            if r.dtype is not None:
                record[code.DTYPE], record[code.RANK] = id(r.dtype), len(r.shape)
                record[code.SIZES_AT] = address(sizes)
                record[code.BYTES] = int(np.prod(r.shape, dtype=np.int64)) * r.dtype.itemsize
            if isinstance(r, Given):
                record[code.KIND], record[code.TYPE] = r.kind, id(r.type)
            else:
                record[code.KIND], record[code.TYPE] = r.argument, id(np.ndarray)
                record[code.NAME] = id(r.name)
        self._facts, self._kept = facts, (around, tuple(given), tuple(results))
        self.run = _callable(facts, layout)

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


def _callable(facts: Array, layout: Layout) -> Callable[..., Any]:
    """Return a Python function on the facts of a program, which it keeps alive."""
    if not _METHOD.function:
        _METHOD.function = call_address(layout)
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
    pair = (array, None)
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
        and _word(id(pair) + code.TUPLE_ENTRIES) == id(array)
        and makes_arrays()
    )


def offset_of(sample: object, name: str) -> int | None:
    """Return how many bytes into an object with slots one of them is; None where that is unclear.

    Args:
        sample: an object; its slot is written over.
        name: of the slot.
    """
    mark = object()
    setattr(sample, name, mark)
    size = type(sample).__basicsize__
    found = [at for at in range(0, size, 8) if _word(id(sample) + at) == id(mark)]
    return found[0] if len(found) == 1 else None


def number_inside(number: np.generic[Any]) -> bool:
    """Return whether the value of a NumPy number lies inside of the object."""
    found = ctypes.string_at(id(number) + code.CONTENT, number.itemsize)
    return found == number.tobytes()


def _word(place: int, kind: Any = ctypes.c_int64) -> Any:
    """Return what lies at an address."""
    return kind.from_address(place).value
