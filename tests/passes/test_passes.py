"""Each rewrite: what it makes of a small graph, and that it keeps what must be kept."""

import numpy as np
import pytest

import gradc.primitives  # noqa: F401  (fills the registry)
from gradc.ir.builder import GraphBuilder
from gradc.ir.dtype import bool_, float32, float64, int32, int64
from gradc.ir.evaluate import evaluate
from gradc.ir.graph import Section, TensorType
from gradc.passes.cse import cse
from gradc.passes.dead import dead
from gradc.passes.fold import fold
from gradc.passes.pipeline import optimise
from gradc.passes.simplify import simplify
from gradc.passes.stabilise import stabilise

SPECIAL = np.array([0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan, 1e300])
X = TensorType((8,), float64)
M = TensorType((2, 4), float64)


def graph_of(build, type=X):
    b = GraphBuilder("f")
    return b.finish((build(b, b.input(type, "x")),))


def names(graph):
    return [e.primitive.name for e in graph.equations]


def const(b, x, number):
    return b.full(x.type, number)


def simplified(graph):
    return dead(simplify(graph))


EXACT = {
    "x * 1": (lambda b, x: b.op("mul", x, const(b, x, 1)), []),
    "1 * x": (lambda b, x: b.op("mul", const(b, x, 1), x), []),
    "x * -1": (lambda b, x: b.op("mul", x, const(b, x, -1)), ["neg"]),
    "x / 1": (lambda b, x: b.op("div", x, const(b, x, 1)), []),
    "x / 4": (lambda b, x: b.op("div", x, const(b, x, 4)), ["full", "mul"]),
    "x / 3": (lambda b, x: b.op("div", x, const(b, x, 3)), ["full", "div"]),
    "1 / x": (lambda b, x: b.op("div", const(b, x, 1), x), ["reciprocal"]),
    "x + -0.0": (lambda b, x: b.op("add", x, const(b, x, -0.0)), []),
    "x + 0.0": (lambda b, x: b.op("add", x, const(b, x, 0.0)), ["full", "add"]),
    "x - 0.0": (lambda b, x: b.op("sub", x, const(b, x, 0.0)), []),
    "x - -0.0": (lambda b, x: b.op("sub", x, const(b, x, -0.0)), ["full", "sub"]),
    "x * 0": (lambda b, x: b.op("mul", x, const(b, x, 0)), ["full", "mul"]),
    "--x": (lambda b, x: b.op("neg", b.op("neg", x)), []),
    "x + -x": (lambda b, x: b.op("add", x, b.op("neg", x)), ["sub"]),
    "x - -x": (lambda b, x: b.op("sub", x, b.op("neg", x)), ["add"]),
    "-x * -x": (lambda b, x: b.op("mul", b.op("neg", x), b.op("neg", x)), ["mul"]),
    "x ** 1": (lambda b, x: b.op("pow", x, const(b, x, 1)), []),
    "x ** 2": (lambda b, x: b.op("pow", x, const(b, x, 2)), ["mul"]),
    "x ** 0.5": (lambda b, x: b.op("pow", x, const(b, x, 0.5)), ["full", "pow"]),
    "detached": (lambda b, x: b.op("stop_gradient", x), []),
    "x if c else x": (lambda b, x: b.op("where", b.op("isnan", x), x, x), []),
}


@pytest.mark.parametrize("case", EXACT)
def test_simplify_is_exact(case):
    build, expected = EXACT[case]
    graph = graph_of(build)
    better = simplified(graph)
    assert names(better) == expected
    (before,), _ = evaluate(graph, [SPECIAL])
    (after,), _ = evaluate(better, [SPECIAL])
    np.testing.assert_array_equal(after, before)
    number = ~np.isnan(before)
    np.testing.assert_array_equal(np.signbit(after[number]), np.signbit(before[number]))


def test_reciprocal_is_the_better_power():
    better = simplified(graph_of(lambda b, x: b.op("pow", x, const(b, x, -1))))
    assert names(better) == ["reciprocal"]


def test_a_sum_over_no_axes_is_its_operand():
    better = simplified(graph_of(lambda b, x: b.op("sum", x, axes=(), keepdims=False)))
    assert names(better) == []


