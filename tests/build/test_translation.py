"""What the language of generated text means, construct by construct."""

import numpy as np
import pytest

from gradc.build import load
from gradc.errors import BuildError

HEAD = """
from numpy import float32 as f, float64, int32, int64, uint8
from gradc.runtime.cpu import (
    chunks, floor, isnan, kernel, maximum, meet, minimum, share, step, tile_f32, tiled, view_b1,
    view_f32, view_f64, view_i32, view_i64, view_u8,
)
NAN, BIG = f("nan"), f(3e38)
SIZE = 3

@kernel("f32[:], f64[:], i64[:,:], i32[:], u8[:], b1[:], f32[:], i64[:]")
def work(x, d, n, m, u, t, out, put):
{body}

@step
def run(buffers):
    work(
        view_f32(buffers, 0, 0, (6,)), view_f64(buffers, 1, 0, (6,)),
        view_i64(buffers, 2, 0, (4, 3)), view_i32(buffers, 3, 0, (6,)),
        view_u8(buffers, 4, 0, (6,)), view_b1(buffers, 5, 0, (6,)),
        view_f32(buffers, 6, 0, (6,)), view_i64(buffers, 7, 0, (6,)),
    )
"""


def arrays():
    return [
        np.array([1.5, -2.25, np.nan, 0.0, 7.0, -0.5], np.float32),
        np.array([0.1, -3.5, 2.0, np.inf, 5.0, 1e300]),
        np.arange(-4, 8).reshape(4, 3).astype(np.int64),
        np.array([3, -7, 2**31 - 1, 0, 5, -1], np.int32),
        np.array([0, 1, 200, 255, 7, 3], np.uint8),
        np.array([True, False, True, True, False, False]),
        np.zeros(6, np.float32),
        np.zeros(6, np.int64),
    ]


def results(body):
    text = HEAD.format(body="\n".join(f"    {line}" for line in body.strip().splitlines()))
    native = load(text, "work")
    given = arrays()
    table = np.array([a.ctypes.data for a in given], np.int64)
    native.call(table.ctypes.data)
    return given


