"""A program -> its native way in: addresses of a call's arrays are placed without Python.

It has a table of its own, so that a call by the long way may fill in the program's meanwhile.
"""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from gradc.compiler.buffers import Array, Pool, address, held
from gradc.compiler.layout import layout
from gradc.compiler.native import FIRST
from gradc.compiler.program import Program
from gradc.ir.dtype import DType
from gradc.runtime.direct import Around, Direct, Given, Result, number_inside
from gradc.runtime.direct_facts import ARRAY, FLOAT, NEW, NUMBER, RESULT
from gradc.tensor.tensor import Tensor

SMALL = 1024  # bytes: up to here a new array costs less than a look for one that is free


def possible(program: Program, leaves: Sequence[Any]) -> bool:
    """Return whether all that a call needs can be said in arrays and numbers.

    Args:
        program: compiled.
        leaves: what stands where the tensors of a call are: tensors, NumPy arrays or numbers.
    """
    captured = program.captured
    if program.native.address == 0 or program.backward is not None or layout() is None:
        return False
    if program.moving or program.copied or captured.grads_seen:
        return False
    if captured.updated_arguments or captured.passed_gradients:
        return False
    if not all(g.again and isinstance(g.owner, Tensor) for g in program.gradients):
        return False
    if any(isinstance(s, int) and not isinstance(leaves[s], Tensor) for s in captured.passed):
        return False
    if any(c.storage.place is not None for c in captured.cells.values()):
        return False
    return all(_readable(leaves[p]) for p in captured.positions)


def _readable(leaf: Any) -> bool:
    """Return whether native code finds the elements of an argument."""
    if isinstance(leaf, np.generic):
        return number_inside(cast("np.generic[Any]", leaf))
    return type(leaf._data if isinstance(leaf, Tensor) else leaf) is np.ndarray


class Shortcut:
    """A native way into a program, for arguments of certain classes, shapes and dtypes.

    Attributes:
        run: takes the arrays of arguments, the hyper-parameters, the arrays of large results;
            returns a tuple of new tensors (a brief program has run then), or `miss`.
        place: the address of the table.
        taken: the results whose arrays are given.
    """

    def __init__(
        self, program: Program, leaves: Sequence[Any], types: Sequence[DType], miss: Any
    ) -> None:
        """Describe the arguments.

        Args:
            program: compiled.
            leaves: of a call that it has run for.
            types: dtype of each leaf.
            miss: what `run` returns where an argument is of another kind, and nothing has run.
        """
        code, captured = program.code, program.captured
        self._table: Array = code.table.copy()
        self._table[FIRST : FIRST + len(captured.positions)] = 0
        self.place = address(self._table)
        given = [
            _argument(leaves[p], types[p], self._slot(FIRST + i))
            for i, p in enumerate(captured.positions)
        ]
        numbers = address(program.numbers)
        given += [Given(FLOAT, numbers + 8 * i, float) for i in range(len(program.hypers))]
        self.taken = [i for i in range(captured.returned) if _bytes(program.fresh[i]) > SMALL]
        results = [self._result(i, program, len(given)) for i in range(captured.returned)]
        given += [Given(RESULT, results[i].place, np.ndarray) for i in self.taken]
        around = Around(
            code.native.address if code.brief else 0,
            self.place,
            list(zip(*program.ranges, strict=True)),
            [b.storage for b in program.changed],
            miss,
        )
        where = layout()
        assert where is not None
        self._direct = Direct(around, given, results, where)
        self.run: Callable[..., Any] = self._direct.run
        self.follow(program)

    def _slot(self, slot: int) -> int:
        return self.place + 8 * slot

    def _result(self, i: int, program: Program, first: int) -> Result:
        """Describe a result; `first` is the argument that is the first taken array."""
        pool, value = program.fresh[i], program.captured.graph.outputs[i]
        argument = first + self.taken.index(i) if i in self.taken else NEW
        place = self._slot(program.code.first_output + i)
        return Result(place, pool.dtype, pool.shape, value.dtype, argument)

    def follow(self, program: Program) -> None:
        """Take over where a call by the long way has put new gradients."""
        for gradient in program.gradients:
            self._table[gradient.slot] = program.code.table[gradient.slot]
        self._direct.hold([pair for g in program.gradients for pair in held(g)])
        program.last[:] = [None] * len(program.last)  # let go of the arguments


def _argument(leaf: Any, dtype: DType, place: int) -> Given:
    if isinstance(leaf, np.generic):
        return Given(NUMBER, place, cast("Any", leaf).__class__)
    array: Array = leaf._data if isinstance(leaf, Tensor) else leaf
    return Given(ARRAY, place, np.ndarray, dtype.numpy, array.shape)


def _bytes(pool: Pool) -> int:
    return int(np.prod(pool.shape, dtype=np.int64)) * pool.dtype.itemsize
