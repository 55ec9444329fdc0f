"""A function of generated text -> an LLVM function: its statements one after the other.

The text is a small language (numbers, arrays, tiles; loops and conditions), typed by its
signatures: types are known in the order of reading. A name that is assigned several times has
memory, which LLVM turns into registers.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from gradc.build import arithmetic
from gradc.build.expressions import Expressions, base_of
from gradc.build.typed import (
    Array,
    Group,
    Single,
    Value,
    context,
    flat_types,
    typing_context,
    unflat,
    whole,
)
from gradc.errors import BuildError
from gradc.runtime.decorators import Kernel
from gradc.runtime.row_types import CHUNKS, ROWS, TILED

Call = Callable[[Any, Kernel, list[Any]], None]


class _Wider(Exception):
    """A name is assigned a type that it hasn't had before; the function is begun anew."""

    def __init__(self, name: str, type_: Any) -> None:
        super().__init__(name)
        self.name, self.type = name, type_


def declare(module: Any, kernel: Kernel, name: str) -> Any:
    """Return the LLVM function of a kernel, without its body."""
    arguments = [t for argument in kernel.arguments for t in flat_types(argument)]
    made = ir.Function(module, ir.FunctionType(ir.VoidType(), arguments), name)
    made.attributes.add("nounwind")
    at = 0
    for argument in kernel.arguments:
        if isinstance(argument, types.Array) and not kernel.overlap:
            made.args[at].add_attribute("noalias")
        at += len(flat_types(argument))
    return made


def define(
    function: Any,
    kernel: Kernel,
    tree: ast.FunctionDef,
    known: Sequence[Any],
    call: Call,
) -> None:
    """Write the body of a kernel.

    Args:
        function: LLVM's, declared.
        kernel: with the types of its arguments, and the global names.
        tree: its text.
        known: for each of LLVM's arguments: the constant that all calls give, or None.
        call: emits the call of another kernel.
    """
    given = [arg if k is None else k for arg, k in zip(function.args, known, strict=True)]
    changes = None if kernel.overlap else changed(tree)
    around = kernel.function.__globals__
    write(
        lambda types_of: Function(
            function, tree, kernel.arguments, around, changes, types_of, call
        ),
        function,
        given,
    )


def write(made: Callable[[dict[str, Any]], Function], function: Any, given: Sequence[Any]) -> None:
    """Write a function, anew whenever a name turns out to have another type."""
    types_of: dict[str, Any] = {}
    while True:
        try:
            made(types_of).write(given)
            return
        except _Wider as found:
            types_of[found.name] = found.type
            function.blocks.clear()