PROGRAMS = {
    "negative indices count from the end": (
        "put[0] = n[-1, -2]\nput[-1] = m[-2]",
        (6, 0, 0, 0, 0, 5),
        None,
    ),
    "integers are int64": ("put[0] = m[2] + m[2]\nput[1] = u[2] + u[3]", (2**32 - 2, 455), None),
    "casts cut": (
        "put[0] = int32(m[2] + 1)\nput[1] = uint8(u[2] + u[3])\nput[2] = uint8(0 - u[1])",
        (-(2**31), 455 - 256, 255),
        None,
    ),
    "floor division": (
        "put[0] = m[1] // 2\nput[1] = m[1] % 2\nput[2] = m[1] % -4\nput[3] = m[1] // m[3]\n"
        "put[4] = m[1] % m[3]",
        (-4, 1, -3, 0, 0),
        None,
    ),
    "true division": ("out[0] = m[0] / m[4]\nout[1] = x[0] / x[3]", None, (0.6, np.inf)),
    "float32 stays float32": ("out[0] = x[0] * f(0.1) + f(1e-8)", None, (np.float32(0.15),)),
    "named constants stay float32": (
        "put[0] = isnan((-BIG - x[4] * f(4e37)) * f(0))\nput[1] = isnan((BIG + BIG) * f(0))",
        (1, 1),
        None,
    ),
    "comparisons with NaN": (
        "put[0] = x[2] == x[2]\nput[1] = x[2] != x[2]\nput[2] = x[2] < f(1)\nput[3] = isnan(NAN)",
        (0, 1, 0, 1),
        None,
    ),
    "chains": ("put[0] = 0 <= m[0] < SIZE\nput[1] = 0 <= m[0] < 4 != 3", (0, 1), None),
    "and, or, not": (
        "put[0] = t[0] and not t[1]\nput[1] = t[1] or m[4] > 4 and t[2]\n"
        "put[2] = (t[0] & t[1]) | (t[0] ^ t[1])",
        (1, 1, 1),
        None,
    ),
    "the second operand is not read where it doesn't count": (
        "i = m[2]\nput[0] = i < 6 and t[i]\nput[1] = m[i] if i < 6 else SIZE",
        (0, 3),
        None,
    ),
    "ifs": (
        "best = -1\nfor i in range(6):\n    if x[i] > f(1) and not t[i]:\n        best = i\n"
        "    else:\n        put[1] += 1\nput[0] = best",
        (4, 5),
        None,
    ),
    "a name of two numbers": (
        "total = 0\nfor i in range(3):\n    total = total + d[i]\nout[0] = total\n",
        None,
        (-1.4,),
    ),
    "ranges": (
        "for i in range(1, 6, 2):\n    put[i] = i\nfor i in range(4, 0, -2):\n    put[i] = -i\n"
        "for i in range(3, 1):\n    put[0] = 9",
        (0, 1, -2, 3, -4, 5),
        None,
    ),
    "a step that is not written": (
        "width = 1\nwhile width < 4:\n    for i in range(0, 6, 2 * width):\n"
        "        put[i] += width\n    width *= 2",
        (3, 0, 1, 0, 3, 0),
        None,
    ),
    "tuples": ("a, b = m[0], m[1]\na, b = b, a\nput[0] = a\nput[1] = b", (-7, 3), None),
    "several targets": ("a = b = m[0]\nput[0] = a + b", (6,), None),
    "extremes": ("put[0] = min(m[0], 2)\nput[1] = abs(m[1])\nout[0] = abs(x[1])", (2, 7), (2.25,)),
    "truth from numbers": ("t[0] = m[3]\nt[1] = m[0]\nput[0] = t[0]\nput[1] = t[1]", (0, 1), None),
    "in place": (
        "put[2] += 5\nput[2] *= 3\nput[2] -= 1\nt[1] |= t[0]\nput[0] = t[1]",
        (1, 0, 14),
        None,
    ),
    "rows and slices": (
        "row = n[1]\nput[0] = row[2]\nput[1] = n[1:, 2][1]\nput[2] = n[:, 1:][3, 1]\n"
        "put[3] = n[-1, ::2][1]\nput[4] = n[::2, 1][1]\nput[5] = n[1:3, :].shape[0]",
        (1, 4, 7, 7, 3, 2),
        None,
    ),
    "sizes": ("put[0] = n.shape[0] * 10 + n.shape[1]", (43,), None),
    "powers of the text": ("out[0] = f(2 ** -2) * x[0]", None, (0.375,)),
    "negation": ("put[0] = -m[0]\nout[0] = -x[3]\nput[1] = -u[1]", (-3, -1), (-0.0,)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_meaning(cache, name):
    body, whole, real = PROGRAMS[name]
    *_, out, put = results(body)
    expected_out, expected_put = np.zeros(6, np.float32), np.zeros(6, np.int64)
    expected_put[: len(whole or ())] = whole or ()
    expected_out[: len(real or ())] = real or ()
    np.testing.assert_array_equal(put, expected_put)
    np.testing.assert_array_equal(np.signbit(out), np.signbit(expected_out))
    np.testing.assert_array_equal(out, expected_out)


MISTAKES = {
    "a name without a value": ("put[0] = missing", "the name 'missing' has no value here"),
    "an unknown function": ("put[0] = round(x[0])", "can't call 'round'"),
    "a row for a number": ("put[0] = n[1]", "can't assign to 'put[0]'"),
    "too few indices": ("n[1] = 3", "1 indices [1] of array(int64, 2d, C)"),
    "a number for an array": ("put[0] = (x[0])[1]", "'x[0]' is no array"),
    "an index that is no integer": ("put[0] = x[f(1)]", "'f(1)' is no integer"),
    "an unknown statement": ("return", "can't read 'return'"),
    "a loop over an array": ("for i in x:\n    pass", "'x' is no number"),
    "remainders of floats": ("out[0] = x[0] % x[1]", "no Mod of floating-point numbers"),
    "a lambda": ("put[0] = (lambda: 1)()", "can't call 'lambda: 1'"),
    "what an operation doesn't take": (
        "put[0] = isnan(x)",
        "isnan does not take (array(float32, 1d, C))",
    ),
    "a loop's name after it": (
        "for i in range(3):\n    pass\nput[0] = i",
        "the name 'i' has no value here",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_the_language_lacks_is_an_error(cache, name):
    body, message = MISTAKES[name]
    with pytest.raises(BuildError) as caught:
        results(body)
    (path,) = cache.glob("??/*/kernel.py")
    assert caught.value.message == f"build: work in {path} did not compile: {message}"
    assert str(caught.value.__cause__.message) == message


TWO = """
from gradc.runtime.cpu import kernel, step, view_i64

@kernel("i64[:,:]")
def sizes(x):
    x[0, 0] = x.shape[0]
    x[0, 1] = x.shape[1]

@step
def run(buffers):
    sizes(view_i64(buffers, 0, 0, (3, 2)))
    sizes(view_i64(buffers, 1, 0, ({rows}, 2)))
"""


@pytest.mark.parametrize("rows", [3, 5])
def test_sizes_of_all_calls(cache, rows):
    native = load(TWO.format(rows=rows), "sizes")
    a, b = np.zeros((3, 2), np.int64), np.zeros((rows, 2), np.int64)
    table = np.array([a.ctypes.data, b.ctypes.data], np.int64)
    native.call(table.ctypes.data)
    assert a[0].tolist() == [3, 2]
    assert b[0].tolist() == [rows, 2]


OVERWRITTEN = """
from gradc.runtime.cpu import exp, kernel, step, view_f64

@kernel("f64[:,:], f64[:,:], f64[:,:], f64[:,:], f64[:,:]")
def work(x, seed, z, e, out):
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            power = exp(x[i, j])
            f = 1.0 if i < 2 else x[0, j]
            g = 1.0 if i < 1 else x[i - 1, j]
            before = seed[i, j]
            seed[i, j] = x[i, j]
            e[i, j] = power
            h = z[i + 1, j] if i < 2 else 0.0
            out[i, j] = before + f * g + h

@step
def run(buffers):
    x, seed = view_f64(buffers, 0, 0, (3, 3)), view_f64(buffers, 1, 0, (3, 3))
    z, e = view_f64(buffers, 2, 0, (3, 3)), view_f64(buffers, 3, 0, (3, 3))
    out = view_f64(buffers, 4, 0, (3, 3))
    work(x, seed, z, e, out)
"""


def test_what_is_read_before_it_is_overwritten_stays_what_it_was(cache):
    """LLVM 22 joins a masked read with a choice that comes after the write."""
    x = np.arange(9.0).reshape(3, 3) / 8
    seed, z, e, out = x + 100, x * 3, np.zeros((3, 3)), np.zeros((3, 3))
    given = [x, seed, z, e, out]
    load(OVERWRITTEN, "overwritten").call(
        np.array([a.ctypes.data for a in given], np.int64).ctypes.data
    )
    f = np.stack([np.ones(3), np.ones(3), x[0]])
    g = np.stack([np.ones(3), x[0], x[1]])
    h = np.stack([z[1], z[2], np.zeros(3)])
    np.testing.assert_allclose(out, x + 100 + f * g + h, rtol=1e-15)
    np.testing.assert_array_equal(seed, x)
