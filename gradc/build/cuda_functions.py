"""A kernel of generated CUDA text -> an LLVM function: the CPU's translation with other loops.

Arrays are pointers whose sizes are part of their types; loops go over what a lane has to do.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from gradc.build.functions import Function, changed, write
from gradc.build.typed import Array, Group, Single, Value, context, whole
from gradc.errors import BuildError
from gradc.runtime.cuda_arrays import DeviceArrayType, address
from gradc.runtime.cuda_frames import FIELDS, Positions
from gradc.runtime.cuda_tiles import Held
from gradc.runtime.decorators import ELEMENT

STATUS = ir.IntType(32)  # a thread without work gives 0 early


def kernel_types(parameters: Sequence[Any], *, wide: bool) -> list[Any]:
    """Return Numba's types of a kernel's parameters; `wide`: indices have 64 bits."""
    return [
        Positions((-1,))
        if p.sizes is None
        else DeviceArrayType(ELEMENT[p.code], p.sizes, wide=wide)
        for p in parameters
    ]


def define_kernel(
    module: Any, kernel: Any, tree: ast.FunctionDef, kinds: Sequence[Any], *, freeze: bool
) -> Any:
    """Add a kernel to LLVM's module; return its function.

    Args:
        module: of llvmlite's.
        kernel: a `CudaKernel`.
        tree: its text.
        kinds: types of its parameters.
        freeze: whether numbers are settled that lie in memory which the kernel writes.

    Raises:
        BuildError: the text says something that can't be compiled.
    """
    flat: list[Any] = []
    for kind in kinds:
        value = context().get_value_type(kind)
        flat += value.elements if isinstance(kind, Positions) else [value]
    function = ir.Function(module, ir.FunctionType(STATUS, flat), f"kernel.{kernel.__name__}")
    function.attributes.add("nounwind")
    if not kernel.overlap:
        for argument in function.args:
            if isinstance(argument.type, ir.PointerType):
                argument.add_attribute("noalias")
    changes = frozenset[str]()
    if freeze:
        changes = None if kernel.overlap else changed(tree)
    around = kernel.function.__globals__
    write(
        lambda types_of: KernelFunction(function, tree, kinds, around, changes, types_of, _call),
        function,
        function.args,
    )
    return function


def _call(builder: Any, called: Any, args: list[Any]) -> None:
    raise BuildError(f"a kernel can't call {called.__name__}")


class KernelFunction(Function):
    """Writes one kernel."""

    def argument(self, type_: Any, given: list[Any]) -> Value:
        """Take an argument off the list of what LLVM's function is given."""
        if not isinstance(type_, Positions):
            return Single(type_, given.pop(0))
        made = cgutils.create_struct_proxy(type_)(context(), self.builder)
        for name in FIELDS:
            setattr(made, name, given.pop(0))
        return Single(type_, made._getvalue())

    def end(self) -> None:
        """Emit the end of the function."""
        self.builder.ret(STATUS(0))

    def statement(self, statement: ast.stmt) -> None:
        """Emit one statement."""
        match statement:
            case ast.For(target, ast.Name() as walked, body, []):
                self._walk(target, self.number(walked), body)
            case ast.For(target, ast.Call(ast.Name(name)) as call, body, []) if name != "range":
                self._walk(target, self.number(call), body)
            case _:
                Function.statement(self, statement)

    def _walk(self, target: ast.expr, walked: Single, body: Sequence[ast.stmt]) -> None:
        """Emit a loop over positions, or over what a thread holds."""
        if not isinstance(walked.type, Positions | Held):
            raise BuildError(f"can't walk through {walked.type}")
        builder = self.builder
        walk = walked.type.walk(context(), builder, walked.value)
        head, inside, after = (builder.append_basic_block(n) for n in ("for", "body", "after"))
        before = builder.block
        builder.branch(head)
        builder.position_at_end(head)
        at = builder.phi(walk.first.type)
        at.add_incoming(walk.first, before)
        builder.cbranch(builder.icmp_unsigned("<", at, walk.last), inside, after)
        builder.position_at_end(inside)
        items = [Single(*item) for item in walk.item(at)]
        item = items[0] if len(items) == 1 else Group(tuple(items))
        own = {n.id for n in ast.walk(target) if isinstance(n, ast.Name)}
        shadowed = {name: self.names.get(name) for name in own}
        self._given(target, item)
        self.several(body)
        at.add_incoming(builder.add(at, walk.step, flags=["nuw", "nsw"]), builder.block)
        builder.branch(head)
        builder.position_at_end(after)
        for name, before in shadowed.items():
            self.names.pop(name, None)
            if before is not None:
                self.names[name] = before

    def _given(self, target: ast.expr, item: Value) -> None:
        """Let the names of a loop stand for an item; whole numbers in it are never negative."""
        if isinstance(target, ast.Tuple):
            assert isinstance(item, Group)
            for one, part in zip(target.elts, item.items, strict=True):
                self._given(one, part)
            return
        assert isinstance(target, ast.Name)
        assert isinstance(item, Single)
        counted = isinstance(item.type, types.Integer)
        value = Single(item.type, item.value, None, counted)
        if target.id in self.places:
            self.bind(target.id, value)
        else:
            self.names[target.id] = value

    def array(self, node: ast.expr) -> Array:
        """Return an expression that is an array: its sizes are constants."""
        found = self.value(node)
        if not isinstance(found, Single) or not isinstance(found.type, DeviceArrayType):
            raise BuildError(f"{ast.unparse(node)!r} is no array")
        return Array(found.type, found.value, tuple(map(whole, found.type.sizes)), ())

    def element(self, array: Array, index: ast.expr) -> Any:
        """Return the address of an element."""
        nodes = index.elts if isinstance(index, ast.Tuple) else [index]
        if len(nodes) != len(array.sizes):
            raise BuildError(f"{len(nodes)} indices [{ast.unparse(index)}] of {array.type}")
        places = [self.position(node).value for node in nodes]
        return address(self.builder, array.type, array.data, places)
