"""train_step: forward, backward and update, one native call.

target    cpu, float32
takes     x [8, 6]   y [8]
reads     lr float64
updates   W1 [5, 6]   b1 [5]   W2 [5, 5]   b2 [5]   W3 [3, 5]   b3 [3]
          opt_step float32   W1_exp_avg [5, 6]   W1_exp_avg_sq [5, 6]   b1_exp_avg [5]
          b1_exp_avg_sq [5]   W2_exp_avg [5, 5]   W2_exp_avg_sq [5, 5]
          b2_exp_avg [5]   b2_exp_avg_sq [5]   W3_exp_avg [3, 5]
          W3_exp_avg_sq [3, 5]   b3_exp_avg [3]   b3_exp_avg_sq [3]
keeps     h1: a matrix product reads it   h2: a matrix product reads it
"""

from numpy import float32 as f

from gradc.runtime.cpu import (
    exp,
    kernel,
    log,
    maximum,
    pack_t,
    panel_f32,
    pow,
    sqrt,
    step,
    store_tile,
    tile_f32,
    tile_matmul,
    tile_t_matmul,
    tiled,
    view_f32,
    view_f64,
    view_i64,
)

INF = f("inf")
NAN = f("nan")


@kernel("f32[:,:], f32[:]")
def bias_relu(h, b):
    # h = max(h + b, 0), in place
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            h[i, j] = maximum(h[i, j] + b[j], f(0))


@kernel("f32[:,:], f32[:], i64[:], f32[:], f32[:], f32[:]")
def cross_entropy(z_bar, b3, y, e_row, total, b3_bar):
    # z_bar = (-0.125 where position == y_1, else 0) + total_bar * e_row, in place of z
    # b3_bar = sum of (-0.125 where position == y, else 0) + 0.125 / total_1 * e_row
    # 3 sweeps over each row while it is in cache
    for j in range(b3_bar.shape[0]):
        b3_bar[j] = f(0)
    running = f(0)
    for i in range(z_bar.shape[0]):
        y_1 = y[i]
        largest = -INF
        for j in range(z_bar.shape[1]):
            z = z_bar[i, j] + b3[j]
            largest = maximum(largest, z)
        loss = z_bar[i, y_1] + b3[y_1] - largest if 0 <= y_1 < 3 else NAN
        total_1 = f(0)
        for j in range(z_bar.shape[1]):
            z = z_bar[i, j] + b3[j]
            e = exp(z - largest)
            total_1 += e
            e_row[j] = e
        total_bar = f(0.125) / total_1
        running += log(total_1) - loss
        for j in range(z_bar.shape[1]):
            z_bar_new = (f(-0.125) if j == y_1 else f(0)) + total_bar * e_row[j]
            z_bar[i, j] = z_bar_new
            b3_bar[j] += z_bar_new
    total[0] = running


@kernel("f32[:,:], f32[:,:], f32[:]")
def relu_bar(h, h_bar, b_bar):
    # h_bar = 0 where h <= 0, else h_bar, in place
    # b_bar = sum of 0 where h <= 0, else h_bar
    for j in range(b_bar.shape[0]):
        b_bar[j] = f(0)
    for i in range(h.shape[0]):
        for j in range(h.shape[1]):
            h_bar_new = f(0) if h[i, j] <= f(0) else h_bar[i, j]
            h_bar[i, j] = h_bar_new
            b_bar[j] += h_bar_new


@kernel("f32[:], f32[:], f32[:], f32[:], f32, f32")
def adam(exp_avg, p_bar, exp_avg_sq, p, rate, c2):
    # exp_avg = 0.9 * exp_avg + 0.1 * p_bar, in place
    # exp_avg_sq = 0.999 * exp_avg_sq + 0.001 * p_bar * p_bar, in place
    # p = p - rate * exp_avg_new / (sqrt(exp_avg_sq_new / c2) + 1e-08), in place
    for i in range(exp_avg.shape[0]):
        exp_avg_new = f(0.9) * exp_avg[i] + f(0.1) * p_bar[i]
        exp_avg_sq_new = f(0.999) * exp_avg_sq[i] + f(0.001) * (p_bar[i] * p_bar[i])
        exp_avg[i] = exp_avg_new
        exp_avg_sq[i] = exp_avg_sq_new
        p[i] -= rate * (exp_avg_new / (sqrt(exp_avg_sq_new / c2) + f(1e-08)))


