"""autocast: products of rounded operands, forward and backward, against PyTorch."""

import threading

import numpy as np
import pytest

import gradc
from gradc import nn
from gradc.errors import ArgumentError, UnsupportedError

torch = pytest.importorskip("torch")
F, TF = nn.functional, torch.nn.functional
DTYPES = ["bfloat16", "float16"]


class Round(torch.autograd.Function):
    """An operand: rounded; its gradient is left alone."""

    @staticmethod
    def forward(ctx, x, dtype):
        return x.to(dtype).float()

    @staticmethod
    def backward(ctx, bar):
        return bar, None


class Result(torch.autograd.Function):
    """A result: left alone; its gradient is rounded."""

    @staticmethod
    def forward(ctx, x, dtype):
        ctx.dtype = dtype
        return x.clone()

    @staticmethod
    def backward(ctx, bar):
        return bar.to(ctx.dtype).float(), None


def attention(f, q, k, v):
    return f.scaled_dot_product_attention(q, k, v, is_causal=True)


CASES = {
    "matmul": (lambda m, f, x, y: x @ y, (4, 5), (5, 3)),
    "x @ x.T": (lambda m, f, x: x @ x.T, (4, 5)),
    "mv": (lambda m, f, x, y: m.mv(x, y), (4, 5), (5,)),
    "bmm": (lambda m, f, x, y: m.bmm(x, y), (2, 4, 5), (2, 5, 3)),
    "broadcast matmul": (lambda m, f, x, y: x @ y, (3, 2, 4, 5), (2, 5, 3)),
    "addmm": (lambda m, f, b, x, y: m.addmm(b, x, y, beta=0.5, alpha=2), (3,), (4, 5), (5, 3)),
    "baddbmm": (lambda m, f, b, x, y: m.baddbmm(b, x, y), (2, 4, 3), (2, 4, 5), (2, 5, 3)),
    "einsum": (lambda m, f, x, y: m.einsum("bik,bjk->bij", x, y), (2, 4, 5), (2, 3, 5)),
    "linear": (lambda m, f, x, w, b: f.linear(x, w, b), (2, 4, 5), (3, 5), (3,)),
    "conv1d": (lambda m, f, x, w: f.conv1d(x, w, padding=1, stride=2), (2, 3, 9), (4, 3, 3)),
    "conv2d": (
        lambda m, f, x, w, b: f.conv2d(x, w, b, padding=1, groups=2),
        (2, 4, 6, 5),
        (6, 2, 3, 3),
        (6,),
    ),
    "conv_transpose2d": (
        lambda m, f, x, w: f.conv_transpose2d(x, w, stride=2),
        (2, 3, 4, 3),
        (3, 2, 3, 3),
    ),
}


def numbers(shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(s, dtype="f") for s in shapes]


def emulated(name, arrays, bar, dtype):
    """Return the result and gradients of rounded operands, by PyTorch in float32."""
    to = getattr(torch, dtype)
    operands = [torch.tensor(a, requires_grad=True) for a in arrays]
    added = {"addmm": (0,), "baddbmm": (0,), "linear": (2,), "conv2d": (2,)}.get(name, ())
    rounded = [x if i in added else Round.apply(x, to) for i, x in enumerate(operands)]
    plain = [torch.zeros_like(x) if i in added else x for i, x in enumerate(rounded)]
    result = Result.apply(CASES[name][0](torch, TF, *plain), to)
    if name == "addmm":
        result = result + 0.5 * rounded[0]
    elif added:
        b = rounded[added[0]]
        result = result + (b.reshape(-1, 1, 1) if name == "conv2d" else b)
    result.backward(torch.tensor(bar))
    return [result.detach().numpy(), *(x.grad.numpy() for x in operands)]


def inside(function, dtype, device="cpu"):
    def in_region(*args):
        with gradc.autocast(device, dtype=getattr(gradc, dtype)):
            return function(*args)

    return in_region


