"""autocast and GradScaler: off they change nothing, on they say which dtype is missing."""

import pytest

import gradc
from gradc import nn
from gradc.errors import ArgumentError, UnsupportedError


@pytest.mark.parametrize(("device", "dtype"), [("cuda", "float16"), ("cpu", "bfloat16")])
def test_enabled_says_which_dtype_is_missing(device, dtype):
    with pytest.raises(UnsupportedError) as caught:
        gradc.autocast(device)
    assert caught.value.message == (
        f"autocast: results would be {dtype}, and gradc has float32 and float64 only"
    )
    assert caught.value.hint == (
        'gradc.set_float32_matmul_precision("medium") rounds operands of products on CUDA to '
        "bfloat16, or autocast(..., enabled=False)"
    )


def test_disabled_changes_nothing():
    layer, x = nn.Linear(3, 2), gradc.ones(4, 3)
    expected = layer(x)
    with gradc.amp.autocast("cuda", enabled=False) as mode:
        assert mode.device_type == "cuda"
        found = layer(x)
    assert found.dtype is gradc.float32
    assert found.tolist() == expected.tolist()

    @gradc.autocast("cpu", enabled=False)
    def doubled(x):
        """Return twice x."""
        return 2 * x

    assert doubled(x).tolist() == (2 * x).tolist()
    assert doubled.__doc__ == "Return twice x."


def test_full_precision_warns_and_is_off_as_in_pytorch():
    with pytest.warns(UserWarning, match="autocast: float32 is no lower precision; autocast is of"):
        mode = gradc.autocast("cpu", gradc.float32)
    with mode:
        assert gradc.ones(2).dtype is gradc.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tpu",), "autocast: device_type must be 'cpu' or 'cuda', got 'tpu'"),
        (("cpu", "bfloat16"), "autocast: dtype must be a gradc dtype or None, got 'bfloat16'"),
    ],
)
def test_arguments(arguments, message):
    with pytest.raises(ArgumentError) as caught:
        gradc.autocast(*arguments)
    assert caught.value.message == message


@pytest.mark.parametrize("name", ["float16", "half", "bfloat16"])
def test_dtypes_that_are_not_there(name):
    with pytest.raises(AttributeError) as caught:
        getattr(gradc, name)
    assert str(caught.value) == (
        f"module 'gradc' has no attribute {name!r}: its floating dtypes are float32 and float64"
    )


def test_a_scaler_must_be_disabled():
    with pytest.raises(UnsupportedError) as caught:
        gradc.amp.GradScaler()
    assert caught.value.message == (
        "GradScaler: scaling is for float16 gradients, and gradc has float32 and float64 only"
    )


def test_a_disabled_scaler_leaves_training_as_it_is():
    def trained(scaler):
        w = gradc.tensor([1.0, 2.0], requires_grad=True)
        optimizer = gradc.optim.SGD([w], lr=0.1)
        for _ in range(2):
            optimizer.zero_grad()
            loss = (w * w).sum()
            if scaler is None:
                loss.backward()
                optimizer.step()
            else:
                scaler.scale(loss).backward()
                scaler.unscale_(optimizer)
                scaler.step(optimizer)
                scaler.update()
        return w.tolist()

    scaler = gradc.amp.GradScaler("cpu", enabled=False)
    assert trained(scaler) == trained(None)
    assert (scaler.get_scale(), scaler.is_enabled(), scaler.state_dict()) == (1.0, False, {})
    scaler.load_state_dict({})
