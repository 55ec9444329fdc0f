"""Plans: how many kernels, what shares memory, what is kept, and in which order things happen."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "emit"))
import emit_programs
from emit_programs import Program
from emit_run import check, compile_text

from gradc.ir.dtype import float32, float64, int32, int64
from gradc.ir.graph import TensorType
from gradc.schedule.make import schedule
from gradc.schedule.nest import Nest
from gradc.schedule.plan import Product

ROWS, COLUMNS = 6, 5
M = TensorType((ROWS, COLUMNS), float64)
RNG = np.random.default_rng(0)


def matrix(*shape):
    return RNG.standard_normal(shape)


def plan_of(graph, arrays, **options):
    plan, emitted = check(graph, arrays, **options)
    return plan, emitted.source


def row_fold(b, name, x):
    return b.broadcast(b.op(name, x, axes=(1,), keepdims=True), x.shape)


def softmax(b, x):
    e = b.op("exp", b.op("sub", x, row_fold(b, "max", x)))
    return b.op("div", e, row_fold(b, "sum", e))


def layer_norm(b, x, weight, bias):
    share = b.full(x.type, 1 / x.shape[1])
    centred = b.op("sub", x, b.op("mul", row_fold(b, "sum", x), share))
    variance = b.op("mul", row_fold(b, "sum", b.op("mul", centred, centred)), share)
    scale = b.op("rsqrt", b.op("add", variance, b.full(x.type, 1e-5)))
    normal = b.op("mul", centred, scale)
    return b.op(
        "add", b.op("mul", normal, b.broadcast(weight, x.shape)), b.broadcast(bias, x.shape)
    )


def test_softmax_is_one_kernel_of_three_sweeps():
    b = Program("softmax")
    graph = b.finish((softmax(b, b.input(M, "x")),))
    plan, source = plan_of(graph, [matrix(ROWS, COLUMNS)])
    (kernel,) = plan.kernels
    assert kernel.work.sweeps == 3
    assert source.count("exp(") == 1  # kept for the last sweep


def test_cross_entropy_and_its_gradient_are_one_kernel_and_a_number():
    graph = emit_programs.softmax_cross_entropy(dtype=float64)
    plan, _ = compile_text(graph)
    assert [k.is_scalar for k in plan.kernels] == [False, True]
    assert plan.kernels[0].work.sweeps == 3


def test_layer_norm_is_one_kernel_forward_and_two_with_gradients():
    b = Program("layer_norm")
    x = b.input(M, "x")
    row = TensorType((COLUMNS,), float64)
    weight, bias = b.input(row, "weight"), b.input(row, "bias")
    y = layer_norm(b, x, weight, bias)
    y_bar = b.input(M, "y_bar")
    forward = b.finish((y,))
    arrays = [matrix(ROWS, COLUMNS), matrix(COLUMNS), matrix(COLUMNS), matrix(ROWS, COLUMNS)]
    plan, _ = plan_of(forward, arrays)
    assert len(plan.kernels) == 1
    assert plan.kernels[0].work.sweeps == 3
    loss = b.op("sum", b.op("mul", y, y_bar), axes=(0, 1))
    bars = b.gradients(loss, [x, weight, bias])
    plan, _ = plan_of(b.finish((y, *bars)), arrays)
    assert len(plan.kernels) <= 2


def test_adam_of_a_parameter_is_one_sweep():
    plan, _ = compile_text(emit_programs.mlp_step())
    updates = [k for k in plan.kernels if len(k.roots) == 3 and isinstance(k.work, Nest)]
    assert len(updates) == 6
    assert all(k.work.extents == (k.values[0].type.size,) for k in updates)


def test_products_need_no_copies():
    plan, _ = compile_text(emit_programs.mlp_step())
    products = [k for k in plan.kernels if isinstance(k.work, Product)]
    assert len(products) == 8
    flags = [(k.work.left.transposed, k.work.right.transposed) for k in products]
    assert flags[:3] == [(False, True)] * 3
    assert set(flags[3:]) == {(False, False), (True, False)}


def test_weights_are_updated_in_place():
    graph = emit_programs.mlp_step()
    plan, _ = compile_text(graph)
    places = plan.memory.places
    for old, new in plan.program.graph.updates:
        assert places[new] == places[old]


def updated(build, count=2, type=M):
    """Return the graph whose inputs are updated to what `build` makes of them."""
    b = Program("update")
    inputs = [b.input(type, name) for name in "xyz"[:count]]
    new, outputs = build(b, *inputs)
    graph = b.finish(tuple(outputs))
    graph.updates = tuple(zip(inputs, new, strict=False))
    return graph


def transposed(b, x):
    return b.op("permute", x, axes=(1, 0))


SQUARE = TensorType((4, 4), float64)
HAZARDS = {
    "swap": lambda b, x, y: ((y, x), ()),
    "rotate through arithmetic": lambda b, x, y: ((b.op("add", x, y), x), ()),
    "shift": lambda b, x, y: ((y, b.op("mul", y, y)), ()),
    "transpose over itself": lambda b, x, y: ((transposed(b, x), y), ()),
    "new read by another state": lambda b, x, y: (
        (b.op("exp", y), b.op("add", transposed(b, x), y)),
        (),
    ),
    "old value returned": lambda b, x, y: ((b.op("neg", x), y), (x,)),
    "new value returned twice": lambda b, x, y: (lambda n: ((n, y), (n, n)))(b.op("neg", x)),
    "both become the same": lambda b, x, y: (lambda n: ((n, n), ()))(b.op("add", x, y)),
    "unchanged": lambda b, x, y: ((x, y), (b.op("neg", x),)),
    "product over its operand": lambda b, x, y: (
        (b.op("dot", x, y, contract=((1,), (0,))), b.op("dot", y, x, contract=((1,), (0,)))),
        (),
    ),
    "cumulative sum over itself": lambda b, x, y: ((b.op("cumsum", x, axis=0), y), ()),
    "softmax over itself": lambda b, x, y: ((softmax(b, x), b.op("mul", x, y)), ()),
    "reversed over itself": lambda b, x, y: ((b.op("flip", x, axes=(0,)), x), (y,)),
}


@pytest.mark.parametrize("case", HAZARDS)
def test_updates_see_old_values(case):
    graph = updated(HAZARDS[case], type=SQUARE)
    plan_of(graph, [matrix(4, 4), matrix(4, 4)], rtol=1e-12, atol=1e-12)


def test_momentum_is_written_in_place_once():
    def build(b, p, m):
        g = b.op("mul", p, b.full(p.type, 0.5))
        new = b.op("add", b.op("mul", m, b.full(m.type, 0.9)), g)
        return (b.op("sub", p, new), new), ()

    plan, source = plan_of(updated(build), [matrix(ROWS, COLUMNS), matrix(ROWS, COLUMNS)])
    assert len(plan.kernels) == 1
    assert plan.memory.arena_bytes == 0
    assert 'f64[:], f64[:]"' in source


def test_temporaries_share_memory():
    b = Program("chain")
    x = b.input(TensorType((16, 16), float32), "x")
    y = x
    for _ in range(8):
        y = b.op("tanh", b.op("dot", y, x, contract=((1,), (0,))))
    plan, _ = plan_of(b.finish((y,)), [matrix(16, 16) * 0.1], rtol=1e-4, atol=1e-5)
    assert plan.memory.arena_bytes <= 3 * 16 * 16 * 4
    assert all(p.offset % 64 == 0 for p in plan.memory.places.values())


def test_costly_values_are_kept_and_cheap_ones_recomputed():
    b = Program("kept")
    x, w = b.input(M, "x"), b.input(TensorType((COLUMNS, 3), float64), "w")
    cheap, costly = b.op("mul", x, x), b.op("exp", x)
    cheap.name, costly.name = "cheap", "costly"
    both = b.op("dot", b.op("add", cheap, costly), w, contract=((1,), (0,)))
    total = b.op("sum", both, axes=(0, 1))
    spread = b.broadcast(total, M.shape)
    y = b.op("mul", spread, b.op("sub", cheap, costly))
    plan, _ = plan_of(b.finish((y,)), [matrix(ROWS, COLUMNS), matrix(COLUMNS, 3)])
    reasons = {d.value.name: (d.kept, d.reason) for d in plan.decisions if d.value.name}
    assert reasons["costly"] == (True, "exp costs more than a load")
    assert reasons["cheap"] == (False, "recomputed from x")


def test_a_costly_vector_is_not_computed_for_each_row():
    b = Program("bias")
    x, v = b.input(M, "x"), b.input(TensorType((COLUMNS,), float64), "v")
    y = b.op("mul", x, b.broadcast(b.op("exp", v), M.shape))
    plan, _ = plan_of(b.finish((y,)), [matrix(ROWS, COLUMNS), matrix(COLUMNS)])
    assert [k.work.extents for k in plan.kernels] == [(COLUMNS,), (ROWS, COLUMNS)]


@pytest.mark.parametrize("flat", [True, False])
def test_a_kept_value_of_another_shape_is_read_where_it_lies(flat):
    """Places that are looked up twice cost loads, but the value read there is no copy."""
    b = Program("looked_up")
    x = b.input(TensorType((6,) if flat else (3, 2), float64), "x")
    i, j = (b.input(TensorType((7,), int64), name) for name in "ij")
    y = b.reshape(x, (2, 3) if flat else (6,))

    def at(first, second):
        place = b.op("index_select", second, first, axis=0)
        return b.op("index_select", y, place, axis=0)

    graph = b.finish((b.op("exp", at(i, j)), b.op("sum", at(j, i), axes=(0,), keepdims=False)))
    places = [RNG.integers(0, 2, 7) for _ in "ij"]
    plan, _ = plan_of(graph, [matrix(*x.shape), *places])
    assert not any(r.value is y for k in plan.kernels for r in k.roots)


def test_contiguous_kernels_are_flat():
    b = Program("flat")
    x = b.input(TensorType((2, 3, 4, 5, 2, 3, 2), float64), "x")
    plan, _ = plan_of(b.finish((b.op("exp", x),)), [matrix(*x.shape)])
    assert plan.kernels[0].work.extents == (x.type.size,)


def test_long_sums_are_added_up_in_chunks():
    b = Program("total")
    x = b.input(TensorType((1 << 16,), float32), "x")
    graph = b.finish((b.op("sum", x, axes=(0,)),))
    plan, emitted = compile_text(graph)
    assert plan.kernels[0].work.extents == (16, 4096)
    assert "part" in emitted.source
    ones = np.full(1 << 16, 0.1, np.float32)
    check(graph, [ones], native=True, rtol=1e-6)


def test_large_kernels_are_split():
    b = Program("long")
    x = b.input(M, "x")
    outputs, y = [], x
    for _ in range(100):
        y = b.op("sin", b.op("add", b.op("mul", y, y), x))
        outputs.append(y)
    plan, _ = plan_of(b.finish(tuple(outputs)), [matrix(ROWS, COLUMNS)], rtol=1e-6)
    assert len(plan.kernels) >= 5


def test_products_of_vectors_fuse():
    b = Program("inner")
    x, y = b.input(M, "x"), b.input(M, "y")
    inner = b.op("dot", x, y, contract=((1,), (1,)), batch=((0,), (0,)))
    plan, _ = plan_of(b.finish((b.op("exp", inner),)), [matrix(ROWS, COLUMNS)] * 2)
    assert len(plan.kernels) == 1
    assert isinstance(plan.kernels[0].work, Nest)


def test_batched_products_with_moved_heads():
    """Attention: [batch, time, heads, width] against itself, heads moved outward."""
    b = Program("attention")
    type = TensorType((2, 3, 4, 5), float64)
    q, k = b.input(type, "q"), b.input(type, "k")
    q, k = (b.op("permute", v, axes=(0, 2, 1, 3)) for v in (q, k))
    scores = b.op("dot", q, k, contract=((3,), (3,)), batch=((0, 1), (0, 1)))
    plan_of(b.finish((scores,)), [matrix(2, 3, 4, 5), matrix(2, 3, 4, 5)])


def test_kernels_know_their_parallel_axis():
    graph = emit_programs.mlp_step()
    plan, _ = compile_text(graph)
    bias_relu = next(k for k in plan.kernels if isinstance(k.work, Nest))
    assert bias_relu.parallel == 8
    assert bias_relu.partials == ()
    summing = next(k for k in plan.kernels if k.partials and len(k.roots) == 2)
    assert summing.parallel == 8


@pytest.mark.parametrize("dtype", [int32, int64], ids=str)
def test_integers_wrap(dtype):
    b = Program("wrap")
    x = b.input(TensorType((3,), dtype), "x")
    y = b.op("mul", x, x)
    big = np.iinfo(dtype.numpy).max // 2
    with np.errstate(all="ignore"):
        graph = b.finish((y, b.op("gt", y, x)))
        check(graph, [np.array([big, 3, -big])], native=True)


def test_index_out_of_range_reads_nan_and_writes_nothing():
    b = Program("index")
    x, i = b.input(TensorType((4,), float64), "x"), b.input(TensorType((3,), int64), "i")
    u = b.input(TensorType((3,), float64), "u")
    picked = b.op("index_select", x, i, axis=0)
    added = b.op("index_add", x, i, u, axis=0)
    from emit_run import results

    arrays = [np.arange(4.0), np.array([1, 9, -3]), np.ones(3)]
    _, _, (p, a), _ = results(b.finish((picked, added)), arrays, native=True)
    np.testing.assert_array_equal(p, [1.0, np.nan, np.nan])
    np.testing.assert_array_equal(a, [0.0, 2.0, 2.0, 3.0])


def test_describe_lists_kernels_buffers_and_decisions():
    plan, _ = compile_text(emit_programs.softmax_cross_entropy())
    text = plan.describe()
    assert text.splitlines()[0].startswith("loss_and_gradient: 1 kernels, 1 numbers, ")
    for part in ("kernels", "buffers", "loops 6 x 5, 3 sweeps per row", "numbers", "slot 3"):
        assert part in text


def reasons(graph):
    """The rows of a plan's listing that say where values are computed, and why."""
    lines = schedule(graph).describe().splitlines()
    begin = lines.index("fused, and why") + 1
    end = next((i for i in range(begin, len(lines)) if not lines[i]), len(lines))
    return [" ".join(line.split()) for line in lines[begin:end]]


