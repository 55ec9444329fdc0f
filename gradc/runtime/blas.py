"""The libraries of this environment -> the addresses of the matrix products that steps call."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gradc.runtime.installed import version_of
from gradc.runtime.locks import Lock

_SUFFIXES = (".so", ".dylib", ".dll")


@dataclass(frozen=True, slots=True)
class Blas:
    """A BLAS with the C interface.

    Attributes:
        name: "mkl", "scipy-openblas32", "numpy openblas", "scipy openblas", or "none".
        version: what the library says of itself.
        sgemm_address: of cblas_sgemm; 0 where there is no library (steps then use loops).
        dgemm_address: of cblas_dgemm.
        integer_bits: of its size arguments, 32 or 64.
        path: of the library.
        shared: whether NumPy or SciPy use the same library, and so its thread count.
        per_thread: whether each calling thread has a thread count of its own.
    """

    name: str
    version: str
    sgemm_address: int
    dgemm_address: int
    integer_bits: int
    path: Path | None
    shared: bool
    per_thread: bool = False
    _set_threads: Callable[[int], int] | None = field(repr=False, compare=False, default=None)

    @property
    def threaded(self) -> bool:
        """Whether it may use several threads unless `sequential()` holds it to one."""
        return self._set_threads is not None

    @contextmanager
    def sequential(self) -> Generator[None]:
        """Let the library use one thread inside the block, then as many as before.

        Steps give the same result whatever the number of processors, and NumPy keeps its own.
        """
        if self._set_threads is None:
            yield
            return
        if self.per_thread:
            before = self._set_threads(1)
            try:
                yield
            finally:
                self._set_threads(before)
            return
        self._enter(self._set_threads)
        try:
            yield
        finally:
            self._leave(self._set_threads)

    def _enter(self, set_threads: Callable[[int], int]) -> None:
        """Let the first of several Python threads ask for one thread."""
        with _USERS.lock:
            if _USERS.count == 0:
                _USERS.before = set_threads(1)
            _USERS.count += 1

    def _leave(self, set_threads: Callable[[int], int]) -> None:
        """Let the last of them put back what was before."""
        with _USERS.lock:
            _USERS.count -= 1
            if _USERS.count == 0:
                set_threads(_USERS.before)

    def begin_thread(self) -> None:
        """Let a worker's calls use one thread, for good, where the library counts for each."""
        if self.per_thread and self._set_threads is not None:
            self._set_threads(1)


@dataclass(slots=True)
class _Users:
    """How many Python threads hold the library to one thread, and its count before."""

    lock: Lock = field(default_factory=Lock)
    count: int = 0
    before: int = 1


_USERS = _Users()
NONE = Blas("none", "", 0, 0, 64, None, shared=False)


@cache
def find_blas() -> Blas:
    """Return the first BLAS of: MKL, scipy-openblas32, NumPy's own, SciPy's own, none."""
    return next(candidates(), NONE)


def candidates() -> Iterator[Blas]:
    """Yield the libraries that are here and usable, the preferred one first."""
    finders = (_mkl, _scipy_openblas32, _numpy_openblas, _scipy_openblas)
    for finder in finders:
        found = finder()
        # NOTE: Apple's arm64 packs 32-bit arguments on the stack; steps pass 64 bits each.
        packs = platform.system() == "Darwin" and platform.machine() == "arm64"
        if found is not None and not (packs and found.integer_bits == 32):
            yield found


def _mkl() -> Blas | None:
    """Return MKL where the `mkl` package is installed."""
    if version_of("mkl") is None:
        return None
    # Imported here: it takes longer than finding out that MKL isn't there.
    from importlib.metadata import files

    listed = files("mkl") or []
    paths = [Path(str(file.locate())) for file in listed if "mkl_rt" in file.name]
    library, path = _opened([p.resolve() for p in paths if _is_library(p)])
    if library is None:
        return None
    version = ctypes.create_string_buffer(256)
    library.MKL_Get_Version_String(version, len(version))
    set_local = library.MKL_Set_Num_Threads_Local
    set_local.argtypes, set_local.restype = [ctypes.c_int], ctypes.c_int
    return Blas(
        name="mkl",
        version=version.value.decode(errors="replace").strip(),
        sgemm_address=_address(library.cblas_sgemm),
        dgemm_address=_address(library.cblas_dgemm),
        integer_bits=32,
        path=path,
        shared=False,
        per_thread=True,
        _set_threads=set_local,
    )


def _scipy_openblas32() -> Blas | None:
    """Return the OpenBLAS of the scipy-openblas32 package."""
    return _openblas("scipy-openblas32", _beside("scipy_openblas32", "lib"), "", shared=False)


def _numpy_openblas() -> Blas | None:
    """Return the OpenBLAS inside NumPy's wheel."""
    paths = _beside("numpy", "../numpy.libs") + _beside("numpy", ".dylibs")
    return _openblas("numpy openblas", paths, "64_", shared=True)


def _scipy_openblas() -> Blas | None:
    """Return the OpenBLAS inside SciPy's wheel."""
    paths = _beside("scipy", "../scipy.libs") + _beside("scipy", ".dylibs")
    return _openblas("scipy openblas", paths, "", shared=True)


def _openblas(name: str, paths: list[Path], suffix: str, *, shared: bool) -> Blas | None:
    """Return an OpenBLAS whose functions are named scipy_...<suffix>."""
    library, path = _opened([p for p in paths if "openblas" in p.name])
    if library is None or not hasattr(library, f"scipy_cblas_sgemm{suffix}"):
        return None
    version = getattr(library, f"scipy_openblas_get_config{suffix}")
    version.restype = ctypes.c_char_p
    set_threads = getattr(library, f"scipy_openblas_set_num_threads{suffix}")
    get_threads = getattr(library, f"scipy_openblas_get_num_threads{suffix}")

    def exchange(count: int) -> int:
        """Set the library's thread count; return the one before."""
        before = get_threads()
        if before != count:
            set_threads(count)
        return before

    if not shared:
        # Nobody else uses this library: one thread, for good.
        set_threads(1)
    return Blas(
        name=name,
        version=version().decode(errors="replace").strip(),
        sgemm_address=_address(getattr(library, f"scipy_cblas_sgemm{suffix}")),
        dgemm_address=_address(getattr(library, f"scipy_cblas_dgemm{suffix}")),
        integer_bits=64 if suffix else 32,
        path=path,
        shared=shared,
        _set_threads=exchange if shared else None,
    )


def _beside(package: str, folder: str) -> list[Path]:
    """Return the libraries in a folder named from where a package is, without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return []
    place = (Path(spec.submodule_search_locations[0]) / folder).resolve()
    return sorted(p for p in place.glob("*") if _is_library(p))


def _is_library(path: Path) -> bool:
    """Return whether a file is a shared library by its name."""
    return any(suffix in path.suffixes for suffix in _SUFFIXES)


def _opened(paths: list[Path]) -> tuple[Any, Path | None]:
    """Return the first library that loads, and its path."""
    for path in paths:
        try:
            return ctypes.CDLL(str(path)), path
        except OSError:
            # Made for another system: the next one may do.
            continue
    return None, None


def _address(function: Any) -> int:
    """Return the address of a C function."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0
