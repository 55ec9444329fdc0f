"""Expressions of generated text -> LLVM instructions: names, elements, operators, calls."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types

from gradc.build import arithmetic
from gradc.build.typed import (
    I1,
    Array,
    Group,
    Single,
    Value,
    constant,
    context,
    dense,
    flat,
    handed,
    received,
    refused,
    times,
    type_of,
    typing_context,
    whole,
)
from gradc.errors import BuildError
from gradc.runtime.decorators import ELEMENT, Kernel
from gradc.runtime.operation import Operation
from gradc.runtime.views import View

_NUMBERS: dict[Any, Any] = {
    np.float32: types.float32,
    np.float64: types.float64,
    np.int32: types.int32,
    np.int64: types.int64,
    np.uint8: types.uint8,
}
_SIMPLE = (ast.Name, ast.Constant, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Attribute)


class Expressions:
    """Emits expressions at a builder's position.

    Attributes:
        builder: LLVM's.
        names: the values of names that are assigned once.
        places: (type, memory) of those that are assigned several times.
        changes: arrays whose elements are written; None for any.
    """

    def __init__(self, globals_: dict[str, Any], call: Callable[[Any, Kernel, list[Any]], None]):
        """Begin a function whose global names are these; `call` emits a kernel's call."""
        self.globals, self._call_kernel = globals_, call
        self.builder: Any = None
        self.names: dict[str, Value] = {}
        self.places: dict[str, tuple[Any, Any]] = {}
        self.changes: frozenset[str] | None = frozenset()

    def value(self, node: ast.expr) -> Value:
        """Return the value of an expression."""
        match node:
            case ast.Constant(bool() | int() | float() as number):
                return arithmetic.literal(number)
            case ast.Name(name):
                return self._named(name)
            case ast.Tuple(items):
                return Group(tuple(self.value(item) for item in items))
            case ast.BinOp(left, op, right):
                x, y = self.number(left), self.number(right)
                return arithmetic.binary(self.builder, type(op), x, y)
            case ast.UnaryOp(ast.USub(), operand):
                return arithmetic.negative(self.builder, self.number(operand))
            case ast.UnaryOp(ast.Not(), operand):
                return Single(types.boolean, self.builder.not_(self.condition(operand)))
            case ast.Compare(left, ops, rights):
                return Single(types.boolean, self._comparison(left, ops, rights))
            case ast.BoolOp(op, values):
                return Single(types.boolean, self._both(isinstance(op, ast.And), values))
            case ast.IfExp(test, yes, no):
                return self._choice(test, yes, no)
            case ast.Subscript(of, index):
                return self._part(of, index)
            case ast.Call(function, args, []):
                return self._called(function, args)
            case _:
                raise BuildError(f"can't read {ast.unparse(node)!r}")

    def number(self, node: ast.expr) -> Single:
        """Return the value of an expression that is no array and no tuple."""
        found = self.value(node)
        if not isinstance(found, Single):
            raise BuildError(f"{ast.unparse(node)!r} is no number")
        return found

    def condition(self, node: ast.expr) -> Any:
        """Return the truth of an expression as one bit."""
        return arithmetic.true(self.builder, self.number(node))

    def position(self, node: ast.expr) -> Single:
        """Return an integer as int64."""
        found = self.number(node)
        if not isinstance(found.type, types.Integer | types.Boolean):
            raise BuildError(f"{ast.unparse(node)!r} is no integer")
        return arithmetic.cast(self.builder, found, types.int64)

    def array(self, node: ast.expr) -> Array:
        """Return an expression that is an array."""
        found = self.value(node)
        if not isinstance(found, Array):
            raise BuildError(f"{ast.unparse(node)!r} is no array")
        return found

    def _named(self, name: str) -> Value:
        if name in self.places:
            type_, place = self.places[name]
            return Single(type_, self.builder.load(place))
        if name in self.names:
            return self.names[name]
        found: Any = self.globals.get(name)
        if type(found) in (np.float32, np.float64):
            return constant(_NUMBERS[type(found)], float(found))
        if isinstance(found, bool | int | float):
            return arithmetic.literal(found)
        raise BuildError(f"the name {name!r} has no value here")

    def _comparison(self, left: ast.expr, ops: list[ast.cmpop], rights: list[ast.expr]) -> Any:
        """Return a < b < c as one bit; operands have no effects, so all are computed."""
        numbers = [self.number(n) for n in (left, *rights)]
        bits = [
            arithmetic.compare(self.builder, type(op), x, y)
            for op, x, y in zip(ops, numbers, numbers[1:], strict=False)
        ]
        result = bits[0]
        for bit in bits[1:]:
            result = self.builder.and_(result, bit)
        return result

    def _both(self, every: bool, values: list[ast.expr]) -> Any:
        """Return `a and b`, or `a or b`; b is computed only where it counts."""
        if all(simple(v) for v in values):
            bits = [self.condition(v) for v in values]
            result = bits[0]
            for bit in bits[1:]:
                result = (self.builder.and_ if every else self.builder.or_)(result, bit)
            return result
        done = self.builder.append_basic_block("decided")
        ends: list[tuple[Any, Any]] = []
        for v in values[:-1]:
            bit, following = self.condition(v), self.builder.append_basic_block("next")
            ends.append((ir.Constant(I1, not every), self.builder.block))
            targets = (following, done) if every else (done, following)
            self.builder.cbranch(bit, *targets)
            self.builder.position_at_end(following)
        ends.append((self.condition(values[-1]), self.builder.block))
        self.builder.branch(done)
        return self._met(done, ends)

    def _choice(self, test: ast.expr, yes: ast.expr, no: ast.expr) -> Single:
        """Return `yes if test else no`; only one of both is computed."""
        bit = self.condition(test)
        if simple(yes) and simple(no):
            x, y = self.number(yes), self.number(no)
            type_ = arithmetic.unified(x.type, y.type)
            a, b = (arithmetic.cast(self.builder, v, type_).value for v in (x, y))
            counted = x.counted and y.counted
            return Single(type_, self.builder.select(bit, a, b), None, counted)
        first, other, done = (self.builder.append_basic_block(n) for n in ("yes", "no", "done"))
        self.builder.cbranch(bit, first, other)
        made: list[Single] = []
        ends: list[Any] = []
        for block, node in ((first, yes), (other, no)):
            self.builder.position_at_end(block)
            made.append(self.number(node))
            ends.append(self.builder.block)
        type_ = arithmetic.unified(made[0].type, made[1].type)
        values: list[tuple[Any, Any]] = []
        for end, found in zip(ends, made, strict=True):
            self.builder.position_at_end(end)
            values.append((arithmetic.cast(self.builder, found, type_).value, end))
            self.builder.branch(done)
        return Single(type_, self._met(done, values), None, made[0].counted and made[1].counted)

    def _met(self, block: Any, ends: Sequence[tuple[Any, Any]]) -> Any:
        """Go on in a block with the value that the way there has given."""
        self.builder.position_at_end(block)
        phi = self.builder.phi(ends[0][0].type)
        for value, end in ends:
            phi.add_incoming(value, end)
        return phi

    def _part(self, of: ast.expr, index: ast.expr) -> Value:
        """Return a size, an element, or the rows from one on."""
        if isinstance(of, ast.Attribute) and of.attr == "shape":
            place = self.number(index).literal
            if not isinstance(place, int):
                raise BuildError(f"can't read {ast.unparse(of)}[{ast.unparse(index)}]")
            size = self.array(of.value).sizes[place]
            known = size.constant if isinstance(size, ir.Constant) else None
            return Single(types.int64, size, known, counted=True)
        array = self.array(of)
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        if len(parts) < len(array.sizes) or any(isinstance(p, ast.Slice) for p in parts):
            return self._cut(array, parts)
        place = self.element(array, index)
        value = self.builder.load(place)
        if self.changes is None or base_of(of) in self.changes:
            value = arithmetic.settled(self.builder, value)
        if array.type.dtype == types.boolean:
            value = self.builder.icmp_unsigned("!=", value, ir.Constant(value.type, 0))
        return Single(array.type.dtype, value)

    def _cut(self, array: Array, parts: list[ast.expr]) -> Array:
        """Return array[i, start:, a:b:step], sharing its memory; bounds are not negative."""
        sizes: list[Any] = []
        strides: list[Any] = []
        data, dense_ = array.data, array.type.layout == "C"
        given: list[ast.expr] = [*parts, *[ast.Slice()] * (len(array.sizes) - len(parts))]
        for part, size, stride in zip(given, array.sizes, array.strides, strict=True):
            if not isinstance(part, ast.Slice):
                at = self._place(part, size)
                data = self.builder.gep(data, [times(self.builder, at, stride)])
                dense_ = dense_ and not sizes
                continue
            whole_axis = part.lower is None and part.upper is None and part.step is None
            dense_ = dense_ and part.step is None and (whole_axis or not sizes)
            first, count, step = self._slice(part, size)
            data = self.builder.gep(data, [times(self.builder, first, stride)])
            sizes.append(count)
            strides.append(times(self.builder, step, stride))
        type_ = types.Array(array.type.dtype, len(sizes), "C" if dense_ else "A")
        return Array(type_, data, tuple(sizes), tuple(strides))

    def _slice(self, part: ast.Slice, size: Any) -> tuple[Any, Any, Any]:
        """Return where a slice begins, how many positions it has, and its step."""
        if part.lower is None and part.upper is None and part.step is None:
            return whole(0), size, whole(1)
        start, step, end = arithmetic.literal(0), arithmetic.literal(1), Single(types.int64, size)
        if part.lower is not None:
            start = self.position(part.lower)
        if part.upper is not None:
            end = arithmetic.smaller(self.builder, self.position(part.upper), end)
        left = arithmetic.binary(self.builder, ast.Sub, end, start)
        if part.step is not None:
            step = self.position(part.step)
            left = arithmetic.binary(self.builder, ast.Add, left, step)
            left = arithmetic.binary(self.builder, ast.Sub, left, arithmetic.literal(1))
            left = arithmetic.binary(self.builder, ast.FloorDiv, left, step)
        return start.value, left.value, step.value

    def element(self, array: Array, index: ast.expr) -> Any:
        """Return the address of an element."""
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        if len(parts) != len(array.sizes):
            raise BuildError(f"{len(parts)} indices [{ast.unparse(index)}] of {array.type}")
        offset: Any = None
        for node, size, stride in zip(parts, array.sizes, array.strides, strict=True):
            step = times(self.builder, self._place(node, size), stride)
            offset = step if offset is None else self.builder.add(offset, step, flags=("nsw",))
        return self.builder.gep(array.data, [offset], inbounds=True)

    def _place(self, node: ast.expr, size: Any) -> Any:
        """Return a position along an axis; a negative one counts from the end."""
        at = self.position(node)
        if at.counted:
            return at.value
        below = self.builder.icmp_signed("<", at.value, whole(0))
        return self.builder.select(below, self.builder.add(at.value, size), at.value)

    def _called(self, function: ast.expr, args: list[ast.expr]) -> Value:
        result = self.call(function, args)
        if result is None:
            raise BuildError(f"{ast.unparse(function)} has no value")
        return result

    def call(self, function: ast.expr, args: list[ast.expr]) -> Value | None:
        """Emit a call; return its value if it has one."""
        name = function.id if isinstance(function, ast.Name) else ast.unparse(function)
        target = self.globals.get(name)
        if isinstance(target, Operation):
            return self._operation(target, [self.value(a) for a in args])
        if target in _NUMBERS and len(args) == 1:
            return arithmetic.cast(self.builder, self.number(args[0]), _NUMBERS[target])
        if name == "abs" and len(args) == 1:
            return arithmetic.absolute(self.builder, self.number(args[0]))
        if name == "min" and len(args) == 2:
            return arithmetic.smaller(self.builder, *(self.number(a) for a in args))
        raise BuildError(f"can't call {name!r}")

    def _operation(self, operation: Operation, args: list[Value]) -> Value | None:
        signature = operation.typing(typing_context(), *map(type_of, args))
        if signature is None:
            raise BuildError(refused(operation, args))
        if isinstance(operation, View):
            return self._view(operation, args)
        given = [self._fit(a, t) for a, t in zip(args, signature.args, strict=True)]
        if isinstance(operation, Kernel):
            self._call_kernel(self.builder, operation, [v for a in given for v in flat(a)])
            return None
        assert operation.lowering is not None
        values = [handed(self.builder, a) for a in given]
        made = operation.lowering(context(), self.builder, signature, values)
        found = received(self.builder, signature.return_type, made)
        sizes = [a for a in args if isinstance(a, Single) and a.literal is not None]
        if isinstance(found, Array) and len(sizes) == len(args) == len(found.sizes):
            # a panel: its sizes are in the text
            known = tuple(s.value for s in sizes)
            return Array(found.type, found.data, known, dense(self.builder, known))
        if isinstance(found, Single) and operation.__name__ in ("minimum", "maximum"):
            counted = all(isinstance(a, Single) and a.counted for a in args)
            return Single(found.type, found.value, None, counted)
        return found

    def _view(self, view: View, args: list[Value]) -> Array:
        """Return an array at an address of the table, with sizes as they are written."""
        table, slot, offset, shape = args
        assert isinstance(shape, Group)
        sizes = tuple(self._fit(s, types.int64).value for s in shape.items)
        place = [self._fit(v, types.int64).value for v in (slot, offset)]
        data = view.address(context(), self.builder, handed(self.builder, table), *place)
        type_ = types.Array(view.element, len(sizes), "C")
        return Array(type_, data, sizes, dense(self.builder, sizes))

    def _fit(self, value: Value, type_: Any) -> Any:
        """Return an argument as the type that is asked for."""
        type_ = types.unliteral(type_)
        if isinstance(value, Single) and type_ in _CONVERTED:
            return arithmetic.cast(self.builder, value, type_)
        if isinstance(value, Group):
            return Group(tuple(map(self._fit, value.items, type_.types)))
        return value


_CONVERTED = {*ELEMENT.values(), types.uint64}


def base_of(node: ast.expr) -> str:
    """Return the name of the array that an expression is a part of."""
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def simple(node: ast.expr) -> bool:
    """Return whether computing an expression in vain does no harm and costs next to nothing."""
    return isinstance(node, _SIMPLE) and not any(
        isinstance(n, ast.Subscript | ast.Call | ast.IfExp) for n in ast.walk(node)
    )
