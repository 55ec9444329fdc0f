"""Each sample of each primitive, through passes, plan and text, against the meaning."""

import warnings

import numpy as np
import pytest
from emit_programs import Program
from emit_run import check

from gradc.autodiff.transform import inline
from gradc.ir.builder import GraphBuilder
from gradc.ir.dtype import float32, float64, from_numpy
from gradc.ir.graph import Graph, TensorType
from gradc.ir.primitive import registered

RTOL = {float32: 2e-5, float64: 1e-11}
ATOL = {float32: 1e-6, float64: 1e-12}


def operands(sample, dtype):
    return [
        np.asarray(a, dtype.numpy) if np.asarray(a).dtype.kind == "f" else np.asarray(a)
        for a in sample.arrays
    ]


def in_dtype(body, dtype):
    """Return the body of a loop for operands of another floating dtype."""
    b = GraphBuilder(body.name)
    env = inline(b, body, [b.input(v.type.with_dtype(dtype), v.name) for v in body.inputs])
    return b.finish(tuple(env[v] for v in body.outputs))


def append(b, primitive, sample, dtype, arrays):
    """Append a sample to a program; return the outputs."""
    given = operands(sample, dtype)
    inputs = tuple(
        b.input(TensorType(a.shape, from_numpy(a.dtype)), f"x{len(arrays) + i}")
        for i, a in enumerate(given)
    )
    arrays.extend(given)
    params = {
        k: in_dtype(v, dtype) if isinstance(v, Graph) else v for k, v in sample.params.items()
    }
    result = b.apply(primitive, inputs, params)
    return result if isinstance(result, tuple) else (result,)


CASES = [(name, number) for name, p in registered().items() for number, _ in enumerate(p.samples())]


@pytest.mark.parametrize("dtype", [float64, float32], ids=str)
@pytest.mark.parametrize(("name", "number"), CASES)
def test_interpreted_text_means_the_same(name, number, dtype):
    primitive = registered()[name]
    sample = list(primitive.samples())[number]
    floats = any(np.asarray(a).dtype.kind == "f" for a in sample.arrays)
    if dtype is float32 and not floats:
        pytest.skip("no floating operand")
    b, arrays = Program(name), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of NaN and overflow
        graph = b.finish(append(b, primitive, sample, dtype, arrays))
        check(graph, arrays, rtol=RTOL[dtype], atol=ATOL[dtype])


def program_of_all(dtype, per_primitive):
    b, arrays, outputs = Program("all_primitives"), [], []
    for primitive in registered().values():
        for sample in list(primitive.samples())[:per_primitive]:
            outputs += append(b, primitive, sample, dtype, arrays)
    return b.finish(tuple(outputs)), arrays


def test_compiled_text_means_the_same():
    graph, arrays = program_of_all(float64, 1)
    check(graph, arrays, native=True, rtol=RTOL[float64], atol=ATOL[float64])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [float64, float32], ids=str)
def test_compiled_text_of_all_samples_means_the_same(dtype):
    graph, arrays = program_of_all(dtype, 100)
    check(graph, arrays, native=True, rtol=RTOL[dtype], atol=ATOL[dtype])
