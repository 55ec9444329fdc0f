"""What vmap allows and refuses: messages, random numbers, changes in place, custom backward."""

import numpy as np
import pytest

import gradc
from gradc import nn
from gradc.errors import (
    ArgumentError,
    ArgumentTypeError,
    TensorIndexError,
    TraceError,
    UnsupportedError,
)
from gradc.func import grad, vmap

X = gradc.arange(6.0).reshape(3, 2)
OUTSIDE = gradc.ones(2)


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache") / "gradc"))
        yield


def branches(x):
    return x if x.sum() > 0 else -x


class Double(gradc.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * 2

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 2 + 0 * x


# name -> (call, error, message, hint)
CASES = {
    "no_function": (
        lambda: vmap(X),
        ArgumentTypeError,
        "vmap: expected a function, got Tensor",
        "gradc.func.vmap takes the function, and what it returns takes the tensors",
    ),
    "sizes": (
        lambda: vmap(lambda x, y: x + y)(X, gradc.ones(2, 2)),
        ArgumentError,
        "vmap: expected all tensors to have the same size in the mapped dimension, got sizes "
        "[3, 2]",
        "None in in_dims for arguments that are the same for every example",
    ),
    "no_arguments": (
        lambda: vmap(lambda: X)(),
        ArgumentError,
        "vmap: the function was called without positional arguments",
        "arguments given by keyword are the same for every example: give one by position",
    ),
    "nothing_mapped": (
        lambda: vmap(lambda x: x, in_dims=None)(X),
        ArgumentError,
        "vmap: expected at least one tensor to map over, in_dims is None for all arguments",
        "in_dims=0 for one of them",
    ),
    "in_dims_range": (
        lambda: vmap(lambda x: x["a"], in_dims=2)({"a": X}),
        ArgumentError,
        "vmap: in_dims=2 for argument 0['a'], which is float32[3, 2]: expected -2 <= in_dim < 2",
        "None in its place in in_dims",
    ),
    "in_dims_of_a_scalar": (
        lambda: vmap(lambda x: x)(gradc.tensor(1.0)),
        ArgumentError,
        "vmap: in_dims=0 for argument 0, which is float32[] and has no axis",
        "None in its place in in_dims",
    ),
    "in_dims_of_a_number": (
        lambda: vmap(lambda x, y: x * y)(X, 2.0),
        ArgumentError,
        "vmap: in_dims=0 for argument 1, which is no tensor but float",
        "None in its place in in_dims",
    ),
    "in_dims_structure": (
        lambda: vmap(lambda x: x, in_dims=(0, 0))(X),
        ArgumentError,
        "vmap: in_dims=(0, 0) must be an int, None, or have the structure of the arguments, at "
        "argument: (tensor,)",
        "one int for all of it",
    ),
    "in_dims_keys": (
        lambda: vmap(lambda d: d["a"], in_dims=({"b": 0},))({"a": X}),
        ArgumentError,
        "vmap: in_dims=({'b': 0},) must be an int, None, or have the structure of the arguments, "
        "at argument 0: {'a': tensor}",
        "one int for all of it",
    ),
    "in_dims_type": (
        lambda: vmap(lambda x: x, in_dims="a")(X),
        ArgumentError,
        "vmap: in_dims='a' must be an int, None, or have the structure of the arguments, at "
        "argument: (tensor,)",
        "one int for all of it",
    ),
    "out_dims_none": (
        lambda: vmap(lambda x: x * 2, out_dims=None)(X),
        ArgumentError,
        "vmap: out_dims is None for a result that depends on the example",
        "out_dims=0",
    ),
    "out_dims_range": (
        lambda: vmap(lambda x: x * 2, out_dims=3)(X),
        TensorIndexError,
        "vmap: out_dims: Dimension out of range (expected to be in range of [-2, 1], but got 3)",
        "",
    ),
    "out_dims_structure": (
        lambda: vmap(lambda x: x * 2, out_dims=(0, 1))(X),
        ArgumentError,
        "vmap: out_dims=(0, 1) must be an int, None, or have the structure of what the function "
        "returns, at the result: tensor",
        "one int for all of it",
    ),
    "no_tensor": (
        lambda: vmap(lambda x: (x, 2.0))(X),
        ArgumentError,
        "vmap: the function must return tensors, the result[1] is float",
        "None in its place in out_dims",
    ),
    "randomness": (
        lambda: vmap(lambda x: x, randomness="some"),
        ArgumentError,
        "vmap: randomness must be 'error', 'same' or 'different', got 'some'",
        "",
    ),
    "random": (
        lambda: vmap(lambda x: x + gradc.rand(2))(X),
        TraceError,
        "vmap: the function draws random numbers, and randomness is 'error'",
        "randomness='different' or 'same', or draw them outside of the function",
    ),
    "chunk_size": (
        lambda: vmap(lambda x: x, chunk_size=0),
        ArgumentError,
        "vmap: chunk_size must be None or greater than 0, got 0",
        "",
    ),
    "item": (
        lambda: vmap(lambda x: x.sum().item())(X),
        TraceError,
        ".item() needs the value of a tensor float32[], which isn't known while vmap runs its "
        "function on stand-ins",
        "return the tensor from the function under vmap and look at it outside",
    ),
    "branch": (
        lambda: vmap(branches)(X),
        TraceError,
        "bool() (an `if`, `while`, `and`, `or` or `not`) needs the value of a tensor bool[], "
        "which isn't known while vmap runs its function on stand-ins",
        "gradc.where(condition, a, b) instead of branching on a value",
    ),
    "changes_outside": (
        lambda: vmap(lambda x: OUTSIDE.add_(x))(X),
        TraceError,
        "vmap: the function changes a tensor float32[2] from outside in place, which all examples "
        "share",
        "return the new value, or pass the tensor as an argument that in_dims maps over",
    ),
    "changes_outside_with_gradients": (
        lambda: vmap(lambda x: LINKED.mul_(2) * x)(X),
        TraceError,
        "vmap: the function changes a tensor float32[2] from outside in place, which all examples "
        "share",
        "return the new value, or pass the tensor as an argument that in_dims maps over",
    ),
    "custom_backward": (
        lambda: vmap(Double.apply)(gradc.ones(2, requires_grad=True)),
        UnsupportedError,
        "vmap: Double has a backward of its own, through which gradients can't flow out of vmap",
        "take the gradient inside: vmap(grad(f)); or write it with operations that have "
        "derivatives",
    ),
}  # fmt: skip
LINKED = gradc.ones(2, requires_grad=True) * 1


@pytest.mark.parametrize("name", CASES)
def test_messages(name):
    call, kind, message, hint = CASES[name]
    before = OUTSIDE.tolist(), X.tolist(), LINKED.tolist(), gradc.get_rng_state().tolist()
    with pytest.raises(kind) as caught:
        call()
    lines = str(caught.value).splitlines()
    place = [i for i, line in enumerate(lines) if line.startswith("  at ")]
    assert "test_vmap_rules.py:" in lines[place[0]]
    assert "\n".join(lines[: place[0]]) == message
    assert "\n".join(lines[place[0] + 1 :]) == (f"  try: {hint}" if hint else "")
    after = OUTSIDE.tolist(), X.tolist(), LINKED.tolist(), gradc.get_rng_state().tolist()
    assert after == before


def test_stand_ins_are_refused_afterwards():
    kept = []
    vmap(lambda x: kept.append(x * 2) or x)(X)
    with pytest.raises(TraceError) as caught:
        kept[0] + 1
    assert caught.value.message == (
        "a tensor float32[2] made inside the function under vmap was used outside of it"
    )


def test_an_index_out_of_range_raises_eagerly():
    with pytest.raises(TensorIndexError, match="index 3 is out of range for an axis of size 3"):
        vmap(lambda x, i: x[i])(gradc.zeros(2, 3), gradc.tensor([[0, 1], [3, 0]]))


def test_negative_indices_count_from_the_end_of_the_example():
    got = vmap(lambda x, i: x[i])(gradc.arange(6).reshape(2, 3), gradc.tensor([[-1], [-3]]))
    assert got.tolist() == [[2], [3]]


# ---- random numbers ----------------------------------------------------------------------------
@pytest.mark.parametrize("transform", [lambda f: f, gradc.compile], ids=["eager", "compiled"])
@pytest.mark.parametrize("chunk_size", [None, 2])
def test_random_numbers(transform, chunk_size):
    def draw(x, randomness):
        return vmap(
            lambda x: gradc.rand(4) + 0 * x.sum(), randomness=randomness, chunk_size=chunk_size
        )(x)

    def drawn(randomness):
        gradc.manual_seed(7)
        run = transform(lambda x: draw(x, randomness))
        return run(X).numpy(), gradc.rand(2).numpy()

    same, after = drawn("same")
    assert (same == same[0]).all()
    gradc.manual_seed(7)
    np.testing.assert_array_equal(same[0], gradc.rand(4).numpy())
    np.testing.assert_array_equal(after, gradc.rand(2).numpy())
    different, _ = drawn("different")
    assert len(set(different.reshape(-1).tolist())) == 12
    np.testing.assert_array_equal(different, drawn("different")[0])


def test_dropout_differs_by_example_and_gradients_use_its_mask():
    x = gradc.ones(5, 20, requires_grad=True)
    y = vmap(lambda v: nn.functional.dropout(v * v, 0.5), randomness="different")(x)
    y.sum().backward()
    rows = {tuple(r) for r in (y != 0).tolist()}
    assert len(rows) == 5
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy() * 2)


