"""train_step: forward, backward and update, one launch of a graph.

target    cuda, float32, float64
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
    philox,
    pow,
    row_max,
    row_sum,
    rows,
    sqrt,
    step,
    t_matmul,
    this_group,
    this_part,
    view_f32,
    view_f64,
    view_i64,
)

INF = f("inf")
NAN = f("nan")


@kernel("f32[64,256], f32[256], f32[64,256], i64[1], i64[1]")
def bias_relu_dropout(fc1, fc1_bias, h1, seed, offset):
    # h1 = max(fc1 + fc1_bias, 0) * scale
    for i, j in grid(64, 256):
        uniform = f(philox(seed[0], offset[0], 256 * i + j) // 256) * f(2**-24)
        mask = uniform >= f(0.3)
        scale = f(mask) / f(0.7)
        h1[i, j] = maximum(fc1[i, j] + fc1_bias[j], f(0)) * scale


@kernel("f32[64,128], f32[128], f32[64,128], i64[1], i64[1]")
def bias_relu_dropout_1(fc2, fc2_bias, h2, seed, offset):
    # h2 = max(fc2 + fc2_bias, 0) * scale
    for i, j in grid(64, 128):
        uniform = f(philox(seed[0], offset[0], 128 * i + j) // 256) * f(2**-24)
        mask = uniform >= f(0.3)
        scale = f(mask) / f(0.7)
        h2[i, j] = maximum(fc2[i, j] + fc2_bias[j], f(0)) * scale


@kernel("i64[64], f32[1]")
def count(y, share_sum):
    running = f(0)
    for i in lanes(64):
        counted = y[i] != -100
        share_1 = f(counted)
        running += share_1
    running = row_sum(running)
    if first_lane():
        share_sum[0] = running


@kernel("f32[64,10], f32[10], i64[64], f32[64], f32[64,10], f32[64,10], f32[1]")
def cross_entropy(fc3, fc3_bias, y, loss_sum, z_bar, fc3_bias_bar, loss_sum_bar):
    # z_bar = (picked_bar where position == label, else 0) + total_bar * e^scores
    # 3 sweeps over each row by its group of lanes
    part = this_group()
    for j in lanes(10):
        fc3_bias_bar[part, j] = f(0)
    running = f(0)
    for i in rows(64):
        counted = y[i] != -100
        label = y[i] if counted else 0
        losses_bar = loss_sum_bar[0] if counted else f(0)
        picked_bar = -losses_bar
        largest = -INF
        for j in lanes(10):
            z = fc3[i, j] + fc3_bias[j]
            largest = maximum(largest, z)
        largest = row_max(largest)
        picked = fc3[i, label] + fc3_bias[label] - largest if 0 <= label < 10 else NAN
        total = f(0)
        for j in lanes(10):
            z = fc3[i, j] + fc3_bias[j]
            scores = z - largest
            total += exp(scores)
        total = row_sum(total)
        normaliser = log(total)
        losses = normaliser - picked
        losses_1 = losses if counted else f(0)
        total_bar = losses_bar / total
        running += losses_1
        for j in lanes(10):
            z = fc3[i, j] + fc3_bias[j]
            scores = z - largest
            z_bar_1 = (picked_bar if j == label else f(0)) + total_bar * exp(scores)
            z_bar[i, j] = z_bar_1
            fc3_bias_bar[part, j] += z_bar_1
    if first_lane():
        loss_sum[part] = running


@kernel("f32[64,128], f32[128], f32[64,128], f32[4,128], i64[1], i64[1]")
def relu_dropout_bar(fc2, fc2_bias, fc2_bar, fc2_bias_bar, seed, offset):
    # fc2_bar = 0 where fc2 + fc2_bias <= 0, else h2_bar * scale, in place of h2_bar
    # fc2_bias_bar = sum of 0 where fc2 + fc2_bias <= 0, else h2_bar * scale
    part = this_part()
    for j in grid(128):
        running = f(0)
        for i in block_rows(64, 16):
            uniform = f(philox(seed[0], offset[0], 128 * i + j) // 256) * f(2**-24)
            mask = uniform >= f(0.3)
            scale = f(mask) / f(0.7)
            fc2_bar_new = (
                f(0) if fc2[i, j] + fc2_bias[j] <= f(0) else fc2_bar[i, j] * scale
            )
            fc2_bar[i, j] = fc2_bar_new
            running += fc2_bar_new
        fc2_bias_bar[part, j] = running


@kernel("f32[64,256], f32[256], f32[64,256], f32[4,256], i64[1], i64[1]")
def relu_dropout_bar_1(fc1, fc1_bias, fc1_bar, fc1_bias_bar, seed, offset):
    # fc1_bar = 0 where fc1 + fc1_bias <= 0, else h1_bar * scale, in place of h1_bar
    # fc1_bias_bar = sum of 0 where fc1 + fc1_bias <= 0, else h1_bar * scale
    part = this_part()
    for j in grid(256):
        running = f(0)
        for i in block_rows(64, 16):
            uniform = f(philox(seed[0], offset[0], 256 * i + j) // 256) * f(2**-24)
            mask = uniform >= f(0.3)
            scale = f(mask) / f(0.7)
            fc1_bar_new = (
                f(0) if fc1[i, j] + fc1_bias[j] <= f(0) else fc1_bar[i, j] * scale
            )
            fc1_bar[i, j] = fc1_bar_new
            running += fc1_bar_new
        fc1_bias_bar[part, j] = running


@kernel(
    "f32[:], f32[:], f32[:], f32[:], f32[1], f32[1], f32[1], f32[1], f32[1], segment",
    sizes=(16384, 256, 32768, 128, 1280, 10),
)
def adam(
    exp_avg, p_bar, exp_avg_sq, p, fresh1, decay2, fresh2, step_size, small, segment
):
    # exp_avg = exp_avg + (p_bar - exp_avg) * fresh1, in place
    # exp_avg_sq = exp_avg_sq * decay2 + p_bar * fresh2 * p_bar, in place
    # p = p - exp_avg_new * step_size / (sqrt(exp_avg_sq_new) + small), in place
    for i in segment:
        exp_avg_new = exp_avg[i] + (p_bar[i] - exp_avg[i]) * fresh1[0]
        exp_avg_sq_new = exp_avg_sq[i] * decay2[0] + p_bar[i] * fresh2[0] * p_bar[i]
        exp_avg[i] = exp_avg_new
        exp_avg_sq[i] = exp_avg_sq_new
        p[i] -= exp_avg_new * step_size[0] / (sqrt(exp_avg_sq_new) + small[0])


@kernel("i64[1], i64[1]", overlap=True)
def numbers(offset, offset_1_at):
    # numbers, by one thread
    offset_1 = offset[0] + 1
    offset_1_at[0] = offset_1


@kernel("f32[1], f32[1]", overlap=True)
def numbers_1(share_sum, loss_sum_bar_at):
    # numbers, by one thread
    loss_sum_bar = f(1) / share_sum[0]
    loss_sum_bar_at[0] = loss_sum_bar


@kernel("f32[64,1], f32[1]")
def add_parts(parts, total):
    # total = the sum of the parts, in a fixed order
    for i in rows(1):
        running = f(0)
        for k in lanes(64):
            running += parts[k, i]
        running = row_sum(running)
        if first_lane():
            total[i] = running


@kernel("f32[64,10], f32[10]")
def add_parts_1(parts, total):
    # total = the sum of the parts, in a fixed order
    for i in rows(10):
        running = f(0)
        for k in lanes(64):
            running += parts[k, i]
        running = row_sum(running)
        if first_lane():
            total[i] = running


@kernel("f32[1], f32[1], f32[1]", overlap=True)
def numbers_2(loss_sum, share_sum, loss_at):
    # numbers, by one thread
    loss = loss_sum[0] / share_sum[0]
    loss_at[0] = loss


@kernel("f32[4,128], f32[128]")
def add_parts_2(parts, total):
    # total = the sum of the parts, in a fixed order
    for i in grid(128):
        running = f(0)
        for k in range(4):
            running += parts[k, i]
        total[i] = running


@kernel("f32[4,256], f32[256]")
def add_parts_3(parts, total):
    # total = the sum of the parts, in a fixed order
    for i in grid(256):
        running = f(0)
        for k in range(4):
            running += parts[k, i]
        total[i] = running


@kernel("i64[1], i64[1]", overlap=True)
def numbers_3(offset, offset_new_at):
    # numbers, by one thread
    offset_new = offset[0] + 1
    offset_new_at[0] = offset_new


@kernel("f64[1], f64[1], f32[1], f32[1], f32[1]", overlap=True)
def numbers_4(beta1, beta2, fresh1_at, decay2_at, fresh2_at):
    # numbers, by one thread
    fresh1 = f(1.0 - beta1[0])
    decay2 = f(beta2[0])
    fresh2 = f(1.0 - beta2[0])
    fresh1_at[0] = fresh1
    decay2_at[0] = decay2
    fresh2_at[0] = fresh2


@kernel(
    "f32[1], f64[1], f64[1], f64[1], f64[1], f32[1], f32[1], f32[1], segment",
    overlap=True,
    sizes=(1,) * 6,
)
def numbers_5(step_1, beta1, beta2, lr, eps, new_at, step_size_at, small_at, segment):
    # numbers, by one thread for each of 6 sets of arrays
    for _ in segment:
        new = step_1[0] + f(1)
        step_2 = float64(new)
        correction1 = 1.0 - pow(beta1[0], step_2)
        correction2 = 1.0 - pow(beta2[0], step_2)
        root = sqrt(correction2)
        step_size = f(lr[0] * root / correction1)
        small = f(eps[0] * root)
        new_at[0] = new
        step_size_at[0] = step_size
        small_at[0] = small


@step
def train_step(gpu, buffers):
    """Compute 7 results; update 25 arrays in place."""
    # ---- inputs ----------------------------------------------------------------------
    x = view_f32(buffers, 3, 0, (64, 64))
    y = view_i64(buffers, 4, 0, (64,))
    fc1_weight = view_f32(buffers, 5, 0, (256, 64))
    fc1_weight_flat = view_f32(buffers, 5, 0, (16384,))
    fc1_bias = view_f32(buffers, 6, 0, (256,))
    seed = view_i64(buffers, 7, 0, (1,))
    offset = view_i64(buffers, 8, 0, (1,))
    fc2_weight = view_f32(buffers, 9, 0, (128, 256))
    fc2_weight_flat = view_f32(buffers, 9, 0, (32768,))
    fc2_bias = view_f32(buffers, 10, 0, (128,))
    fc3_weight = view_f32(buffers, 11, 0, (10, 128))
    fc3_weight_flat = view_f32(buffers, 11, 0, (1280,))
    fc3_bias = view_f32(buffers, 12, 0, (10,))
    step_fc1_weight = view_f32(buffers, 13, 0, (1,))
    lr = view_f64(buffers, 14, 0, (1,))
    beta1 = view_f64(buffers, 15, 0, (1,))
    beta2 = view_f64(buffers, 16, 0, (1,))
    exp_avg_fc1_weight_flat = view_f32(buffers, 17, 0, (16384,))
    exp_avg_sq_fc1_weight_flat = view_f32(buffers, 18, 0, (16384,))
    eps = view_f64(buffers, 19, 0, (1,))
    step_fc1_bias = view_f32(buffers, 20, 0, (1,))
    exp_avg_fc1_bias = view_f32(buffers, 21, 0, (256,))
    exp_avg_sq_fc1_bias = view_f32(buffers, 22, 0, (256,))
    step_fc2_weight = view_f32(buffers, 23, 0, (1,))
    exp_avg_fc2_weight_flat = view_f32(buffers, 24, 0, (32768,))
    exp_avg_sq_fc2_weight_flat = view_f32(buffers, 25, 0, (32768,))
    step_fc2_bias = view_f32(buffers, 26, 0, (1,))
    exp_avg_fc2_bias = view_f32(buffers, 27, 0, (128,))
    exp_avg_sq_fc2_bias = view_f32(buffers, 28, 0, (128,))
    step_fc3_weight = view_f32(buffers, 29, 0, (1,))
    exp_avg_fc3_weight_flat = view_f32(buffers, 30, 0, (1280,))
    exp_avg_sq_fc3_weight_flat = view_f32(buffers, 31, 0, (1280,))
    step_fc3_bias = view_f32(buffers, 32, 0, (1,))
    exp_avg_fc3_bias = view_f32(buffers, 33, 0, (10,))
    exp_avg_sq_fc3_bias = view_f32(buffers, 34, 0, (10,))
    # ---- outputs ---------------------------------------------------------------------
    loss = view_f32(buffers, 35, 0, (1,))
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
    fresh1 = view_f32(buffers, 2, 64, (1,))
    decay2 = view_f32(buffers, 2, 128, (1,))
    fresh2 = view_f32(buffers, 2, 192, (1,))
    small = view_f32(buffers, 2, 256, (1,))
    step_size = view_f32(buffers, 2, 320, (1,))
    small_1 = view_f32(buffers, 2, 384, (1,))
    step_size_1 = view_f32(buffers, 2, 448, (1,))
    small_2 = view_f32(buffers, 2, 512, (1,))
    step_size_2 = view_f32(buffers, 2, 576, (1,))
    small_3 = view_f32(buffers, 2, 640, (1,))
    step_size_3 = view_f32(buffers, 2, 704, (1,))
    small_4 = view_f32(buffers, 2, 768, (1,))
    step_size_4 = view_f32(buffers, 2, 832, (1,))
    small_5 = view_f32(buffers, 2, 896, (1,))
    step_size_5 = view_f32(buffers, 2, 960, (1,))
    offset_1 = view_i64(buffers, 2, 65536, (1,))
    h1 = view_f32(buffers, 2, 65600, (64, 256))
    fc1_bias_bar_parts = view_f32(buffers, 2, 65600, (4, 256))
    fc2 = view_f32(buffers, 2, 131136, (64, 128))
    h1_bar = fc1_bar = view_f32(buffers, 2, 131136, (64, 256))
    h2 = view_f32(buffers, 2, 163904, (64, 128))
    fc2_bias_bar_parts = view_f32(buffers, 2, 163904, (4, 128))
    fc3 = view_f32(buffers, 2, 196672, (64, 10))
    share_sum = view_f32(buffers, 2, 199232, (1,))
    loss_sum_bar = view_f32(buffers, 2, 199296, (1,))
    loss_sum = view_f32(buffers, 2, 199296, (1,))
    z_bar = view_f32(buffers, 2, 199360, (64, 10))
    loss_sum_parts = view_f32(buffers, 2, 201920, (64,))
    loss_sum_parts_rows = view_f32(buffers, 2, 201920, (64, 1))
    h2_bar = fc2_bar = view_f32(buffers, 2, 201920, (64, 128))
    fc3_bias_bar_parts = view_f32(buffers, 2, 202176, (64, 10))

    # ---- forward ---------------------------------------------------------------------
    # h1 = self.dropout(self.fc1(x).relu())                                 digits.py:38
    matmul_t(gpu, x, fc1_weight, fc1)
    numbers[1, 1](offset, offset_1)
    bias_relu_dropout[64, 256](fc1, fc1_bias, h1, seed, offset)
    # h2 = self.dropout(self.fc2(h1).relu())                                digits.py:39
    matmul_t(gpu, h1, fc2_weight, fc2)
    bias_relu_dropout_1[32, 256](fc2, fc2_bias, h2, seed, offset_1)
    # return self.fc3(h2)                                                   digits.py:40
    matmul_t(gpu, h2, fc3_weight, fc3)
    # loss = loss_fn(z, y)                                                  digits.py:51
    count[1, 64](y, share_sum)

    # ---- backward --------------------------------------------------------------------
    # loss = loss_fn(z, y)    dloss/dloss_sum = 1 / share_sum               digits.py:51
    numbers_1[1, 1](share_sum, loss_sum_bar)
    # return self.fc3(h2)                                                   digits.py:40
    # loss = loss_fn(z, y)                                                  digits.py:51
    cross_entropy[8, (32, 8)](
        fc3, fc3_bias, y, loss_sum_parts, z_bar, fc3_bias_bar_parts, loss_sum_bar
    )
    add_parts[1, 64](loss_sum_parts_rows, loss_sum)
    add_parts_1[10, 64](fc3_bias_bar_parts, fc3_bias_bar)
    numbers_2[1, 1](loss_sum, share_sum, loss)
    # h2_bar = z_bar @ fc3_weight
    matmul(gpu, z_bar, fc3_weight, h2_bar)
    # fc3_weight_bar = z_bar.T @ h2
    t_matmul(gpu, z_bar, h2, fc3_weight_bar)
    # h2 = self.dropout(self.fc2(h1).relu())                                digits.py:39
    relu_dropout_bar[(1, 4), 128](
        fc2, fc2_bias, fc2_bar, fc2_bias_bar_parts, seed, offset_1
    )
    add_parts_2[1, 128](fc2_bias_bar_parts, fc2_bias_bar)
    # h1_bar = fc2_bar @ fc2_weight
    matmul(gpu, fc2_bar, fc2_weight, h1_bar)
    # fc2_weight_bar = fc2_bar.T @ h1
    t_matmul(gpu, fc2_bar, h1, fc2_weight_bar)
    # h1 = self.dropout(self.fc1(x).relu())                                 digits.py:38
    relu_dropout_bar_1[(1, 4), 256](
        fc1, fc1_bias, fc1_bar, fc1_bias_bar_parts, seed, offset
    )
    add_parts_3[1, 256](fc1_bias_bar_parts, fc1_bias_bar)
    numbers_3[1, 1](offset_1, offset)
    # fc1_weight_bar = fc1_bar.T @ x
    t_matmul(gpu, fc1_bar, x, fc1_weight_bar)

    # ---- update ----------------------------------------------------------------------
    # optimizer.step()                                                      digits.py:53
    numbers_4[1, 1](beta1, beta2, fresh1, decay2, fresh2)
    numbers_5[6, 1](
        step_fc1_weight,
        beta1,
        beta2,
        lr,
        eps,
        step_fc1_weight,
        step_size,
        small,
        step_fc1_bias,
        beta1,
        beta2,
        lr,
        eps,
        step_fc1_bias,
        step_size_1,
        small_1,
        step_fc2_weight,
        beta1,
        beta2,
        lr,
        eps,
        step_fc2_weight,
        step_size_2,
        small_2,
        step_fc2_bias,
        beta1,
        beta2,
        lr,
        eps,
        step_fc2_bias,
        step_size_3,
        small_3,
        step_fc3_weight,
        beta1,
        beta2,
        lr,
        eps,
        step_fc3_weight,
        step_size_4,
        small_4,
        step_fc3_bias,
        beta1,
        beta2,
        lr,
        eps,
        step_fc3_bias,
        step_size_5,
        small_5,
    )
    adam[53, 256](
        exp_avg_fc1_weight_flat,
        fc1_weight_bar_flat,
        exp_avg_sq_fc1_weight_flat,
        fc1_weight_flat,
        fresh1,
        decay2,
        fresh2,
        step_size,
        small,
        exp_avg_fc1_bias,
        fc1_bias_bar,
        exp_avg_sq_fc1_bias,
        fc1_bias,
        fresh1,
        decay2,
        fresh2,
        step_size_1,
        small_1,
        exp_avg_fc2_weight_flat,
        fc2_weight_bar_flat,
        exp_avg_sq_fc2_weight_flat,
        fc2_weight_flat,
        fresh1,
        decay2,
        fresh2,
        step_size_2,
        small_2,
        exp_avg_fc2_bias,
        fc2_bias_bar,
        exp_avg_sq_fc2_bias,
        fc2_bias,
        fresh1,
        decay2,
        fresh2,
        step_size_3,
        small_3,
        exp_avg_fc3_weight_flat,
        fc3_weight_bar_flat,
        exp_avg_sq_fc3_weight_flat,
        fc3_weight_flat,
        fresh1,
        decay2,
        fresh2,
        step_size_4,
        small_4,
        exp_avg_fc3_bias,
        fc3_bias_bar,
        exp_avg_sq_fc3_bias,
        fc3_bias,
        fresh1,
        decay2,
        fresh2,
        step_size_5,
        small_5,
    )
