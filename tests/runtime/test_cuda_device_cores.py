"""What 256 threads hold of a tile of tensor cores: their LLVM text, with a warp's instruction.

The instruction is done as the PTX manual has it: all lanes are run once for their operands, then
again with the sums.
"""

import ctypes

import llvmlite.binding as llvm
import numpy as np
import pytest
from test_cuda_device_tiles import LANE, engine

from gradc.runtime.cuda_device_cores import PAD_OF_ROW, PAD_OF_TERM, fragments, gpu_tiles
from gradc.runtime.cuda_device_tiles import Form

MMA = """
declare void @done(ptr, ptr)
define { float, float, float, float } @mma(%OPERANDS%) {
  %given = alloca [6 x i32]
  %sums = alloca [4 x float]
%STORES%
  call void @done(ptr %given, ptr %sums)
  %all = load { float, float, float, float }, ptr %sums
  ret { float, float, float, float } %all
}
"""
SIZES = [(128, 128), (256, 64), (128, 64), (64, 64), (32, 64), (16, 64), (32, 32), (256, 16)]
SIZES += [(64, 16), (128, 32), (64, 128), (32, 256)]
WORDS = ["add_matmul", "add_matmul_t", "add_t_matmul", "add_t_matmul_t"]
KIND = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)


def instruction():
    """Return @mma, which hands its operands and sums over in memory."""
    names = [f"i32 %o{n}" for n in range(6)] + [f"float %s{n}" for n in range(4)]
    stores = []
    for n in range(10):
        array, kind, at = ("given", "i32", n) if n < 6 else ("sums", "float", n - 6)
        value = f"%o{n}" if n < 6 else f"%s{at}"
        stores.append(f"  %p{n} = getelementptr {kind}, ptr %{array}, i32 {at}")
        stores.append(f"  store {kind} {value}, ptr %p{n}")
    return MMA.replace("%OPERANDS%", ", ".join(names)).replace("%STORES%", "\n".join(stores))


def text(names):
    made = gpu_tiles(names)
    lines = [line for line in made.splitlines() if not line.startswith("declare {")]
    return LANE + instruction() + "\n".join(lines).replace(
        "@llvm.nvvm.mma.m16n8k8.row.col.tf32(", "@mma("
    )  # fmt: skip


class Warps:
    """Eight warps that multiply: first the operands of all calls, then their sums."""

    def __init__(self):
        self.operands, self.call, self.lane, self.ready = {}, 0, 0, False

    def done(self, given, sums):
        warp, lane = divmod(self.lane, 32)
        own = np.ctypeslib.as_array((ctypes.c_float * 6).from_address(given))
        total = np.ctypeslib.as_array((ctypes.c_float * 4).from_address(sums))
        if self.ready:
            g, t = divmod(lane, 4)
            x, w = self.matrices(warp, self.call)
            product = x @ w
            total += [product[g + 8 * (c // 2), 2 * t + c % 2] for c in range(4)]
        else:
            self.operands[warp, self.call, lane] = own.copy()
        self.call += 1

    def matrices(self, warp, call):
        """Return both matrices of an instruction, put together from what its lanes bring."""
        x, w = np.empty((16, 8), "f"), np.empty((8, 8), "f")
        for lane in range(32):
            g, t = divmod(lane, 4)
            a0, a1, a2, a3, b0, b1 = self.operands[warp, call, lane]
            x[g, t], x[g + 8, t], x[g, t + 4], x[g + 8, t + 4] = a0, a1, a2, a3
            w[t, g], w[t + 4, g] = b0, b1
        return x, w


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
def test_warps_hold_all_of_a_tile_once_and_multiply(size, word):
    rows, columns = size
    terms = 16
    x_terms, w_terms = word.startswith("add_t_"), not word.endswith("_t")
    x_shape = (terms, rows + 8) if x_terms else (rows, terms + 4)
    w_shape = (terms, columns + 8) if w_terms else (columns, terms + 4)
    form = f"tf32.{rows}x{columns}"
    name = f"gradc.{word}.{form}.{terms}.{x_shape[1]}.{w_shape[1]}"
    names = [name, *(f"gradc.{own}.{form}" for own in ("clear", "held", "row", "column"))]
    names.append(f"gradc.multiply_rows.{form}")
    warps = Warps()
    done = KIND(warps.done)
    llvm.add_symbol("done", ctypes.cast(done, ctypes.c_void_p).value)
    made = engine(text(names))

    def function(name, *kinds):
        return ctypes.CFUNCTYPE(*kinds)(made.get_function_address(name))

    pointer, number = ctypes.c_void_p, ctypes.c_int32
    add = function(name, None, pointer, pointer, pointer)
    clear, held = function(names[1], None, pointer), function(names[2], number)
    row, column = (function(name, number, number) for name in names[3:5])
    scale = function(names[5], None, pointer, pointer)
    lane = number.from_address(made.get_global_value_address("lane"))

    rng = np.random.default_rng(0)
    x, w = (rng.integers(-9, 9, shape).astype("f") for shape in (x_shape, w_shape))
    factors = np.arange(rows, dtype="f")
    found, times = np.zeros(size, "f"), np.zeros(size, int)
    count = rows * columns // 256
    assert held() == count
    own = np.empty(count + 1, "f")
    for ready in (False, True):
        warps.ready = ready
        for thread in range(256):
            lane.value = warps.lane = thread
            warps.call = 0
            own[:] = 99
            clear(own.ctypes.data)
            add(own.ctypes.data, x.ctypes.data, w.ctypes.data)
            assert warps.call == count // 4 * (terms // 8)
            scale(own.ctypes.data, factors.ctypes.data)
            assert own[-1] == 99
            for e in range(count if ready else 0):
                found[row(e), column(e)] = own[e]
                times[row(e), column(e)] += 1
    assert (times == 1).all()
    left = x.T[:rows] if x_terms else x[:, :terms]
    right = w[:, :columns] if w_terms else w.T[:terms]
    np.testing.assert_array_equal(found, factors[:, None] * (left @ right))


def test_a_warp_has_what_takes_the_fewest_reads():
    def of(rows, columns):
        return fragments(Form("held", "tf32", rows, columns, 0, (0, 0)))

    assert of(128, 128) == (4, 4)
    assert of(128, 64) == (2, 4)
    assert of(64, 64) == (2, 2)
    assert of(16, 64) == (1, 1)


@pytest.mark.parametrize("size", [16, 32, 64, 128, 256])
def test_lanes_read_from_different_banks(size):
    g, t = np.divmod(np.arange(32), 4)
    assert len(set((t * (size + PAD_OF_TERM) + g) % 32)) == 32
    assert len(set((g * (size + PAD_OF_ROW) + t) % 32)) == 32
