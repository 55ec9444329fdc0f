"""loss_and_gradients: forward and backward, one native call.

target    cpu, float32
takes     x [2, 3, 8, 8]   W [16, 3, 3, 3]   b [16]
keeps     h: it is the largest of each window
"""

from numpy import float32 as f
from numpy import int32

from gradc.runtime.cpu import (
    chunks,
    isnan,
    kernel,
    load_tile,
    maximum,
    meet,
    multiply_add,
    part_of,
    share,
    step,
    store_tile,
    tile_f32,
    view_f32,
    view_i32,
)


@kernel("f32[:,:,:,:], f32[:,:,:,:], rows")
def copy(x, x_1, rows):
    # x_1 = x
    for i in rows:
        for j in range(x_1.shape[1]):
            for k in range(x_1.shape[2]):
                for m in range(x.shape[1]):
                    x_1[i, j, k, m] = (
                        x[i, m, j - 1, k - 1]
                        if 0 <= j - 1 < 8 and 0 <= k - 1 < 8
                        else f(0)
                    )


@kernel("f32[:,:,:], f32[:,:,:], rows")
def copy_1(W, W_1, rows):
    # W_1 = W
    for i in rows:
        for j in range(W.shape[1]):
            for k in range(W.shape[0]):
                W_1[i, j, k] = W[k, j, i]


@kernel("f32[:,:,:,:], f32[:], f32[:,:,:,:], i32[:,:,:,:], f32[:], rows")
def bias_relu_isnan_sum(z, b, h, index, L, rows):
    # h = h_1 where flag_2, else h_6
    # index = 3 where flag_2, else (2 where flag_1, else (1 where flag, else 0))
    running = f(0)
    for i in rows:
        for j in range(h.shape[1]):
            for k in range(h.shape[2]):
                part = f(0)
                for m in range(z.shape[3]):
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
                    part += h_7 * h_7
                    h[i, j, k, m] = h_7
                    index_1 = int32(2) if flag_1 else (int32(1) if flag else int32(0))
                    index[i, j, k, m] = int32(3) if flag_2 else index_1
                running += part
    L[0] = running


@kernel("f32[:,:,:,:,:], f32[:], i32[:,:,:], f32[:,:,:], f32[:], rows")
def relu_bar(z_bar, b, index, h, b_bar, rows):
    # b_bar = sum of 0 where z + b <= 0, else (h_bar where index == index_2, else 0)
    for n in range(b_bar.shape[0]):
        b_bar[n] = f(0)
    for i in rows:
        for j in range(z_bar.shape[1]):
            index_1 = int32(int32(j) * int32(2))
            for k in range(z_bar.shape[2]):
                for m in range(z_bar.shape[3]):
                    index_2 = int32(int32(m) + index_1)
                    for n in range(z_bar.shape[4]):
                        h_bar = h[i, k, n] * f(2)
                        t = h_bar if index[i, k, n] == index_2 else f(0)
                        z_bar_new = f(0) if z_bar[i, j, k, m, n] + b[n] <= f(0) else t
                        z_bar[i, j, k, m, n] = z_bar_new
                        b_bar[n] += z_bar_new


@kernel("f32[:,:,:,:], f32[:,:,:,:], rows")
def copy_2(W_1, W_2, rows):
    # W_2 = W_1
    for i in rows:
        for j in range(W_2.shape[1]):
            for k in range(W_1.shape[3]):
                for m in range(W_1.shape[2]):
                    W_2[i, j, k, m] = W_1[2 - i, 2 - j, m, k]


@kernel("f32[:,:], f32[:,:], rows")
def copy_3(W_bar, W_bar_1, rows):
    # W_bar_1 = W_bar
    for i in rows:
        for j in range(W_bar.shape[0]):
            W_bar_1[i, j] = W_bar[j, i]


@kernel("f32[:,:,:,:], f32[:,:,:,:], rows")
def copy_4(z_bar, z_bar_1, rows):
    # z_bar_1 = z_bar
    for i in rows:
        for j in range(z_bar_1.shape[1]):
            for k in range(z_bar_1.shape[2]):
                for m in range(z_bar.shape[3]):
                    z_bar_1[i, j, k, m] = (
                        z_bar[i, j - 1, k - 1, m]
                        if 0 <= j - 1 < 8 and 0 <= k - 1 < 8
                        else f(0)
                    )


