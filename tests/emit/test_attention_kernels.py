"""Attention of all sizes as generated kernels, for several processors, against NumPy."""

import numpy as np
import pytest
from emit_programs import Program
from emit_run import interpreted, tables
from emit_team import outcomes, share_everything

from gradc.build import load
from gradc.emit.cpu import emit
from gradc.ir.dtype import bool_, float32, float64
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import TensorType
from gradc.passes.pipeline import optimise
from gradc.schedule import keep_weights as choice
from gradc.schedule.attention import KEYS, Attention
from gradc.schedule.make import schedule
from gradc.schedule.registers import Registers, host_registers
from gradc.schedule.target import CUDA

PROCESSORS = {
    "avx512": Registers(32, 64),
    "avx2": Registers(16, 32),
    "sse": Registers(16, 16),
}
# samples, queries, keys, heads, features, outputs: full tiles, remainders, blocks of keys
SIZES = [
    (2, 64, 64, 2, 32, 32),
    (1, 40, 40, 1, 24, 5),
    (1, 67, 35, 2, 33, 40),
    (1, 9, 70, 1, 3, 16),
    (1, 33, KEYS + 21, 1, 4, 8),
    (1, 5, 2 * KEYS, 1, 2, 1),
]


def program(dtype, size, *, causal, mask, adjoint=True, order=(0, 1, 2, 3)):
    """An attention and its adjoint, with operands whose axes lie in another order in memory."""
    n, t, s, h, d, e = size
    b, arrays = Program("attends"), []
    rng = np.random.default_rng(3)

    def given(shape, order=order):
        array = rng.standard_normal([shape[a] for a in order]).astype(dtype.numpy)
        arrays.append(array)
        value = b.input(TensorType(array.shape, dtype), f"x{len(arrays)}")
        back = tuple(order.index(a) for a in range(len(shape)))
        return value if order == tuple(range(len(shape))) else b.op("permute", value, axes=back)

    operands = [given((n, t, h, d)), given((n, s, h, d)), given((n, s, h, e))]
    if mask in ("bool", "left"):
        shown = rng.random((n, 1, t, s)) < 0.7
        shown[0, 0, 2 % t] = False
        if mask == "left":
            shown[..., : KEYS + 9] = False
        arrays.append(shown)
        operands.append(b.input(TensorType(shown.shape, bool_), "shown"))
    elif mask == "float":
        operands.append(given((1, h, 1, s), (0, 1, 2, 3)))
    about = {"scale": 0.4, "causal": causal}
    out, log_sum = b.op("attention", *operands, **about)
    if not adjoint:
        return b.finish((out, log_sum)), arrays
    out_bar, delta = given((n, t, h, e)), given((n, t, h), (0, 1, 2))
    bars = b.op("attention_adjoint", *operands[:3], out_bar, log_sum, delta, *operands[3:], **about)
    return b.finish((out, log_sum, *bars)), arrays


def check(graph, arrays, registers, *, native=False, rtol=2e-5):
    expected, _ = evaluate(graph, arrays)
    plan = schedule(graph, registers)
    emitted = emit(plan)
    assert max(map(len, emitted.source.splitlines())) <= 88, emitted.source
    table, inputs, outputs, arena = tables(graph, emitted, arrays)
    if native:
        load(emitted.source, "attends").call(table.ctypes.data)
    else:
        interpreted(emitted.source, table)
    del inputs, arena
    for got, wanted in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=rtol, atol=rtol)
    return plan, emitted


@pytest.mark.parametrize("mask", ["", "bool", "float"])
@pytest.mark.parametrize("causal", [False, True], ids=["whole", "causal"])
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("processor", ["avx512", "sse"])
def test_interpreted_text_means_attention(processor, size, causal, mask):
    graph, arrays = program(float64, size, causal=causal, mask=mask)
    check(graph, arrays, PROCESSORS[processor], rtol=1e-12)


COMPILED = [
    (float32, SIZES[0], ""),
    (float64, SIZES[2], "float"),
    (float32, (2, 2 * KEYS + 40, KEYS + 30, 1, 8, 8), ""),
    (float64, (1, KEYS + 70, 2 * KEYS + 40, 2, 8, 8), "left"),
]


@pytest.mark.parametrize(("dtype", "size", "mask"), COMPILED)
def test_compiled_text_means_attention(dtype, size, mask):
    graph, arrays = program(dtype, size, causal=True, mask=mask)
    rtol = 1e-12 if dtype is float64 else 3e-5
    check(graph, arrays, host_registers(), native=True, rtol=rtol)


