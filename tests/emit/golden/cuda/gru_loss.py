"""gru_loss: forward and backward, one launch of a graph.

target    cuda, float32
takes     x [8, 3, 12]   h [3, 4]   W [12, 4]   b [12]
"""

from numpy import float32 as f

from gradc.runtime.cuda import (
    block_rows,
    first_lane,
    grid,
    kernel,
    loop_body,
    matmul,
    quads,
    row_sum,
    sigmoid,
    step,
    sweep,
    t_matmul,
    tanh,
    view_f32,
)


@kernel("f32[12,4], f32[4,12]")
def copy(W, W_2):
    # W_2 = W
    for i, j in grid(4, 12):
        W_2[i, j] = W[j, i]


@kernel("f32[12], f32[12]")
def copy_1(h, h_1):
    # h_1 = h
    for i in quads(12):
        h_1[i] = h[i]


@kernel("f32[96], f32[1]")
def mul_sum(t_bar_1, loss):
    # t_bar_1 = h * 2, in place of h
    running = f(0)
    for i in sweep(96):
        running += t_bar_1[i] * t_bar_1[i]
        t_bar_1[i] = t_bar_1[i] * f(2)
    running = row_sum(running)
    if first_lane():
        loss[0] = running


@kernel("f32[12]")
def fill(t_3):
    # t_3 = 0
    for i in quads(12):
        t_3_1 = f(0)
        t_3[i] = t_3_1


@kernel("f32[24,12], f32[12]")
def sum_up_bar(t_4, b_bar):
    # b_bar = sum of t_4
    for j in grid(12):
        running = f(0)
        for i in block_rows(24, 24):
            running += t_4[i, j]
        b_bar[j] = running


@kernel(
    "f32[3,12], f32[3,12], f32[12], f32[3,4], f32[3,4], f32[3,4], f32[3,4], f32[3,4], "
    "f32[3,4], f32[3,4]"
)
def bias_sigmoid_tanh(x_1, gates, b_1, h_2, r, z, gates_1, n, h_3, h_4):
    # r = 1 / (1 + e^-(x_1 + gates + b_1))
    # z = 1 / (1 + e^-(x_1 + gates + b_1))
    # gates_1 = gates + b_1
    # n = tanh(x_1 + 1 / (1 + e^-(x_1 + gates + b_1)) * (gates + b_1))
    for i, j in grid(3, 4):
        gates_2 = gates[i, j] + b_1[j]
        r_1 = sigmoid(x_1[i, j] + gates_2)
        gates_3 = gates[i, j + 4] + b_1[j + 4]
        z_1 = sigmoid(x_1[i, j + 4] + gates_3)
        gates_1_1 = gates[i, j + 8] + b_1[j + 8]
        n_1 = tanh(x_1[i, j + 8] + r_1 * gates_1_1)
        h_3_1 = n_1 + z_1 * (h_2[i, j] - n_1)
        r[i, j] = r_1
        z[i, j] = z_1
        gates_1[i, j] = gates_1_1
        n[i, j] = n_1
        h_3[i, j] = h_3_1
        h_4[i, j] = h_2[i, j]
        h_2[i, j] = h_3_1


@loop_body
def cell(gpu, buffers, t):
    """Compute h_3, h_4, r, z, gates_1, n; update h_2 in place."""
    # ---- inputs ----------------------------------------------------------------------
    x_1 = view_f32(buffers, 3, 144 * t, (3, 12))
    b_1 = view_f32(buffers, 6, 0, (12,))
    x3 = view_f32(buffers, 2, 0, (4, 12))
    h_2 = view_f32(buffers, 2, 192, (3, 4))
    # ---- outputs ---------------------------------------------------------------------
    h_3 = view_f32(buffers, 2, 256 + 48 * t, (3, 4))
    h_4 = view_f32(buffers, 2, 640 + 48 * t, (3, 4))
    r = view_f32(buffers, 2, 1024 + 48 * t, (3, 4))
    z = view_f32(buffers, 2, 1408 + 48 * t, (3, 4))
    gates_1 = view_f32(buffers, 2, 1792 + 48 * t, (3, 4))
    n = view_f32(buffers, 2, 2176 + 48 * t, (3, 4))
    # ---- temporaries -----------------------------------------------------------------
    gates = view_f32(buffers, 2, 2560, (3, 12))

    # gates = h @ W.T + b                                                       gru.py:3
    matmul(gpu, h_2, x3, gates)
    # r = sigmoid(x[:, :4] + gates[:, :4])                                      gru.py:4
    # z = sigmoid(x[:, 4:8] + gates[:, 4:8])                                    gru.py:5
    # n = tanh(x[:, 8:] + r * gates[:, 8:])                                     gru.py:6
    # h = n + z * (h - n)                                                       gru.py:7
    bias_sigmoid_tanh[1, 32](x_1, gates, b_1, h_2, r, z, gates_1, n, h_3, h_4)