@kernel("f32[:,:,:], f32[:,:,:], rows")
def copy_5(x_bar, x_bar_1, rows):
    # x_bar_1 = x_bar
    for i in rows:
        for j in range(x_bar.shape[2]):
            for k in range(x_bar.shape[1]):
                x_bar_1[i, j, k] = x_bar[i, k, j]


@kernel("f32[:,:,:,:], f32[:,:,:,:], f32[:,:,:,:], rows")
def conv_3x3(x, w, y, rows):
    # y[n, p, q, o] = sum over i, j, c of
    #     x[n, p + i, q + j, c] * w[i, j, c, o]
    # in tiles of 8 q x 16 o
    x_step = (0, 0, 1, 0)
    y_step = (0, 0, 1, 0)
    for n in rows:
        for p in range(8):
            tile = tile_f32(8, 16)
            for i in range(3):
                for j in range(3):
                    for c in range(3):
                        tile = multiply_add(
                            tile, x, (n, p + i, j, c), x_step, w, (i, j, c, 0)
                        )
            store_tile(tile, y, (n, p, 0, 0), y_step)


@kernel("f32[:,:,:,:], f32[:,:,:,:], f32[:,:,:,:], rows")
def conv_weights(x, y_bar, w_bar, rows):
    # w_bar[c, i, j, o] = sum over n, p, q of
    #     x[n, p + i, q + j, c] * y_bar[n, p, q, o]
    # in tiles of 3 j x 3 c x 16 o
    x_step = ((0, 0, 1, 0), (0, 0, 0, 1))
    y_step = ((0, 0, 1, 0), (1, 0, 0, 0))
    for c in range(3):
        for i in range(3):
            for j in range(3):
                for o in range(16):
                    w_bar[c, i, j, o] = f(0)
    for n in rows:
        for i in range(3):
            tile = load_tile(tile_f32(3, 3, 16), w_bar, (0, i, 0, 0), y_step)
            for p in range(8):
                for q in range(8):
                    tile = multiply_add(
                        tile, x, (n, p + i, q, 0), x_step, y_bar, (n, p, q, 0)
                    )
            store_tile(tile, w_bar, (0, i, 0, 0), y_step)


@kernel("f32[:,:,:,:], f32[:,:,:,:], f32[:,:,:,:], rows")
def conv_3x3_1(x, w, y, rows):
    # y[n, p, q, o] = sum over i, j, c of
    #     x[n, p + i, q + j, c] * w[i, j, c, o]
    # in tiles of 8 q x 3 o
    x_step = (0, 0, 1, 0)
    y_step = (0, 0, 1, 0)
    for n in rows:
        for p in range(8):
            tile = tile_f32(8, 3)
            for i in range(3):
                for j in range(3):
                    for c in range(16):
                        tile = multiply_add(
                            tile, x, (n, p + i, j, c), x_step, w, (i, j, c, 0)
                        )
            store_tile(tile, y, (n, p, 0, 0), y_step)


@kernel("f32[:,:], f32[:]")
def add_parts(parts, total):
    # total = the sum of the parts, in the order of the blocks
    for i in range(total.shape[0]):
        running = f(0)
        for k in range(parts.shape[0]):
            running += parts[k, i]
        total[i] = running


