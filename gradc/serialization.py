"""Turn tensors, state_dicts and nests of them into a safetensors file, and back."""

from __future__ import annotations

import contextlib
import json
import os
import stat
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from gradc.errors import (
    ArgumentError,
    ArgumentTypeError,
    DTypeError,
    FormatError,
    MissingFileError,
    UnsupportedError,
)
from gradc.ir.dtype import DType, named
from gradc.tensor import Tensor, as_tensor
from gradc.tensor import device as Device

# Metadata key of the structure that the tensors lie in.
_STRUCTURE = "gradc.structure"
_PLAIN_DTYPES = {"BOOL", "U8", "I32", "I64", "F32", "F64"}


def save(obj: object, f: str | os.PathLike[str]) -> None:
    """Save tensors to a safetensors file.

    The tensors of a dict (a module's `state_dict()`) keep their names, so that PyTorch reads the
    file with `safetensors.torch.load_file`. Order, nested dicts, lists and tuples, and Python
    numbers, strings, None and dtypes among them (an optimizer's `state_dict()`) are kept as JSON
    in the file's metadata. The file is written beside its final place and moved there when
    complete, so that a failure leaves an older file as it was.

    Args:
        obj: what to save.
        f: path of the file.

    Raises:
        ArgumentTypeError: `obj` holds something that is not data, such as a Module.

    Example:
        >>> import gradc, pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "point.safetensors"
        >>> save({"x": gradc.ones(2), "epoch": 3}, path)
        >>> load(path)["epoch"]
        3
    """
    path = _path("save", f)
    arrays: dict[str, NDArray[Any]] = {}
    structure = _node(obj, "", arrays, ())
    text = json.dumps(structure, allow_nan=False, separators=(",", ":"))
    _write(path.resolve(), arrays, {"format": "pt", _STRUCTURE: text})


def load(
    f: str | os.PathLike[str], map_location: object = None, *, weights_only: bool = True
) -> Any:
    """Load what `save` wrote, or any safetensors file.

    Args:
        f: path of the file.
        map_location: where tensors are put: a device, by its name or number; None: the CPU.
        weights_only: must be True: no code is ever run.

    Returns:
        What was saved; for a file that gradc did not write, a dict of names and tensors.

    Raises:
        MissingFileError: there is no such file.
        FormatError: the file is truncated, corrupt or not safetensors.
        DTypeError: a tensor's dtype is one that gradc has not.
    """
    if not (map_location is None or isinstance(map_location, str | int | Device)):
        raise UnsupportedError(
            f"load: map_location={map_location!r} is not supported, only a device"
        )
    if not weights_only:
        raise UnsupportedError(
            "load: weights_only=False is not supported: a file holds data, never code"
        )
    path = _path("load", f)
    if not path.is_file():
        raise MissingFileError(f"load: there is no file {path}")
    arrays, metadata = _read(path)
    tensors = {name: as_tensor(array, device=map_location) for name, array in arrays.items()}
    if _STRUCTURE not in metadata:
        return tensors
    try:
        return _rebuild(json.loads(metadata[_STRUCTURE]), tensors)
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(
            f"load: {path}: the structure in its metadata does not fit its tensors ({error!r})"
        ) from error


def _path(name: str, f: object) -> Path:
    """Return `f` as a path; refuse open files and the like."""
    if not isinstance(f, str | os.PathLike):
        raise ArgumentTypeError(
            f"{name}: f must be a path, got {type(f).__name__}", hint="a str or a pathlib.Path"
        )
    return Path(cast("str | os.PathLike[str]", f))


def _node(obj: Any, name: str, arrays: dict[str, NDArray[Any]], above: tuple[int, ...]) -> Any:
    """Return one JSON node of the structure, adding the tensors below it to `arrays`.

    Args:
        obj: what it stands for.
        name: dotted name of its place.
        arrays: tensors by name, added to.
        above: ids of the containers it lies in.
    """
    if obj is None or isinstance(obj, bool | int | str):
        return obj
    if isinstance(obj, float):
        return obj if np.isfinite(obj) else {"float": str(obj)}
    if isinstance(obj, Tensor):
        key = _unique(name or "tensor", arrays)
        arrays[key] = _array(obj)
        return {"tensor": key}
    if isinstance(obj, DType):
        return {"dtype": obj.name}
    if id(obj) in above:
        raise ArgumentError(f"save: a {type(obj).__name__} holds itself")
    above = (*above, id(obj))
    if isinstance(obj, Mapping):
        entries = cast("Mapping[Any, Any]", obj)
        return {"dict": [_entry(k, v, name, arrays, above) for k, v in entries.items()]}
    if isinstance(obj, list | tuple):
        values = cast("list[Any] | tuple[Any, ...]", obj)
        nodes = [_node(v, _join(name, i), arrays, above) for i, v in enumerate(values)]
        return {"tuple" if isinstance(obj, tuple) else "list": nodes}
    where = f" at {name}" if name else ""
    hint = "save its state_dict()" if hasattr(obj, "state_dict") else "save its values"
    raise ArgumentTypeError(
        "save: expected tensors, numbers, strings, None, dtypes and dicts, lists or tuples of "
        f"them, got {type(obj).__name__}{where}",
        hint=hint,
    )


