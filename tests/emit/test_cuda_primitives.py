"""Each sample of each primitive as CUDA text: in lanes that take turns, and compiled."""

import warnings

import numpy as np
import pytest
from emit_cuda import check, in_lanes
from emit_programs import Program
from test_every_primitive import ATOL, CASES, RTOL, append, program_of_all

from gradc.ir.dtype import float32, float64
from gradc.ir.primitive import registered

FORWARD, BACKWARD = in_lanes((0, 1, 2)), in_lanes((2, 1, 0))


@pytest.mark.parametrize(("name", "number"), CASES)
def test_text_in_lanes_means_the_same(name, number):
    primitive = registered()[name]
    sample = list(primitive.samples())[number]
    b, arrays = Program(name), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of NaN and overflow
        graph = b.finish(append(b, primitive, sample, float64, arrays))
        for launch in (FORWARD, BACKWARD):
            check(graph, arrays, launch=launch, rtol=RTOL[float64], atol=ATOL[float64])


@pytest.mark.parametrize("dtype", [float64, float32], ids=str)
def test_compiled_text_means_the_same(dtype):
    graph, arrays = program_of_all(dtype, 1)
    with np.errstate(all="ignore"):
        check(graph, arrays, rtol=RTOL[dtype], atol=ATOL[dtype])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [float64, float32], ids=str)
def test_compiled_text_of_all_samples_means_the_same(dtype):
    graph, arrays = program_of_all(dtype, 100)
    with np.errstate(all="ignore"):
        check(graph, arrays, rtol=RTOL[dtype], atol=ATOL[dtype])