@kernel("f32[:,:], f32[:,:], f32[:,:]")
def matmul_t_tiles(a, b, out):
    # out[i, j] = sum over k of a[i, k] * b[j, k]
    panel = panel_f32(1024, 5)  # 5 rows of b, transposed
    for j in tiled(out.shape[1], 5):
        pack_t(panel, b, (j, 0), a.shape[1], 5)
        for i in tiled(out.shape[0], 8):
            tile = tile_f32(8, 5)
            tile = tile_matmul(tile, a, (i, 0), panel, (0, 0), a.shape[1])
            store_tile(tile, out, (i, j), (1, 0))


@kernel("f32[:,:], f32[:,:], f32[:,:]")
def matmul_t_tiles_1(a, b, out):
    # out[i, j] = sum over k of a[i, k] * b[j, k]
    panel = panel_f32(1024, 3)  # 3 rows of b, transposed
    for j in tiled(out.shape[1], 3):
        pack_t(panel, b, (j, 0), a.shape[1], 3)
        for i in tiled(out.shape[0], 8):
            tile = tile_f32(8, 3)
            tile = tile_matmul(tile, a, (i, 0), panel, (0, 0), a.shape[1])
            store_tile(tile, out, (i, j), (1, 0))


@kernel("f32[:,:], f32[:,:], f32[:,:]")
def matmul_tiles(a, b, out):
    # out[i, j] = sum over k of a[i, k] * b[k, j]
    for j in tiled(out.shape[1], 5):
        for i in tiled(out.shape[0], 8):
            tile = tile_f32(8, 5)
            tile = tile_matmul(tile, a, (i, 0), b, (0, j), a.shape[1])
            store_tile(tile, out, (i, j), (1, 0))


@kernel("f32[:,:], f32[:,:], f32[:,:]")
def t_matmul_tiles(a, b, out):
    # out[i, j] = sum over k of a[k, i] * b[k, j]
    for j in tiled(out.shape[1], 5):
        for i in tiled(out.shape[0], 3):
            tile = tile_f32(3, 5)
            tile = tile_t_matmul(tile, a, (0, i), b, (0, j), a.shape[0])
            store_tile(tile, out, (i, j), (1, 0))


@kernel("f32[:,:], f32[:,:], f32[:,:]")
def t_matmul_tiles_1(a, b, out):
    # out[i, j] = sum over k of a[k, i] * b[k, j]
    for j in tiled(out.shape[1], 5):
        for i in tiled(out.shape[0], 5):
            tile = tile_f32(5, 5)
            tile = tile_t_matmul(tile, a, (0, i), b, (0, j), a.shape[0])
            store_tile(tile, out, (i, j), (1, 0))


@kernel("f32[:,:], f32[:,:], f32[:,:]")
def t_matmul_tiles_2(a, b, out):
    # out[i, j] = sum over k of a[k, i] * b[k, j]
    for j in tiled(out.shape[1], 6):
        for i in tiled(out.shape[0], 5):
            tile = tile_f32(5, 6)
            tile = tile_t_matmul(tile, a, (0, i), b, (0, j), a.shape[0])
            store_tile(tile, out, (i, j), (1, 0))