def _entry(
    key: Any, value: Any, name: str, arrays: dict[str, NDArray[Any]], above: tuple[int, ...]
) -> list[Any]:
    """Return the pair of JSON nodes for one entry of a dict."""
    if not (key is None or isinstance(key, str | int | float | bool)):
        where = f" at {name}" if name else ""
        raise ArgumentTypeError(
            f"save: keys must be strings or numbers, got {type(key).__name__}{where}"
        )
    return [_node(key, name, arrays, above), _node(value, _join(name, key), arrays, above)]


def _join(name: str, key: object) -> str:
    """Return the dotted name of an entry."""
    return f"{name}.{key}" if name else str(key)


def _unique(name: str, taken: Mapping[str, object]) -> str:
    """Return `name`, numbered where another tensor has it."""
    # NOTE: safetensors keeps its own header under the name __metadata__.
    if name not in taken and name != "__metadata__":
        return name
    return next(n for i in range(2, len(taken) + 3) if (n := f"{name}#{i}") not in taken)


def _array(tensor: Tensor) -> NDArray[Any]:
    """Return a tensor's elements in C order."""
    # NOTE: ascontiguousarray would turn a 0-d array into one of shape [1].
    return np.asarray(tensor.detach().cpu().numpy(), order="C")


def _rebuild(node: Any, tensors: dict[str, Tensor]) -> Any:
    """Return the object that a JSON node describes."""
    if not isinstance(node, dict):
        if isinstance(node, list):
            raise ValueError("a list without a tag")
        return node
    ((tag, body),) = cast("dict[str, Any]", node).items()
    if tag == "dict":
        return {_rebuild(key, tensors): _rebuild(value, tensors) for key, value in body}
    if tag == "list":
        return [_rebuild(entry, tensors) for entry in body]
    if tag == "tuple":
        return tuple(_rebuild(entry, tensors) for entry in body)
    if tag == "tensor":
        return tensors[body]
    if tag == "float":
        return float(body)
    if tag == "dtype":
        return named(body)
    raise ValueError(f"the tag {tag!r} is not known")


@contextlib.contextmanager
def _replacing(path: Path) -> Generator[Path]:
    """Give a temporary path; move it to `path` when the block ends well, else remove it."""
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    # Made through os.open so that it has the permissions of an ordinary new file at first.
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    mode = stat.S_IMODE((path if path.exists() else temporary).stat().st_mode)
    try:
        yield temporary
        temporary.chmod(mode)
        _sync(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def _sync(path: Path) -> None:
    """Wait until the file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, arrays: dict[str, NDArray[Any]], metadata: dict[str, str]) -> None:
    """Write a safetensors file in one piece."""
    from safetensors.numpy import save_file  # pyright: ignore[reportUnknownVariableType]  # its PathLike is bare

    if path.is_dir():
        raise ArgumentError(f"save: {path} is a folder, expected the path of a file")
    if not path.parent.is_dir():
        raise MissingFileError(f"save: there is no folder {path.parent}")
    with _replacing(path) as temporary:
        save_file(arrays, temporary, metadata)


def _read(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Return the tensors of a safetensors file as arrays of their own, and its metadata."""
    from safetensors import SafetensorError, safe_open

    arrays: dict[str, NDArray[Any]] = {}
    try:
        with cast("Any", safe_open(path, framework="numpy")) as file:
            metadata: dict[str, str] = file.metadata() or {}
            for name in file.keys():
                dtype = file.get_slice(name).get_dtype()
                if dtype not in _PLAIN_DTYPES:
                    raise DTypeError(
                        f"load: {path}: tensor {name!r} is {dtype}, which gradc has not",
                        hint="convert it to float32 before saving",
                    )
                arrays[name] = np.array(file.get_tensor(name), order="C")
    except SafetensorError as error:
        raise FormatError(
            f"load: {path} is truncated, corrupt or not a safetensors file "
            f"({path.stat().st_size} bytes; {error})",
            hint=_advice(path),
        ) from error
    return arrays, metadata


def _advice(path: Path) -> str:
    """Return a way out for a file that isn't safetensors."""
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith((b"PK\x03\x04", b"\x80")):
        return (
            "this is a pickle, written by torch.save; write it with "
            "safetensors.torch.save_file(model.state_dict(), path)"
        )
    return "load another copy"
