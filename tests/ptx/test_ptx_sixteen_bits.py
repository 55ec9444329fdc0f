"""mma.sync of 16-bit numbers on the PTX machine: the layout of PTX's manual."""

import numpy as np

rng = np.random.default_rng(1)
STORE = """
mul.wide.u32 %rd1, %r50, 16;
add.s64 %rd2, %rd92, %rd1;
st.global.v4.b32 [%rd2], {%r20, %r21, %r22, %r23};
ret;
"""


def body(instruction, a, b):
    lines = ["mov.u32 %r50, %tid.x;"]
    for base, count, first in ((90, a, 1), (91, b, 10)):
        lines.append(f"mul.wide.u32 %rd1, %r50, {4 * count};")
        lines.append(f"add.s64 %rd2, %rd{base}, %rd1;")
        lines += [f"ld.global.b32 %r{first + i}, [%rd2+{4 * i}];" for i in range(count)]
    for i in range(4):
        lines.append(f"mov.b32 %r{30 + i}, 0f3F800000;")
    names = ["%r20, %r21, %r22, %r23", *(", ".join(f"%r{f + i}" for i in range(n))
             for f, n in ((1, a), (10, b))), "%r30, %r31, %r32, %r33"]  # fmt: skip
    lines.append(f"{instruction} {', '.join('{' + n + '}' for n in names)};")
    return "\n".join(lines) + STORE


def test_bf16(run):
    x, y = (rng.integers(-8, 8, shape).astype("f") for shape in ((16, 16), (16, 8)))

    def packed(low, high):
        first, second = (np.float32(z).view(np.uint32) >> np.uint32(16) for z in (low, high))
        return first | second << np.uint32(16)

    a, b = np.zeros((32, 4), np.uint32), np.zeros((32, 2), np.uint32)
    for lane in range(32):
        group, column = lane // 4, lane % 4 * 2
        for r, (row, first) in enumerate(((0, 0), (8, 0), (0, 8), (8, 8))):
            pair = x[group + row, column + first : column + first + 2]
            a[lane, r] = packed(*pair)
        for r, first in enumerate((0, 8)):
            b[lane, r] = packed(*y[column + first : column + first + 2, group])
    text = body("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", 4, 2)
    found = run(text, a, b, np.zeros((32, 4), "f"))[2]
    expected = x @ y + 1
    for lane in range(32):
        group, column = lane // 4, lane % 4 * 2
        two = slice(column, column + 2)
        assert list(found[lane]) == [*expected[group, two], *expected[group + 8, two]]
