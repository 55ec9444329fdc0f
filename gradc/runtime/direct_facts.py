"""What native code reads about a call, word by word, and where objects keep what it reads."""

from __future__ import annotations

from dataclasses import dataclass

# Words of the facts of a program. A record for each argument follows, then one for each result.
STEP, TABLE, COUNT, RANGES, RANGES_AT, HELD, HELD_AT, TEAM = range(8)
RESULTS, CHANGED, CHANGED_AT, OTHERWISE = range(8, 12)
HEADER = 12
# Words of a record.
KIND, TYPE, PLACE, DTYPE, RANK, SIZES_AT, BYTES, NAME = range(8)
RECORD = 8
# Kinds of arguments: an array, a NumPy number, a Python float, an array that the caller just made
# for a result. A result's kind is the argument that is its array, or NEW.
ARRAY, NUMBER, FLOAT, RESULT = range(4)
NEW = -1
# Bytes into an ndarray, a NumPy number, a float, a tuple; `available` in direct.py checks them.
OBJECT_TYPE, CONTENT, NDIM, SIZES, DESCR, FLAGS = 8, 16, 24, 32, 56, 64
TUPLE_ENTRIES = 24
# NumPy's flags: elements in order, and they may be written.
PLAIN = 0x1 | 0x400


@dataclass(frozen=True, slots=True)
class Layout:
    """The classes of results, and bytes into their objects.

    Attributes:
        tensor: the class, by address.
        tensor_storage, tensor_data, tensor_dtype: where a tensor keeps its storage, array, dtype.
        storage: the class, by address.
        storage_content, storage_place, storage_version, storage_changed, storage_number: where a
            storage keeps them.
        numbers: the iterator of storages' numbers, by address.
    """

    tensor: int
    tensor_storage: int
    tensor_data: int
    tensor_dtype: int
    storage: int
    storage_content: int
    storage_place: int
    storage_version: int
    storage_changed: int
    storage_number: int
    numbers: int
