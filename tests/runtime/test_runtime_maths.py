import math

import mpmath
import numpy as np
import pytest
from elementwise_program import FLOAT, SIZE
from ulp_limits import LIMITS

from benchmarks.accuracy import REFERENCES, SLOW, every_float32, some_float64, worst_ulp

INF, NAN = float("inf"), float("nan")
TINY = {"f32": 1e-45, "f64": 5e-324}
LONG = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 60, reason="long double is no wider than double here"
)


def limit(name, code):
    return LIMITS[name][code == "f64"]


def test_every_function_has_a_limit_and_a_reference():
    assert set(LIMITS) == {*FLOAT, "pow", "atan2"}
    assert set(REFERENCES) == set(FLOAT)


@LONG
@pytest.mark.parametrize("code", ["f32", "f64"])
@pytest.mark.parametrize("name", FLOAT)
def test_error_in_units_of_the_last_place(program, name, code):
    few = name in SLOW
    blocks = every_float32(2**20 - 3 if few else 2**16 + 1, SIZE)
    if code == "f64":
        blocks = some_float64(2**12 if few else 2**16, SIZE)
    for x in blocks:
        with np.errstate(all="ignore"):
            exact = np.asarray(REFERENCES[name](x.astype(np.longdouble)), np.longdouble)
        error, at = worst_ulp(program[code](name, x), exact)
        assert error <= limit(name, code), x[at]


@LONG
@pytest.mark.parametrize("code", ["f32", "f64"])
def test_pow_and_atan2_error(program, code):
    rng = np.random.default_rng(3)
    dtype = np.float32 if code == "f32" else np.float64
    x = (10 ** rng.uniform(-30, 30, 2000)).astype(dtype)
    top = 80 if code == "f32" else 700
    y = (rng.uniform(-top, top, 2000) / np.log(x.astype(np.float64))).astype(dtype)
    exact = np.power(x.astype(np.longdouble), y.astype(np.longdouble))
    assert worst_ulp(program[code]("pow", x, y), exact)[0] <= limit("pow", code)
    u, v = (rng.normal(size=(2, 2000)) * 10 ** rng.uniform(-9, 9, (2, 2000))).astype(dtype)
    exact = np.arctan2(u.astype(np.longdouble), v.astype(np.longdouble))
    assert worst_ulp(program[code]("atan2", u, v), exact)[0] <= limit("atan2", code)


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_angles_of_middle_size_are_reduced_exactly(program, name):
    # near multiples of pi / 2, where what is left of the angle is small
    n = np.random.default_rng(5).integers(2**20, 2**49, SIZE).astype(np.float64)
    x = n * (np.pi / 2)
    exact = np.asarray(REFERENCES[name](x.astype(np.longdouble)), np.longdouble)
    assert worst_ulp(program["f64"](name, x), exact)[0] <= limit(name, "f64")


# float64 numbers that lie nearest to multiples of pi / 2, among all and for some exponents
NEAREST = [5.319372648326541e255, 6381956970095103.0 * 2.0**797, 2.0**100, 1.7976931348623157e308]


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_angles_next_to_multiples_of_half_pi(program, name):
    x = np.array([*NEAREST, *(-v for v in NEAREST)])
    with mpmath.workprec(1400):
        for given, got in zip(x, program["f64"](name, x), strict=True):
            exact = getattr(mpmath, name)(mpmath.mpf(float(given)))
            assert abs(got - exact) <= limit(name, "f64") * math.ulp(float(exact)), given


def test_worst_ulp_tells_wrong_infinities_and_nans():
    exact = np.array([1.0, np.inf, 2.0], np.longdouble)
    assert worst_ulp(np.array([1.0, np.inf, 2.0], "f"), exact) == (0.0, 0)
    assert worst_ulp(np.array([1.0, 3e38, 2.0], "f"), exact) == (np.inf, 1)
    assert worst_ulp(np.array([1.0, np.inf, np.nan], "f"), exact) == (np.inf, 2)
    assert worst_ulp(np.array([1.0, np.inf, 2.0 + 2**-21], "f"), exact) == (2.0, 2)


