"""Every primitive as a GPU would run it: PTX on the PTX machine, warps in several orders."""

import numpy as np
import pytest
from emit_ptx import check
from ptx.schedule import ORDERS, Order
from test_every_primitive import ATOL, RTOL, program_of_all

from gradc.ir.dtype import float32, float64


@pytest.mark.parametrize("dtype", [float64, float32], ids=str)
@pytest.mark.parametrize("order", ORDERS)
def test_ptx_means_the_same(dtype, order):
    graph, arrays = program_of_all(dtype, 1)
    with np.errstate(all="ignore"):
        _, _, gpu = check(graph, arrays, order=Order(order), rtol=RTOL[dtype], atol=ATOL[dtype])
    assert len(gpu.launched) > 80
