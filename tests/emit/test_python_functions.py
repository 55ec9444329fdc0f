"""Generated text calls no function that Numba would compile apart, such as Python's `min`.

Numba looks for new functions once per program, before the first kernel, and wouldn't find it.
"""

import ast

import pytest
from emit_programs import Program
from emit_run import compile_text

from gradc.ir.dtype import float32
from gradc.ir.graph import TensorType
from gradc.schedule import product_tiles


def conv():
    b = Program("conv")
    x = b.input(TensorType((2, 31, 31, 1, 3), float32), "x")
    w = b.input(TensorType((3, 3, 1, 3, 20), float32), "w")
    return b.finish((b.op("conv", x, w, stride=(1, 1), dilation=(1, 1)),))


def sort():
    b = Program("sort")
    x = b.input(TensorType((3, 50), float32), "x")
    return b.finish(tuple(b.op("sort", x, axis=1, descending=False)))


def product():
    b = Program("product")
    x, w = (b.input(TensorType((64, 50), float32), name) for name in "xw")
    return b.finish((b.op("dot", x, w, contract=((1,), (1,)), batch=((), ())),))


@pytest.mark.parametrize("make", [conv, sort, product])
def test_no_functions_of_python(make, monkeypatch):
    monkeypatch.setattr(product_tiles, "PANEL_TERMS", 16)
    _, emitted = compile_text(make())
    calls = [n for n in ast.walk(ast.parse(emitted.source)) if isinstance(n, ast.Call)]
    names = {c.func.id for c in calls if isinstance(c.func, ast.Name)}
    assert names & {"minimum", "tiled"}
    assert not names & {"min", "max", "sum", "abs", "round", "enumerate", "zip"}
