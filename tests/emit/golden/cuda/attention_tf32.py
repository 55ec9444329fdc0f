"""loss_and_gradients: forward and backward, one launch of a graph.

target    cuda, float32
takes     q [8, 80, 8, 16]   k [8, 80, 8, 16]   v [8, 80, 8, 16]
"""

from numpy import float32 as f

from gradc.runtime.cuda import (
    add_matmul_t,
    add_t_matmul,
    dealt,
    dealt_fours,
    exp,
    first_lane,
    held,
    kernel,
    lanes,
    log,
    meet_lanes,
    minimum,
    multiply_rows,
    round_tf32,
    row_sum,
    rows,
    shared_f32,
    step,
    this_group,
    tile_tf32,
    view_f32,
)

INF = f("inf")


@kernel("f32[5120,16], f32[512], f32[5120]")
def mul_sum(y, total, total_1):
    # y = 0.5 * y * 2, in place
    part = this_group()
    running = f(0)
    for i in rows(5120):
        total_2 = f(0)
        part_1 = f(0)
        for j in lanes(16):
            y_1 = y[i, j]
            y_bar = f(0.5) * y_1
            y_new = y_bar * f(2)
            running += y_1 * y_1
            total_2 += y_1 * y_new
            y[i, j] = y_new
        total_2 = row_sum(total_2)
        part_1 = row_sum(part_1)
        running += part_1
        if first_lane():
            total_1[i] = total_2
    running = row_sum(running)
    if first_lane():
        total[part] = running


@kernel(
    "f32[8,80,8,16], f32[8,80,8,16], f32[8,80,8,16], f32[8,80,8,16], f32[8,80,8]",
    resident=2,
)
def attention(q, k, v, out, log_sum):
    # weights[j, i] = e^(f(0.25) * q[i] . k[j] - log_sum[i]) for j <= i
    # out[i] = sum over j of weights[j, i] * v[j]
    # a block has 64 queries i + m, and goes along the keys start + j,
    # 64 at a time; 16 terms of their products are in shared memory
    left, right = shared_f32(64, 20), shared_f32(64, 20)
    weights = shared_f32(64, 72)
    values = shared_f32(16, 24)
    parts = shared_f32(4, 64)
    largest = shared_f32(64)
    total = shared_f32(64)
    shift = shared_f32(64)
    before = shared_f32(64)
    for tile, n, h in rows(2, 8, 8):
        i = 64 * (1 - tile)
        for m in dealt(64):
            largest[m] = -INF
            total[m] = f(0)
        sums = tile_tf32(64, 16)
        for start in range(0, minimum(i + 64, 80), 64):
            scores = tile_tf32(64, 64)
            for j, d in dealt_fours(64, 16):
                key = minimum(start + j, 79)
                left[j, d] = round_tf32(k[n, key, h, d])
            for m, d in dealt_fours(64, 16):
                query = minimum(i + m, 79)
                right[m, d] = round_tf32(q[n, query, h, d])
            meet_lanes()
            add_matmul_t(scores, left, right)
            meet_lanes()
            for j, m, score in held(scores):
                score = score * f(0.25)
                score = score if start + j < 80 and start + j <= i + m else -INF
                weights[j, m] = score
            meet_lanes()
            for part, m in dealt(4, 64):
                most = -INF
                for j in range(16 * part, 16 * part + 16):
                    most = weights[j, m] if weights[j, m] > most else most
                parts[part, m] = most
            meet_lanes()
            for m in dealt(64):
                most = largest[m]
                for part in range(4):
                    most = parts[part, m] if parts[part, m] > most else most
                shift[m] = f(0) if most == -INF else most
                factor = exp(largest[m] - shift[m])
                factor = f(0) if largest[m] == -INF else factor
                before[m] = factor
                total[m] *= factor
                largest[m] = most
            meet_lanes()
            for part, m in dealt(4, 64):
                added = f(0)
                for j in range(16 * part, 16 * part + 16):
                    weight = exp(weights[j, m] - shift[m])
                    weights[j, m] = round_tf32(weight)
                    added += weight
                parts[part, m] = added
            multiply_rows(sums, before)
            for first in range(0, 64, 16):
                for t, e in dealt(16, 16):
                    values[t, e] = (
                        round_tf32(v[n, start + first + t, h, e])
                        if start + first + t < 80
                        else f(0)
                    )
                meet_lanes()
                add_t_matmul(sums, weights, values, first)
                meet_lanes()
            for m in dealt(64):
                for part in range(4):
                    total[m] += parts[part, m]
        for m in dealt(64):
            sum_m = f(1) if total[m] == f(0) else total[m]
            total[m] = f(1) / sum_m
            if i + m < 80:
                log_sum[n, i + m, h] = shift[m] + log(sum_m)
        meet_lanes()
        multiply_rows(sums, total)
        for m, e, result in held(sums):
            if i + m < 80:
                out[n, i + m, h, e] = result
        meet_lanes()