def found(function, arrays, bar, *, backward_in=None):
    """Return a result and its gradients."""
    operands = [gradc.tensor(a, requires_grad=True) for a in arrays]
    result = function(*operands)
    assert result.dtype is gradc.float32
    if backward_in is None:
        result.backward(gradc.tensor(bar))
    else:
        with gradc.autocast("cpu", dtype=backward_in):
            result.backward(gradc.tensor(bar))
    return [result.detach().numpy(), *(x.grad.numpy() for x in operands)]


def close(got, expected, tolerance=2e-6):
    for x, y in zip(got, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance * np.abs(y).max())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CASES)
def test_operands_and_cotangents_are_rounded(name, dtype):
    function, *shapes = CASES[name]
    arrays = numbers(shapes)
    plain = function(gradc, F, *map(gradc.tensor, arrays)).numpy()
    (bar,) = numbers([plain.shape], 1)
    expected = emulated(name, arrays, bar, dtype)
    assert not np.allclose(plain, expected[0], rtol=1e-5, atol=1e-5)

    def run(*args):
        return function(gradc, F, *args)

    close(found(inside(run, dtype), arrays, bar), expected)
    close(found(inside(run, dtype), arrays, bar, backward_in=gradc.float16), expected)
    close(found(gradc.compile(inside(run, dtype)), arrays, bar), expected)


@pytest.mark.parametrize("name", CASES)
def test_results_are_those_of_pytorch_to_16_bits(name):
    function, *shapes = CASES[name]
    arrays = numbers(shapes, 2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        theirs = function(torch, TF, *map(torch.tensor, arrays)).float().numpy()
    with gradc.autocast("cpu", dtype=gradc.bfloat16):
        ours = function(gradc, F, *map(gradc.tensor, arrays)).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=2**-7, atol=2**-7 * np.abs(theirs).max())


def test_attention_rounds_the_weights_too():
    arrays = numbers([(2, 3, 5, 4)] * 3)
    (bar,) = numbers([(2, 3, 5, 4)], 1)
    q, k, v = (torch.tensor(a, requires_grad=True) for a in arrays)
    to = torch.bfloat16
    scores = Result.apply(Round.apply(q, to) @ Round.apply(k, to).mT, to) / 2
    hidden = torch.ones(5, 5, dtype=torch.bool).triu(1)
    weights = scores.masked_fill(hidden, -torch.inf).softmax(-1)
    result = Result.apply(Round.apply(weights, to) @ Round.apply(v, to), to)
    result.backward(torch.tensor(bar))
    expected = [result.detach().numpy(), *(x.grad.numpy() for x in (q, k, v))]

    def run(*args):
        return attention(F, *args)

    # weights and adjoints that fall next to a tie may be rounded to the other side
    close(found(inside(run, "bfloat16"), arrays, bar), expected, 3e-3)
    close(found(gradc.compile(inside(run, "bfloat16")), arrays, bar), expected, 3e-3)
    assert not np.allclose(run(*map(gradc.tensor, arrays)).numpy(), expected[0], rtol=1e-4)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_recurrent_layers_round_at_each_step(kind):
    gradc.manual_seed(0)
    layer, cell = getattr(nn, kind)(3, 4), getattr(nn, f"{kind}Cell")(3, 4)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in layer.state_dict().items()})
    x = gradc.tensor(numbers([(9, 2, 3)])[0])

    def by_layer(x):
        return layer(x)[0]

    def by_cell(x):
        state, made = None, []
        for step in x:
            state = cell(step, state)
            made.append(state[0] if kind == "LSTM" else state)
        return gradc.stack(made)

    expected = by_cell(x)
    rounded, rounded_here = inside(by_cell, "bfloat16")(x), inside(by_layer, "bfloat16")(x)
    close([rounded_here.detach().numpy()], [rounded.detach().numpy()], 3e-3)
    assert not np.allclose(rounded_here.detach().numpy(), expected.detach().numpy(), atol=1e-4)
    (rounded * rounded).sum().backward()
    gradc.compile(lambda x: (inside(by_layer, "bfloat16")(x) ** 2).sum().backward())(x)
    for p, q in zip(layer.parameters(), cell.parameters(), strict=True):
        close([p.grad.numpy()], [q.grad.numpy()], 2e-2)


