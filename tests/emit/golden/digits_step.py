"""train_step: forward, backward and update, one native call.

target    cpu, float32, float64
takes     x [64, 64]   y [64]
reads     seed int64   lr float64   beta1 float64   beta2 float64   eps float64
updates   fc1_weight [256, 64]   fc1_bias [256]   offset int64   fc2_weight [128, 256]
          fc2_bias [128]   fc3_weight [10, 128]   fc3_bias [10]
          step_fc1_weight float32   exp_avg_fc1_weight [256, 64]
          exp_avg_sq_fc1_weight [256, 64]   step_fc1_bias float32
          exp_avg_fc1_bias [256]   exp_avg_sq_fc1_bias [256]   step_fc2_weight float32
          exp_avg_fc2_weight [128, 256]   exp_avg_sq_fc2_weight [128, 256]
          step_fc2_bias float32   exp_avg_fc2_bias [128]   exp_avg_sq_fc2_bias [128]
          step_fc3_weight float32   exp_avg_fc3_weight [10, 128]
          exp_avg_sq_fc3_weight [10, 128]   step_fc3_bias float32
          exp_avg_fc3_bias [10]   exp_avg_sq_fc3_bias [10]
keeps     h1: a matrix product reads it   h2: a matrix product reads it
not kept  uniform: recomputed from random bits   mask: recomputed from random bits
          scale: recomputed from random bits   uniform_1: recomputed from random bits
          mask_1: recomputed from random bits   scale_1: recomputed from random bits
          counted: recomputed from y
"""

from numpy import float32 as f
from numpy import float64

