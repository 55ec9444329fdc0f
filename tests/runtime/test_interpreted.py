import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from elementwise_program import BINARY, FLOAT, UNARY

# Run by a new interpreter under NUMBA_DISABLE_JIT=1: the same text, the same numbers.
SCRIPT = """
import json, sys
import numpy as np
from elementwise_program import Program
import gradc.runtime.cpu
assert "numba" not in sys.modules
code, name, x, y = json.load(sys.stdin)
program = Program(code, size=len(x))
x, y = np.array(x, program.dtype), np.array(y, program.dtype)
print(json.dumps({n: program(n, x, y).astype(float).tolist() for n in name}))
"""


def interpreted(code, names, x, y, cache):
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "GRADC_CACHE": str(cache)}
    paths = [str(Path(__file__).parent), *sys.path]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT],
        input=json.dumps([code, names, list(map(float, x)), list(map(float, y))]),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout)


@pytest.mark.parametrize("code", ["f32", "i64"])
def test_interpreted_functions_give_what_compiled_ones_give(program, code, tmp_path):
    real = code == "f32"
    names = [*FLOAT, *UNARY, *BINARY, "atan2"] if real else [*UNARY, *BINARY]
    x = np.array([0.25, -0.5, 1.5, 0.0, np.nan, np.inf, -3.0] if real else [7, -7, 0, 2])
    y = np.array([2.0, 0.5, -1.0, 3.0, 1.0, -np.inf, 2.0] if real else [2, 2, 0, -1])
    found = interpreted(code, names, x, y, tmp_path)
    for name in names:
        expected = program[code](name, x, y).astype(float)
        np.testing.assert_allclose(found[name], expected, rtol=1e-6, err_msg=name)


def test_both_modes_offer_the_same_names():
    from gradc.runtime import (
        cpu,
        interpreted,
        interpreted_maths,
        interpreted_products,
        interpreted_team,
        interpreted_tiles,
    )

    rooms = (interpreted, interpreted_maths, interpreted_products)
    rooms += (interpreted_team, interpreted_tiles)
    assert set(cpu.__all__) <= {name for room in rooms for name in vars(room)}
    assert len(cpu.__all__) == len(set(cpu.__all__))


PRODUCTS = """
from gradc.runtime.cpu import batch_t_matmul_t, matmul_add, step, view_b1, view_f64, view_i32

@step
def run(buffers):
    a, b, out = (view_f64(buffers, slot, 8, (2, 2)) for slot in (0, 1, 2))
    matmul_add(buffers, a, b, out)
    c = view_i32(buffers, 3, 0, (2, 1, 3))
    d, e = view_i32(buffers, 4, 0, (2, 3, 1)), view_i32(buffers, 5, 0, (2, 3, 3))
    batch_t_matmul_t(buffers, c, d, e)
    view_b1(buffers, 6, 0, ())[()] = view_f64(buffers, 0, 0, (0, 5)).size == 0
"""


def test_views_and_products_on_the_table(tmp_path, monkeypatch):
    from gradc.build.load import module_of
    from gradc.runtime import interpreted, interpreted_products

    text = PRODUCTS.replace("gradc.runtime.cpu", "interpreted_names")
    names = type(sys)("interpreted_names")
    vars(names).update(vars(interpreted) | vars(interpreted_products))
    monkeypatch.setitem(sys.modules, "interpreted_names", names)
    module = module_of(text, "products", "0" * 64, tmp_path / "kernel.py")
    rng = np.random.default_rng(0)
    a, b, out = rng.normal(size=(3, 5))
    before = out.copy()
    c, d = rng.integers(-9, 9, (2, 2, 3)).astype(np.int32)
    e, flag = np.zeros((2, 3, 3), np.int32), np.zeros((), bool)
    table = np.array([v.ctypes.data for v in (a, b, out, c, d, e, flag)], np.int64)
    assert module.run.run(table.ctypes.data) == 0
    product = a[1:].reshape(2, 2) @ b[1:].reshape(2, 2)
    np.testing.assert_allclose(out[1:], before[1:] + product.ravel())
    assert out[0] == before[0]
    np.testing.assert_array_equal(e, c[:, :, None] * d[:, None, :])
    assert flag
