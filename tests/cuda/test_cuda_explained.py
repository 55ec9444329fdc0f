"""Programs of devices are explained and counted as those of the CPU are, and for both targets."""

import pytest

import gradc
from gradc import nn
from gradc.errors import ArgumentError
from gradc.inspect import report


def model_on(device):
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)).to(device)

    def loss(x):
        return (model(x) ** 2).mean()

    return loss


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_source_and_plan_for_both_targets(device):
    loss, x = model_on(device), gradc.zeros(3, 4, device=device)
    for stage in ("source", "plan"):
        own = gradc.explain(loss, x, stage=stage)
        assert own == gradc.explain(loss, x, stage=stage, target=device)
    source = gradc.explain(loss, x, stage="source", target="cuda")
    assert "from gradc.runtime.cuda import" in source
    assert "(gpu, buffers)" in source
    assert "blocks" not in gradc.explain(loss, x, stage="plan", target="cpu").splitlines()[0]
    assert "by BLAS" in gradc.explain(loss, x, stage="plan", target="cuda")
    assert "from gradc.runtime.cpu import" in gradc.explain(loss, x, stage="source", target="cpu")


def test_what_cannot_be_shown_for_a_target():
    loss, x = model_on("cpu"), gradc.zeros(3, 4)
    with pytest.raises(ArgumentError) as caught:
        gradc.explain(loss, x, stage="graph", target="cuda")
    assert caught.value.message == "explain: stage 'graph' is the same for every target"
    assert caught.value.hint == "leave target out"
    with pytest.raises(ArgumentError) as caught:
        gradc.explain(loss, x, stage="plan", target="tpu")
    assert caught.value.message == "explain: target must be 'cpu' or 'cuda'; got 'tpu'"


def test_a_report_of_a_program_on_a_device():
    with gradc.no_grad():
        costs = report(model_on("cuda"), gradc.zeros(3, 4, device="cuda"))
    assert costs.blas == "NumPy, for the emulated device"
    assert costs.flops >= sum(k.flops for k in costs.kernels) > 3 * 4 * 8 * 2
    names = [k.name for k in costs.kernels]
    assert names.count("matmul_t") == 2
    assert costs.path.name == "kernel.py"
    assert "products      NumPy, for the emulated device" in str(costs)
    assert "[3, 4] @ [4, 8]" in str(costs)


def test_a_report_has_a_part_for_the_backward_program():
    costs = report(model_on("cuda"), gradc.zeros(3, 4, device="cuda"))
    assert costs.backward is not None
    assert any(k.section == "backward" for k in costs.backward.kernels)
    assert costs.backward.choices


def test_reasons_may_speak_of_a_product_that_an_epilogue_took_in():
    first, second = nn.Linear(4, 8), nn.Linear(8, 3)

    def loss(x, y):
        return nn.functional.cross_entropy(second(first(x).relu()).flatten(0, 1), y)

    x, y = gradc.zeros(2, 5, 4), gradc.zeros(10, dtype=gradc.int64)
    plan = gradc.explain(loss, x, y, stage="plan", target="cuda")
    assert "with a bias" in plan
    assert "fused, and why" in plan


def test_the_plan_names_attention_without_a_kernel():
    def attend(x):
        return nn.functional.scaled_dot_product_attention(x, x, x)

    with gradc.no_grad():
        plan = gradc.explain(attend, gradc.zeros(1, 2, 6, 600), stage="plan", target="cuda")
        assert (
            "made of products and softmax, with all weights in memory\n"
            "  attention 2 x [6, 600] of [6, 600]: float32 heads of 600 features don't fit into a "
            "block"
        ) in plan
        plan = gradc.explain(attend, gradc.zeros(1, 2, 6, 64), stage="plan", target="cuda")
        assert "a tile of the result per block: 2 x 256 of 32 x 32" in plan
