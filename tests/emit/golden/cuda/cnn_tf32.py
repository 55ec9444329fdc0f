"""loss_and_gradients: forward and backward, one launch of a graph.

target    cuda, float32
takes     x [2, 3, 8, 8]   W [16, 3, 3, 3]   b [16]
keeps     h: it is the largest of each window
"""

from numpy import float32 as f
from numpy import int32

from gradc.runtime.cuda import (
    add_matmul,
    add_t_matmul,
    block_rows,
    dealt,
    first_lane,
    grid,
    held,
    isnan,
    kernel,
    lanes,
    maximum,
    meet_lanes,
    minimum,
    round_tf32,
    row_sum,
    rows,
    shared_f32,
    step,
    sweep,
    this_part,
    tile_tf32,
    unravel,
    view_f32,
    view_i32,
)


@kernel("f32[2,3,8,8], f32[2,10,10,3]")
def copy(x, x_1):
    # x_1 = x
    for i, j, k, m in grid(2, 10, 10, 3):
        x_1[i, j, k, m] = (
            x[i, m, j - 1, k - 1] if 0 <= j - 1 < 8 and 0 <= k - 1 < 8 else f(0)
        )


@kernel("f32[16,3,9], f32[9,3,16]")
def copy_1(W, W_1):
    # W_1 = W
    for i, j, k in grid(9, 3, 16):
        W_1[i, j, k] = W[k, j, i]


@kernel("f32[2,8,8,16], f32[16], f32[2,4,4,16], i32[2,4,4,16], f32[1]")
def bias_relu_isnan_sum(z, b, h, index, L):
    # h = h_1 where flag_2, else h_6
    # index = 3 where flag_2, else (2 where flag_1, else (1 where flag, else 0))
    running = f(0)
    for i, j, k, m in sweep(2, 4, 4, 16):
        b_1 = b[m]
        z_1 = z[i, 2 * j + 1, 2 * k + 1, m] + b_1
        h_1 = maximum(z_1, f(0))
        z_2 = z[i, 2 * j + 1, 2 * k, m] + b_1
        h_2 = maximum(z_2, f(0))
        z_3 = z[i, 2 * j, 2 * k + 1, m] + b_1
        h_3 = maximum(z_3, f(0))
        z_4 = z[i, 2 * j, 2 * k, m] + b_1
        h_4 = maximum(z_4, f(0))
        flag = (h_3 > h_4) | isnan(h_3)
        h_5 = h_3 if flag else h_4
        flag_1 = (h_2 > h_5) | isnan(h_2)
        h_6 = h_2 if flag_1 else h_5
        flag_2 = (h_1 > h_6) | isnan(h_1)
        h_7 = h_1 if flag_2 else h_6
        running += h_7 * h_7
        h[i, j, k, m] = h_7
        index_1 = int32(2) if flag_1 else (int32(1) if flag else int32(0))
        index[i, j, k, m] = int32(3) if flag_2 else index_1
    running = row_sum(running)
    if first_lane():
        L[0] = running


@kernel("f32[8,2,4,2,16], f32[16], i32[8,4,16], f32[8,4,16], f32[8,16]")
def relu_bar(z_bar, b, index, h, b_bar):
    # b_bar = sum of 0 where z + b <= 0, else (h_bar where index == index_2, else 0)
    part = this_part()
    for n in grid(16):
        running = f(0)
        for i, j, k, m in block_rows(8, 2, 4, 2, 16):
            index_1 = int32(int32(j) * int32(2))
            index_2 = int32(int32(m) + index_1)
            h_bar = h[i, k, n] * f(2)
            t = h_bar if index[i, k, n] == index_2 else f(0)
            z_bar_new = f(0) if z_bar[i, j, k, m, n] + b[n] <= f(0) else t
            z_bar[i, j, k, m, n] = z_bar_new
            running += z_bar_new
        b_bar[part, n] = running


@kernel("f32[3,3,3,16], f32[3,3,16,3]")
def copy_2(W_1, W_2):
    # W_2 = W_1
    for i, j, k, m in grid(3, 3, 16, 3):
        W_2[i, j, k, m] = W_1[2 - i, 2 - j, m, k]


