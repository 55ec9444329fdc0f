import inspect
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

import mlp_reference
import numpy as np
import pytest

from gradc.build import cache_info, load
from gradc.errors import BuildError

ADD = """
from gradc.runtime.cpu import kernel, step, view_f64

@kernel("f64[:], f64")
def add(x, c):
    for i in range(x.shape[0]):
        x[i] = x[i] + c

@step
def run(buffers):
    add(view_f64(buffers, 0, 0, (4,)), 1.5)
"""


def add_to_zeros(native):
    x = np.zeros(4)
    table = np.array([x.ctypes.data], np.int64)
    native.call(table.ctypes.data)
    return x.tolist()


def fresh_process(directory, **settings):
    """Run the MLP step in a new interpreter; return what it reports."""
    environment = {**os.environ, "GRADC_CACHE": str(directory), **settings}
    run = subprocess.run(
        [sys.executable, mlp_reference.__file__],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout)


@pytest.mark.parametrize("use_blas", [True, False])
def test_mlp_step_trains_as_numpy_does(cache, use_blas):
    native = load(mlp_reference.SOURCE, "mlp")
    losses, parameters = mlp_reference.run_compiled(native, 20, use_blas)
    expected_losses, expected = mlp_reference.run_numpy(20)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)
    for got, wanted in zip(parameters, expected, strict=True):
        np.testing.assert_allclose(got, wanted, atol=2e-5)


def test_warm_start_in_a_new_process_needs_no_numba(cache):
    cold = fresh_process(cache)
    warm = fresh_process(cache)
    assert (cold["cached"], cold["numba"]) == (False, True)
    assert (warm["cached"], warm["numba"]) == (True, False)
    assert cold["compile_seconds"] > 0 == warm["compile_seconds"]
    assert warm["load_seconds"] < 0.25
    assert warm["losses"] == cold["losses"]
    assert warm["path"] == cold["path"]


def test_interpreted_step_gives_the_same_losses(cache):
    compiled = fresh_process(cache)
    interpreted = fresh_process(cache, NUMBA_DISABLE_JIT="1")
    assert interpreted["address"] == 0
    assert not interpreted["numba"]
    assert Path(interpreted["path"]).read_text() == mlp_reference.SOURCE
    np.testing.assert_allclose(interpreted["losses"], compiled["losses"], rtol=1e-6)


def test_fields_of_a_loaded_program(cache):
    first, second = load(ADD, "add"), load(ADD, "add")
    assert (first.cached, second.cached) == (False, True)
    assert first.compile_seconds > 0
    assert second.compile_seconds == 0
    assert first.path == second.path
    assert first.path.read_text() == first.source == ADD
    assert add_to_zeros(first) == add_to_zeros(second) == [1.5] * 4


def test_another_constant_is_another_program(cache):
    assert add_to_zeros(load(ADD, "add")) == [1.5] * 4
    assert add_to_zeros(load(ADD.replace("1.5", "2.5"), "add")) == [2.5] * 4
    assert cache_info(cache).entries == 2


def test_the_text_is_where_inspect_and_tracebacks_look(cache, monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    source = "from gradc.runtime.interpreted import kernel, step\n\n\n@step\ndef run(buffers):\n"
    native = load(source + "    raise ValueError(buffers[0])\n", "failing")
    table = np.array([42], np.int64)
    with pytest.raises(ValueError, match="42") as caught:
        native.call(table.ctypes.data)
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (last.filename, last.lineno) == (str(native.path), 6)
    assert last.line == "raise ValueError(buffers[0])"
    module = inspect.getmodule(caught.value.__traceback__.tb_next.tb_next.tb_next.tb_frame)
    assert module is sys.modules[module.__name__]
    assert inspect.getsource(module) == native.source


MISTAKES = {
    "syntax": ("def run(:\n", "the text of bad ({path}) did not run: SyntaxError", SyntaxError),
    "name": (
        "missing\n",
        "the text of bad ({path}) did not run: NameError: name 'missing'",
        NameError,
    ),
    "no step": ("x = 1\n", "{path} has 0 @step functions, expected 1", None),
    "type": (ADD.replace("+ c", "+ 'a'"), "add in {path} did not compile: ", Exception),
    "arguments": (
        ADD.replace(", 1.5)", ")"),
        "add does not take (array(float64, 1d, C))",
        Exception,
    ),
    "signature": (
        ADD.replace("f64[:], f64", "f16[:]"),
        "kernel: can't read 'f16[:]' in the signature 'f16[:]'",
        BuildError,
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_text_that_does_not_build(cache, mistake):
    source, message, cause = MISTAKES[mistake]
    for _ in range(2):
        with pytest.raises(BuildError) as caught:
            load(source, "bad")
        path = next(cache.glob("*/*/kernel.py"))
        assert path.read_text() == source
        assert message.format(path=path) in str(caught.value)
        assert (caught.value.__cause__ is None) == (cause is None)
        if cause is not None:
            assert isinstance(caught.value.__cause__, cause)