def test_the_listing_says_what_is_fused_and_why():
    b = Program("layer")
    x, w = b.input(M, "x"), b.input(TensorType((COLUMNS, 4), float64), "w")
    z = b.named(b.op("dot", x, w, contract=((1,), (0,)), batch=((), ())), "z")
    h = b.named(b.op("tanh", z), "h")
    y = b.named(b.op("mul", h, h), "y")
    total = b.named(b.op("sum", y, axes=(0,), keepdims=False), "total")
    other = b.named(b.op("exp", z), "other")
    first = b.named(b.op("sum", other, axes=(0, 1), keepdims=False), "first")
    assert reasons(b.finish((y, total, first))) == [
        "0 z begins: a product has a kernel of its own",
        "1 y with h begins: z comes from a kernel of its own, a product",
        "1 total joins: it reads y where that is made",
        "1 first with other joins: it reads z too",
    ]


def test_numbers_that_follow_each_other_share_a_row():
    b = Program("numbers")
    x = b.input(TensorType((), float64), "x")
    values = [x]
    for i in range(8):
        values.append(b.named(b.op("sin", values[-1]), f"n{i}"))
    text = schedule(b.finish(tuple(values[1:]))).describe()
    assert text.startswith("numbers: 0 kernels, 8 numbers, ")
    assert " 0 to 7  forward  numbers  n0, n1, n2, n3, n4, n5 and 2 more " in text
    assert "fused" not in text


def test_nothing_to_do():
    b = Program("nothing")
    x = b.input(M, "x")
    plan, _ = plan_of(b.finish(()), [matrix(ROWS, COLUMNS)])
    assert plan.kernels == ()
    plan_of(b.finish((x, x)), [matrix(ROWS, COLUMNS)])