@kernel("f32[27,16], f32[16,27]")
def copy_3(W_bar, W_bar_1):
    # W_bar_1 = W_bar
    for i, j in grid(16, 27):
        W_bar_1[i, j] = W_bar[j, i]


@kernel("f32[2,8,8,16], f32[2,10,10,16]")
def copy_4(z_bar, z_bar_1):
    # z_bar_1 = z_bar
    for i, j, k, m in grid(2, 10, 10, 16):
        z_bar_1[i, j, k, m] = (
            z_bar[i, j - 1, k - 1, m] if 0 <= j - 1 < 8 and 0 <= k - 1 < 8 else f(0)
        )


@kernel("f32[2,64,3], f32[2,3,64]")
def copy_5(x_bar, x_bar_1):
    # x_bar_1 = x_bar
    for i, j, k in grid(2, 3, 64):
        x_bar_1[i, j, k] = x_bar[i, k, j]


@kernel("f32[2,10,10,3], f32[3,3,3,16], f32[2,8,8,16]", resident=2)
def conv_3x3(x, w, y):
    # y[n, p, q, o] = sum over i, j, c of
    #     x[n, p + i, q + j, c] * w[i, j, c, o]
    # a block has a tile of 128 x 16 sums; 16 terms at a time come
    # through shared memory, rounded to tf32 for tensor cores
    x_tile, w_tile = shared_f32(128, 20), shared_f32(16, 24)
    for _ in rows(1):
        sums = tile_tf32(128, 16)
        for first in range(0, 27, 16):
            for a, t in dealt(128, 16):
                n, p, q = unravel(a, 8, 8)
                i, j, c = unravel(minimum(first + t, 26), 3, 3)
                x_tile[a, t] = (
                    round_tf32(x[n, p + i, q + j, c]) if first + t < 27 else f(0)
                )
            for t, b in dealt(16, 16):
                i, j, c = unravel(minimum(first + t, 26), 3, 3)
                w_tile[t, b] = round_tf32(w[i, j, c, b]) if first + t < 27 else f(0)
            meet_lanes()
            add_matmul(sums, x_tile, w_tile)
            meet_lanes()
        for a, b, total in held(sums):
            n, p, q = unravel(a, 8, 8)
            y[n, p, q, b] = total


@kernel("f32[8,16], f32[16]")
def add_parts(parts, total):
    # total = the sum of the parts, in a fixed order
    for i in rows(16):
        running = f(0)
        for k in lanes(8):
            running += parts[k, i]
        running = row_sum(running)
        if first_lane():
            total[i] = running


@kernel("f32[2,10,10,3], f32[2,8,8,16], f32[3,3,3,16]", resident=2)
def conv_weights(x, y_bar, w_bar):
    # w_bar[c, i, j, o] = sum over n, p, q of
    #     x[n, p + i, q + j, c] * y_bar[n, p, q, o]
    # a block has a tile of 64 x 16 sums; 32 terms at a time come
    # through shared memory, rounded to tf32 for tensor cores
    x_tile, y_bar_tile = shared_f32(32, 72), shared_f32(32, 24)
    for _ in rows(1):
        sums = tile_tf32(64, 16)
        for first in range(0, 128, 32):
            for t, a in dealt(32, 64):
                i, j, c = unravel(minimum(a, 26), 3, 3)
                n, p, q = unravel(first + t, 8, 8)
                x_tile[t, a] = round_tf32(x[n, p + i, q + j, c])
            for t, b in dealt(32, 16):
                n, p, q = unravel(first + t, 8, 8)
                y_bar_tile[t, b] = round_tf32(y_bar[n, p, q, b])
            meet_lanes()
            add_t_matmul(sums, x_tile, y_bar_tile)
            meet_lanes()
        for a, b, total in held(sums):
            if a < 27:
                i, j, c = unravel(a, 3, 3)
                w_bar[c, i, j, b] = total