class Function(Expressions):
    """Writes one function.

    Args:
        function: LLVM's.
        tree: its text.
        arguments: Numba's types of its arguments.
        around: its global names.
        changes: the arrays that it writes; None for any.
        types_of: types that names are known to have.
        call: emits the call of another kernel.
    """

    def __init__(
        self,
        function: Any,
        tree: ast.FunctionDef,
        arguments: Sequence[Any],
        around: dict[str, Any],
        changes: frozenset[str] | None,
        types_of: dict[str, Any],
        call: Call,
    ) -> None:
        Expressions.__init__(self, around, call)
        self._function, self._tree, self._arguments = function, tree, arguments
        self._types = types_of
        self._once = _assigned_once(tree)
        self.changes = changes

    def write(self, given: Sequence[Any]) -> None:
        """Emit the whole function."""
        entry = self._function.append_basic_block("entry")
        self.builder = ir.IRBuilder(entry)
        rest = list(given)
        for parameter, type_ in zip(self._tree.args.args, self._arguments, strict=True):
            self.bind(parameter.arg, self.argument(type_, rest))
        self.several(self._tree.body)
        self.end()

    def argument(self, type_: Any, given: list[Any]) -> Value:
        """Take an argument off the list of what LLVM's function is given."""
        count = len(flat_types(type_))
        own = given[:count]
        del given[:count]
        return unflat(self.builder, type_, own)

    def end(self) -> None:
        """Emit the end of the function."""
        self.builder.ret_void()

    def several(self, body: Sequence[ast.stmt]) -> None:
        """Emit statements."""
        for statement in body:
            self.statement(statement)

    def statement(self, statement: ast.stmt) -> None:
        """Emit one statement."""
        match statement:
            case ast.Expr(ast.Constant(str())) | ast.Pass():
                return
            case ast.Expr(ast.Call(function, args, [])):
                self.call(function, args)
            case ast.Assign(targets, value):
                found = self.value(value)
                for target in targets:
                    self._assign(target, found)
            case ast.AugAssign(target, op, value):
                self._change(target, op, self.number(value))
            case ast.For(ast.Name(name), iterable, body, []):
                self._loop(name, iterable, body)
            case ast.While(test, body, []):
                self._while(test, body)
            case ast.If(test, body, otherwise):
                self._if(test, body, otherwise)
            case _:
                raise BuildError(f"can't read {ast.unparse(statement)!r}")

    def _assign(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            self.bind(target.id, value)
        elif isinstance(target, ast.Tuple) and isinstance(value, Group):
            for one, item in zip(target.elts, value.items, strict=True):
                self._assign(one, item)
        elif isinstance(target, ast.Subscript) and isinstance(value, Single):
            array = self.array(target.value)
            self._store(array, self.element(array, target.slice), value)
        else:
            raise BuildError(f"can't assign to {ast.unparse(target)!r}")

    def bind(self, name: str, value: Value) -> None:
        """Let a name stand for a value from here on."""
        if name in self._once or not isinstance(value, Single):
            self.names[name] = value
            return
        type_, place = self.places.get(name, (self._types.get(name), None))
        if type_ is not None and typing_context().unify_types(type_, value.type) is None:
            place = type_ = None  # another thing of the same name
        if place is None:
            type_ = types.unliteral(value.type) if type_ is None else type_
            place = cgutils.alloca_once(self.builder, context().get_value_type(type_))
            self.places[name] = type_, place
        if value.type != type_:
            wider = arithmetic.unified(type_, value.type)
            if wider != type_:
                raise _Wider(name, wider)
            value = arithmetic.cast(self.builder, value, type_)
        self.builder.store(value.value, place)

    def _store(self, array: Array, place: Any, value: Single) -> None:
        """Put a number into an array."""
        made = arithmetic.cast(self.builder, value, array.type.dtype).value
        if array.type.dtype == types.boolean:
            made = self.builder.zext(made, place.type.pointee)
        self.builder.store(made, place)

    def _change(self, target: ast.expr, op: ast.operator, value: Single) -> None:
        """Emit target += value and its like; the target's address is computed once."""
        if isinstance(target, ast.Name):
            before = self.number(target)
            self.bind(target.id, arithmetic.binary(self.builder, type(op), before, value))
            return
        assert isinstance(target, ast.Subscript)
        array = self.array(target.value)
        place, dtype = self.element(array, target.slice), array.type.dtype
        before = self.builder.load(place)
        if dtype == types.boolean:
            before = self.builder.icmp_unsigned("!=", before, ir.Constant(before.type, 0))
        after = arithmetic.binary(self.builder, type(op), Single(dtype, before), value)
        self._store(array, place, after)

    def _loop(self, name: str, iterable: ast.expr, body: Sequence[ast.stmt]) -> None:
        """Emit a loop over a range, rows, blocks of rows, or tiles."""
        if isinstance(iterable, ast.Call) and ast.unparse(iterable.func) == "range":
            bounds = [self.position(a) for a in iterable.args]
            if len(bounds) == 1:
                bounds.insert(0, arithmetic.literal(0))
            step = bounds[2] if len(bounds) == 3 else arithmetic.literal(1)
            upwards = step.counted and bounds[0].counted
            first, last = bounds[0].value, bounds[1].value
            self._counting(
                name, first, last, step, body, lambda at: Single(types.int64, at, None, upwards)
            )
            return
        found = self.number(iterable)
        if found.type not in (ROWS, CHUNKS, TILED):
            raise BuildError(f"can't walk through {ast.unparse(iterable)!r}")
        walked = cgutils.create_struct_proxy(found.type)(context(), self.builder, found.value)
        first, last, block = walked.first, walked.last, walked.block

        def row(at: Any) -> Single:
            return Single(types.int64, at, None, counted=True)

        def chunk(at: Any) -> Single:
            end = self.builder.add(at, block, flags=("nsw",))
            made = cgutils.create_struct_proxy(ROWS)(context(), self.builder)
            made.first, made.last, made.block = at, self._least(end, last), block
            return Single(ROWS, made._getvalue())

        def tile(at: Any) -> Single:
            # one that would stick out begins earlier
            begin = self.builder.sub(last, block, flags=("nsw",))
            return Single(types.int64, self._least(at, begin), None, counted=True)

        step = arithmetic.literal(1) if found.type == ROWS else Single(types.int64, block)
        item = {ROWS: row, CHUNKS: chunk, TILED: tile}[found.type]
        self._counting(name, first, last, step, body, item, upwards=True)

    def _least(self, x: Any, y: Any) -> Any:
        return self.builder.select(self.builder.icmp_signed("<", x, y), x, y)

    def _counting(
        self,
        name: str,
        first: Any,
        last: Any,
        step: Single,
        body: Sequence[ast.stmt],
        item: Callable[[Any], Single],
        *,
        upwards: bool = False,
    ) -> None:
        """Emit `for at in range(first, last, step)`, the name standing for `item(at)`."""
        builder = self.builder
        head, inside, after = (builder.append_basic_block(n) for n in ("for", "body", "after"))
        before = builder.block
        builder.branch(head)
        builder.position_at_end(head)
        at = builder.phi(first.type)
        at.add_incoming(first, before)
        builder.cbranch(self._goes_on(at, last, step, upwards=upwards), inside, after)
        builder.position_at_end(inside)
        shadowed = self.names.get(name)
        if name in self.places:
            self.bind(name, item(at))
        else:
            self.names[name] = item(at)
        self.several(body)
        at.add_incoming(builder.add(at, step.value, flags=("nsw",)), builder.block)
        builder.branch(head)
        builder.position_at_end(after)
        if shadowed is not None:
            self.names[name] = shadowed
        else:
            self.names.pop(name, None)

    def _goes_on(self, at: Any, last: Any, step: Single, *, upwards: bool) -> Any:
        """Return whether a range is not at its end."""
        builder = self.builder
        less = builder.icmp_signed("<", at, last)
        if upwards or (step.literal is not None and step.literal > 0):
            return less
        more = builder.icmp_signed(">", at, last)
        if step.literal is not None and step.literal < 0:
            return more
        return builder.select(builder.icmp_signed(">", step.value, whole(0)), less, more)

    def _while(self, test: ast.expr, body: Sequence[ast.stmt]) -> None:
        builder = self.builder
        head, inside, after = (builder.append_basic_block(n) for n in ("while", "body", "after"))
        builder.branch(head)
        builder.position_at_end(head)
        builder.cbranch(self.condition(test), inside, after)
        builder.position_at_end(inside)
        self.several(body)
        builder.branch(head)
        builder.position_at_end(after)

    def _if(self, test: ast.expr, body: Sequence[ast.stmt], other: Sequence[ast.stmt]) -> None:
        builder = self.builder
        bit = self.condition(test)
        inside, otherwise, after = (builder.append_basic_block(n) for n in ("then", "else", "on"))
        builder.cbranch(bit, inside, otherwise)
        for block, statements in ((inside, body), (otherwise, other)):
            builder.position_at_end(block)
            self.several(statements)
            builder.branch(after)
        builder.position_at_end(after)


def _assigned_once(tree: ast.FunctionDef) -> set[str]:
    """Return the names with one assignment, not below an `if`: it holds wherever they are read."""
    counts = Counter(a.arg for a in tree.args.args)
    for node in ast.walk(tree):
        weight = 2 if isinstance(node, ast.AugAssign) else 1
        for target in _targets(node):
            counts[target.id] += weight
        if isinstance(node, ast.If):
            for below in ast.walk(node):
                counts.update(t.id for t in _targets(below))
    return {name for name, count in counts.items() if count == 1}


def changed(tree: ast.FunctionDef) -> frozenset[str]:
    """Return the arrays that are written, their parts, and what they are parts of."""
    parts: list[tuple[str, str]] = []
    changed: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Assign([ast.Name(part)], ast.Subscript() as whole_):
                parts.append((part, base_of(whole_)))
            case ast.Assign(targets):
                below = (n for t in targets for n in (t.elts if isinstance(t, ast.Tuple) else [t]))
                changed.update(base_of(t) for t in below if isinstance(t, ast.Subscript))
            case ast.AugAssign(ast.Subscript() as target):
                changed.add(base_of(target))
            case ast.Expr(ast.Call(_, args)):
                changed.update(base_of(a) for a in args)
            case _:
                pass
    for _ in parts:  # a part of a part
        for pair in parts:
            if not changed.isdisjoint(pair):
                changed.update(pair)
    return frozenset(changed)


def _targets(node: ast.AST) -> list[ast.Name]:
    """Return the names that a statement assigns; loops have their own."""
    match node:
        case ast.Assign(targets):
            below = [n for t in targets for n in (t.elts if isinstance(t, ast.Tuple) else [t])]
            return [n for n in below if isinstance(n, ast.Name)]
        case ast.AugAssign(ast.Name() as target):
            return [target]
        case _:
            return []