def test_float64_and_other_devices_are_left_alone():
    x = gradc.tensor(numbers([(4, 4)])[0])
    wide = x.double()
    expected = (x @ x).tolist(), (wide @ wide).tolist()
    with gradc.autocast("cpu"):
        assert (wide @ wide).tolist() == expected[1]
        assert (x @ x).tolist() != expected[0]
        assert (x * x).tolist() == (x.numpy() * x.numpy()).tolist()
    with gradc.autocast("cuda", dtype=gradc.bfloat16):
        assert (x @ x).tolist() == expected[0]


def test_regions_nest_and_end():
    x = gradc.tensor(numbers([(4, 4)])[0])

    def product():
        return (x @ x).tolist()

    exact = product()
    with gradc.autocast("cpu"):
        coarse = product()
        with gradc.autocast("cpu", enabled=False):
            assert product() == exact
            assert not gradc.is_autocast_enabled("cpu")
        with gradc.autocast("cpu", gradc.float16), gradc.autocast("cuda"):
            fine = product()
            assert gradc.get_autocast_dtype("cpu") is gradc.float16
            assert gradc.is_autocast_enabled()
        assert product() == coarse
        assert gradc.get_autocast_dtype("cpu") is gradc.bfloat16
        there = []
        thread = threading.Thread(target=lambda: there.append(product()))
        thread.start()
        thread.join()
        assert there == [exact]
    assert len({str(r) for r in (exact, coarse, fine)}) == 3
    mode = gradc.autocast("cpu")
    with pytest.raises(ZeroDivisionError), mode, mode:
        raise ZeroDivisionError
    assert product() == exact
    assert gradc.get_autocast_dtype("cuda") is gradc.float16

    @gradc.amp.autocast("cpu")
    def rounded():
        """Return a product."""
        return product()

    assert (rounded(), rounded.__doc__) == (coarse, "Return a product.")


def test_a_compiled_function_has_a_program_for_each_mode():
    x = gradc.tensor(numbers([(4, 4)])[0])
    square = gradc.compile(lambda x: x @ x)

    def results():
        made = []
        for _ in range(4):  # the third call is the first by way of the latest one
            made += [square(x).tolist()]
            for dtype in (gradc.bfloat16, gradc.float16):
                with gradc.autocast("cpu", dtype=dtype):
                    made += [square(x).tolist() for _ in range(3)]
        return made

    found = {str(r) for r in results()}
    assert len(found) == 3
    assert sum(map(len, square.programs.values())) == 3
    with gradc.autocast("cpu", dtype=gradc.bfloat16):
        assert "round_bfloat16" in gradc.explain(square, x, stage="source")
    assert "round_" not in gradc.explain(square, x, stage="source")


def test_a_region_around_a_compiled_function_in_a_compiled_function():
    x = gradc.tensor(numbers([(4, 4)])[0])
    square = gradc.compile(lambda x: x @ x)
    with gradc.autocast("cpu"):
        expected = (x @ x).tolist()
    outer = gradc.compile(inside(square, "bfloat16"))
    np.testing.assert_allclose(outer(x).numpy(), expected, rtol=1e-6, atol=1e-6)


def test_transforms_keep_it():
    x, y = map(gradc.tensor, numbers([(4, 5), (5, 3)]))
    (x_dot,) = map(gradc.tensor, numbers([(4, 5)], 3))
    product = inside(lambda x, y: x @ y, "bfloat16")

    def r(t):
        return torch.tensor(t.numpy()).bfloat16().float()

    value, tangent = gradc.func.jvp(lambda x: product(x, y), (x,), (x_dot,))
    close([value.numpy(), tangent.numpy()], [(r(x) @ r(y)).numpy(), (r(x_dot) @ r(y)).numpy()])
    gradient = gradc.func.grad(lambda x: (product(x, y) ** 2).sum())(x)
    close([gradient.numpy()], [(r(2 * value) @ r(y).T).numpy()])
    rows = gradc.vmap(lambda row: product(row, y))(x)
    close([rows.numpy()], [(r(x) @ r(y)).numpy()])
    second = gradc.func.hessian(lambda x: (product(x, y) ** 2).sum())(x)
    assert second.shape == (4, 5, 4, 5)
    close([second[0, :, 0].numpy()], [2 * (r(y) @ r(y).T).numpy()], 2e-2)


