"""Expression text -> applications of primitives through a Builder."""

from __future__ import annotations

from typing import Any

from gradc.errors import ArgumentError
from gradc.ir.builder import Builder
from gradc.ir.dtype import DType
from gradc.ir.graph import TensorType
from gradc.ir.primitive import lookup
from gradc.symbolic.program import Argument, Name, Number, Result, Step, program
from gradc.symbolic.program import free_names as free_names

Operands = dict[str, Any]


def apply_expression(builder: Builder, text: str, operands: Operands, like: TensorType) -> Any:
    """Return the value of an expression.

    Numbers become constants of `like`'s shape and the dtype of the operand beside them.

    Args:
        builder: applies the primitives.
        text: the expression, `out * (1 - out)`; see symbolic/program.py.
        operands: values by name, all of `like`'s shape.
        like: type of the result where the expression is a mere number.
    """
    steps = program(text)
    run = _Run(builder, operands, like, text)
    for step in steps.steps:
        run.apply(step)
    return run.operand(steps.value, like.dtype)


class _Run:
    """One run of a program; constants are made once each."""

    def __init__(self, builder: Builder, operands: Operands, like: TensorType, text: str) -> None:
        self.builder = builder
        self.operands = operands
        self.like = like
        self.text = text
        self.results: list[Any] = []
        self.constants: dict[tuple[str, DType], Any] = {}

    def apply(self, step: Step) -> None:
        """Apply one step."""
        dtype = self.like.dtype
        if any(isinstance(a, Number) for a in step.arguments):
            dtype = self.dtype_beside(step)
        inputs = tuple(self.operand(a, dtype) for a in step.arguments)
        self.results.append(self.builder.apply(lookup(step.primitive), inputs, {}))

    def dtype_beside(self, step: Step) -> DType:
        """Return the dtype that numbers in a step get; the condition of `where` doesn't count."""
        values = step.arguments[1:] if step.primitive == "where" else step.arguments
        for argument in values:
            if isinstance(argument, Name | Result):
                return self.builder.typeof(self.operand(argument, self.like.dtype)).dtype
        return self.like.dtype

    def operand(self, argument: Argument, dtype: DType) -> Any:
        """Return the value of an argument; a number as a constant of `dtype`."""
        match argument:
            case Result(step=step):
                return self.results[step]
            case Name(name=name) if name in self.operands:
                return self.operands[name]
            case Name(name=name):
                raise ArgumentError(
                    f"expression {self.text!r}: unknown name {name!r}",
                    hint=f"the names are {', '.join(self.operands)}",
                )
            case number:
                return self.constant(number, dtype)

    def constant(self, number: Number, dtype: DType) -> Any:
        """Return a constant; -0.0 and 0.0, True and 1 are different ones."""
        key = (repr(number), dtype)
        if key not in self.constants:
            self.constants[key] = self.builder.full(self.like.with_dtype(dtype), number)
        return self.constants[key]
