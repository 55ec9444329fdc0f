"""Turn an IDX file (the format of MNIST, plain or gzip-compressed) into a tensor."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gradc.errors import FormatError, MissingFileError
from gradc.tensor import Tensor, from_numpy

# Third byte of the magic number -> (big-endian type in the file, type of the tensor).
_TYPES = {
    0x08: (">u1", np.uint8),
    0x09: (">i1", np.int32),
    0x0B: (">i2", np.int32),
    0x0C: (">i4", np.int32),
    0x0D: (">f4", np.float32),
    0x0E: (">f8", np.float64),
}
_GZIP_MAGIC = b"\x1f\x8b"


def read_idx(path: str | os.PathLike[str]) -> Tensor:
    """Read an IDX file.

    The format: two zero bytes, one byte for the element type, one for the number of axes n, then
    n sizes of 4 bytes, then the elements in C order; all numbers are big-endian.

    Args:
        path: the file; one that starts with gzip's magic number is unpacked.

    Returns:
        A tensor of the file's shape: uint8, int32, float32 or float64 (the file's 8- and 16-bit
        signed integers come back as int32).

    Raises:
        MissingFileError: there is no such file.
        FormatError: the file is truncated, too long, corrupt or not IDX.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "labels-idx1-ubyte"
        >>> _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
        >>> read_idx(file).tolist()
        [7, 2, 1]

    Source: Yann LeCun, "The MNIST database of handwritten digits", section on file formats.
    """
    return from_numpy(_parse(Path(path), _unpacked(Path(path))))


def _unpacked(path: Path) -> bytes:
    """Return the file's bytes, after gzip where it is compressed."""
    if not path.is_file():
        raise MissingFileError(f"read_idx: there is no file {path}")
    content = path.read_bytes()
    if not content.startswith(_GZIP_MAGIC):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FormatError(
            f"read_idx: {path} can't be unpacked: its gzip stream of {len(content)} bytes is "
            f"truncated or corrupt ({error})",
            hint="fetch the file again",
        ) from error


def _parse(path: Path, content: bytes) -> NDArray[np.generic]:
    """Return the array that the bytes of an IDX file describe."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES:
        raise FormatError(
            f"read_idx: {path} is not an IDX file: expected it to start with 00 00, a type "
            f"(08 09 0b 0c 0d 0e) and a number of axes, found {content[:4].hex(' ') or 'nothing'}"
        )
    stored, wanted = _TYPES[content[2]]
    axes = content[3]
    start = 4 + 4 * axes
    if len(content) < start:
        raise FormatError(
            f"read_idx: {path} ends inside its header: {axes} sizes need {start} bytes, "
            f"found {len(content)}"
        )
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", axes, 4))
    expected = start + math.prod(shape) * np.dtype(stored).itemsize
    if len(content) != expected:
        state = "truncated" if len(content) < expected else "too long"
        raise FormatError(
            f"read_idx: {path} is {state}: shape {list(shape)} needs {expected} bytes, "
            f"found {len(content)}",
            hint="fetch the file again",
        )
    return np.frombuffer(content, stored, offset=start).reshape(shape).astype(wanted)
