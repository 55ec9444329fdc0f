import numpy as np

from gradc.build import load
from gradc.runtime.interpreted_maths import philox

SOURCE = """
from gradc.runtime.cpu import kernel, philox, step, view_i64

@kernel("i64, i64, i64[:]")
def draw(seed, offset, out):
    for i in range(out.shape[0]):
        out[i] = philox(seed, offset, i)

@step
def run(buffers):
    state = view_i64(buffers, 0, 0, (2,))
    draw(state[0], state[1], view_i64(buffers, 1, 0, (64,)))
"""
KNOWN = [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


def drawn(seed, offset):
    state, out = np.array([seed, offset], np.int64), np.zeros(64, np.int64)
    table = np.array([state.ctypes.data, out.ctypes.data], np.int64)
    load(SOURCE, "philox").call(table.ctypes.data)
    return out.tolist()


def test_known_answer():
    assert drawn(0, 0)[:4] == KNOWN
    assert [philox(0, 0, i) for i in range(4)] == KNOWN


def test_compiled_and_interpreted_draw_the_same():
    for seed, offset in [(0, 0), (1, 2), (2**40 + 3, 2**35 + 1), (-1, -1), (2**62, 7)]:
        words = drawn(seed, offset)
        assert words == [philox(seed, offset, i) for i in range(64)]
        assert all(0 <= word < 2**32 for word in words)
