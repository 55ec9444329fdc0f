"""Which tensors share memory, copies, NumPy and other libraries, pickles; as in PyTorch."""

import copy
import pickle

import numpy as np
import pytest

import gradc
from gradc.errors import DTypeError, GradcError

torch = pytest.importorskip("torch")

VIEWS = {
    "slice": lambda x: x[1:],
    "step": lambda x: x[:, ::2],
    "int": lambda x: x[1],
    "none": lambda x: x[None],
    "ellipsis": lambda x: x[..., 0],
    "view": lambda x: x.view(-1),
    "reshape": lambda x: x.reshape(2, 6),
    "reshape_copies": lambda x: x.t().reshape(-1),
    "reshape_of_slice": lambda x: x[:, :2].reshape(-1),
    "reshape_of_rows": lambda x: x[1:].reshape(-1),
    "permute": lambda x: x.permute(1, 0),
    "transpose": lambda x: x.transpose(0, 1),
    "t": lambda x: x.t(),
    "squeeze": lambda x: x[:1].squeeze(0),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "flatten": lambda x: x.flatten(),
    "flatten_copies": lambda x: x.t().flatten(),
    "unflatten": lambda x: x.unflatten(1, (2, 2)),
    "expand": lambda x: x.unsqueeze(0).expand(2, -1, -1),
    "narrow": lambda x: x.narrow(1, 1, 2),
    "select": lambda x: x.select(1, 0),
    "split": lambda x: x.split(2, 1)[1],
    "chunk": lambda x: x.chunk(2)[1],
    "unbind": lambda x: x.unbind(1)[1],
    "detach": lambda x: x.detach(),
    "data": lambda x: x.data,
    "contiguous": lambda x: x.contiguous(),
    "contiguous_copies": lambda x: x.t().contiguous(),
    "clone": lambda x: x.clone(),
    "to_same": lambda x: x.to(x.dtype),
    "to_copy": lambda x: x.to(x.dtype, copy=True),
    "index": lambda x: x[[0, 1]],
    "flip": lambda x: x.flip(0),
    "repeat": lambda x: x.repeat(1, 1),
    "roll": lambda x: x.roll(0),
    "movedim": lambda x: x.movedim(0, 1),
    "view_as": lambda x: x.view_as(x.t().contiguous()),
    "ravel": lambda x: x.ravel(),
    "swapaxes": lambda x: x.swapaxes(0, 1),
}


@pytest.mark.parametrize("name", VIEWS)
def test_sharing(name):
    """A change of the base shows in a view and not in a copy; strides are PyTorch's."""

    def run(L):
        x = L.arange(12, dtype=L.float32).reshape(3, 4).clone()
        y = VIEWS[name](x)
        x.add_(100)
        return y, x

    (y, _), (ty, _) = run(gradc), run(torch)
    np.testing.assert_array_equal(y.numpy(), ty.numpy())
    assert y.is_contiguous() == ty.is_contiguous()
    assert y.stride() == ty.stride()


def test_a_write_through_a_view_shows_everywhere():
    x = gradc.zeros(3, 4)
    row, column = x[1], x[:, 2]
    row.fill_(1.0)
    assert column.tolist() == [0.0, 1.0, 0.0]
    column += 5
    assert row.tolist() == [1.0, 1.0, 6.0, 1.0]
    assert x._version == row._version == 2


def test_numpy_shares_memory():
    a = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    x = gradc.from_numpy(a)
    a[0, 0] = 9.0
    assert x[0, 0].item() == 9.0
    x[1] = -1.0
    assert a[1].tolist() == [-1.0, -1.0, -1.0]
    assert np.shares_memory(np.asarray(x), a)
    assert np.shares_memory(x.numpy(), a)
    assert np.shares_memory(gradc.as_tensor(a).numpy(), a)
    assert not np.shares_memory(gradc.tensor(a).numpy(), a)
    assert gradc.from_numpy(a.T).stride() == (1, 3)


def test_numpy_functions_take_tensors():
    x = gradc.tensor([1.0, 4.0])
    assert isinstance(np.sqrt(x), gradc.Tensor)
    assert np.sqrt(x).tolist() == [1.0, 2.0]
    assert (np.array([2.0, 3.0], np.float32) * x).tolist() == [2.0, 12.0]
    assert isinstance(np.float32(2.0) * x, gradc.Tensor)
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    assert np.array([gradc.tensor(1.0), gradc.tensor(2.0)]).tolist() == [1.0, 2.0]


