"""Switch recording for backward passes on and off, as context managers and decorators."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar, overload

from gradc.tensor.state import STATE

F = TypeVar("F", bound=Callable[..., Any])


class GradMode:
    """Set whether operations are recorded, until the end of the `with` block.

    Args:
        on: whether operations are recorded.
    """

    def __init__(self, on: bool) -> None:
        self.on = on
        self.before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self.before.append((STATE.grad, STATE.inference))
        STATE.grad = self.on

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        STATE.grad, STATE.inference = self.before.pop()

    def __call__(self, function: F) -> F:
        """Return `function` running in this mode."""

        @functools.wraps(function)
        def in_mode(*args: Any, **kwargs: Any) -> Any:
            with GradMode(self.on):
                return function(*args, **kwargs)

        return in_mode  # pyright: ignore[reportReturnType] # wraps keeps the signature


class no_grad(GradMode):
    """Record nothing, as `with gradc.no_grad():` or `@gradc.no_grad()`.

    Example:
        >>> import gradc
        >>> w = gradc.ones(2, requires_grad=True)
        >>> with gradc.no_grad():
        ...     (w * 2).requires_grad
        False
    """

    @overload
    def __new__(cls, function: F) -> F: ...
    @overload
    def __new__(cls, function: None = None) -> no_grad: ...
    def __new__(cls, function: Any = None) -> Any:
        """Return the mode, or a function running in it."""
        made = object.__new__(cls)
        if function is None:
            return made
        made.__init__()
        return made(function)

    def __init__(self, function: None = None) -> None:
        super().__init__(False)


class enable_grad(GradMode):
    """Record again, inside of `no_grad`."""

    @overload
    def __new__(cls, function: F) -> F: ...
    @overload
    def __new__(cls, function: None = None) -> enable_grad: ...
    def __new__(cls, function: Any = None) -> Any:
        """Return the mode, or a function running in it."""
        made = object.__new__(cls)
        if function is None:
            return made
        made.__init__()
        return made(function)

    def __init__(self, function: None = None) -> None:
        super().__init__(True)


class set_grad_enabled(GradMode):
    """Set at once whether operations are recorded; as a context manager, until its end.

    Args:
        mode: whether operations are recorded.
    """

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        self.before.append((STATE.grad, STATE.inference))
        STATE.grad = mode

    def __enter__(self) -> None:
        STATE.grad = self.on

    def __call__(self, function: F) -> F:
        """Return `function` running in this mode; the mode of the caller is put back."""
        STATE.grad, STATE.inference = self.before.pop()
        return GradMode(self.on)(function)


class inference_mode(GradMode):
    """Record nothing, and make tensors that can't be recorded later.

    Args:
        mode: whether the mode is on.
    """

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode)
        self.mode = mode

    def __enter__(self) -> None:
        super().__enter__()
        STATE.inference = self.mode

    def __call__(self, function: F) -> F:
        """Return `function` running in this mode."""

        @functools.wraps(function)
        def in_mode(*args: Any, **kwargs: Any) -> Any:
            with inference_mode(self.mode):
                return function(*args, **kwargs)

        return in_mode  # pyright: ignore[reportReturnType] # wraps keeps the signature


def is_grad_enabled() -> bool:
    """Return whether operations are recorded."""
    return STATE.grad


def is_inference_mode_enabled() -> bool:
    """Return whether inference mode is on."""
    return STATE.inference