@step
def loss_and_gradients(buffers, team):
    """Compute L, x_bar_1, W_bar_1, b_bar."""
    # ---- inputs ----------------------------------------------------------------------
    x = view_f32(buffers, 3, 0, (2, 3, 8, 8))
    W_blocks = view_f32(buffers, 4, 0, (16, 3, 9))
    b = view_f32(buffers, 5, 0, (16,))
    # ---- outputs ---------------------------------------------------------------------
    L_at = view_f32(buffers, 6, 0, (1,))
    x_bar_1_blocks = view_f32(buffers, 7, 0, (2, 3, 64))
    W_bar_1_rows = view_f32(buffers, 8, 0, (16, 27))
    b_bar = view_f32(buffers, 9, 0, (16,))
    # ---- temporaries -----------------------------------------------------------------
    x_1 = view_f32(buffers, 2, 0, (2, 10, 10, 3))
    W_bar_flat = view_f32(buffers, 2, 0, (432,))
    W_bar_rows = view_f32(buffers, 2, 0, (27, 16))
    x_bar = view_f32(buffers, 2, 0, (2, 8, 8, 3))
    x_bar_blocks = view_f32(buffers, 2, 0, (2, 64, 3))
    W_1_blocks = view_f32(buffers, 2, 2432, (9, 3, 16))
    W_1 = view_f32(buffers, 2, 2432, (3, 3, 3, 16))
    z = z_bar_blocks_1 = view_f32(buffers, 2, 4160, (2, 8, 8, 16))
    z_bar_blocks = view_f32(buffers, 2, 4160, (8, 2, 4, 2, 16))
    h = view_f32(buffers, 2, 12352, (2, 4, 4, 16))
    h_blocks = view_f32(buffers, 2, 12352, (8, 4, 16))
    W_2 = view_f32(buffers, 2, 12352, (3, 3, 16, 3))
    W_bar_parts = view_f32(buffers, 2, 14080, (2, 432))
    z_bar_1 = view_f32(buffers, 2, 14080, (2, 10, 10, 16))
    index = view_i32(buffers, 2, 14400, (2, 4, 4, 16))
    index_blocks = view_i32(buffers, 2, 14400, (8, 4, 16))
    L_parts = view_f32(buffers, 2, 16448, (2, 16))
    b_bar_parts = view_f32(buffers, 2, 16448, (2, 16))
    # ---- this thread's part, in blocks -----------------------------------------------
    rows_16 = share(team, 16, 16)
    rows_2 = share(team, 2, 2)
    rows_2_1 = share(team, 2, 1)
    rows_3 = share(team, 3, 3)
    rows_8 = share(team, 8, 4)
    rows_9 = share(team, 9, 9)

    # ---- forward ---------------------------------------------------------------------
    # z = conv2d(x, W, b, padding=1)                                            cnn.py:2
    copy(x, x_1, rows_2)
    copy_1(W_blocks, W_1_blocks, rows_9)
    meet(team)
    conv_3x3(x_1, W_1, z, rows_2_1)
    # h = max_pool2d(relu(z), 2)                                                cnn.py:3
    # L = (h * h).sum()                                                         cnn.py:4
    for chunk in chunks(rows_2_1):
        bias_relu_isnan_sum(z, b, h, index, part_of(L_parts, chunk, (1,)), chunk)
    meet(team)
    add_parts(L_parts, L_at)
    meet(team)

    # ---- backward --------------------------------------------------------------------
    # L = (h * h).sum()                                                         cnn.py:4
    # h = max_pool2d(relu(z), 2)                                                cnn.py:3
    # z = conv2d(x, W, b, padding=1)                                            cnn.py:2
    for chunk in chunks(rows_8):
        relu_bar(
            z_bar_blocks,
            b,
            index_blocks,
            h_blocks,
            part_of(b_bar_parts, chunk, (16,)),
            chunk,
        )
    meet(team)
    add_parts(b_bar_parts, b_bar)
    copy_2(W_1, W_2, rows_3)
    meet(team)
    # W_bar = conv(x_1, z_bar)
    for chunk in chunks(rows_2_1):
        conv_weights(
            x_1, z_bar_blocks_1, part_of(W_bar_parts, chunk, (3, 3, 3, 16)), chunk
        )
    meet(team)
    add_parts(W_bar_parts, W_bar_flat)
    copy_3(W_bar_rows, W_bar_1_rows, rows_16)
    meet(team)
    copy_4(z_bar_blocks_1, z_bar_1, rows_2_1)
    meet(team)
    # x_bar = conv(z_bar_1, W_2)
    conv_3x3_1(z_bar_1, W_2, x_bar, rows_2_1)
    copy_5(x_bar_blocks, x_bar_1_blocks, rows_2_1)
