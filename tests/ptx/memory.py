"""Memory whose every byte knows whether it may be used and whether anything was written to it."""

from __future__ import annotations

import numpy as np
from ptx.bits import UNSIGNED
from ptx.text import PtxError

GAP = 4096  # bytes between allocations that nobody may touch
_OUTSIDE, _FRESH, _WRITTEN = 0, 1, 2
_NAMES = {_OUTSIDE: "memory that nobody has allocated", _FRESH: "memory never written"}


class Fault(Exception):
    """An access that may not be: (why, index of the lane among those that access)."""


class Memory:
    """A piece of memory with a state for each byte.

    Attributes:
        start: the address of its first byte.
        bytes: the content.
    """

    def __init__(self, nbytes: int, start: int | None = None) -> None:
        raw = np.zeros(nbytes + GAP, np.uint8)  # pages come when they are touched
        shift = -raw.__array_interface__["data"][0] % GAP
        self.bytes = raw[shift : shift + nbytes]
        self.start = self.bytes.__array_interface__["data"][0] if start is None else start
        self._states = np.zeros(nbytes, np.uint8)
        self._content = {n: self.bytes.view(t) for n, t in UNSIGNED.items()}
        self._state = {n: self._states.view(t) for n, t in UNSIGNED.items()}

    def place(self, address, size: int, count: int = 1):
        """Return the index of the first of `count` elements, which must be aligned as a whole."""
        if (address & np.uint64(size * count - 1)).any():
            bad = int(np.flatnonzero(np.atleast_1d(address) & np.uint64(size * count - 1))[0])
            raise Fault(f"is not aligned to {size * count} bytes", bad)
        offset = (address - np.uint64(self.start)).view(np.int64)
        end = len(self.bytes) - size * count
        if ((offset < 0) | (offset > end)).any():
            bad = int(np.flatnonzero(np.atleast_1d((offset < 0) | (offset > end)))[0])
            raise Fault("is outside of all memory", bad)
        return offset >> np.int64(size.bit_length() - 1)

    def load(self, index, size: int):
        """Return elements, all of which must have been written."""
        self._check(index, size, _WRITTEN)
        return self._content[size][index]

    def store(self, index, size: int, values) -> None:
        """Write elements."""
        self._check(index, size, _FRESH)
        if np.ndim(values) and not np.ndim(index):
            index = np.broadcast_to(index, np.shape(values))
        self._content[size][index] = values
        self._state[size][index] = _repeated(_WRITTEN, size)

    def _check(self, index, size: int, least: int) -> None:
        states = self._state[size][index]
        if least == _WRITTEN:
            wrong = states != _repeated(_WRITTEN, size)
        else:
            wrong = (states != _repeated(_WRITTEN, size)) & (states != _repeated(_FRESH, size))
        if wrong.any():
            bad = int(np.flatnonzero(np.atleast_1d(wrong))[0])
            place = int(np.atleast_1d(index)[bad]) * size
            state = int(self._states[place : place + size].min())
            mixed = "memory that is in part outside of what is allocated"
            raise Fault(f"is {_NAMES.get(state, mixed)}", bad)

    def mark(self, address: int, nbytes: int, state: int) -> None:
        """Set the state of some bytes."""
        begin = address - self.start
        self._states[begin : begin + nbytes] = state

    def allow(self, address: int, nbytes: int, *, written: bool) -> None:
        """Let some bytes be used."""
        self.mark(address, nbytes, _WRITTEN if written else _FRESH)

    def forbid(self, address: int, nbytes: int) -> None:
        """Let some bytes not be used any more."""
        self.mark(address, nbytes, _OUTSIDE)

    def states(self, address: int, nbytes: int):
        """Return the states of some bytes."""
        begin = address - self.start
        return self._states[begin : begin + nbytes]


def _repeated(state: int, size: int):
    return UNSIGNED[size](int.from_bytes(bytes([state] * size), "little"))


class GlobalMemory(Memory):
    """A GPU's memory: what is allocated, with gaps between.

    Attributes:
        sizes: bytes of each allocation by its address.
    """

    def __init__(self, nbytes: int = 1 << 28) -> None:
        super().__init__(nbytes)
        self.sizes: dict[int, int] = {}
        self._next = self.start + GAP
        self._free: dict[int, list[int]] = {}
        self.accesses: dict = {}

    def allocate(self, nbytes: int) -> int:
        """Return the address of fresh memory; freed memory of the same size comes again."""
        room = -(-max(nbytes, 1) // 256) * 256
        again = self._free.get(room)
        if again:
            address = again.pop(0)
        else:
            address = self._next
            self._next += room + GAP
            if self._next > self.start + len(self.bytes):
                raise PtxError("the memory of the PTX machine is full")
        self.sizes[address] = nbytes
        self.allow(address, nbytes, written=False)
        return address

    def free(self, address: int) -> None:
        """Give an allocation back."""
        nbytes = self.sizes.pop(address)
        self.forbid(address, nbytes)
        self._free.setdefault(-(-max(nbytes, 1) // 256) * 256, []).append(address)

    def holding(self, address: int) -> tuple[int, int]:
        """Return (address, bytes) of the allocation that an address lies in."""
        for begin, nbytes in self.sizes.items():
            if begin <= address < begin + max(nbytes, 1):
                return begin, nbytes
        raise PtxError(f"no allocation holds the address {address:#x}")

    def write(self, address: int, content: bytes | np.ndarray) -> None:
        """Copy from the host."""
        raw = np.frombuffer(content, np.uint8) if isinstance(content, bytes) else content
        raw = np.ascontiguousarray(raw).reshape(-1).view(np.uint8)
        self.check_range(address, raw.size)
        begin = address - self.start
        self.bytes[begin : begin + raw.size] = raw
        self.allow(address, raw.size, written=True)

    def read(self, address: int, nbytes: int) -> np.ndarray:
        """Copy to the host."""
        self.check_range(address, nbytes)
        begin = address - self.start
        return self.bytes[begin : begin + nbytes].copy()

    def copy(self, to: int, source: int, nbytes: int) -> None:
        """Copy; what was never written stays so."""
        content, states = self.read(source, nbytes), self.states(source, nbytes).copy()
        self.write(to, content)
        self.states(to, nbytes)[:] = states

    def check_range(self, address: int, nbytes: int) -> None:
        """Refuse a copy that is not within one allocation."""
        if nbytes:
            begin, size = self.holding(address)
            if address + nbytes > begin + size:
                raise PtxError(f"a copy of {nbytes} bytes leaves its allocation of {size}")

    def upload(self, array: np.ndarray) -> int:
        """Return the address of a copy of an array."""
        address = self.allocate(array.nbytes)
        self.write(address, array)
        return address

    def download(self, address: int, like: np.ndarray) -> np.ndarray:
        """Return a copy with the shape and type of an array."""
        return self.read(address, like.nbytes).view(like.dtype).reshape(like.shape)