def test_dlpack():
    x = gradc.arange(4.0)
    assert torch.from_dlpack(x).tolist() == [0.0, 1.0, 2.0, 3.0]
    y = gradc.from_dlpack(torch.tensor([1.0, 2.0]))
    assert y.tolist() == [1.0, 2.0]
    a = np.arange(3.0)
    gradc.from_dlpack(a)[0] = 7.0
    assert a[0] == 7.0


def test_pickles_and_deep_copies():
    w = gradc.tensor([1.0, 2.0], requires_grad=True)
    w.note = "kept"
    v = pickle.loads(pickle.dumps(w))
    assert v.requires_grad
    assert v.tolist() == [1.0, 2.0]
    assert v.note == "kept"
    (w * w).sum().backward()
    c = copy.deepcopy(w)
    assert c.grad.tolist() == [2.0, 4.0]
    assert c.note == "kept"
    with gradc.no_grad():
        c.add_(1)
    assert w.tolist() == [1.0, 2.0]
    x = gradc.zeros(4)
    both = copy.deepcopy([x, x[1:3]])
    both[0].add_(1)
    assert both[1].tolist() == [1.0, 1.0]
    assert x.tolist() == [0.0] * 4
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly"):
        copy.deepcopy(w * 2)


def test_python_protocols():
    x = gradc.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    assert [r.tolist() for r in x] == [[1.0, 2.0], [3.0, 4.0]]
    assert 3.0 in x
    assert 5.0 not in x
    assert float(x[0, 1]) == 2.0
    assert int(gradc.tensor(3)) == 3
    assert [10, 20, 30][gradc.tensor(2)] == 30
    assert bool(gradc.tensor(0.0)) is False
    assert {x: "by identity"}[x] == "by identity"
    assert abs(-x).tolist() == x.tolist()
    assert (+x) is x
    assert x.size() == (2, 2)
    assert x.size(-1) == 2
    assert (x.numel(), x.dim(), x.ndim, x.element_size(), x.nbytes) == (4, 2, 2, 4, 16)
    assert x.shape.numel() == 4
    assert str(x.device) == "cpu"
    assert gradc.is_tensor(x)
    assert not gradc.is_tensor(1)
    assert x.type() == "gradc.FloatTensor"