def test_equal_operands_are_rounded_once_in_a_program():
    w = gradc.tensor(numbers([(4, 4)])[0], requires_grad=True)
    x = gradc.tensor(numbers([(2, 4)])[0])
    step = gradc.compile(inside(lambda x: F.linear(F.linear(x, w).tanh(), w).sum(), "bfloat16"))
    step(x).backward()
    assert step.source.count("to_bfloat16(buffer_flat, buffer_16_flat)") == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_infinity_and_nan(dtype):
    one = gradc.eye(1)
    with gradc.autocast("cpu", dtype=getattr(gradc, dtype)):
        ends = [(one @ gradc.tensor([[x]])).item() for x in (np.inf, -np.inf, np.nan, 7e4, 3.4e38)]
    assert ends[:2] == [np.inf, -np.inf]
    assert np.isnan(ends[2])
    assert ends[3] == (np.inf if dtype == "float16" else 70144.0)
    assert ends[4] == np.inf


def test_full_precision_warns_and_is_off_as_in_pytorch():
    with pytest.warns(UserWarning, match="autocast: float32 is no lower precision; autocast is of"):
        mode = gradc.autocast("cpu", gradc.float32)
    with mode:
        assert not gradc.is_autocast_enabled("cpu")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: gradc.autocast("tpu"),
            "autocast: device_type must be 'cpu' or 'cuda', got 'tpu'",
        ),
        (
            lambda: gradc.autocast("cpu", "bfloat16"),
            "autocast: dtype must be a gradc dtype or None, got 'bfloat16'",
        ),
        (
            lambda: gradc.autocast("cpu", cache_enabled=3),
            "autocast: cache_enabled must be a bool or None, got 3",
        ),
        (
            lambda: gradc.is_autocast_enabled("mps"),
            "is_autocast_enabled: device_type must be 'cpu' or 'cuda', got 'mps'",
        ),
    ],
)
def test_arguments(call, message):
    with pytest.raises(ArgumentError) as caught:
        call()
    assert caught.value.message == message


X = gradc.ones(2, 3)


@pytest.mark.parametrize(
    "make",
    [
        lambda d: gradc.zeros(2, dtype=d),
        lambda d: gradc.tensor([1.0], dtype=d),
        lambda d: gradc.full((2,), 1.0, dtype=d),
        lambda d: gradc.zeros_like(X, dtype=d),
        lambda d: gradc.arange(3, dtype=d),
        lambda d: gradc.randn(2, dtype=d),
        lambda d: gradc.eye(2, dtype=d),
        lambda d: X.to(d),
        lambda d: X.sum(dtype=d),
        lambda d: F.softmax(X, -1, dtype=d),
        lambda d: nn.Linear(2, 2, dtype=d),
        lambda d: nn.Linear(2, 2).to(d),
        lambda d: gradc.compile(lambda x: x.to(d))(X),
        lambda d: gradc.set_default_dtype(d),
        lambda d: gradc.promote_types(d, gradc.float32),
    ],
)
def test_no_tensor_is_stored_in_16_bits(make):
    with pytest.raises(UnsupportedError) as caught:
        make(gradc.bfloat16)
    assert caught.value.message == (
        "gradc stores no tensors of bfloat16: its floating dtypes are float32 and float64"
    )
    assert caught.value.hint == (
        'gradc.autocast("cpu", dtype=gradc.bfloat16): products round their operands'
    )


def test_the_names():
    assert gradc.half is gradc.float16
    assert repr(gradc.bfloat16) == "gradc.bfloat16"
    assert (gradc.bfloat16.is_floating_point, gradc.float16.itemsize) == (True, 2)
