"""Modules that hold parameters: as a list, as a dict."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, cast, overload

from gradc.errors import ArgumentTypeError, TensorIndexError
from gradc.nn.module import Module
from gradc.nn.parameter import Parameter
from gradc.tensor import Tensor


class ParameterList(Module):
    """A list of parameters; tensors become parameters, anything else is kept as it is.

    Args:
        values: what to hold.

    Example:
        >>> import gradc
        >>> held = gradc.nn.ParameterList([gradc.ones(2, 3)])
        >>> [name for name, _ in held.named_parameters()]
        ['0']
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._size = 0
        self.extend(() if values is None else values)

    def _at(self, index: int) -> str:
        """Return the name of entry `index`."""
        given = operator.index(index)
        if not -len(self) <= given < len(self):
            raise TensorIndexError(f"ParameterList: index {given} is outside of {len(self)} values")
        return str(given % len(self))

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        """Return entry `index`, or a ParameterList of several."""
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, self._at(index))

    def __setitem__(self, index: int, param: Any) -> None:
        """Replace entry `index`."""
        setattr(self, self._at(index), _as_parameter(param))

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return iter([getattr(self, str(i)) for i in range(self._size)])

    def __iadd__(self, values: Iterable[Any]) -> Self:
        return self.extend(values)

    def append(self, value: Any) -> Self:
        """Add a value at the end."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add values at the end."""
        given = cast("object", values)
        if not isinstance(given, Iterable) or isinstance(given, Tensor):
            raise ArgumentTypeError(
                f"ParameterList.extend: expected an iterable, got {type(given).__name__}"
            )
        for value in list(cast("Iterable[Any]", given)):
            self.append(value)
        return self

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Raise: it only holds."""
        raise ArgumentTypeError("ParameterList: it holds parameters and can't be called")

    def extra_repr(self) -> str:
        """Return one line per entry."""
        return "\n".join(f"  ({i}): {_said(p, short=True)}" for i, p in enumerate(self))


class ParameterDict(Module):
    """A dict of parameters; tensors become parameters, anything else is kept as it is.

    Args:
        parameters: names and values to hold; a plain dict is taken in the order of its names.

    Example:
        >>> import gradc
        >>> held = gradc.nn.ParameterDict({"scale": gradc.ones(2)})
        >>> [name for name, _ in held.named_parameters()]
        ['scale']
    """

    def __init__(self, parameters: Any = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        self.update({} if parameters is None else parameters)

    def __getitem__(self, key: str) -> Any:
        if key not in self._keys:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, value: Any) -> None:
        """Add or replace a value."""
        given = cast("object", key)
        if not isinstance(given, str):
            raise ArgumentTypeError(
                f"ParameterDict: the name of a parameter must be a str, got {type(given).__name__}"
            )
        if key not in self._keys:
            self._check_name("parameter", key, {})
        self._keys[key] = None
        setattr(self, key, _as_parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def keys(self) -> Iterable[str]:
        """Return the names."""
        return self._keys.keys()

    def values(self) -> Iterable[Any]:
        """Return the values."""
        return [self[key] for key in self._keys]

    def items(self) -> Iterable[tuple[str, Any]]:
        """Return the pairs of name and value."""
        return [(key, self[key]) for key in self._keys]

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value, or `default` where the name isn't there."""
        return self[key] if key in self._keys else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """Return a value, after adding `default` where the name isn't there."""
        if key not in self._keys:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Any:
        """Remove a value and return it."""
        found = self[key]
        del self[key]
        return found

    def clear(self) -> None:
        """Remove all values."""
        for key in list(self._keys):
            del self[key]

    def copy(self) -> ParameterDict:
        """Return another dict of the same parameters."""
        return ParameterDict(list(self.items()))

    def update(self, parameters: Any) -> None:
        """Add values, replacing those of the same names."""
        if isinstance(parameters, ParameterDict):
            pairs = list(parameters.items())
        elif type(parameters) is dict:
            # PyTorch's order, which its state_dict has.
            pairs = sorted(cast("dict[str, Any]", parameters).items())
        elif isinstance(parameters, Mapping):
            pairs = list(cast("Mapping[str, Any]", parameters).items())
        else:
            pairs = [(key, value) for key, value in parameters]
        for key, value in pairs:
            self[key] = value

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Raise: it only holds."""
        raise ArgumentTypeError("ParameterDict: it holds parameters and can't be called")

    def extra_repr(self) -> str:
        """Return one line per entry."""
        return "\n".join(f"  ({key}): {_said(p, short=False)}" for key, p in self.items())


def _as_parameter(value: Any) -> Any:
    """Return tensors as parameters, anything else as it is."""
    return (
        Parameter(value)
        if isinstance(value, Tensor) and not isinstance(value, Parameter)
        else value
    )


def _said(value: object, short: bool) -> str:
    """Return what stands for a value in the text of its container."""
    if not isinstance(value, Tensor):
        return f"Object of type: {type(value).__name__}"
    sizes = "x".join(str(n) for n in value.shape)
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    place = "" if value.device.type == "cpu" else f" ({value.device})"
    dtype = f"gradc.{value.dtype}" if short else value.type()
    return f"{kind} containing: [{dtype} of size {sizes}{place}]"
