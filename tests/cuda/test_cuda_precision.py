"""The precision of products is part of what programs are made for: compiled ones, eager ones."""

import numpy as np
import pytest

import gradc
import gradc.nn.functional as F
from gradc.compiler.cuda_fallback import Fallback
from gradc.devices.emulated import EmulatedDriver
from gradc.runtime.cuda_launch import View
from gradc.runtime.interpreted_maths import round_tf32

ON_REAL_DEVICES = True


@pytest.fixture(autouse=True)
def _default():
    yield
    gradc.set_float32_matmul_precision("highest")


def arrays(seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((2, 8, 7, 6), dtype="f"), rng.standard_normal((8, 8, 3, 3), "f")


def expected(x, w):
    """Return the convolution in float64, of operands that are rounded, and of those that aren't."""
    found = []
    for change in (np.asarray, round_tf32):
        operands = [gradc.tensor(change(z).astype("f8")) for z in (x, w)]
        found.append(F.conv2d(*operands).numpy())
    return found


def near(found, wanted):
    return bool(np.allclose(found.cpu().numpy(), wanted, rtol=1e-4, atol=1e-4))


def test_eager_convolutions_follow_the_precision():
    x, w = arrays()
    full, rounded = expected(x, w)
    on_device = [gradc.tensor(z, device="cuda") for z in (x, w)]
    for precision, wanted in (("highest", full), ("high", rounded), ("highest", full)):
        gradc.set_float32_matmul_precision(precision)
        assert near(F.conv2d(*on_device), wanted)
    assert not np.allclose(full, rounded, rtol=1e-4, atol=1e-4)


def test_compiled_convolutions_follow_the_precision_and_find_their_programs_again():
    x, w = arrays()
    full, rounded = expected(x, w)
    convolve = gradc.compile(lambda x, w: F.conv2d(x, w))
    on_device = [gradc.tensor(z, device="cuda") for z in (x, w)]
    for precision, wanted in 2 * (("highest", full), ("high", rounded)):
        gradc.set_float32_matmul_precision(precision)
        for _ in range(4):  # the first run, the capture, the captured graph, the fast way in
            assert near(convolve(*on_device), wanted)
    ((first, second),) = convolve.programs.values()
    assert (first.code.captures, second.code.captures) == (1, 1)
    assert "tf32" not in first.source
    assert "tf32" in second.source
    assert (first.calls, second.calls) == (8, 8)


def test_gradients_follow_the_precision_of_the_step():
    x, _ = arrays()
    image = gradc.tensor(x, device="cuda")
    layer = gradc.nn.Conv2d(8, 8, 3, bias=False, device="cuda")

    @gradc.compile
    def step(image):
        layer.zero_grad()
        (layer(image) ** 2).sum().backward()

    def gradient():
        step(image)
        return layer.weight.grad.cpu().numpy().copy()

    full = gradient()
    gradc.set_float32_matmul_precision("high")
    rounded = gradient()
    gradc.set_float32_matmul_precision("highest")
    np.testing.assert_array_equal(gradient(), full)
    assert not np.array_equal(full, rounded)
    np.testing.assert_allclose(rounded, full, rtol=1e-2, atol=1e-2 * abs(full).max())


def test_attention_follows_the_precision():
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((2, 2, 70, 24), dtype="f") for _ in range(3)]

    @gradc.compile
    def attend(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    def gradients():
        operands = [gradc.tensor(z, device="cuda", requires_grad=True) for z in arrays]
        out = attend(*operands)
        (out**2).sum().backward()
        return [out.detach().cpu().numpy(), *(z.grad.cpu().numpy() for z in operands)]

    full = gradients()
    gradc.set_float32_matmul_precision("high")
    rounded = gradients()
    gradc.set_float32_matmul_precision("highest")
    for ours, nearer, again in zip(rounded, full, gradients(), strict=True):
        np.testing.assert_array_equal(nearer, again)
        assert 1e-5 < abs(ours - nearer).max() / abs(nearer).max() < 5e-3
    assert [len(known) for known in attend.programs.values()] == [2]


def test_programs_without_such_products_stay():
    w = gradc.ones(4, 4, device="cuda")
    product = gradc.compile(lambda x: (x @ w).relu())
    for precision in ("highest", "high", "medium"):
        gradc.set_float32_matmul_precision(precision)
        product(gradc.ones(2, 4, device="cuda"))
    assert len(product.programs) == 1
    assert [len(known) for known in product.programs.values()] == [1]


def test_on_the_cpu_nothing_changes():
    x, w = (gradc.tensor(z) for z in arrays())
    convolve = gradc.compile(lambda x, w: F.conv2d(x, w))
    before = convolve(x, w).numpy()
    gradc.set_float32_matmul_precision("medium")
    np.testing.assert_array_equal(convolve(x, w).numpy(), before)
    assert [len(known) for known in convolve.programs.values()] == [1]


def test_why_a_function_is_compiled_again():
    x, w = (gradc.tensor(z, device="cuda") for z in arrays())
    convolve = gradc.compile(lambda x, w: F.conv2d(x, w), on_recompile="error")
    convolve(x, w)
    gradc.set_float32_matmul_precision("high")
    with pytest.raises(gradc.errors.RecompileError) as caught:
        convolve(x, w)
    assert "because the precision of float32 products changed" in str(caught.value)


def test_products_without_a_library_follow_the_precision():
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((40, 33), dtype="f"), rng.standard_normal((33, 17), dtype="f")
    fallback = Fallback(EmulatedDriver())
    for precision, change in (("highest", np.asarray), ("high", round_tf32)):
        gradc.set_float32_matmul_precision(precision)
        out = np.empty((40, 17), "f")
        fallback.run("matmul", *(View(z.ctypes.data, "f32", z.shape) for z in (x, w, out)))
        exact = change(x).astype("f8") @ change(w).astype("f8")
        np.testing.assert_allclose(out, exact, rtol=1e-5, atol=1e-5)


def test_old_architectures_multiply_in_float32(monkeypatch):
    from gradc.compiler import cuda_native
    from gradc.compiler.cuda_precision import arithmetic_for

    gradc.set_float32_matmul_precision("high")
    monkeypatch.setattr(cuda_native, "arithmetic_for", lambda arch: arithmetic_for("sm_75"))
    x, w = arrays()
    convolve = gradc.compile(lambda x, w: F.conv2d(x, w))
    assert near(convolve(*(gradc.tensor(z, device="cuda") for z in (x, w))), expected(x, w)[0])
    assert "tile_f32" in convolve.source