@step
def train_step(buffers):
    """Compute loss; update 19 arrays in place."""
    # ---- inputs ----------------------------------------------------------------------
    x = view_f32(buffers, 3, 0, (8, 6))
    y = view_i64(buffers, 4, 0, (8,))
    W1 = view_f32(buffers, 5, 0, (5, 6))
    W1_flat = view_f32(buffers, 5, 0, (30,))
    b1 = view_f32(buffers, 6, 0, (5,))
    W2 = view_f32(buffers, 7, 0, (5, 5))
    W2_flat = view_f32(buffers, 7, 0, (25,))
    b2 = view_f32(buffers, 8, 0, (5,))
    W3 = view_f32(buffers, 9, 0, (3, 5))
    W3_flat = view_f32(buffers, 9, 0, (15,))
    b3 = view_f32(buffers, 10, 0, (3,))
    opt_step_at = view_f32(buffers, 12, 0, (1,))
    W1_exp_avg_flat = view_f32(buffers, 13, 0, (30,))
    W1_exp_avg_sq_flat = view_f32(buffers, 14, 0, (30,))
    b1_exp_avg = view_f32(buffers, 15, 0, (5,))
    b1_exp_avg_sq = view_f32(buffers, 16, 0, (5,))
    W2_exp_avg_flat = view_f32(buffers, 17, 0, (25,))
    W2_exp_avg_sq_flat = view_f32(buffers, 18, 0, (25,))
    b2_exp_avg = view_f32(buffers, 19, 0, (5,))
    b2_exp_avg_sq = view_f32(buffers, 20, 0, (5,))
    W3_exp_avg_flat = view_f32(buffers, 21, 0, (15,))
    W3_exp_avg_sq_flat = view_f32(buffers, 22, 0, (15,))
    b3_exp_avg = view_f32(buffers, 23, 0, (3,))
    b3_exp_avg_sq = view_f32(buffers, 24, 0, (3,))
    lr = view_f64(buffers, 11, 0, (1,))[0]
    opt_step = view_f32(buffers, 12, 0, (1,))[0]
    # ---- outputs ---------------------------------------------------------------------
    loss_at = view_f32(buffers, 25, 0, (1,))
    # ---- temporaries -----------------------------------------------------------------
    h1_1 = h1 = view_f32(buffers, 2, 0, (8, 5))
    W1_bar = view_f32(buffers, 2, 0, (5, 6))
    W1_bar_flat = view_f32(buffers, 2, 0, (30,))
    h2_1 = h2 = view_f32(buffers, 2, 192, (8, 5))
    h1_bar_1 = h1_bar = view_f32(buffers, 2, 192, (8, 5))
    z = z_bar = view_f32(buffers, 2, 384, (8, 3))
    b2_bar = view_f32(buffers, 2, 384, (5,))
    b1_bar = view_f32(buffers, 2, 448, (5,))
    total_at = view_f32(buffers, 2, 512, (1,))
    W3_bar = view_f32(buffers, 2, 512, (3, 5))
    W3_bar_flat = view_f32(buffers, 2, 512, (15,))
    b3_bar = view_f32(buffers, 2, 576, (3,))
    e_row = view_f32(buffers, 2, 640, (3,))
    h2_bar_1 = h2_bar = view_f32(buffers, 2, 640, (8, 5))
    W2_bar = view_f32(buffers, 2, 832, (5, 5))
    W2_bar_flat = view_f32(buffers, 2, 832, (25,))

    # ---- forward ---------------------------------------------------------------------
    # h1 = relu(x @ W1.T + b1)                                                  mlp.py:2
    matmul_t_tiles(x, W1, h1_1)
    bias_relu(h1, b1)
    # h2 = relu(h1 @ W2.T + b2)                                                 mlp.py:3
    matmul_t_tiles(h1, W2, h2_1)
    bias_relu(h2, b2)
    # z = h2 @ W3.T + b3                                                        mlp.py:4
    matmul_t_tiles_1(h2, W3, z)
    # loss = cross_entropy(z, y)                                                mlp.py:5
    # z = h2 @ W3.T + b3                                                        mlp.py:4
    cross_entropy(z_bar, b3, y, e_row, total_at, b3_bar)
    total = total_at[0]
    loss = total * f(0.125)

    # ---- backward --------------------------------------------------------------------
    # h2_bar_1 = z_bar @ W3
    matmul_tiles(z_bar, W3, h2_bar_1)
    # W3_bar = z_bar.T @ h2
    t_matmul_tiles(z_bar, h2, W3_bar)
    # h2 = relu(h1 @ W2.T + b2)                                                 mlp.py:3
    relu_bar(h2, h2_bar, b2_bar)
    # h1_bar_1 = h2_bar @ W2
    matmul_tiles(h2_bar, W2, h1_bar_1)
    # W2_bar = h2_bar.T @ h1
    t_matmul_tiles_1(h2_bar, h1, W2_bar)
    # h1 = relu(x @ W1.T + b1)                                                  mlp.py:2
    relu_bar(h1, h1_bar, b1_bar)
    # W1_bar = h1_bar.T @ x
    t_matmul_tiles_2(h1_bar, x, W1_bar)

    # ---- update ----------------------------------------------------------------------
    # opt.step()                                                                mlp.py:7
    opt_step_new = opt_step + f(1)
    c1 = f(1) - pow(f(0.9), opt_step_new)
    c2 = f(1) - pow(f(0.999), opt_step_new)
    rate = f(lr) / c1
    adam(W1_exp_avg_flat, W1_bar_flat, W1_exp_avg_sq_flat, W1_flat, rate, c2)
    adam(b1_exp_avg, b1_bar, b1_exp_avg_sq, b1, rate, c2)
    adam(W2_exp_avg_flat, W2_bar_flat, W2_exp_avg_sq_flat, W2_flat, rate, c2)
    adam(b2_exp_avg, b2_bar, b2_exp_avg_sq, b2, rate, c2)
    adam(W3_exp_avg_flat, W3_bar_flat, W3_exp_avg_sq_flat, W3_flat, rate, c2)
    adam(b3_exp_avg, b3_bar, b3_exp_avg_sq, b3, rate, c2)

    # ---- results ---------------------------------------------------------------------
    loss_at[0] = loss
    opt_step_at[0] = opt_step_new