@kernel(
    "f32[3,4], f32[3,4], f32[3,4], f32[3,4], f32[3,4], f32[3,4], f32[3,4], f32[3,4], "
    "f32[3,12]"
)
def add_mul_bar(h_bar, h_bar_1, z_1, n_1, x6, r_1, h_6, t_bar, gates_bar):
    # t_bar = (h_bar + h_bar_1) * z_1
    # gates_bar = r_bar * r_1 * (1 - r_1)
    # gates_bar = (h_bar + h_bar_1) * (h_6 - n_1) * z_1 * (1 - z_1)
    # gates_bar = (h_bar + h_bar_1 - (h_bar + h_bar_1) * z_1) * (1 - n_1 * n_1) * r_1
    for i, j in grid(3, 4):
        n_bar = h_bar[i, j] + h_bar_1[i, j]
        t_bar_1 = n_bar * z_1[i, j]
        n_bar_1 = n_bar - t_bar_1
        t_bar_2 = n_bar_1 * (f(1) - n_1[i, j] * n_1[i, j])
        r_bar = t_bar_2 * x6[i, j]
        z_bar = n_bar * (h_6[i, j] - n_1[i, j])
        t_bar[i, j] = t_bar_1
        gates_bar[i, j] = r_bar * r_1[i, j] * (f(1) - r_1[i, j])
        gates_bar[i, j + 4] = z_bar * z_1[i, j] * (f(1) - z_1[i, j])
        gates_bar[i, j + 8] = t_bar_2 * r_1[i, j]


@kernel("f32[12], f32[12], f32[12]")
def add_bar(t_bar, t_2, h_bar_2):
    # h_bar_2 = t_bar + t_2
    for i in quads(12):
        h_bar_2[i] = t_bar[i] + t_2[i]


@loop_body
def cell_reverse(gpu, buffers, t_1):
    """Compute gates_bar; update h_bar in place."""
    # ---- inputs ----------------------------------------------------------------------
    W_1 = view_f32(buffers, 5, 0, (12, 4))
    h_bar = view_f32(buffers, 2, 0, (3, 4))
    h_bar_flat = view_f32(buffers, 2, 0, (12,))
    h_bar_1 = view_f32(buffers, 2, 256 + 48 * t_1, (3, 4))
    h_6 = view_f32(buffers, 2, 640 + 48 * t_1, (3, 4))
    r_1 = view_f32(buffers, 2, 1024 + 48 * t_1, (3, 4))
    z_1 = view_f32(buffers, 2, 1408 + 48 * t_1, (3, 4))
    x6 = view_f32(buffers, 2, 1792 + 48 * t_1, (3, 4))
    n_1 = view_f32(buffers, 2, 2176 + 48 * t_1, (3, 4))
    # ---- outputs ---------------------------------------------------------------------
    gates_bar = view_f32(buffers, 2, 2560 + 144 * t_1, (3, 12))
    # ---- temporaries -----------------------------------------------------------------
    t_bar = view_f32(buffers, 2, 64, (3, 4))
    t_bar_flat = view_f32(buffers, 2, 64, (12,))
    t_2 = view_f32(buffers, 2, 128, (3, 4))
    t_2_flat = view_f32(buffers, 2, 128, (12,))

    # h = n + z * (h - n)                                                       gru.py:7
    # n = tanh(x[:, 8:] + r * gates[:, 8:])                                     gru.py:6
    # z = sigmoid(x[:, 4:8] + gates[:, 4:8])                                    gru.py:5
    # r = sigmoid(x[:, :4] + gates[:, :4])                                      gru.py:4
    add_mul_bar[1, 32](h_bar, h_bar_1, z_1, n_1, x6, r_1, h_6, t_bar, gates_bar)
    # gates = h @ W.T + b    t_2 = gates_bar @ W_1                              gru.py:3
    matmul(gpu, gates_bar, W_1, t_2)
    add_bar[1, 32](t_bar_flat, t_2_flat, h_bar_flat)


@step
def gru_loss(gpu, buffers):
    """Compute loss, W_bar, b_bar."""
    # ---- inputs ----------------------------------------------------------------------
    h_flat = view_f32(buffers, 4, 0, (12,))
    W = view_f32(buffers, 5, 0, (12, 4))
    # ---- outputs ---------------------------------------------------------------------
    loss = view_f32(buffers, 7, 0, (1,))
    W_bar = view_f32(buffers, 8, 0, (12, 4))
    b_bar = view_f32(buffers, 9, 0, (12,))
    # ---- temporaries -----------------------------------------------------------------
    W_2 = view_f32(buffers, 2, 0, (4, 12))
    t_3_flat = view_f32(buffers, 2, 0, (12,))
    h_1_flat = view_f32(buffers, 2, 192, (12,))
    t_bar_1_flat = view_f32(buffers, 2, 256, (96,))
    h_7_rows = view_f32(buffers, 2, 640, (24, 4))
    t_4_rows = view_f32(buffers, 2, 2560, (24, 12))

    # ---- forward ---------------------------------------------------------------------
    # gates = h @ W.T + b                                                       gru.py:3
    copy[1, 64](W, W_2)
    copy_1[1, 32](h_flat, h_1_flat)
    for t in range(8):
        cell(gpu, buffers, t)
    # h, hs = scan(cell, h, x)                                                 gru.py:10
    mul_sum[1, 96](t_bar_1_flat, loss)

    # ---- backward --------------------------------------------------------------------
    fill[1, 32](t_3_flat)
    for t_1 in range(7, -1, -1):
        cell_reverse(gpu, buffers, t_1)
    t_matmul(gpu, t_4_rows, h_7_rows, W_bar)
    sum_up_bar[1, 32](t_4_rows, b_bar)
