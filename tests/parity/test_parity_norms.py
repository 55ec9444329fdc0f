"""Normalizations of samples against PyTorch: functions, running statistics, training."""

import numpy as np
import pytest

import gradc

torch = pytest.importorskip("torch")
from case_table import check  # noqa: E402 # it needs torch
from twins import agree, close, ours  # noqa: E402

rng = np.random.default_rng(6)
ROWS = rng.standard_normal((5, 6))
IMAGES = rng.standard_normal((3, 6, 4, 2)) + 0.5
SIGNAL = rng.standard_normal((2, 6, 7))
WEIGHT, BIAS = rng.standard_normal(6), rng.standard_normal(6)
MEAN, VARIANCE = rng.standard_normal(6), rng.random(6) + 0.5


def F(name, *given, **options):
    return lambda L, x, *rest: getattr(L.nn.functional, name)(x, *given, *rest, **options)


CASES = {
    "rms_norm": (F("rms_norm", (6,)), ROWS, WEIGHT),
    "rms_norm plain": (F("rms_norm", (4, 2)), IMAGES),
    "rms_norm eps": (F("rms_norm", (6,), eps=0.3), ROWS),
    "rms_norm of zeros": (F("rms_norm", (6,)), np.zeros((2, 6))),
    "group_norm": (F("group_norm", 3), IMAGES, WEIGHT, BIAS),
    "group_norm of one": (F("group_norm", 1, eps=0.1), SIGNAL, WEIGHT),
    "group_norm of each": (F("group_norm", 6), IMAGES),
    "group_norm of rows": (F("group_norm", 2), ROWS, WEIGHT, BIAS),
    "group_norm of none": (F("group_norm", 2), ROWS[:0]),
    "instance_norm": (F("instance_norm", None, None), IMAGES, WEIGHT, BIAS),
    "instance_norm plain": (F("instance_norm", eps=0.2), SIGNAL),
    "instance_norm of running statistics": (
        lambda L, x, m, v, w: L.nn.functional.instance_norm(
            x, m.detach(), v.detach(), w, use_input_stats=False), IMAGES, MEAN, VARIANCE, WEIGHT,
    ),
    "local_response_norm": (F("local_response_norm", 3, 0.7, 1.5, 2.0), IMAGES),
    "local_response_norm of two": (F("local_response_norm", 2), SIGNAL),
    "local_response_norm of many": (F("local_response_norm", 9, 0.5), SIGNAL),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_and_gradients(dtype):
    check(CASES, list(CASES), dtype)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_running_statistics(compiled):
    """Two batches of training, then evaluation; the buffers are the state."""
    torch.manual_seed(0)
    batches = [torch.randn(3, 4, 5, dtype=torch.float64) * i + i for i in (1, 2)]
    for options in ({"affine": True}, {"momentum": 0.4}, {"momentum": None}):
        their = torch.nn.InstanceNorm1d(4, track_running_stats=True, **options).double()
        model = gradc.nn.InstanceNorm1d(4, track_running_stats=True, **options).double()
        run = gradc.compile(model) if compiled else model
        for batch in batches:
            close(run(ours(batch)), their(batch), 1e-12, str(options))
        model.eval()
        their.eval()
        close(run(ours(batches[0])), their(batches[0]), 1e-12, str(options))
        agree(model, their, 1e-12, str(options))