FAILURES = {
    "bool": (lambda: bool(gradc.ones(2)), "Boolean value of Tensor with more than one value is"),
    "bool_empty": (lambda: bool(gradc.ones(0)), "Boolean value of Tensor with no values is"),
    "item": (
        lambda: gradc.ones(2).item(),
        "a Tensor with 2 elements cannot be converted to Scalar",
    ),
    "len": (lambda: len(gradc.tensor(1.0)), "len() of a 0-d tensor"),
    "iter": (lambda: list(gradc.tensor(1.0)), "iteration over a 0-d tensor"),
    "meta": (lambda: gradc.ones(2, device="meta"), "ones: device 'meta' is not available"),
    "device": (lambda: gradc.device("gpu"), "device: invalid device string 'gpu'"),
    "view": (
        lambda: gradc.ones(2, 3).t().view(-1),
        "view: size [6] is not compatible with input tensor's size [3, 2] and stride [1, 3]",
    ),
    "reshape": (
        lambda: gradc.ones(2, 3).reshape(4, -1),
        "reshape: shape [4, -1] is invalid for input of size 6",
    ),
    "ragged": (lambda: gradc.tensor([[1], [1, 2]]), "tensor: expected sequences of equal lengths"),
    "strings": (lambda: gradc.tensor(["a"]), "tensor: could not infer dtype of list"),
    "half": (
        lambda: gradc.from_numpy(np.zeros(2, np.float16)),
        "from_numpy: can't convert np.ndarray of type float16.",
    ),
    "negative_strides": (
        lambda: gradc.from_numpy(np.zeros(2)[::-1]),
        "from_numpy: at least one stride in the given numpy array is negative",
    ),
    "negative_size": (lambda: gradc.zeros(-1), "zeros: Trying to create tensor with negative"),
    "add_shapes": (
        lambda: added(gradc.ones(2), gradc.ones(3)),
        "add: shapes don't broadcast: left [2] and right [3]",
    ),
    "add_type": (lambda: gradc.ones(2) + "a", "add: expected a Tensor or a number, got str"),
    "mean_int": (
        lambda: gradc.ones(2, dtype=gradc.int64).mean(),
        "mean(): could not infer output dtype. Input dtype must be a floating point dtype. Got:",
    ),
    "axis": (
        lambda: gradc.ones(2, 3).sum(2),
        "sum: Dimension out of range (expected to be in range of [-2, 1], but got 2)",
    ),
    "axis_twice": (lambda: gradc.ones(2, 3).sum((0, -2)), "sum: dim (0, -2) names an axis twice"),
    "empty_max": (lambda: gradc.ones(0, 3).max(), "max: expected reduction dim to be specified"),
    "cat": (
        lambda: gradc.cat([gradc.ones(2, 3), gradc.ones(2, 4)]),
        "cat: Sizes of tensors must match except in dimension 0: tensor 0 has shape [2, 3], tensor "
        "1 has shape [2, 4]",
    ),
    "gather": (
        lambda: gradc.ones(2, 3).gather(1, gradc.tensor([[3]])),
        "index 3 is out of bounds for dimension 1 with size 3",
    ),
    "inplace_dtype": (
        lambda: gradc.ones(2, dtype=gradc.int64).add_(0.5),
        "result type float32 can't be cast to the desired output type int64",
    ),
    "inplace_shape": (
        lambda: gradc.ones(2).add_(gradc.ones(3, 2)),
        "add_: the result [3, 2] doesn't have the shape [2] of the tensor that it should be",
    ),
    "where_condition": (
        lambda: gradc.where(gradc.ones(2), 1.0, 2.0),
        "where: expected condition to be a boolean tensor, but got float32",
    ),
    "int_division": (
        lambda: gradc.tensor([1]) ** -1,
        "pow: Integers to negative integer powers are not allowed.",
    ),
    "expand": (
        lambda: gradc.ones(2, 3).expand(2, 4),
        "expand: x [2, 3] doesn't expand to [2, 4]",
    ),
    "einsum": (
        lambda: gradc.einsum("ij,jk", gradc.ones(2, 3), gradc.ones(4, 2)),
        "einsum: 'ij,jk': the axes named 'j' have sizes 3 and 4",
    ),
    "product_of_bools": (
        lambda: gradc.ones(2, dtype=gradc.bool) @ gradc.ones(2, dtype=gradc.bool),
        "products take numbers, got bool",
    ),
    "einsum_diagonal": (
        lambda: gradc.einsum("ii->i", gradc.ones(3, 1)),
        "einsum: 'ii->i': the axes named 'i' have sizes 3 and 1",
    ),
}


def added(left, right):
    return left + right


@pytest.mark.parametrize("name", FAILURES)
def test_messages(name):
    f, expected = FAILURES[name]
    with pytest.raises(GradcError) as caught:
        f()
    text = str(caught.value)
    assert text.startswith(expected)
    assert "test_memory.py:" in text


def test_integer_division_by_zero():
    with pytest.raises(ZeroDivisionError, match="integer division by zero"):
        gradc.tensor([1]) // gradc.tensor([0])


def hidden(x, W):
    z = x @ W
    return z


def test_matmul_message_in_full():
    with pytest.raises(RuntimeError) as caught:
        hidden(gradc.ones(64, 784), gradc.ones(128, 784))
    first, place, way_out = str(caught.value).split("\n")
    assert first == "matmul: inner sizes differ: x [64, 784] @ W [128, 784]"
    assert place.endswith("in hidden:  z = x @ W")
    assert place.startswith("  at ")
    assert way_out == "  try: x @ W.T"
    with pytest.raises(DTypeError) as caught:
        hidden(gradc.ones(2, 3), gradc.ones(3, 2, dtype=gradc.float64))
    assert str(caught.value).startswith(
        "matmul: expected both operands to have the same dtype, but got: x float32 and W float64"
    )
    assert str(caught.value).endswith("try: W.to(gradc.float32)")


def test_tensor_class_and_set_data():
    x = gradc.Tensor([1, 2])
    assert x.dtype is gradc.float32
    assert gradc.Tensor(2, 3).shape == (2, 3)
    w = gradc.ones(2, requires_grad=True)
    w.data = gradc.zeros(3)
    assert w.tolist() == [0.0, 0.0, 0.0]
    assert w.requires_grad
    assert w.is_leaf
    (w * 2).sum().backward()
    assert w.grad.tolist() == [2.0, 2.0, 2.0]


def test_empty_tensors_are_changed_in_place():
    assert gradc.empty(2, 0).fill_(1.0).shape == (2, 0)
    assert gradc.ones(0, 3).add_(1.0).numel() == 0
    with pytest.raises(GradcError, match="refers to a single memory location"):
        gradc.ones(2, 1).expand(2, 3).fill_(1.0)