from gradc.runtime.cpu import (
    chunks,
    exp,
    is_first,
    kernel,
    log,
    maximum,
    meet,
    pack_t,
    panel_f32,
    part_of,
    philox,
    pow,
    share,
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


@kernel("f32[:,:], f32[:], f32[:,:], i64, i64, rows")
def bias_relu_dropout(fc1, fc1_bias, h1, seed, offset, rows):
    # h1 = max(fc1 + fc1_bias, 0) * scale
    for i in rows:
        for j in range(fc1.shape[1]):
            uniform = f(philox(seed, offset, 256 * i + j) // 256) * f(2**-24)
            mask = uniform >= f(0.3)
            scale = f(mask) / f(0.7)
            h1[i, j] = maximum(fc1[i, j] + fc1_bias[j], f(0)) * scale


@kernel("f32[:,:], f32[:], f32[:,:], i64, i64, rows")
def bias_relu_dropout_1(fc2, fc2_bias, h2, seed, offset, rows):
    # h2 = max(fc2 + fc2_bias, 0) * scale
    for i in rows:
        for j in range(fc2.shape[1]):
            uniform = f(philox(seed, offset, 128 * i + j) // 256) * f(2**-24)
            mask = uniform >= f(0.3)
            scale = f(mask) / f(0.7)
            h2[i, j] = maximum(fc2[i, j] + fc2_bias[j], f(0)) * scale


@kernel("i64[:], f32[:]")
def count(y, share_sum):
    running = f(0)
    for i in range(y.shape[0]):
        counted = y[i] != -100
        share_1 = f(counted)
        running += share_1
    share_sum[0] = running


@kernel("f32[:,:], f32[:], i64[:], f32[:], f32[:], f32[:], f32, rows")
def cross_entropy(
    z_bar, fc3_bias, y, e_row, loss_sum, fc3_bias_bar, loss_sum_bar, rows
):
    # 3 sweeps over each row while it is in cache
    for j in range(fc3_bias_bar.shape[0]):
        fc3_bias_bar[j] = f(0)
    running = f(0)
    for i in rows:
        counted = y[i] != -100
        label = y[i] if counted else 0
        losses_bar = loss_sum_bar if counted else f(0)
        picked_bar = -losses_bar
        largest = -INF
        for j in range(z_bar.shape[1]):
            z = z_bar[i, j] + fc3_bias[j]
            largest = maximum(largest, z)
        picked = z_bar[i, label] + fc3_bias[label] - largest if 0 <= label < 10 else NAN
        total = f(0)
        for j in range(z_bar.shape[1]):
            z = z_bar[i, j] + fc3_bias[j]
            scores = z - largest
            e = exp(scores)
            total += e
            e_row[j] = e
        normaliser = log(total)
        losses = normaliser - picked
        losses_1 = losses if counted else f(0)
        total_bar = losses_bar / total
        running += losses_1
        for j in range(z_bar.shape[1]):
            z_bar_new = (picked_bar if j == label else f(0)) + total_bar * e_row[j]
            z_bar[i, j] = z_bar_new
            fc3_bias_bar[j] += z_bar_new
    loss_sum[0] = running


@kernel("f32[:,:], f32[:], f32[:,:], f32[:], i64, i64, rows")
def relu_dropout_bar(fc2, fc2_bias, fc2_bar, fc2_bias_bar, seed, offset, rows):
    # fc2_bar = 0 where fc2 + fc2_bias <= 0, else h2_bar * scale, in place of h2_bar
    # fc2_bias_bar = sum of 0 where fc2 + fc2_bias <= 0, else h2_bar * scale
    for j in range(fc2_bias_bar.shape[0]):
        fc2_bias_bar[j] = f(0)
    for i in rows:
        for j in range(fc2.shape[1]):
            uniform = f(philox(seed, offset, 128 * i + j) // 256) * f(2**-24)
            mask = uniform >= f(0.3)
            scale = f(mask) / f(0.7)
            fc2_bar_new = (
                f(0) if fc2[i, j] + fc2_bias[j] <= f(0) else fc2_bar[i, j] * scale
            )
            fc2_bar[i, j] = fc2_bar_new
            fc2_bias_bar[j] += fc2_bar_new


@kernel("f32[:,:], f32[:], f32[:,:], f32[:], i64, i64, rows")
def relu_dropout_bar_1(fc1, fc1_bias, fc1_bar, fc1_bias_bar, seed, offset, rows):
    # fc1_bar = 0 where fc1 + fc1_bias <= 0, else h1_bar * scale, in place of h1_bar
    # fc1_bias_bar = sum of 0 where fc1 + fc1_bias <= 0, else h1_bar * scale
    for j in range(fc1_bias_bar.shape[0]):
        fc1_bias_bar[j] = f(0)
    for i in rows:
        for j in range(fc1.shape[1]):
            uniform = f(philox(seed, offset, 256 * i + j) // 256) * f(2**-24)
            mask = uniform >= f(0.3)
            scale = f(mask) / f(0.7)
            fc1_bar_new = (
                f(0) if fc1[i, j] + fc1_bias[j] <= f(0) else fc1_bar[i, j] * scale
            )
            fc1_bar[i, j] = fc1_bar_new
            fc1_bias_bar[j] += fc1_bar_new


@kernel("f32[:], f32[:], f32[:], f32[:], f32, f32, f32, f32, f32, rows")
def adam(exp_avg, p_bar, exp_avg_sq, p, fresh1, decay2, fresh2, step_size, small, rows):
    # exp_avg = exp_avg + (p_bar - exp_avg) * fresh1, in place
    # exp_avg_sq = exp_avg_sq * decay2 + p_bar * fresh2 * p_bar, in place
    # p = p - exp_avg_new * step_size / (sqrt(exp_avg_sq_new) + small), in place
    for i in rows:
        exp_avg_new = exp_avg[i] + (p_bar[i] - exp_avg[i]) * fresh1
        exp_avg_sq_new = exp_avg_sq[i] * decay2 + p_bar[i] * fresh2 * p_bar[i]
        exp_avg[i] = exp_avg_new
        exp_avg_sq[i] = exp_avg_sq_new
        p[i] -= exp_avg_new * step_size / (sqrt(exp_avg_sq_new) + small)


@kernel("f32[:,:], f32[:,:], f32[:,:], rows")
def matmul_t_tiles(a, b, out, rows):
    # out[i, j] = sum over k of a[i, k] * b[j, k]
    panel = panel_f32(1024, 32)  # 32 rows of b, transposed
    for j in tiled(out.shape[1], 32):
        pack_t(panel, b, (j, 0), a.shape[1], 32)
        for i in tiled(rows, 8):
            tile = tile_f32(8, 32)
            tile = tile_matmul(tile, a, (i, 0), panel, (0, 0), a.shape[1])
            store_tile(tile, out, (i, j), (1, 0))


@kernel("f32[:,:], f32[:,:], f32[:,:], rows")
def matmul_t_tiles_1(a, b, out, rows):
    # out[i, j] = sum over k of a[i, k] * b[j, k]
    panel = panel_f32(1024, 10)  # 10 rows of b, transposed
    for j in tiled(out.shape[1], 10):
        pack_t(panel, b, (j, 0), a.shape[1], 10)
        for i in tiled(rows, 8):
            tile = tile_f32(8, 10)
            tile = tile_matmul(tile, a, (i, 0), panel, (0, 0), a.shape[1])
            store_tile(tile, out, (i, j), (1, 0))


@kernel("f32[:,:], f32[:,:], f32[:,:], rows")
def matmul_tiles(a, b, out, rows):
    # out[i, j] = sum over k of a[i, k] * b[k, j]
    for j in tiled(out.shape[1], 32):
        for i in tiled(rows, 8):
            tile = tile_f32(8, 32)
            tile = tile_matmul(tile, a, (i, 0), b, (0, j), a.shape[1])
            store_tile(tile, out, (i, j), (1, 0))


@kernel("f32[:,:], f32[:,:], f32[:,:]")
def t_matmul_tiles(a, b, out):
    # out[i, j] = sum over k of a[k, i] * b[k, j]
    for j in tiled(out.shape[1], 32):
        for i in tiled(out.shape[0], 5):
            tile = tile_f32(5, 32)
            tile = tile_t_matmul(tile, a, (0, i), b, (0, j), a.shape[0])
            store_tile(tile, out, (i, j), (1, 0))


@kernel("f32[:,:], f32[:,:], f32[:,:], rows")
def t_matmul_tiles_1(a, b, out, rows):
    # out[i, j] = sum over k of a[k, i] * b[k, j]
    for j in tiled(out.shape[1], 32):
        for i in tiled(rows, 8):
            tile = tile_f32(8, 32)
            tile = tile_t_matmul(tile, a, (0, i), b, (0, j), a.shape[0])
            store_tile(tile, out, (i, j), (1, 0))


@kernel("f32[:,:], f32[:]")
def add_parts(parts, total):
    # total = the sum of the parts, in the order of the blocks
    for i in range(total.shape[0]):
        running = f(0)
        for k in range(parts.shape[0]):
            running += parts[k, i]
        total[i] = running


@step
def train_step(buffers, team):
    """Compute 7 results; update 25 arrays in place."""
    # ---- inputs ----------------------------------------------------------------------
    x = view_f32(buffers, 3, 0, (64, 64))
    y = view_i64(buffers, 4, 0, (64,))
    fc1_weight = view_f32(buffers, 5, 0, (256, 64))
    fc1_weight_flat = view_f32(buffers, 5, 0, (16384,))
    fc1_bias = view_f32(buffers, 6, 0, (256,))
    offset_at = view_i64(buffers, 8, 0, (1,))
    fc2_weight = view_f32(buffers, 9, 0, (128, 256))
    fc2_weight_flat = view_f32(buffers, 9, 0, (32768,))
    fc2_bias = view_f32(buffers, 10, 0, (128,))
    fc3_weight = view_f32(buffers, 11, 0, (10, 128))
    fc3_weight_flat = view_f32(buffers, 11, 0, (1280,))
    fc3_bias = view_f32(buffers, 12, 0, (10,))
    step_fc1_weight_at = view_f32(buffers, 13, 0, (1,))
    exp_avg_fc1_weight_flat = view_f32(buffers, 17, 0, (16384,))
    exp_avg_sq_fc1_weight_flat = view_f32(buffers, 18, 0, (16384,))
    step_fc1_bias_at = view_f32(buffers, 20, 0, (1,))
    exp_avg_fc1_bias = view_f32(buffers, 21, 0, (256,))
    exp_avg_sq_fc1_bias = view_f32(buffers, 22, 0, (256,))
    step_fc2_weight_at = view_f32(buffers, 23, 0, (1,))
    exp_avg_fc2_weight_flat = view_f32(buffers, 24, 0, (32768,))
    exp_avg_sq_fc2_weight_flat = view_f32(buffers, 25, 0, (32768,))
    step_fc2_bias_at = view_f32(buffers, 26, 0, (1,))
    exp_avg_fc2_bias = view_f32(buffers, 27, 0, (128,))
    exp_avg_sq_fc2_bias = view_f32(buffers, 28, 0, (128,))
    step_fc3_weight_at = view_f32(buffers, 29, 0, (1,))
    exp_avg_fc3_weight_flat = view_f32(buffers, 30, 0, (1280,))
    exp_avg_sq_fc3_weight_flat = view_f32(buffers, 31, 0, (1280,))
    step_fc3_bias_at = view_f32(buffers, 32, 0, (1,))
    exp_avg_fc3_bias = view_f32(buffers, 33, 0, (10,))
    exp_avg_sq_fc3_bias = view_f32(buffers, 34, 0, (10,))
    seed = view_i64(buffers, 7, 0, (1,))[0]
    offset = view_i64(buffers, 8, 0, (1,))[0]
    step_fc1_weight = view_f32(buffers, 13, 0, (1,))[0]
    lr = view_f64(buffers, 14, 0, (1,))[0]
    beta1 = view_f64(buffers, 15, 0, (1,))[0]
    beta2 = view_f64(buffers, 16, 0, (1,))[0]
    eps = view_f64(buffers, 19, 0, (1,))[0]
    step_fc1_bias = view_f32(buffers, 20, 0, (1,))[0]
    step_fc2_weight = view_f32(buffers, 23, 0, (1,))[0]
    step_fc2_bias = view_f32(buffers, 26, 0, (1,))[0]
    step_fc3_weight = view_f32(buffers, 29, 0, (1,))[0]
    step_fc3_bias = view_f32(buffers, 32, 0, (1,))[0]
    # ---- outputs ---------------------------------------------------------------------
    loss_at = view_f32(buffers, 35, 0, (1,))
    fc1_weight_bar = view_f32(buffers, 36, 0, (256, 64))
    fc1_weight_bar_flat = view_f32(buffers, 36, 0, (16384,))
    fc1_bias_bar = view_f32(buffers, 37, 0, (256,))
    fc2_weight_bar = view_f32(buffers, 38, 0, (128, 256))
    fc2_weight_bar_flat = view_f32(buffers, 38, 0, (32768,))
    fc2_bias_bar = view_f32(buffers, 39, 0, (128,))
    fc3_weight_bar = view_f32(buffers, 40, 0, (10, 128))
    fc3_weight_bar_flat = view_f32(buffers, 40, 0, (1280,))
    fc3_bias_bar = view_f32(buffers, 41, 0, (10,))
    # ---- temporaries -----------------------------------------------------------------
    fc1 = view_f32(buffers, 2, 0, (64, 256))
    h1 = view_f32(buffers, 2, 65536, (64, 256))
    fc1_bias_bar_parts = view_f32(buffers, 2, 65536, (4, 256))
    fc2 = view_f32(buffers, 2, 131072, (64, 128))
    h1_bar = fc1_bar = view_f32(buffers, 2, 131072, (64, 256))
    h2 = view_f32(buffers, 2, 163840, (64, 128))
    fc2_bias_bar_parts = view_f32(buffers, 2, 163840, (4, 128))
    fc3 = z_bar = view_f32(buffers, 2, 196608, (64, 10))
    share_sum_at = view_f32(buffers, 2, 199168, (1,))
    h2_bar = fc2_bar = view_f32(buffers, 2, 199168, (64, 128))
    loss_sum_parts = view_f32(buffers, 2, 199232, (4, 16))
    fc3_bias_bar_parts = view_f32(buffers, 2, 199488, (4, 16))
    e_row_parts = view_f32(buffers, 2, 199744, (4, 16))
    loss_sum_at = view_f32(buffers, 2, 199744, (1,))
    # ---- this thread's part, in blocks -----------------------------------------------
    rows_10 = share(team, 10, 10)
    rows_128 = share(team, 128, 16)
    rows_1280 = share(team, 1280, 1024)
    rows_128_1 = share(team, 128, 128)
    rows_16384 = share(team, 16384, 4096)
    rows_256 = share(team, 256, 64)
    rows_256_1 = share(team, 256, 256)
    rows_32768 = share(team, 32768, 4096)
    rows_64 = share(team, 64, 16)

    # ---- forward ---------------------------------------------------------------------
    # h1 = self.dropout(self.fc1(x).relu())                                 digits.py:38
    matmul_t_tiles(x, fc1_weight, fc1, rows_64)
    offset_1 = offset + 1
    bias_relu_dropout(fc1, fc1_bias, h1, seed, offset, rows_64)
    # h2 = self.dropout(self.fc2(h1).relu())                                digits.py:39
    matmul_t_tiles(h1, fc2_weight, fc2, rows_64)
    bias_relu_dropout_1(fc2, fc2_bias, h2, seed, offset_1, rows_64)
    # return self.fc3(h2)                                                   digits.py:40
    matmul_t_tiles_1(h2, fc3_weight, fc3, rows_64)
    # loss = loss_fn(z, y)                                                  digits.py:51
    count(y, share_sum_at)

    # ---- backward --------------------------------------------------------------------
    share_sum = share_sum_at[0]
    # loss = loss_fn(z, y)    dloss/dloss_sum = 1 / share_sum               digits.py:51
    loss_sum_bar = f(1) / share_sum
    # return self.fc3(h2)                                                   digits.py:40
    # loss = loss_fn(z, y)                                                  digits.py:51
    for chunk in chunks(rows_64):
        cross_entropy(
            z_bar,
            fc3_bias,
            y,
            part_of(e_row_parts, chunk, (10,)),
            part_of(loss_sum_parts, chunk, (1,)),
            part_of(fc3_bias_bar_parts, chunk, (10,)),
            loss_sum_bar,
            chunk,
        )
    meet(team)
    add_parts(loss_sum_parts, loss_sum_at)
    add_parts(fc3_bias_bar_parts, fc3_bias_bar)
    loss_sum = loss_sum_at[0]
    loss = loss_sum / share_sum
    meet(team)
    # h2_bar = z_bar @ fc3_weight
    matmul_tiles(z_bar, fc3_weight, h2_bar, rows_64)
    if is_first(team):
        # fc3_weight_bar = z_bar.T @ h2
        t_matmul_tiles(z_bar, h2, fc3_weight_bar)
    meet(team)
    # h2 = self.dropout(self.fc2(h1).relu())                                digits.py:39
    for chunk in chunks(rows_64):
        relu_dropout_bar(
            fc2,
            fc2_bias,
            fc2_bar,
            part_of(fc2_bias_bar_parts, chunk, (128,)),
            seed,
            offset_1,
            chunk,
        )
    meet(team)
    add_parts(fc2_bias_bar_parts, fc2_bias_bar)
    meet(team)
    # h1_bar = fc2_bar @ fc2_weight
    matmul_tiles(fc2_bar, fc2_weight, h1_bar, rows_64)
    # fc2_weight_bar = fc2_bar.T @ h1
    t_matmul_tiles_1(fc2_bar, h1, fc2_weight_bar, rows_128)
    meet(team)
    # h1 = self.dropout(self.fc1(x).relu())                                 digits.py:38
    for chunk in chunks(rows_64):
        relu_dropout_bar_1(
            fc1,
            fc1_bias,
            fc1_bar,
            part_of(fc1_bias_bar_parts, chunk, (256,)),
            seed,
            offset,
            chunk,
        )
    meet(team)
    add_parts(fc1_bias_bar_parts, fc1_bias_bar)
    offset_new = offset_1 + 1
    # fc1_weight_bar = fc1_bar.T @ x
    t_matmul_tiles_1(fc1_bar, x, fc1_weight_bar, rows_256)

    # ---- update ----------------------------------------------------------------------
    # optimizer.step()                                                      digits.py:53
    step_fc1_weight_new = step_fc1_weight + f(1)
    step_1 = float64(step_fc1_weight_new)
    fresh1 = f(1.0 - beta1)
    decay2 = f(beta2)
    fresh2 = f(1.0 - beta2)
    correction1 = 1.0 - pow(beta1, step_1)
    correction2 = 1.0 - pow(beta2, step_1)
    root = sqrt(correction2)
    step_size = f(lr * root / correction1)
    small = f(eps * root)
    adam(
        exp_avg_fc1_weight_flat,
        fc1_weight_bar_flat,
        exp_avg_sq_fc1_weight_flat,
        fc1_weight_flat,
        fresh1,
        decay2,
        fresh2,
        step_size,
        small,
        rows_16384,
    )
    step_fc1_bias_new = step_fc1_bias + f(1)
    step_2 = float64(step_fc1_bias_new)
    correction1_1 = 1.0 - pow(beta1, step_2)
    correction2_1 = 1.0 - pow(beta2, step_2)
    root_1 = sqrt(correction2_1)
    step_size_1 = f(lr * root_1 / correction1_1)
    small_1 = f(eps * root_1)
    adam(
        exp_avg_fc1_bias,
        fc1_bias_bar,
        exp_avg_sq_fc1_bias,
        fc1_bias,
        fresh1,
        decay2,
        fresh2,
        step_size_1,
        small_1,
        rows_256_1,
    )
    step_fc2_weight_new = step_fc2_weight + f(1)
    step_3 = float64(step_fc2_weight_new)
    correction1_2 = 1.0 - pow(beta1, step_3)
    correction2_2 = 1.0 - pow(beta2, step_3)
    root_2 = sqrt(correction2_2)
    step_size_2 = f(lr * root_2 / correction1_2)
    small_2 = f(eps * root_2)
    adam(
        exp_avg_fc2_weight_flat,
        fc2_weight_bar_flat,
        exp_avg_sq_fc2_weight_flat,
        fc2_weight_flat,
        fresh1,
        decay2,
        fresh2,
        step_size_2,
        small_2,
        rows_32768,
    )
    step_fc2_bias_new = step_fc2_bias + f(1)
    step_4 = float64(step_fc2_bias_new)
    correction1_3 = 1.0 - pow(beta1, step_4)
    correction2_3 = 1.0 - pow(beta2, step_4)
    root_3 = sqrt(correction2_3)
    step_size_3 = f(lr * root_3 / correction1_3)
    small_3 = f(eps * root_3)
    adam(
        exp_avg_fc2_bias,
        fc2_bias_bar,
        exp_avg_sq_fc2_bias,
        fc2_bias,
        fresh1,
        decay2,
        fresh2,
        step_size_3,
        small_3,
        rows_128_1,
    )
    step_fc3_weight_new = step_fc3_weight + f(1)
    step_5 = float64(step_fc3_weight_new)
    correction1_4 = 1.0 - pow(beta1, step_5)
    correction2_4 = 1.0 - pow(beta2, step_5)
    root_4 = sqrt(correction2_4)
    step_size_4 = f(lr * root_4 / correction1_4)
    small_4 = f(eps * root_4)
    adam(
        exp_avg_fc3_weight_flat,
        fc3_weight_bar_flat,
        exp_avg_sq_fc3_weight_flat,
        fc3_weight_flat,
        fresh1,
        decay2,
        fresh2,
        step_size_4,
        small_4,
        rows_1280,
    )
    step_fc3_bias_new = step_fc3_bias + f(1)
    step_6 = float64(step_fc3_bias_new)
    correction1_5 = 1.0 - pow(beta1, step_6)
    correction2_5 = 1.0 - pow(beta2, step_6)
    root_5 = sqrt(correction2_5)
    step_size_5 = f(lr * root_5 / correction1_5)
    small_5 = f(eps * root_5)
    adam(
        exp_avg_fc3_bias,
        fc3_bias_bar,
        exp_avg_sq_fc3_bias,
        fc3_bias,
        fresh1,
        decay2,
        fresh2,
        step_size_5,
        small_5,
        rows_10,
    )

    # ---- results ---------------------------------------------------------------------
    if is_first(team):
        loss_at[0] = loss
        offset_at[0] = offset_new
        step_fc1_weight_at[0] = step_fc1_weight_new
        step_fc1_bias_at[0] = step_fc1_bias_new
        step_fc2_weight_at[0] = step_fc2_weight_new
        step_fc2_bias_at[0] = step_fc2_bias_new
        step_fc3_weight_at[0] = step_fc3_weight_new
        step_fc3_bias_at[0] = step_fc3_bias_new
