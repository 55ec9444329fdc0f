"""Modules that hold other modules: in a row, as a list, as a dict."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, overload

from gradc.errors import ArgumentTypeError, TensorIndexError
from gradc.nn.module import Module
from gradc.nn.representation import represent_list
from gradc.tensor import epoch


class _Indexed(Module):
    """The part of Sequential and ModuleList that reads and writes by number."""

    def _at(self, index: int) -> str:
        """Return the name of child `index`."""
        given = operator.index(index)
        if not -len(self) <= given < len(self):
            raise TensorIndexError(
                f"{self._get_name()}: index {given} is outside of {len(self)} modules"
            )
        return list(self._modules)[given]

    def _replace(self, children: Iterable[Module | None]) -> None:
        """Hold these modules instead, numbered from 0."""
        table = {str(i): child for i, child in enumerate(children)}
        for child in table.values():
            _check(self._get_name(), child)
        self._modules.clear()
        self._modules.update(table)
        epoch.bump()

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __setitem__(self, index: int, module: Module) -> None:
        """Replace child `index`."""
        setattr(self, self._at(index), _check(self._get_name(), module))

    def __delitem__(self, index: int | slice) -> None:
        """Remove children; those after them move up."""
        kept = list(self._modules.values())
        if isinstance(index, slice):
            del kept[index]
        else:
            del kept[list(self._modules).index(self._at(index))]
        self._replace(kept)

    def append(self, module: Module) -> Self:
        """Add a module at the end."""
        self.add_module(str(len(self)), _check(self._get_name(), module))
        return self

    def insert(self, index: int, module: Module) -> None:
        """Add a module before child `index`."""
        children = list(self._modules.values())
        children.insert(index, _check(self._get_name(), module))
        self._replace(children)

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add modules at the end."""
        for module in list(modules):
            self.append(module)
        return self

    def pop(self, key: int) -> Any:
        """Remove child `key` and return it."""
        found = self._modules[self._at(key)]
        del self[key]
        return found


class Sequential(_Indexed):
    """Calls its modules one after the other, each with the result of the one before.

    Args:
        args: modules, or one dict of names and modules.

    Example:
        >>> from gradc import nn
        >>> nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        Sequential(
          (0): Linear(in_features=2, out_features=3, bias=True)
          (1): ReLU()
        )
    """

    def __init__(self, *args: Module | Mapping[str, Module]) -> None:
        super().__init__()
        if len(args) == 1 and isinstance(args[0], Mapping):
            for name, module in args[0].items():
                self.add_module(name, module)
            return
        for i, module in enumerate(args):
            self.add_module(str(i), _check("Sequential", module))

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        """Return child `index`, or a Sequential of several."""
        if isinstance(index, slice):
            return type(self)(dict(list(self._modules.items())[index]))  # pyright: ignore[reportArgumentType]  # no None among them
        return self._modules[self._at(index)]

    def __delitem__(self, index: int | slice) -> None:
        """Remove children; numbered names after them move up, others stay."""
        names = list(self._modules)
        gone = names[index] if isinstance(index, slice) else [self._at(index)]
        kept = {name: child for name, child in self._modules.items() if name not in gone}
        if all(name.isdecimal() for name in names):
            self._replace(kept.values())
            return
        for name in gone:
            delattr(self, name)

    def __add__(self, other: Sequential) -> Self:
        """Return the modules of both, in a row."""
        return type(self)(*self, *other)

    def forward(self, input: Any) -> Any:
        """Return the result of the last module."""
        for module in self._modules.values():
            if module is not None:
                input = module(input)
        return input


class ModuleList(_Indexed):
    """A list of modules; calling it is up to the module that holds it.

    Args:
        modules: what to hold.
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(() if modules is None else modules)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        """Return child `index`, or a ModuleList of several."""
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._modules[self._at(index)]

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        """Return a list of the modules of both."""
        return ModuleList([*self, *other])

    def __repr__(self) -> str:
        return represent_list(self)


class ModuleDict(Module):
    """A dict of modules; calling it is up to the module that holds it.

    Args:
        modules: names and modules to hold.
    """

    def __init__(
        self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None
    ) -> None:
        super().__init__()
        self.update({} if modules is None else modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]
        epoch.bump()

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def keys(self) -> Iterable[str]:
        """Return the names."""
        return self._modules.keys()

    def values(self) -> Iterable[Any]:
        """Return the modules."""
        return self._modules.values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Return the pairs of name and module."""
        return self._modules.items()

    def clear(self) -> None:
        """Remove all modules."""
        for name in list(self._modules):
            del self[name]

    def pop(self, key: str) -> Any:
        """Remove a module and return it."""
        found = self._modules[key]
        del self[key]
        return found

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add modules, replacing those of the same names."""
        for name, module in dict(modules).items():
            self[name] = module


def _check(holder: str, module: object) -> Any:
    """Return the module; refuse anything else."""
    if module is not None and not isinstance(module, Module):
        raise ArgumentTypeError(
            f"{holder}: expected a Module, got {type(module).__name__}",
            hint="an instance: nn.ReLU(), not nn.ReLU" if isinstance(module, type) else "",
        )
    return module