def test_random_numbers_in_loops_and_nested():
    def walk(x):
        _, ys = gradc.scan(lambda c, v: (c, gradc.rand(()) + 0 * v), gradc.zeros(()), x)
        return ys

    gradc.manual_seed(2)
    own = vmap(walk, randomness="different")(X).numpy()
    assert len(set(own.reshape(-1).tolist())) == 6
    gradc.manual_seed(2)
    same = vmap(walk, randomness="same")(X).numpy()
    assert (same == same[0]).all()
    assert len(set(same[0].tolist())) == 2
    with pytest.raises(TraceError, match="draws random numbers"):
        vmap(walk)(X)
    inner = vmap(lambda v: gradc.rand(()) + 0 * v, randomness="same")
    nested = vmap(inner, randomness="different")(X).numpy()
    assert (nested == nested[:, :1]).all()
    assert len(set(nested[:, 0].tolist())) == 3


# ---- changes in place --------------------------------------------------------------------------
def test_shared_counters_may_be_changed():
    count = gradc.zeros(())
    assert vmap(lambda x: x * count.add_(1))(gradc.ones(3)).tolist() == [1.0, 1.0, 1.0]
    assert count.item() == 1.0


@pytest.mark.parametrize("chunk_size", [None, 2])
@pytest.mark.parametrize("in_dim", [0, 1])
def test_mapped_arguments_may_be_changed(in_dim, chunk_size):
    torch = pytest.importorskip("torch")
    found = []
    for m in (gradc, torch):
        x = m.arange(6.0).reshape(3, 2)
        y = m.func.vmap(
            lambda v: v.mul_(2).sum() * 1, in_dims=in_dim, chunk_size=chunk_size
        )(x)  # fmt: skip
        found.append((x.tolist(), y.tolist()))
    assert found[0] == found[1]