@kernel("f32[512,1], f32[1]")
def add_parts(parts, total):
    # total = the sum of the parts, in a fixed order
    for i in rows(1):
        running = f(0)
        for k in lanes(512):
            running += parts[k, i]
        running = row_sum(running)
        if first_lane():
            total[i] = running


@kernel("f32[1], f32[1]", overlap=True)
def numbers(total, L_at):
    # numbers, by one thread
    L = total[0] * f(0.5)
    L_at[0] = L


@kernel(
    "f32[8,80,8,16], f32[8,80,8,16], f32[8,80,8,16], f32[8,80,8,16], f32[8,80,8], "
    "f32[8,80,8], f32[8,80,8,16]",
    resident=2,
)
def attention_q_bar(q, k, v, out_bar, log_sum, delta, q_bar):
    # weights[j, i] = e^(f(0.25) * q[i] . k[j] - log_sum[i]) for j <= i
    # scores_bar[j, i] = weights[j, i] * (out_bar[i] . v[j] - delta[i])
    # q_bar[i] = sum over j of scores_bar[j, i] * k[j]
    # a block has 64 queries i + m, and goes along the keys start + j,
    # 64 at a time; 16 terms of their products are in shared memory
    left, right = shared_f32(64, 20), shared_f32(64, 20)
    scores_bar = shared_f32(64, 72)
    values = shared_f32(16, 24)
    shift = shared_f32(2, 64)
    for tile, n, h in rows(2, 8, 8):
        i = 64 * (1 - tile)
        for m in dealt(64):
            query = minimum(i + m, 79)
            shift[0, m] = log_sum[n, query, h]
            shift[1, m] = delta[n, query, h]
        q_sums = tile_tf32(64, 16)
        for start in range(0, minimum(i + 64, 80), 64):
            scores = tile_tf32(64, 64)
            for j, d in dealt_fours(64, 16):
                key = minimum(start + j, 79)
                left[j, d] = round_tf32(k[n, key, h, d])
            for m, d in dealt_fours(64, 16):
                query = minimum(i + m, 79)
                right[m, d] = round_tf32(q[n, query, h, d])
            meet_lanes()
            add_matmul_t(scores, left, right)
            meet_lanes()
            bars_of_weights = tile_tf32(64, 64)
            for j, e in dealt_fours(64, 16):
                key = minimum(start + j, 79)
                left[j, e] = round_tf32(v[n, key, h, e])
            for m, e in dealt_fours(64, 16):
                query = minimum(i + m, 79)
                right[m, e] = round_tf32(out_bar[n, query, h, e])
            meet_lanes()
            add_matmul_t(bars_of_weights, left, right)
            meet_lanes()
            for j, m, score, bar in held(scores, bars_of_weights):
                score = score * f(0.25)
                score = score if start + j < 80 and start + j <= i + m else -INF
                weight = exp(score - shift[0, m])
                scores_bar[j, m] = (
                    round_tf32(weight * f(0.25) * (bar - shift[1, m]))
                    if start + j < 80
                    else f(0)
                )
            for first in range(0, 64, 16):
                for t, d in dealt(16, 16):
                    values[t, d] = (
                        round_tf32(k[n, start + first + t, h, d])
                        if start + first + t < 80
                        else f(0)
                    )
                meet_lanes()
                add_t_matmul(q_sums, scores_bar, values, first)
                meet_lanes()
        for m, d, result in held(q_sums):
            if i + m < 80:
                q_bar[n, i + m, h, d] = result
        meet_lanes()


