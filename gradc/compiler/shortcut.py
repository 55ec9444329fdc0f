"""A program -> its native way in: addresses of a call's arrays are placed without Python.

It has a table of its own, so that a call by the long way may fill in the program's meanwhile.
"""

# The fields of a tensor are shared between the rooms that trace it and that run the program.
# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np

from gradc.compiler.buffers import Array, address, held
from gradc.compiler.native import FIRST
from gradc.compiler.program import Program
from gradc.ir.dtype import DType
from gradc.runtime.direct import Direct, Given, available, number_inside
from gradc.runtime.direct_code import ARRAY, FLOAT, NUMBER, RESULT
from gradc.tensor.tensor import Tensor


def possible(program: Program, leaves: Sequence[Any]) -> bool:
    """Return whether all that a call needs can be said in arrays and numbers.

    Args:
        program: compiled.
        leaves: what stands where the tensors of a call are: tensors, NumPy arrays or numbers.
    """
    captured = program.captured
    if program.native.address == 0 or program.backward is not None or not available():
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
        run: takes the arrays of arguments, the hyper-parameters, the arrays of results; returns 0
            where that was all right (a brief program has run then).
        place: the address of the table.
    """

    def __init__(self, program: Program, leaves: Sequence[Any], types: Sequence[DType]) -> None:
        """Describe the arguments.

        Args:
            program: compiled.
            leaves: of a call that it has run for.
            types: dtype of each leaf.
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
        given += [
            Given(RESULT, self._slot(code.first_output + i), np.ndarray)
            for i in range(captured.returned)
        ]
        step = code.native.address if code.brief else 0
        self._direct = Direct(step, self.place, given, list(zip(*program.ranges, strict=True)))
        self.run: Callable[..., int] = self._direct.run
        self.follow(program)

    def _slot(self, slot: int) -> int:
        return self.place + 8 * slot

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