@kernel("f32[2,10,10,16], f32[3,3,16,3], f32[2,8,8,3]")
def conv_3x3_1(x, w, y):
    # y[n, p, q, o] = sum over i, j, c of
    #     x[n, p + i, q + j, c] * w[i, j, c, o]
    for n, p, q, o in grid(2, 8, 8, 3):
        total = f(0)
        for i in range(3):
            for j in range(3):
                for c in range(16):
                    total += x[n, p + i, q + j, c] * w[i, j, c, o]
        y[n, p, q, o] = total


@step
def loss_and_gradients(gpu, buffers):
    """Compute L, x_bar_1, W_bar_1, b_bar."""
    # ---- inputs ----------------------------------------------------------------------
    x = view_f32(buffers, 3, 0, (2, 3, 8, 8))
    W_blocks = view_f32(buffers, 4, 0, (16, 3, 9))
    b = view_f32(buffers, 5, 0, (16,))
    # ---- outputs ---------------------------------------------------------------------
    L = view_f32(buffers, 6, 0, (1,))
    x_bar_1_blocks = view_f32(buffers, 7, 0, (2, 3, 64))
    W_bar_1_rows = view_f32(buffers, 8, 0, (16, 27))
    b_bar = view_f32(buffers, 9, 0, (16,))
    # ---- temporaries -----------------------------------------------------------------
    x_1 = view_f32(buffers, 2, 0, (2, 10, 10, 3))
    x_bar = view_f32(buffers, 2, 0, (2, 8, 8, 3))
    x_bar_blocks = view_f32(buffers, 2, 0, (2, 64, 3))
    W_1_blocks = view_f32(buffers, 2, 2432, (9, 3, 16))
    W_1 = view_f32(buffers, 2, 2432, (3, 3, 3, 16))
    W_bar = view_f32(buffers, 2, 2432, (3, 3, 3, 16))
    W_bar_rows = view_f32(buffers, 2, 2432, (27, 16))
    z = z_bar_blocks_1 = view_f32(buffers, 2, 4160, (2, 8, 8, 16))
    z_bar_blocks = view_f32(buffers, 2, 4160, (8, 2, 4, 2, 16))
    h = view_f32(buffers, 2, 12352, (2, 4, 4, 16))
    h_blocks = view_f32(buffers, 2, 12352, (8, 4, 16))
    W_2 = view_f32(buffers, 2, 12352, (3, 3, 16, 3))
    z_bar_1 = view_f32(buffers, 2, 14080, (2, 10, 10, 16))
    index = view_i32(buffers, 2, 14400, (2, 4, 4, 16))
    index_blocks = view_i32(buffers, 2, 14400, (8, 4, 16))
    b_bar_parts = view_f32(buffers, 2, 16448, (8, 16))

    # ---- forward ---------------------------------------------------------------------
    # z = conv2d(x, W, b, padding=1)                                            cnn.py:2
    copy[3, 256](x, x_1)
    copy_1[2, 256](W_blocks, W_1_blocks)
    conv_3x3[1, 256](x_1, W_1, z)
    # h = max_pool2d(relu(z), 2)                                                cnn.py:3
    # L = (h * h).sum()                                                         cnn.py:4
    bias_relu_isnan_sum[1, 512](z, b, h, index, L)

    # ---- backward --------------------------------------------------------------------
    # L = (h * h).sum()                                                         cnn.py:4
    # h = max_pool2d(relu(z), 2)                                                cnn.py:3
    # z = conv2d(x, W, b, padding=1)                                            cnn.py:2
    relu_bar[(1, 8), 32](z_bar_blocks, b, index_blocks, h_blocks, b_bar_parts)
    add_parts[16, 32](b_bar_parts, b_bar)
    copy_2[2, 256](W_1, W_2)
    # W_bar = conv(x_1, z_bar)
    conv_weights[1, 256](x_1, z_bar_blocks_1, W_bar)
    copy_3[2, 256](W_bar_rows, W_bar_1_rows)
    copy_4[13, 256](z_bar_blocks_1, z_bar_1)
    # x_bar = conv(z_bar_1, W_2)
    conv_3x3_1[2, 256](z_bar_1, W_2, x_bar)
    copy_5[2, 256](x_bar_blocks, x_bar_1_blocks)
