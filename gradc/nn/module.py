"""A Module holds parameters, buffers and modules under names, and is called like a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self, cast

from gradc.errors import ArgumentError, ArgumentTypeError
from gradc.nn import traversal
from gradc.nn.call import traced_call
from gradc.nn.convert import Conversion
from gradc.nn.guard import fingerprint
from gradc.nn.hooks import Hooks, RemovableHandle, run_after, run_before
from gradc.nn.parameter import Parameter
from gradc.nn.representation import represent
from gradc.nn.state import IncompatibleKeys, load_state_dict, state_dict
from gradc.tensor import Tensor, epoch
from gradc.tensor.state import active_trace


def _forward_missing(self: Module, *args: Any, **kwargs: Any) -> Any:
    """Raise, for a module without forward."""
    raise NotImplementedError(f'Module [{type(self).__name__}] is missing the "forward" function')


class Module(Conversion, traversal.Traversal):
    """Base of layers and models.

    A subclass calls `super().__init__()`, sets parameters and modules as attributes, and has a
    method `forward`.

    Attributes:
        training: True after `train()`, False after `eval()`; Dropout and the like look at it.

    Example:
        >>> import gradc
        >>> from gradc import nn
        >>> class Scale(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.factor = nn.Parameter(gradc.ones(1))
        ...     def forward(self, x):
        ...         return x * self.factor
        >>> [name for name, _ in Scale().named_parameters()]
        ['factor']
    """

    training: bool
    forward: Callable[..., Any] = _forward_missing

    def __init__(self) -> None:
        put = super().__setattr__
        put("training", True)
        put("_parameters", {})
        put("_buffers", {})
        put("_modules", {})
        put("_non_persistent_buffers_set", set())
        put("_forward_pre_hooks", Hooks())
        put("_forward_hooks", Hooks())

    # ---- calling -----------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the pre-forward hooks, forward, and the forward hooks."""
        trace = active_trace()
        if trace is not None:
            return traced_call(self, trace, self._call, args, kwargs)
        if self._forward_pre_hooks or self._forward_hooks:
            return self._call(*args, **kwargs)
        return self.forward(*args, **kwargs)

    def _call(self, *args: Any, **kwargs: Any) -> Any:
        """Run forward between its hooks."""
        args, kwargs = run_before(self._forward_pre_hooks, self, args, kwargs)
        output = self.forward(*args, **kwargs)
        return run_after(self._forward_hooks, self, args, kwargs, output)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before forward; what it returns, if not None, replaces args.

        Args:
            hook: the function.
            prepend: run it before the hooks that are there already.
            with_kwargs: call `hook(module, args, kwargs)`; it returns None or `(args, kwargs)`.

        Returns:
            A handle whose `remove()` takes the hook away.
        """
        return self._forward_pre_hooks.add(hook, prepend, with_kwargs)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after forward; a result, if not None, replaces output.

        Args:
            hook: the function.
            prepend: run it before the hooks that are there already.
            with_kwargs: call `hook(module, args, kwargs, output)`.

        Returns:
            A handle whose `remove()` takes the hook away.
        """
        return self._forward_hooks.add(hook, prepend, with_kwargs)

    # ---- registration ------------------------------------------------------------------------

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter; None keeps the name for one that is left away (`bias=False`)."""
        given = cast("object", param)
        self._check_name("parameter", name, self._parameters)
        if not (given is None or isinstance(given, Parameter)):
            raise ArgumentTypeError(
                f"{self._get_name()}: parameter {name!r} must be a Parameter or None, got "
                f"{type(given).__name__}",
                hint="gradc.nn.Parameter(tensor)",
            )
        self._parameters[name] = param
        epoch.bump()

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the module's state but is not trained.

        Args:
            name: attribute under which it is found.
            tensor: the buffer, or None.
            persistent: whether it is part of the state_dict.
        """
        given = cast("object", tensor)
        self._check_name("buffer", name, self._buffers)
        if not (given is None or isinstance(given, Tensor)):
            raise ArgumentTypeError(
                f"{self._get_name()}: buffer {name!r} must be a Tensor or None, got "
                f"{type(given).__name__}"
            )
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)
        epoch.bump()

    def register_module(self, name: str, module: Module | None) -> None:
        """Add a module; the same as `add_module`."""
        self.add_module(name, module)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a module under a name."""
        given = cast("object", module)
        self._check_name("module", name, self._modules)
        if not (given is None or isinstance(given, Module)):
            raise ArgumentTypeError(
                f"{self._get_name()}: module {name!r} must be a Module or None, got "
                f"{type(given).__name__}"
            )
        self._modules[name] = module
        epoch.bump()

    def _check_name(self, kind: str, name: object, table: dict[str, Any]) -> None:
        """Refuse names that can't be part of a dotted path or are taken by something else."""
        if not isinstance(name, str):
            raise ArgumentTypeError(
                f"{self._get_name()}: the name of a {kind} must be a str, got {type(name).__name__}"
            )
        if name == "" or "." in name:
            raise ArgumentError(
                f"{self._get_name()}: the name of a {kind} must not be empty or hold a dot, got "
                f"{name!r}"
            )
        if name not in table and hasattr(self, name):
            raise ArgumentError(f"{self._get_name()}: the attribute {name!r} is there already")

    # ---- attributes --------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        """Find a parameter, buffer or module by name."""
        for table in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(table)
            if found is not None and name in found:
                return found[name]
        if "_parameters" not in self.__dict__:
            hint = ": call super().__init__() first"
        else:
            hint = ""
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

    def __setattr__(self, name: str, value: Any) -> None:
        """Register parameters and modules; keep everything else as it is."""
        tables = self.__dict__
        if isinstance(value, Parameter):
            self._forget("parameter", name, keep="_parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._forget("module", name, keep="_modules")
            self._modules[name] = value
            epoch.bump()
        elif name in tables.get("_parameters", ()):
            self.register_parameter(name, value)
        elif name in tables.get("_buffers", ()):
            self.register_buffer(name, value, name not in self._non_persistent_buffers_set)
        elif name in tables.get("_modules", ()):
            self.add_module(name, value)
        else:
            super().__setattr__(name, value)
            epoch.bump()

    def __delattr__(self, name: str) -> None:
        """Take a parameter, buffer, module or other attribute away."""
        tables = (self._parameters, self._buffers, self._modules)
        found = [table for table in tables if name in table]
        for table in found:
            del table[name]
        if not found:
            super().__delattr__(name)
        self._non_persistent_buffers_set.discard(name)
        epoch.bump()

    def _forget(self, kind: str, name: str, keep: str) -> None:
        """Remove a name from all tables but one, where it keeps its place."""
        tables = self.__dict__
        if "_parameters" not in tables:
            raise AttributeError(
                f"{type(self).__name__}: call super().__init__() before a {kind} is set"
            )
        for table in ("_parameters", "_buffers", "_modules"):
            if table != keep:
                tables[table].pop(name, None)
        self._non_persistent_buffers_set.discard(name)
        tables.pop(name, None)

    def __dir__(self) -> list[str]:
        """List attributes, with parameters, buffers and modules among them."""
        names = {*super().__dir__(), *self._parameters, *self._buffers, *self._modules}
        return sorted(name for name in names if name.isidentifier())

    # ---- modes and state ---------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Set `training` here and in all modules below."""
        if not isinstance(mode, bool):  # pyright: ignore[reportUnnecessaryIsInstance]  # users pass anything
            raise ArgumentError(f"{self._get_name()}.train: mode must be a bool, got {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set `training` to False here and in all modules below."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set whether the parameters want gradients."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        epoch.bump()
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of all parameters.

        Args:
            set_to_none: forget them; otherwise fill them with zeros.
        """
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad = parameter.grad.detach().zero_()

    def apply(self, fn: Callable[[Module], object]) -> Self:
        """Call `fn` on every module below, children first, then on this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> dict[str, Tensor]:
        """Return parameters and persistent buffers by dotted name; they share memory with mine.

        Args:
            prefix: put before each name.
            keep_vars: give the parameters themselves instead of detached tensors.
        """
        return state_dict(self, prefix, keep_vars)

    def load_state_dict(
        self, state_dict: dict[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy tensors into the parameters and buffers of the same names; all of them or none.

        Args:
            state_dict: tensors by dotted name.
            strict: whether names that are missing or left over are errors.
            assign: take the given tensors themselves instead of copying their values.

        Returns:
            The missing and the unexpected names.

        Raises:
            StateDictError: names or shapes that don't fit; the module is left as it was.
        """
        return load_state_dict(self, state_dict, strict, assign)

    # ---- text and guards ---------------------------------------------------------------------

    def extra_repr(self) -> str:
        """Return what stands between the brackets in the module's text; for subclasses."""
        return ""

    def _get_name(self) -> str:
        """Return the name of the class, which texts and messages begin with."""
        return type(self).__name__

    def __repr__(self) -> str:
        """Return the module's text, one indented line per child."""
        return represent(self)

    def _fingerprint(self) -> tuple[object, ...]:
        """Return what a program compiled with this module depends on."""
        return fingerprint(self)
