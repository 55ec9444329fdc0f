"""Limits of dtypes against PyTorch, and what finding and arranging refuse."""

import pytest

import gradc
from gradc.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("name", ["float32", "float64", "float16", "bfloat16"])
def test_finfo(name):
    mine, theirs = gradc.finfo(getattr(gradc, name)), torch.finfo(getattr(torch, name))
    for field in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "dtype"):
        assert getattr(mine, field) == getattr(theirs, field), field
    assert mine.resolution == pytest.approx(theirs.resolution)
    assert repr(mine) == repr(theirs)


@pytest.mark.parametrize("name", ["uint8", "int32", "int64"])
def test_iinfo(name):
    mine, theirs = gradc.iinfo(getattr(gradc, name)), torch.iinfo(getattr(torch, name))
    for field in ("bits", "max", "min", "dtype"):
        assert getattr(mine, field) == getattr(theirs, field), field


def test_numbers():
    assert gradc.finfo().dtype == "float32"
    assert (gradc.inf, gradc.pi, gradc.e) == (torch.inf, torch.pi, torch.e)
    assert gradc.nan != gradc.nan
    assert gradc.broadcast_shapes((2, 1), 3, (1,)) == (2, 3)
    assert gradc.numel(gradc.ones(2, 3)) == 6
    assert gradc.is_floating_point(gradc.ones(1))
    assert gradc.atleast_2d([gradc.tensor(1.0)])[0].shape == (1, 1)
    assert gradc.searchsorted(gradc.tensor([1, 3]), 2).item() == 1
    assert not gradc.isin(gradc.tensor([1, 2]), gradc.zeros(0)).any()


ROWS = gradc.tensor([[1.0, 2.0], [3.0, 4.0]])
REFUSED = {
    "finfo": (
        lambda: gradc.finfo(gradc.int64),
        DTypeError,
        "finfo: takes a floating dtype, got int64",
    ),
    "iinfo": (
        lambda: gradc.iinfo(gradc.float32),
        DTypeError,
        "iinfo: takes an integer dtype, got float32",
    ),
    "shapes": (
        lambda: gradc.broadcast_shapes((2,), (3,)),
        ShapeError,
        "broadcast_shapes: shapes don't broadcast: [2] and [3]",
    ),
    "turn": (
        lambda: gradc.rot90(ROWS, 1, [0, 0]),
        ArgumentError,
        "rot90: dims must be two axes, got [0, 0]",
    ),
    "sorter": (
        lambda: gradc.searchsorted(ROWS, ROWS, sorter=ROWS),
        UnsupportedError,
        "searchsorted: sorter is not supported",
    ),
    "rows": (
        lambda: gradc.searchsorted(ROWS, gradc.ones(3, 2)),
        ShapeError,
        "searchsorted: expected a sequence [n], or [*, n] with the leading axes of the input, got "
        "[2, 2] and input [3, 2]",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    action, error, message = REFUSED[name]
    with pytest.raises(error) as caught:
        action()
    assert str(caught.value).splitlines()[0] == message
