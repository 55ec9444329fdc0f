"""Values that a GPU computes again sooner than it would store and load them."""

import pytest
from emit_programs import Program

from gradc.ir.dtype import float32, float64
from gradc.ir.graph import TensorType
from gradc.schedule.make import schedule
from gradc.schedule.target import CPU, CUDA


def kept(operations, dtype, target):
    """Return why a value that two kernels want is kept; "" where it is computed again."""
    b = Program("kept")
    x = b.input(TensorType((64, 48), dtype), "x")
    w = b.input(TensorType((48, 3), dtype), "w")
    y = x
    for operation in operations:
        y = b.op(operation, y)
    y.name = "y"
    both = b.op("dot", b.op("add", x, y), w, contract=((1,), (0,)))
    spread = b.broadcast(b.op("sum", both, axes=(0, 1)), x.shape)
    plan = schedule(b.finish((b.op("mul", spread, y),)), target=target)
    (found,) = [d for d in plan.decisions if d.value.name == "y"]
    return found.reason if found.kept else ""


@pytest.mark.parametrize(
    ("operations", "dtype", "target", "reason"),
    [
        (["erf"], float32, CUDA, ""),
        (["exp"], float32, CUDA, ""),
        (["exp"], float32, CPU, "exp costs more than a load"),
        (["exp"], float64, CUDA, "exp costs more than a load"),
        (["sinh"], float32, CUDA, "sinh costs more than a load"),
        (["erf", "exp", "tanh"], float32, CUDA, "exp costs more than a load"),
    ],
)
def test_one_short_function_is_computed_again(operations, dtype, target, reason):
    assert kept(operations, dtype, target) == reason