EDGES = {
    "exp": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (1e5, INF), (-1e5, 0.0)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1.0), (1e5, INF), (-1e5, -1.0)],
    "log": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (INF, INF), (-1.0, NAN), (-INF, NAN)],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (INF, INF), (-2.0, NAN), (-INF, NAN)],
    "sin": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN)],
    "cos": [(0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN)],
    "tan": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN)],
    "asin": [(0.0, 0.0), (-0.0, -0.0), (1.5, NAN), (-1.5, NAN), (INF, NAN)],
    "acos": [(1.0, 0.0), (1.5, NAN), (-1.5, NAN), (-INF, NAN)],
    "atan": [(0.0, 0.0), (-0.0, -0.0), (INF, math.pi / 2), (-INF, -math.pi / 2)],
    "sinh": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (1e5, INF)],
    "cosh": [(0.0, 1.0), (INF, INF), (-INF, INF), (-1e5, INF)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (50.0, 1.0)],
    "asinh": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF)],
    "acosh": [(1.0, 0.0), (0.5, NAN), (-5.0, NAN), (-INF, NAN), (INF, INF)],
    "atanh": [(0.0, 0.0), (-0.0, -0.0), (1.0, INF), (-1.0, -INF), (2.0, NAN), (-INF, NAN)],
    "sigmoid": [(0.0, 0.5), (INF, 1.0), (-INF, 0.0), (1e5, 1.0), (-1e5, 0.0)],
    "softplus": [(INF, INF), (-INF, 0.0), (1e5, 1e5), (-1e5, 0.0)],
    "erf": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0)],
    "erfc": [(0.0, 1.0), (INF, 0.0), (-INF, 2.0)],
    "sqrt": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-1.0, NAN)],
    "rsqrt": [(0.0, INF), (-0.0, -INF), (INF, 0.0), (-1.0, NAN)],
    "floor": [(-0.0, -0.0), (1.5, 1.0), (-1.5, -2.0), (INF, INF)],
    "ceil": [(-0.5, -0.0), (1.5, 2.0), (-1.5, -1.0), (-INF, -INF)],
    "trunc": [(-0.5, -0.0), (1.5, 1.0), (-1.5, -1.0)],
    "round_even": [(0.5, 0.0), (1.5, 2.0), (2.5, 2.0), (-0.5, -0.0), (INF, INF)],
    "sign": [(0.0, 0.0), (-2.0, -1.0), (INF, 1.0)],
}


@pytest.mark.parametrize("code", ["f32", "f64"])
@pytest.mark.parametrize("name", EDGES)
def test_edges(program, name, code):
    dtype = np.float32 if code == "f32" else np.float64
    x, expected = (np.array(column, dtype) for column in zip(*EDGES[name], strict=True))
    got = program[code](name, x)
    np.testing.assert_array_equal(got, expected)
    known = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(got[known]), np.signbit(expected[known]))
    from_nan = program[code](name, np.array([NAN], dtype))[0]
    assert from_nan == 0.0 if name == "sign" else np.isnan(from_nan)


@pytest.mark.parametrize("code", ["f32", "f64"])
@pytest.mark.parametrize("name", ["expm1", "log1p", "sin", "tan", "asin", "tanh", "sinh", "atanh"])
def test_subnormals_stay(program, name, code):
    x = np.array([TINY[code], -TINY[code], 7 * TINY[code]], program[code].dtype)
    np.testing.assert_array_equal(program[code](name, x), x)


@pytest.mark.parametrize("code", ["f32", "f64"])
def test_subnormal_results_and_arguments(program, code):
    low = -100.0 if code == "f32" else -740.0
    x = np.array([low, low + 1], program[code].dtype)
    exact = np.exp(x.astype(np.longdouble))
    assert worst_ulp(program[code]("exp", x), exact)[0] <= 1.0
    x = np.array([TINY[code], 123 * TINY[code]], program[code].dtype)
    assert worst_ulp(program[code]("log", x), np.log(x.astype(np.longdouble)))[0] <= 1.0


POWERS = [
    (0.0, 0.0, 1.0),
    (NAN, 0.0, 1.0),
    (1.0, NAN, 1.0),
    (1.0, INF, 1.0),
    (-1.0, INF, 1.0),
    (-1.0, -INF, 1.0),
    (0.0, -1.0, INF),
    (-0.0, -1.0, -INF),
    (-0.0, -2.0, INF),
    (-0.0, 3.0, -0.0),
    (0.0, 3.0, 0.0),
    (0.0, 0.5, 0.0),
    (-8.0, 1.0 / 3.0, NAN),
    (-2.0, 3.0, -8.0),
    (-2.0, 2.0, 4.0),
    (-2.0, -1.0, -0.5),
    (2.0, 0.5, 2**0.5),
    (INF, 2.0, INF),
    (INF, -2.0, 0.0),
    (-INF, 3.0, -INF),
    (-INF, 2.0, INF),
    (-INF, -3.0, -0.0),
    (-INF, 0.5, INF),
    (0.5, INF, 0.0),
    (0.5, -INF, INF),
    (2.0, INF, INF),
    (2.0, -INF, 0.0),
    (10.0, 400.0, INF),
    (10.0, -400.0, 0.0),
    (-10.0, 401.0, -INF),
    (NAN, 1.0, NAN),
    (2.0, NAN, NAN),
]
ANGLES = [
    (y, x, math.atan2(y, x))
    for y in (0.0, -0.0, 1.0, -1.0, INF, -INF)
    for x in (0.0, -0.0, 1.0, -1.0, INF, -INF)
]
EXTREMES = [(x, y) for x in (-INF, -1.0, -0.0, 0.0, 2.0, INF, NAN) for y in (-1.0, 0.0, INF, NAN)]