def test_compiled_changes_of_arguments():
    def double(x):
        return vmap(lambda v: v.mul_(2).sum(), in_dims=1)(x)

    x, y = gradc.ones(3, 2), gradc.ones(3, 2)
    np.testing.assert_array_equal(gradc.compile(double)(x).numpy(), double(y).numpy())
    assert x.tolist() == y.tolist() == [[2.0, 2.0]] * 3


def test_results_are_new_memory():
    x = gradc.ones(3, 2)
    y = vmap(lambda v: v)(x)
    y.add_(1)
    assert x.tolist() == [[1.0, 1.0]] * 3


def test_batch_norm_in_evaluation_mode():
    norm = nn.BatchNorm1d(2).eval()
    x = gradc.randn(3, 4, 2)
    got = vmap(norm)(x)
    whole = norm(x.reshape(12, 2)).reshape(3, 4, 2)
    np.testing.assert_allclose(got.detach().numpy(), whole.detach().numpy())


# ---- gradients ---------------------------------------------------------------------------------
def test_functions_with_their_own_backward_inside():
    assert vmap(Double.apply)(X).tolist() == (X * 2).tolist()
    slopes = vmap(grad(lambda x: (Double.apply(x) * x).sum()))(X)
    assert slopes.tolist() == (4 * X).tolist()


def test_no_grad_and_detach():
    w = gradc.tensor([1.0, 2.0], requires_grad=True)
    with gradc.no_grad():
        assert not vmap(lambda x: x * w)(X).requires_grad

    def cut(x):
        with gradc.no_grad():
            scale = x * w
        return (scale * w + (x * w).detach()).sum()

    vmap(cut)(X).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), (X * w).detach().numpy().sum(0))


def test_empty_batches():
    assert vmap(lambda x: (x * 2).sum())(gradc.ones(0, 2)).shape == (0,)
    assert vmap(lambda x: x * 2, chunk_size=3)(gradc.ones(0, 2)).shape == (0, 2)


def test_names_of_the_function():
    @vmap
    def doubled(x):
        """Twice x."""
        return x * 2

    assert (doubled.__name__, doubled.__doc__) == ("doubled", "Twice x.")
    assert gradc.vmap is vmap


def test_arguments_by_keyword_are_every_examples():
    got = vmap(lambda x, *, w: (x * w).sum())(X, w=gradc.tensor([1.0, 10.0]))
    assert got.tolist() == [10.0, 32.0, 54.0]
