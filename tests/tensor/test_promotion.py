"""Dtypes of results: all pairs of tensors, 0-d tensors and Python numbers, as in PyTorch."""

import itertools

import pytest

import gradc
from gradc.errors import GradcError

torch = pytest.importorskip("torch")

DTYPES = ("bool", "uint8", "int32", "int64", "float32", "float64")
OPERATIONS = {
    "add": lambda L, x, y: x + y,
    "sub": lambda L, x, y: x - y,
    "mul": lambda L, x, y: x * y,
    "div": lambda L, x, y: x / y,
    "floordiv": lambda L, x, y: x // y,
    "mod": lambda L, x, y: x % y,
    "pow": lambda L, x, y: x**y,
    "eq": lambda L, x, y: x == y,
    "lt": lambda L, x, y: x < y,
    "maximum": lambda L, x, y: L.maximum(x, y),
    "where": lambda L, x, y: L.where(x > 0, x, y),
    "atan2": lambda L, x, y: L.atan2(x, y),
    "iadd": lambda L, x, y: x.add_(y),
    "imul": lambda L, x, y: x.mul_(y),
    "idiv": lambda L, x, y: x.div_(y),
    "cat": lambda L, x, y: L.cat([x.reshape(-1), y.reshape(-1)]),
}


def operand(L, kind):
    if isinstance(kind, bool | int | float):
        return kind
    name, shape = kind
    dtype = getattr(L, name)
    return L.ones(shape, dtype=dtype)


def outcome(L, name, left, right):
    """Return the dtype and value, or "error"."""
    try:
        z = OPERATIONS[name](L, operand(L, left), operand(L, right))
    except (GradcError, RuntimeError, TypeError):
        return "error"
    return str(z.dtype).removeprefix("torch."), z.tolist()


KINDS = [*((d, (2,)) for d in DTYPES), *((d, ()) for d in DTYPES), True, 2, 2.5]


@pytest.mark.parametrize("name", OPERATIONS)
def test_all_pairs(name):
    wrong = []
    for left, right in itertools.product(KINDS, KINDS):
        numbers = [not isinstance(k, tuple) for k in (left, right)]
        if all(numbers) or (any(numbers) and name in ("maximum", "cat", "atan2")):
            continue
        if numbers[0] and (name.startswith("i") or name == "where"):
            continue
        got, wanted = outcome(gradc, name, left, right), outcome(torch, name, left, right)
        if got != wanted and not (got[0] == wanted[0] and got[1] == pytest.approx(wanted[1])):
            wrong.append((left, right, got, wanted))
    assert not wrong


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "name", "sum prod exp sqrt abs neg floor sign relu cumsum square reciprocal sigmoid".split()
)
def test_unary(name, dtype):
    def result(L):
        x = L.ones(2, dtype=getattr(L, dtype))
        try:
            y = x.cumsum(0) if name == "cumsum" else getattr(L, name)(x)
        except (GradcError, RuntimeError, TypeError):
            return "error"
        return str(y.dtype).removeprefix("torch."), y.tolist()

    got, wanted = result(gradc), result(torch)
    assert got[0] == wanted[0]
    if got != "error":
        assert got[1] == pytest.approx(wanted[1])


def test_default_dtype():
    assert gradc.get_default_dtype() is gradc.float32
    gradc.set_default_dtype(gradc.float64)
    try:
        assert gradc.tensor([1.0]).dtype is gradc.float64
        assert gradc.zeros(1).dtype is gradc.float64
        assert (gradc.tensor([1]) / 2).dtype is gradc.float64
        assert gradc.rand(2).dtype is gradc.float64
    finally:
        gradc.set_default_dtype(gradc.float32)
    with pytest.raises(TypeError, match="only floating dtypes"):
        gradc.set_default_dtype(gradc.int64)


DATA = [
    True, 3, 2.5, [1, 2], [1, 2.5], [True, False], [[1], [2]], [], [[], []], (1, (2)), [True, 2],
]  # fmt: skip


@pytest.mark.parametrize("data", DATA, ids=str)
def test_data(data):
    x, y = gradc.tensor(data), torch.tensor(data)
    assert (str(x.dtype), tuple(x.shape)) == (str(y.dtype).removeprefix("torch."), tuple(y.shape))
    assert x.tolist() == y.tolist()


CASTS = list(itertools.product(DTYPES, DTYPES))


@pytest.mark.parametrize(("source", "target"), CASTS)
def test_conversions(source, target):
    values = [0, 1, 1] if source == "bool" else [0, 1, 3]
    x = gradc.tensor(values).to(getattr(gradc, source)).to(getattr(gradc, target))
    y = torch.tensor(values).to(getattr(torch, source)).to(getattr(torch, target))
    assert x.tolist() == y.tolist()
    assert str(x.dtype) == target


NUMBERS = {
    "-1 - x": lambda x: -1 - x,
    "~x": lambda x: ~x,
    "x * 300": lambda x: x * 300,
    "x + 2**40": lambda x: x + 2**40,
    "x > -1": lambda x: x > -1,
    "clamp": lambda x: x.clamp(-1, 2),
    "masked_fill": lambda x: x.masked_fill(x > 1, -1),
}


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
@pytest.mark.parametrize("name", NUMBERS)
def test_integers_beyond_a_dtype_lose_their_upper_bits(name, dtype):
    found = NUMBERS[name](gradc.tensor([0, 1, 5], dtype=getattr(gradc, dtype)))
    expected = NUMBERS[name](torch.tensor([0, 1, 5], dtype=getattr(torch, dtype)))
    assert found.tolist() == expected.tolist()
    assert str(found.dtype) == str(expected.dtype).removeprefix("torch.")


@pytest.mark.parametrize("compiled", [False, True])
def test_an_integer_of_more_than_64_bits_is_refused(compiled):
    def add(x):
        return x + 2**63

    with pytest.raises(GradcError) as error:
        (gradc.compile(add) if compiled else add)(gradc.tensor([1]))
    assert "the number 9223372036854775808 does not fit into 64 bits" in str(error.value)