@pytest.mark.parametrize("code", ["f32", "f64"])
@pytest.mark.parametrize(("name", "table"), [("pow", POWERS), ("atan2", ANGLES)])
def test_edges_of_two_arguments(program, name, table, code):
    x, y, expected = (np.array(c, program[code].dtype) for c in zip(*table, strict=True))
    got = program[code](name, x, y)
    np.testing.assert_array_max_ulp(got[~np.isnan(expected)], expected[~np.isnan(expected)], 1)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    known = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(got[known]), np.signbit(expected[known]))


@pytest.mark.parametrize("code", ["f32", "f64"])
@pytest.mark.parametrize(("name", "meaning"), [("maximum", np.maximum), ("minimum", np.minimum)])
def test_extremes_pass_nan_on(program, name, meaning, code):
    x, y = (np.array(c, program[code].dtype) for c in zip(*EXTREMES, strict=True))
    np.testing.assert_array_equal(program[code](name, x, y), meaning(x, y))


@pytest.mark.parametrize("code", ["f32", "f64", "i32", "i64", "u8"])
@pytest.mark.parametrize("name", ["remainder", "floor_divide"])
def test_division_rounds_down(program, name, code):
    values = [-7, -6, -1, 0, 1, 2, 3, 5, 7] if code != "u8" else [0, 1, 2, 3, 5, 250]
    if code.startswith("f"):
        values = [*values, -0.0, 0.3, -2.5, INF, -INF, NAN]
    x, y = (a.ravel().astype(program[code].dtype) for a in np.meshgrid(values, values))
    with np.errstate(all="ignore"):
        expected = getattr(np, name)(x, y)
    np.testing.assert_array_equal(program[code](name, x, y), expected)


@pytest.mark.parametrize("code", ["i32", "i64"])
def test_the_smallest_integer_divides_by_minus_one(program, code):
    low = np.iinfo(program[code].dtype).min
    x, y = np.array([low, low, low]), np.array([-1, 0, 1])
    assert program[code]("floor_divide", x, y).tolist() == [low, 0, low]
    assert program[code]("remainder", x, y).tolist() == [0, 0, 0]


def test_whole_powers(program):
    x = np.array([2, -3, 0, 0, 1, -1, -1, 2, 5, 7])
    y = np.array([10, 3, 0, 5, -4, -3, -2, -1, -1, 0])
    expected = [1024, -27, 1, 0, 1, -1, 1, 0, 0, 1]
    assert program["i64"]("pow", x, y).tolist() == expected
    assert program["i32"]("pow", x, y).tolist() == expected


@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "round_even"])
def test_integers_are_round_already(program, name):
    x = np.array([-3, 0, 2**62 + 1])
    assert program["i64"](name, x).tolist() == x.tolist()


@pytest.mark.parametrize("code", ["i64", "u8"])
def test_extremes_and_signs_of_integers(program, code):
    x, y = np.array([3, 0, 250]), np.array([2, 5, 1])
    assert program[code]("maximum", x, y).tolist() == [3, 5, 250]
    assert program[code]("minimum", x, y).tolist() == [2, 0, 1]
    assert program[code]("sign", x).tolist() == [1, 0, 1]


def test_tests_for_nan_and_infinity(program):
    x = np.array([1.0, -INF, NAN, 0.0])
    for code in ("f32", "f64"):
        assert program[code]("isnan", x).tolist() == [False, False, True, False]
        assert program[code]("isinf", x).tolist() == [False, True, False, False]
        assert program[code]("isfinite", x).tolist() == [True, False, False, True]
    assert program["i64"]("isnan", [1, 2]).tolist() == [False, False]
    assert program["i64"]("isfinite", [1, 2]).tolist() == [True, True]


@pytest.mark.parametrize("code", ["f32", "f64"])
def test_far_angles(program, code):
    # 2^k for large k, where a reduction with too few digits of pi has nothing right.
    powers = [2.0**k for k in (30, 60, 100, 120)] + ([1e22, 2.0**1000] if code == "f64" else [])
    x = np.array(powers, program[code].dtype)
    exact = [math.sin(v) for v in x.tolist()]
    np.testing.assert_allclose(
        program[code]("sin", x), exact, rtol=3e-7 if code == "f32" else 4e-16
    )
