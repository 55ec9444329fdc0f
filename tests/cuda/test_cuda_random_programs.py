"""Random programs: eager and compiled, on the CPU and on a device, with second derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from random_programs import program, run

ON_REAL_DEVICES = True
WAYS = {
    "compiled": ("cpu", True),
    "on a device": ("cuda", False),
    "compiled for a device": ("cuda", True),
}


@pytest.mark.parametrize("seed", range(16))
def test_every_way_to_run_gives_the_same(seed):
    made = program(seed)
    expected = run(made, "cpu", False)
    single = made.inputs[0].dtype == np.float32
    for way, (device, compiled) in WAYS.items():
        if way == "on a device" and seed % 4:
            continue  # an operation is a kernel: compiling them takes time
        found = run(made, device, compiled)
        for i, (x, y) in enumerate(zip(found, expected, strict=True)):
            said = f"{way}: result {i} of\n" + "\n".join(made.text)
            assert (x is None) == (y is None), said
            if x is None or not np.isfinite(y).all():
                continue
            assert (x.dtype, x.shape) == (y.dtype, y.shape), said
            largest = max(1.0, float(np.abs(y).max(initial=0)))
            tolerance = (1e-3 if single else 1e-9) * largest
            np.testing.assert_allclose(x, y, rtol=0, atol=tolerance, err_msg=said)
