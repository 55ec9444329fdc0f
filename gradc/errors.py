"""The one tree of errors; each is also the builtin that a PyTorch user would catch.

Every message has the same form: what was called and what was given, the user's line, a way out.
"""

from __future__ import annotations

from gradc.origin import Origin, here


class GradcError(Exception):
    """Base of all errors that gradc raises.

    Args:
        message: what was called, what was expected, what was given.
        hint: a way out, shown after `try:`.
        origin: the user's line; found on the stack when not given.
    """

    def __init__(self, message: str, *, hint: str = "", origin: Origin | None = None) -> None:
        self.message = message
        self.hint = hint
        self.origin = origin if origin is not None else here()
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [self.message]
        if self.origin is not None:
            lines.append(f"  at {self.origin}")
        if self.hint:
            lines.append(f"  try: {self.hint}")
        return "\n".join(lines)


class ShapeError(GradcError, RuntimeError):
    """Shapes that don't fit together."""


class DTypeError(GradcError, RuntimeError, TypeError):
    """A dtype that the operation does not take."""


class DeviceError(GradcError, RuntimeError):
    """Tensors of different devices, or a device that isn't there."""


class OutOfMemoryError(DeviceError):
    """A device has less memory than was asked for; what was there before is still there."""


class TensorIndexError(GradcError, IndexError):
    """An index outside its axis, or of a kind that can't index."""


class ArgumentError(GradcError, ValueError):
    """An argument whose value is not allowed."""


class ArgumentTypeError(GradcError, TypeError):
    """An argument whose Python type is not allowed."""


class UnsupportedError(GradcError, NotImplementedError):
    """Something PyTorch has and gradc has not."""


class MissingNameError(UnsupportedError, AttributeError):
    """A name of PyTorch's that gradc has not."""


class GradientError(GradcError, RuntimeError):
    """A backward pass that can't be run."""


class InplaceError(GradientError):
    """A value needed by the backward pass was changed in place."""


class AnomalyError(GradcError, RuntimeError):
    """The first NaN of a program, found by detect_anomaly."""


class TraceError(GradcError, RuntimeError):
    """Python that a traced function can't do, such as branching on a value."""


class VerifyError(GradcError, AssertionError):
    """A pass broke the graph: a bug in gradc."""


class RecompileError(GradcError, RuntimeError):
    """A compiled function met more signatures than it may."""


class BuildError(GradcError, RuntimeError):
    """Generated code that did not compile or load."""


class CacheError(GradcError, OSError):
    """A cache directory that can't be trusted or written."""


class StateDictError(GradcError, RuntimeError):
    """Names or shapes of a state_dict that don't fit the module."""


class FormatError(GradcError, RuntimeError, ValueError):
    """A data file that is truncated, corrupt or of another kind."""


class MissingFileError(GradcError, FileNotFoundError):
    """A file or folder that isn't there."""
