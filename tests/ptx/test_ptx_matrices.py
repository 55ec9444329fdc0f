"""Products of a warp's matrices on the PTX machine."""

import numpy as np
import pytest
from ptx.text import PtxError

BODY = """
mov.u32 %r1, %tid.x;
mad.wide.u32 %rd1, %r1, 16, %rd90;
ld.global.v4.b32 {%r10, %r11, %r12, %r13}, [%rd1];
mad.wide.u32 %rd2, %r1, 8, %rd91;
ld.global.v2.b32 {%r14, %r15}, [%rd2];
mad.wide.u32 %rd3, %r1, 16, %rd92;
ld.global.v4.b32 {%r16, %r17, %r18, %r19}, [%rd3];
{GUARD}
mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%r20, %r21, %r22, %r23},
 {%r10, %r11, %r12, %r13}, {%r14, %r15}, {%r16, %r17, %r18, %r19};
st.global.v4.b32 [%rd3], {%r20, %r21, %r22, %r23};
END:
ret;
"""


def fragments(x, w, y):
    """Return what 32 lanes have of matrices [16, 8] @ [8, 8] + [16, 8]."""
    a, b, c = np.zeros((32, 4), "f"), np.zeros((32, 2), "f"), np.zeros((32, 4), "f")
    for lane in range(32):
        g, t = lane // 4, lane % 4
        a[lane] = x[g, t], x[g + 8, t], x[g, t + 4], x[g + 8, t + 4]
        b[lane] = w[t, g], w[t + 4, g]
        c[lane] = y[g, 2 * t], y[g, 2 * t + 1], y[g + 8, 2 * t], y[g + 8, 2 * t + 1]
    return a, b, c


def test_a_warp_multiplies(run):
    rng = np.random.default_rng(0)
    x, w, y = (rng.integers(-99, 100, shape).astype("f") for shape in ((16, 8), (8, 8), (16, 8)))
    *_, found = run(BODY.replace("{GUARD}", ""), *fragments(x, w, y))
    np.testing.assert_array_equal(found, fragments(x, w, x @ w + y)[2])


def test_bits_that_tf32_has_not_are_left_out(run):
    x, w, y = np.zeros((16, 8), "f"), np.eye(8, dtype="f"), np.zeros((16, 8), "f")
    x[:] = np.float32(1) + np.float32(2) ** -10 + np.float32(2) ** -11
    *_, found = run(BODY.replace("{GUARD}", ""), *fragments(x, w, y))
    assert (found == np.float32(1) + np.float32(2) ** -10).all()


def test_all_lanes_must_be_there(run):
    guard = "setp.eq.u32 %p1, %r1, 5;\n@%p1 bra END;"
    with pytest.raises(PtxError, match="without all lanes of the warp"):
        run(BODY.replace("{GUARD}", guard), *(np.zeros((32, n), "f") for n in (4, 2, 4)))