MOVED = {
    "reshape twice": (lambda b, x: b.reshape(b.reshape(x, (8,)), (4, 2)), ["reshape"]),
    "reshape there and back": (lambda b, x: b.reshape(b.reshape(x, (8,)), (2, 4)), []),
    "transpose twice": (
        lambda b, x: b.op("permute", b.op("permute", x, axes=(1, 0)), axes=(1, 0)),
        [],
    ),
    "unit axis moved": (
        lambda b, x: b.op("permute", b.reshape(x, (2, 1, 4)), axes=(1, 0, 2)),
        ["reshape"],
    ),
    "broadcast twice": (
        lambda b, x: b.broadcast(b.broadcast(x, (3, 2, 4)), (5, 3, 2, 4)),
        ["broadcast"],
    ),
    "whole slice": (
        lambda b, x: b.op("slice", x, start=(0, 0), stop=(2, 4), step=(1, 1)),
        [],
    ),
    "no padding": (
        lambda b, x: b.op("pad", x, low=(0, 0), high=(0, 0), interior=(0, 0), value=1),
        [],
    ),
    "one part": (lambda b, x: b.op("concatenate", x, axis=0), []),
    "wider and back": (lambda b, x: b.cast(b.cast(x, float64), float32), ["cast"]),
    "narrower and back": (lambda b, x: b.cast(b.cast(x, float32), float64), ["cast", "cast"]),
    "moved constant": (
        lambda b, x: b.op(
            "permute", b.broadcast(b.full(TensorType((), float64), 2.5), (2, 4)), axes=(1, 0)
        ),
        ["full"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MOVED)
def test_movements_merge(case):
    build, expected = MOVED[case]
    graph = graph_of(build, M)
    better = simplified(graph)
    assert names(better) == expected
    x = np.arange(8.0).reshape(2, 4)
    (before,), _ = evaluate(graph, [x])
    (after,), _ = evaluate(better, [x])
    np.testing.assert_array_equal(after, before)


def _power_and_more(b, x):
    power = b.op("exp", x)
    return power, b.op("add", power, const(b, x, 1))


def _share_and_power(b, x):
    power, more = _power_and_more(b, x)
    return b.op("reciprocal", more), power


STABLE = {
    "log(1 + e^x)": (
        lambda b, x: b.op("log", b.op("add", const(b, x, 1), b.op("exp", x))),
        ["softplus"],
        800.0,
        800.0,
    ),
    "log1p(e^x)": (lambda b, x: b.op("log1p", b.op("exp", x)), ["softplus"], 800.0, 800.0),
    "log(x + 1)": (
        lambda b, x: b.op("log", b.op("add", x, const(b, x, 1))),
        ["log1p"],
        1e-20,
        1e-20,
    ),
    "log(sigmoid(x))": (
        lambda b, x: b.op("log", b.op("sigmoid", x)),
        ["neg", "softplus", "neg"],
        -800.0,
        -800.0,
    ),
    "e^x - 1": (
        lambda b, x: b.op("sub", b.op("exp", x), const(b, x, 1)),
        ["expm1"],
        1e-20,
        1e-20,
    ),
    "1 - erf(x)": (
        lambda b, x: b.op("sub", const(b, x, 1), b.op("erf", x)),
        ["erfc"],
        10.0,
        2.0884875837625446e-45,
    ),
    "1 / sqrt(x)": (
        lambda b, x: b.op("reciprocal", b.op("sqrt", x)),
        ["rsqrt"],
        4.0,
        0.5,
    ),
    "1 / (1 + e^-x)": (
        lambda b, x: b.op("reciprocal", b.op("add", const(b, x, 1), b.op("exp", b.op("neg", x)))),
        ["sigmoid"],
        -1000.0,
        0.0,
    ),
    "e^x / (1 + e^x)": (lambda b, x: b.op("div", *_power_and_more(b, x)), ["sigmoid"], 800.0, 1.0),
    "3 / (1 + e^x) * e^x": (
        lambda b, x: b.op(
            "mul", b.op("div", const(b, x, 3), (two := _power_and_more(b, x))[1]), two[0]
        ),
        ["full", "sigmoid", "mul"],
        800.0,
        3.0,
    ),
    "1 / (1 + e^-x) * e^-x": (
        lambda b, x: b.op("mul", *_share_and_power(b, b.op("neg", x))),
        ["neg", "sigmoid"],
        -800.0,
        1.0,
    ),
    "e^x * (3 * (1 / (1 + e^x)))": (
        lambda b, x: b.op(
            "mul",
            (two := _share_and_power(b, x))[1],
            b.op("mul", const(b, x, 3), two[0]),
        ),
        ["full", "sigmoid", "mul"],
        800.0,
        3.0,
    ),
    "log(e^x)": (lambda b, x: b.op("log", b.op("exp", x)), [], 800.0, 800.0),
}


@pytest.mark.parametrize("case", STABLE)
def test_stabilise_is_right_where_the_formula_is_not(case):
    build, expected, at, value = STABLE[case]
    better = dead(stabilise(graph_of(build)))
    assert names(better) == expected
    (after,), _ = evaluate(better, [np.full(8, at)])
    np.testing.assert_allclose(after, np.full(8, value), rtol=1e-12)


def test_logarithm_of_a_softmax_needs_no_quotient():
    def build(b, x):
        e = b.op("exp", x)
        total = b.broadcast(b.op("sum", e, axes=(1,), keepdims=True), x.shape)
        return b.op("log", b.op("div", e, total))

    better = dead(stabilise(graph_of(build, M)))
    assert names(better) == ["exp", "sum", "log", "broadcast", "sub"]
    x = np.array([[0.0, -800.0, 1.0, 2.0], [3.0, 3.0, 3.0, 3.0]])
    (after,), _ = evaluate(better, [x])
    assert np.isfinite(after).all()


def test_fold_computes_what_is_known():
    def build(b, x):
        two = b.full(x.type, 2.0)
        return b.op("mul", x, b.op("exp", b.op("add", two, two)))

    better = dead(fold(graph_of(build)))
    assert names(better) == ["full", "mul"]
    assert better.equations[0].params["value"] == np.exp(4.0)


def test_fold_keeps_float32_rounding():
    type = TensorType((2,), float32)
    graph = dead(
        fold(graph_of(lambda b, x: b.op("add", b.full(type, 0.1), b.full(type, 0.2)), type))
    )
    assert graph.equations[0].params["value"] == float(np.float32(0.1) + np.float32(0.2))


EMPTY = {
    "sum": (lambda b, x: b.op("sum", x, axes=(0,)), 0.0),
    "prod": (lambda b, x: b.op("prod", x, axes=(0,)), 1.0),
    "dot": (lambda b, x: b.op("dot", x, x, contract=((0,), (0,))), 0.0),
}


@pytest.mark.parametrize("case", EMPTY)
def test_reductions_over_nothing_are_constants(case):
    build, value = EMPTY[case]
    better = dead(fold(graph_of(build, TensorType((0, 3), float64))))
    assert names(better) == ["full"]
    assert better.equations[0].params["value"] == value


def test_values_without_elements_are_constants():
    graph = dead(fold(graph_of(lambda b, x: b.op("sort", x, axis=0)[1], TensorType((0,), float64))))
    assert names(graph) == ["full"]
    assert graph.outputs[0].dtype is int64


def test_cse_keeps_the_first_and_tells_zeros_apart():
    def build(b, x):
        first, second = b.op("exp", x), b.op("exp", x)
        second.name = "e"
        plus, minus = const(b, x, 0.0), const(b, x, -0.0)
        return b.op("add", b.op("mul", first, second), b.op("add", plus, minus))

    better = cse(graph_of(build))
    assert names(better) == ["exp", "full", "full", "mul", "add", "add"]
    assert better.equations[0].outputs[0].name == "e"


def test_inputs_are_never_merged():
    b = GraphBuilder("f")
    x, y = b.input(X, "x"), b.input(X, "y")
    graph = optimise(b.finish((b.op("sub", x, y),)))
    assert graph.inputs == (x, y)
    assert names(graph) == ["sub"]


def test_dead_keeps_unused_inputs():
    b = GraphBuilder("f")
    x, y = b.input(X, "x"), b.input(X, "y")
    b.op("exp", y)
    graph = dead(b.finish((x,)))
    assert graph.inputs == (x, y)
    assert graph.equations == ()


def test_passes_keep_names_sections_rules_roles_and_updates():
    b = GraphBuilder("f")
    x = b.input(X, "x")
    z = b.op("mul", x, const(b, x, 1))
    z.name = "z"
    b.section, b.rule = Section.BACKWARD, "a rule"
    y = b.op("exp", b.op("neg", b.op("neg", z)))
    y.name = "y"
    graph = b.finish((y,))
    graph.updates = ((x, y),)
    better = optimise(graph)
    assert names(better) == ["exp"]
    (equation,) = better.equations
    assert (equation.section, equation.rule) == (Section.BACKWARD, "a rule")
    assert equation.outputs[0].name == "y"
    assert better.updates == ((x, equation.outputs[0]),)


def test_integers_have_no_negative_zero():
    type = TensorType((3,), int32)
    assert names(simplified(graph_of(lambda b, x: b.op("add", x, b.full(type, 0)), type))) == []


def test_double_negation_of_bool():
    type = TensorType((3,), bool_)
    graph = graph_of(lambda b, x: b.op("logical_not", b.op("logical_not", x)), type)
    assert names(simplified(graph)) == []