@kernel(
    "f32[8,80,8,16], f32[8,80,8,16], f32[8,80,8,16], f32[8,80,8,16], f32[8,80,8], "
    "f32[8,80,8], f32[8,80,8,16], f32[8,80,8,16]",
    resident=2,
)
def attention_k_v_bar(q, k, v, out_bar, log_sum, delta, k_bar, v_bar):
    # weights[j, i] = e^(f(0.25) * q[i] . k[j] - log_sum[i]) for j <= i
    # scores_bar[j, i] = weights[j, i] * (out_bar[i] . v[j] - delta[i])
    # v_bar[j] = sum over i of weights[j, i] * out_bar[i]
    # k_bar[j] = sum over i of scores_bar[j, i] * q[i]
    # a block has 64 keys start + j, and goes along the queries i + m,
    # 32 at a time; 16 terms of their products are in shared memory
    left, right = shared_f32(32, 20), shared_f32(64, 20)
    weights = shared_f32(32, 72)
    scores_bar = shared_f32(32, 72)
    values = shared_f32(16, 24)
    shift = shared_f32(2, 32)
    for tile, n, h in rows(2, 8, 8):
        start = 64 * tile
        k_sums = tile_tf32(64, 16)
        v_sums = tile_tf32(64, 16)
        for i in range(start, 80, 32):
            for m in dealt(32):
                query = minimum(i + m, 79)
                shift[0, m] = log_sum[n, query, h]
                shift[1, m] = delta[n, query, h]
            scores = tile_tf32(32, 64)
            for m, d in dealt(32, 16):
                query = minimum(i + m, 79)
                left[m, d] = round_tf32(q[n, query, h, d])
            for j, d in dealt_fours(64, 16):
                key = minimum(start + j, 79)
                right[j, d] = round_tf32(k[n, key, h, d])
            meet_lanes()
            add_matmul_t(scores, left, right)
            meet_lanes()
            bars_of_weights = tile_tf32(32, 64)
            for m, e in dealt(32, 16):
                query = minimum(i + m, 79)
                left[m, e] = round_tf32(out_bar[n, query, h, e])
            for j, e in dealt_fours(64, 16):
                key = minimum(start + j, 79)
                right[j, e] = round_tf32(v[n, key, h, e])
            meet_lanes()
            add_matmul_t(bars_of_weights, left, right)
            meet_lanes()
            for m, j, score, bar in held(scores, bars_of_weights):
                score = score * f(0.25)
                score = (
                    score
                    if start + j < 80 and i + m < 80 and start + j <= i + m
                    else -INF
                )
                weight = exp(score - shift[0, m])
                weights[m, j] = round_tf32(weight)
                scores_bar[m, j] = (
                    round_tf32(weight * f(0.25) * (bar - shift[1, m]))
                    if i + m < 80
                    else f(0)
                )
            for first in range(0, 32, 16):
                for t, e in dealt(16, 16):
                    values[t, e] = (
                        round_tf32(out_bar[n, i + first + t, h, e])
                        if i + first + t < 80
                        else f(0)
                    )
                meet_lanes()
                add_t_matmul(v_sums, weights, values, first)
                meet_lanes()
            for first in range(0, 32, 16):
                for t, d in dealt(16, 16):
                    values[t, d] = (
                        round_tf32(q[n, i + first + t, h, d])
                        if i + first + t < 80
                        else f(0)
                    )
                meet_lanes()
                add_t_matmul(k_sums, scores_bar, values, first)
                meet_lanes()
        for j, d, result in held(k_sums):
            if start + j < 80:
                k_bar[n, start + j, h, d] = result
        for j, e, result in held(v_sums):
            if start + j < 80:
                v_bar[n, start + j, h, e] = result
        meet_lanes()


@step
def loss_and_gradients(gpu, buffers):
    """Compute L, q_bar, k_bar, v_bar."""
    # ---- inputs ----------------------------------------------------------------------
    q = view_f32(buffers, 3, 0, (8, 80, 8, 16))
    k = view_f32(buffers, 4, 0, (8, 80, 8, 16))
    v = view_f32(buffers, 5, 0, (8, 80, 8, 16))
    # ---- outputs ---------------------------------------------------------------------
    L = view_f32(buffers, 6, 0, (1,))
    q_bar = view_f32(buffers, 7, 0, (8, 80, 8, 16))
    k_bar = view_f32(buffers, 8, 0, (8, 80, 8, 16))
    v_bar = view_f32(buffers, 9, 0, (8, 80, 8, 16))
    # ---- temporaries -----------------------------------------------------------------
    y = y_bar = view_f32(buffers, 2, 0, (8, 80, 8, 16))
    y_bar_rows = view_f32(buffers, 2, 0, (5120, 16))
    y_1 = view_f32(buffers, 2, 327680, (8, 80, 8))
    total_1_flat = view_f32(buffers, 2, 348160, (5120,))
    total_1 = view_f32(buffers, 2, 348160, (8, 80, 8))
    total_parts = view_f32(buffers, 2, 368640, (512,))
    total_parts_rows = view_f32(buffers, 2, 368640, (512, 1))
    total = view_f32(buffers, 2, 370688, (1,))

    # ---- forward ---------------------------------------------------------------------
    # y = attention(q, k, v, is_causal=True)                              attention.py:2
    attention[128, 256](q, k, v, y, y_1)
    # L = 0.5 * (y * y).sum()                                             attention.py:3
    # y = attention(q, k, v, is_causal=True)                              attention.py:2
    mul_sum[64, (32, 8)](y_bar_rows, total_parts, total_1_flat)
    add_parts[1, 256](total_parts_rows, total)
    numbers[1, 1](total, L)

    # ---- backward --------------------------------------------------------------------
    attention_q_bar[128, 256](q, k, v, y_bar, y_1, total_1, q_bar)
    attention_k_v_bar[128, 256](q, k, v, y_bar, y_1, total_1, k_bar, v_bar)
