"""PTX -> machine code of a GPU, by nvJitLink; the only module that needs NVIDIA's packages.

Neither a GPU nor its driver is needed.
"""

from __future__ import annotations

import importlib
from typing import Any

from gradc.errors import BuildError

# Numbered by generation; a cubin runs on later ones of the same major number.
ARCHITECTURES = (
    "sm_75", "sm_80", "sm_86", "sm_87", "sm_89", "sm_90", "sm_100", "sm_103", "sm_110", "sm_120",
)  # fmt: skip


def checked(arch: str) -> str:
    """Return an architecture's name.

    Raises:
        BuildError: there is no such architecture.
    """
    if arch not in ARCHITECTURES:
        raise BuildError(
            f"build: there is no CUDA architecture {arch!r}", hint=", ".join(ARCHITECTURES)
        )
    return arch


def assemble(ptx: bytes, arch: str) -> bytes:
    """Return the machine code (a cubin) of PTX text.

    Raises:
        BuildError: the packages are missing, or they refuse the text.
    """
    try:
        library: Any = importlib.import_module("cuda.bindings.nvjitlink")
    except ImportError as error:
        raise BuildError(
            "build: compiling for a GPU needs NVIDIA's nvJitLink, which is not installed",
            hint='pip install "gradc[cuda]"',
        ) from error
    handle = library.create(2, [f"-arch={arch}", "-O3"])
    try:
        kind = library.InputType.PTX
        library.add_data(handle, kind, ptx, len(ptx), "kernels.ptx")
        library.complete(handle)
        code = bytearray(library.get_linked_cubin_size(handle))
        library.get_linked_cubin(handle, code)
    except library.nvJitLinkError as error:
        log = bytearray(library.get_error_log_size(handle))
        library.get_error_log(handle, log)
        said = log.decode(errors="replace").strip("\0 \n")
        raise BuildError(f"build: nvJitLink refused the kernels for {arch}: {said}") from error
    finally:
        library.destroy(handle)
    return bytes(code)
