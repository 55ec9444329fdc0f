"""What bits of integers refuse, and factors of sums of integers."""

import pytest

import gradc
from gradc.errors import DTypeError

REFUSED = {
    "bitwise_and": (
        lambda: gradc.ones(2) & gradc.ones(2),
        "bitwise_and: takes bool and integers, got float32",
        "compare first: (x > 0) & (y > 0)",
    ),
    "bitwise_or": (
        lambda: gradc.tensor([1]) | 0.5,
        "bitwise_or: takes bool and integers, got float32",
        "compare first: (x > 0) & (y > 0)",
    ),
    "shift of bool": (
        lambda: gradc.tensor([True]) << gradc.tensor([True]),
        "bitwise_left_shift: `<<` takes integers, got bool",
        "convert with .to(gradc.int64)",
    ),
    "shift by a float": (
        lambda: gradc.tensor([1]) >> 1.0,
        "bitwise_right_shift: `>>` takes integers, got float32",
        "convert with .to(gradc.int64)",
    ),
    "addcmul": (
        lambda: gradc.addcmul(*[gradc.tensor([1, 2])] * 3, value=0.5),
        "addcmul: value must be a whole number for tensors of integers, got 0.5",
        "convert with .to(gradc.float32)",
    ),
    "addmm": (
        lambda: gradc.addmm(*[gradc.tensor([[1]])] * 3, beta=0.5),
        "addmm: beta must be a whole number for tensors of integers, got 0.5",
        "convert with .to(gradc.float32)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    action, message, hint = REFUSED[name]
    with pytest.raises(DTypeError) as caught:
        action()
    lines = str(caught.value).splitlines()
    assert (lines[0], lines[-1]) == (message, f"  try: {hint}")
