"""Types as text become tensors, and bad text is told apart."""

import pytest

import gradc
from gradc.errors import ArgumentError
from gradc.inspect import example_tensors


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("float32[128,784]", [(gradc.float32, (128, 784))]),
        ("float32[8, 4], int64[8]", [(gradc.float32, (8, 4)), (gradc.int64, (8,))]),
        (" float64 [ 2 , 3 ] ", [(gradc.float64, (2, 3))]),
        ("float32", [(gradc.float32, ())]),
        ("float32[]", [(gradc.float32, ())]),
        ("bool[3,],uint8[0]", [(gradc.bool, (3,)), (gradc.uint8, (0,))]),
        ("float[2], long[2]", [(gradc.float32, (2,)), (gradc.int64, (2,))]),
    ],
)
def test_types(text, expected):
    found = example_tensors(text)
    assert [(t.dtype, tuple(t.shape)) for t in found] == expected
    assert all((t == 0).all() for t in found)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "float3[3]",
            "'float3' is no dtype (there are bool, uint8, int32, int64, float32, float64)",
        ),
        ("float32[3", "a comma was expected at '[3'"),
        ("float32[a]", "[a] is no list of sizes"),
        ("float32[-1]", "[-1] is no list of sizes"),
        ("float32[2][3]", "a comma was expected at '[3]'"),
        ("float32[2],", "a type was expected at the end"),
        ("", "a type was expected at the end"),
        ("[3]", "a type was expected at '[3]'"),
    ],
)
def test_bad_text(text, reason):
    with pytest.raises(ArgumentError) as caught:
        example_tensors(text)
    assert caught.value.message == f"example inputs {text!r}: {reason}"
    assert caught.value.hint == (
        "write a dtype and sizes, float32[8, 4]; several in a row: float32[8, 4], int64[8]"
    )