@pytest.mark.parametrize("order", [(0, 2, 1, 3), (2, 0, 1, 3), (0, 1, 3, 2)])
def test_operands_are_read_where_they_lie(order):
    graph, arrays = program(float64, SIZES[1], causal=True, mask="", order=order)
    plan, _ = check(graph, arrays, PROCESSORS["avx2"], rtol=1e-12)
    copies = 4 if order[-1] != 3 else 0
    assert len(plan.kernels) == 2 + copies


def attentions(plan):
    return [k.work for k in plan.kernels if isinstance(k.work, Attention)]


def test_weights_are_kept_while_they_are_few():
    few, _ = program(float32, (2, 64, 64, 2, 32, 32), causal=True, mask="")
    many, _ = program(float32, (2, 256, 256, 2, 32, 32), causal=True, mask="")
    assert [w.keeps for w in attentions(schedule(few))] == [True, True]
    assert [w.keeps for w in attentions(schedule(many))] == [False, False]
    assert "16.4 kweights kept: no more than the operands" in schedule(few).describe()
    assert "262 kweights computed again: more than the operands" in schedule(many).describe()
    alone, _ = program(float32, (2, 64, 64, 2, 32, 32), causal=True, mask="", adjoint=False)
    assert [w.keeps for w in attentions(schedule(alone))] == [False]


@pytest.mark.parametrize("keys", [KEYS - 3, KEYS + 21])
@pytest.mark.parametrize("processor", PROCESSORS)
def test_weights_of_several_blocks_of_keys_are_not_kept(processor, keys):
    graph, arrays = program(float64, (1, 3, keys, 2, 16, 16), causal=False, mask="bool")
    plan, _ = check(graph, arrays, PROCESSORS[processor], rtol=1e-12)
    assert [w.keeps for w in attentions(plan)] == [False, False]
    assert "weights computed again: keys come in several blocks" in plan.describe()


def test_kept_and_computed_weights_give_the_same(monkeypatch):
    graph, arrays = program(float64, SIZES[0], causal=True, mask="bool")
    _, kept = check(graph, arrays, PROCESSORS["avx512"], rtol=1e-12)
    monkeypatch.setattr(choice, "is_small", lambda e: False)
    _, again = check(graph, arrays, PROCESSORS["avx512"], rtol=1e-12)
    assert "kept" in kept.source
    assert "kept" not in again.source


def test_the_adjoint_of_a_packed_projection_is_written_at_once():
    b, rng = Program("packed"), np.random.default_rng(1)
    x = b.input(TensorType((2, 40, 72), float64), "x")
    pieces = []
    for i in range(3):
        ends = {"start": (0, 0, 24 * i), "stop": (2, 40, 24 * i + 24), "step": (1, 1, 1)}
        pieces.append(b.reshape(b.op("slice", x, **ends), (2, 40, 3, 8)))
    out, _ = b.op("attention", *pieces, scale=0.4, causal=True)
    loss = b.op("sum", b.op("mul", out, out), axes=(0, 1, 2, 3), keepdims=False)
    graph = optimise(b.finish((loss, *b.gradients(loss, [x]))))
    plan, emitted = check(graph, [rng.standard_normal(x.shape)], PROCESSORS["avx2"], rtol=1e-12)
    assert [w.joined for w in attentions(plan)] == [False, True]
    assert "q_bar_h = bars[n, :, 0, h]" in emitted.source
    assert "concatenate" not in [e.primitive.name for e in plan.program.graph.equations]


def test_a_gpu_computes_weights_again():
    graph, _ = program(float32, SIZES[0], causal=True, mask="bool")
    assert [w.keeps for w in attentions(schedule(graph))] == [True, True]
    assert [w.keeps for w in attentions(schedule(graph, target=CUDA))] == [False, False]


def test_memory_grows_with_the_length_and_not_with_its_square():
    def peak(length):
        graph, _ = program(float32, (1, length, length, 4, 32, 32), causal=True, mask="")
        return schedule(graph).memory.arena_bytes

    assert peak(1024) <= 2 * peak(512) <= 4 * peak(256)
    assert peak(1024) < 4 * 1024 * 1024


@pytest.mark.parametrize("samples", [1, 9])
def test_threads_in_any_order_give_the_same(samples, monkeypatch):
    share_everything(monkeypatch)
    size = (samples, 20, 20, 3, 4, 4)
    graph, arrays = program(float64, size, causal=True, mask="float")
    plan, emitted, found = outcomes(graph, arrays, [[0], [0, 1], [1, 0], [2, 0, 1]])
    works = [k for k in plan.kernels if isinstance(k.work, Attention)]
    assert [k.share.cut for k in works] == [True, True]
    # whole samples lie side by side, so that the adjoint needs no meeting before it
    assert emitted.source.count("meet(team)") == (0 if samples > 1 else 1)
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            assert a.tobytes() == b.tobytes()
