"""train_step: forward, backward and update, one launch of a graph.

target    cuda, float32
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

from gradc.runtime.cuda import (
    block_rows,
    exp,
    first_lane,
    grid,
    kernel,
    lanes,
    log,
    matmul,
    matmul_t,
    maximum,
    pow,
    row_max,
    row_sum,
    rows,
    sqrt,
    step,
    t_matmul,
    this_group,
    view_f32,
    view_f64,
    view_i64,
)

INF = f("inf")
NAN = f("nan")


@kernel("f32[8,5], f32[5]")
def bias_relu(h, b):
    # h = max(h + b, 0), in place
    for i, j in grid(8, 5):
        h[i, j] = maximum(h[i, j] + b[j], f(0))


@kernel("f32[8,3], f32[3], i64[8], f32[8], f32[8,3], f32[8,3]")
def cross_entropy(z, b3, y, total, z_bar, b3_bar):
    # z_bar = (-0.125 where position == y_1, else 0) + total_bar * e^(z_1 - largest)
    # 3 sweeps over each row by its group of lanes
    part = this_group()
    for j in lanes(3):
        b3_bar[part, j] = f(0)
    running = f(0)
    for i in rows(8):
        y_1 = y[i]
        largest = -INF
        for j in lanes(3):
            z_1 = z[i, j] + b3[j]
            largest = maximum(largest, z_1)
        largest = row_max(largest)
        loss = z[i, y_1] + b3[y_1] - largest if 0 <= y_1 < 3 else NAN
        total_1 = f(0)
        for j in lanes(3):
            z_1 = z[i, j] + b3[j]
            total_1 += exp(z_1 - largest)
        total_1 = row_sum(total_1)
        total_bar = f(0.125) / total_1
        running += log(total_1) - loss
        for j in lanes(3):
            z_1 = z[i, j] + b3[j]
            z_bar_1 = (f(-0.125) if j == y_1 else f(0)) + total_bar * exp(z_1 - largest)
            z_bar[i, j] = z_bar_1
            b3_bar[part, j] += z_bar_1
    if first_lane():
        total[part] = running


@kernel("f32[8,5], f32[8,5], f32[5]")
def relu_bar(h, h_bar, b_bar):
    # h_bar = 0 where h <= 0, else h_bar, in place
    # b_bar = sum of 0 where h <= 0, else h_bar
    for j in grid(5):
        running = f(0)
        for i in block_rows(8, 8):
            h_bar_new = f(0) if h[i, j] <= f(0) else h_bar[i, j]
            h_bar[i, j] = h_bar_new
            running += h_bar_new
        b_bar[j] = running


@kernel(
    "f32[:], f32[:], f32[:], f32[:], f32[1], f32[1], segment",
    sizes=(30, 5, 25, 5, 15, 3),
)
def adam(exp_avg, p_bar, exp_avg_sq, p, rate, c2, segment):
    # exp_avg = 0.9 * exp_avg + 0.1 * p_bar, in place
    # exp_avg_sq = 0.999 * exp_avg_sq + 0.001 * p_bar * p_bar, in place
    # p = p - rate * exp_avg_new / (sqrt(exp_avg_sq_new / c2) + 1e-08), in place
    for i in segment:
        exp_avg_new = f(0.9) * exp_avg[i] + f(0.1) * p_bar[i]
        exp_avg_sq_new = f(0.999) * exp_avg_sq[i] + f(0.001) * (p_bar[i] * p_bar[i])
        exp_avg[i] = exp_avg_new
        exp_avg_sq[i] = exp_avg_sq_new
        t = rate[0] * (exp_avg_new / (sqrt(exp_avg_sq_new / c2[0]) + f(1e-08)))
        p[i] -= t


@kernel("f32[8,1], f32[1]")
def add_parts(parts, total):
    # total = the sum of the parts, in a fixed order
    for i in rows(1):
        running = f(0)
        for k in lanes(8):
            running += parts[k, i]
        running = row_sum(running)
        if first_lane():
            total[i] = running


@kernel("f32[8,3], f32[3]")
def add_parts_1(parts, total):
    # total = the sum of the parts, in a fixed order
    for i in rows(3):
        running = f(0)
        for k in lanes(8):
            running += parts[k, i]
        running = row_sum(running)
        if first_lane():
            total[i] = running


@kernel("f32[1], f32[1]", overlap=True)
def numbers(total, loss_at):
    # numbers, by one thread
    loss = total[0] * f(0.125)
    loss_at[0] = loss


@kernel("f32[1], f64[1], f32[1], f32[1], f32[1]", overlap=True)
def numbers_1(opt_step, lr, opt_step_new_at, c2_at, rate_at):
    # numbers, by one thread
    opt_step_new = opt_step[0] + f(1)
    c1 = f(1) - pow(f(0.9), opt_step_new)
    c2 = f(1) - pow(f(0.999), opt_step_new)
    rate = f(lr[0]) / c1
    opt_step_new_at[0] = opt_step_new
    c2_at[0] = c2
    rate_at[0] = rate


@step
def train_step(gpu, buffers):
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
    lr = view_f64(buffers, 11, 0, (1,))
    opt_step = view_f32(buffers, 12, 0, (1,))
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
    # ---- outputs ---------------------------------------------------------------------
    loss = view_f32(buffers, 25, 0, (1,))
    # ---- temporaries -----------------------------------------------------------------
    h1_1 = h1 = view_f32(buffers, 2, 0, (8, 5))
    W1_bar = view_f32(buffers, 2, 0, (5, 6))
    W1_bar_flat = view_f32(buffers, 2, 0, (30,))
    h2_1 = h2 = view_f32(buffers, 2, 192, (8, 5))
    h1_bar_1 = h1_bar = view_f32(buffers, 2, 192, (8, 5))
    z = view_f32(buffers, 2, 384, (8, 3))
    total = view_f32(buffers, 2, 384, (1,))
    W3_bar = view_f32(buffers, 2, 384, (3, 5))
    W3_bar_flat = view_f32(buffers, 2, 384, (15,))
    b3_bar = view_f32(buffers, 2, 448, (3,))
    z_bar = view_f32(buffers, 2, 512, (8, 3))
    b2_bar = view_f32(buffers, 2, 512, (5,))
    b1_bar = view_f32(buffers, 2, 576, (5,))
    total_parts = view_f32(buffers, 2, 640, (8,))
    total_parts_rows = view_f32(buffers, 2, 640, (8, 1))
    h2_bar_1 = h2_bar = view_f32(buffers, 2, 640, (8, 5))
    b3_bar_parts = view_f32(buffers, 2, 704, (8, 3))
    c2 = view_f32(buffers, 2, 704, (1,))
    rate = view_f32(buffers, 2, 768, (1,))
    W2_bar = view_f32(buffers, 2, 832, (5, 5))
    W2_bar_flat = view_f32(buffers, 2, 832, (25,))

    # ---- forward ---------------------------------------------------------------------
    # h1 = relu(x @ W1.T + b1)                                                  mlp.py:2
    matmul_t(gpu, x, W1, h1_1)
    bias_relu[1, 64](h1, b1)
    # h2 = relu(h1 @ W2.T + b2)                                                 mlp.py:3
    matmul_t(gpu, h1, W2, h2_1)
    bias_relu[1, 64](h2, b2)
    # z = h2 @ W3.T + b3                                                        mlp.py:4
    matmul_t(gpu, h2, W3, z)
    # loss = cross_entropy(z, y)                                                mlp.py:5
    # z = h2 @ W3.T + b3                                                        mlp.py:4
    cross_entropy[1, (32, 8)](z, b3, y, total_parts, z_bar, b3_bar_parts)
    add_parts[1, 32](total_parts_rows, total)
    add_parts_1[3, 32](b3_bar_parts, b3_bar)
    numbers[1, 1](total, loss)

    # ---- backward --------------------------------------------------------------------
    # h2_bar_1 = z_bar @ W3
    matmul(gpu, z_bar, W3, h2_bar_1)
    # W3_bar = z_bar.T @ h2
    t_matmul(gpu, z_bar, h2, W3_bar)
    # h2 = relu(h1 @ W2.T + b2)                                                 mlp.py:3
    relu_bar[1, 32](h2, h2_bar, b2_bar)
    # h1_bar_1 = h2_bar @ W2
    matmul(gpu, h2_bar, W2, h1_bar_1)
    # W2_bar = h2_bar.T @ h1
    t_matmul(gpu, h2_bar, h1, W2_bar)
    # h1 = relu(x @ W1.T + b1)                                                  mlp.py:2
    relu_bar[1, 32](h1, h1_bar, b1_bar)
    # W1_bar = h1_bar.T @ x
    t_matmul(gpu, h1_bar, x, W1_bar)

    # ---- update ----------------------------------------------------------------------
    # opt.step()                                                                mlp.py:7
    numbers_1[1, 1](opt_step, lr, opt_step, c2, rate)
    adam[6, 256](
        W1_exp_avg_flat,
        W1_bar_flat,
        W1_exp_avg_sq_flat,
        W1_flat,
        rate,
        c2,
        b1_exp_avg,
        b1_bar,
        b1_exp_avg_sq,
        b1,
        rate,
        c2,
        W2_exp_avg_flat,
        W2_bar_flat,
        W2_exp_avg_sq_flat,
        W2_flat,
        rate,
        c2,
        b2_exp_avg,
        b2_bar,
        b2_exp_avg_sq,
        b2,
        rate,
        c2,
        W3_exp_avg_flat,
        W3_bar_flat,
        W3_exp_avg_sq_flat,
        W3_flat,
        rate,
        c2,
        b3_exp_avg,
        b3_bar,
        b3_exp_avg_sq,
        b3,
        rate,
        c2,
    )
