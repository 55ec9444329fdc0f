"""loss_and_gradients: forward and backward, one native call.

target    cpu, float32
takes     q [8, 80, 8, 16]   k [8, 80, 8, 16]   v [8, 80, 8, 16]
"""

from numpy import float32 as f

from gradc.runtime.cpu import (
    chunks,
    exp,
    is_first,
    kernel,
    load_tile,
    log,
    maximum,
    meet,
    minimum,
    pack_t,
    panel_f32,
    part_of,
    share,
    step,
    store_tile,
    tile_f32,
    tile_matmul,
    tile_t_matmul,
    view_f32,
)

INF = f("inf")


@kernel("f32[:,:], f32[:], f32[:], rows")
def mul_sum(y, total, total_1, rows):
    # y = 0.5 * y * 2, in place
    running = f(0)
    for i in rows:
        total_2 = f(0)
        part = f(0)
        for j in range(y.shape[1]):
            y_1 = y[i, j]
            y_bar = f(0.5) * y_1
            y_new = y_bar * f(2)
            part += y_1 * y_1
            total_2 += y_1 * y_new
            y[i, j] = y_new
        running += part
        total_1[i] = total_2
    total[0] = running


@kernel("f32[:,:,:,:], f32[:,:,:,:], f32[:,:,:,:], f32[:,:,:,:], f32[:,:,:], rows")
def attention(q, k, v, out, log_sum, rows):
    # weights[j, i] = e^(f(0.25) * q[i] . k[j] - log_sum[i]) for j <= i
    # out[i] = sum over j of weights[j, i] * v[j]
    queries = panel_f32(16, 32)
    largest = panel_f32(1, 32)
    total = panel_f32(1, 32)
    weights = panel_f32(80, 32)
    limits = panel_f32(39, 32)
    for j in range(39):
        for m in range(32):
            limits[j, m] = INF if j <= m else -INF
    for unit in rows:
        n = unit // 8
        h = unit % 8
        q_h = q[n, :, h]
        k_h = k[n, :, h]
        v_h = v[n, :, h]
        out_h = out[n, :, h]
        for begin in range(0, 80, 32):
            i = minimum(begin, 48)
            seen = minimum((i + 39) // 8 * 8, 80)
            pack_t(queries, q_h, (i, 0), 16, 32)
            for m in range(32):
                largest[0, m] = -INF
                total[0, m] = f(0)
            for j in range(0, seen, 8):
                tile = tile_f32(8, 32)
                tile = tile_matmul(tile, k_h, (j, 0), queries, (0, 0), 16)
                store_tile(tile, weights, (j, 0), (1, 0))
            for j in range(minimum(i, seen)):
                for m in range(32):
                    score = weights[j, m] * f(0.25)
                    weights[j, m] = score
                    largest[0, m] = score if score > largest[0, m] else largest[0, m]
            for j in range(i, seen):
                for m in range(32):
                    score = weights[j, m] * f(0.25)
                    limit = limits[j - i, m]
                    score = score if score < limit else limit
                    weights[j, m] = score
                    largest[0, m] = score if score > largest[0, m] else largest[0, m]
            for m in range(32):
                empty = largest[0, m] == -INF
                largest[0, m] = f(0) if empty else largest[0, m]
            for j in range(seen):
                for m in range(32):
                    weight = exp(weights[j, m] - largest[0, m])
                    weights[j, m] = weight
                    total[0, m] += weight
            for m in range(32):
                sum_m = f(1) if total[0, m] == f(0) else total[0, m]
                log_sum[n, i + m, h] = largest[0, m] + log(sum_m)
                total[0, m] = f(1) / sum_m
            for j in range(seen):
                for m in range(32):
                    weights[j, m] *= total[0, m]
            for m in range(0, 32, 8):
                tile = tile_f32(8, 16)
                tile = tile_t_matmul(
                    tile, weights, (0, m), v_h, (0, 0), minimum(i + m + 8, seen)
                )
                store_tile(tile, out_h, (i + m, 0), (1, 0))


@kernel(
    "f32[:,:,:,:], f32[:,:,:,:], f32[:,:,:,:], f32[:,:,:,:], f32[:,:,:], f32[:,:,:], "
    "f32[:,:,:,:], f32[:,:,:,:], f32[:,:,:,:], rows"
)
def attention_bar(q, k, v, out_bar, log_sum, delta, q_bar, k_bar, v_bar, rows):
    # weights[j, i] = e^(f(0.25) * q[i] . k[j] - log_sum[i]) for j <= i
    # scores_bar[j, i] = weights[j, i] * (out_bar[i] . v[j] - delta[i])
    # v_bar = weights @ out_bar; k_bar, q_bar from scores_bar likewise
    queries = panel_f32(16, 32)
    rows_bar = panel_f32(16, 32)
    scores_bar = panel_f32(80, 32)
    shift = panel_f32(2, 32)
    weights = panel_f32(80, 32)
    limits = panel_f32(39, 32)
    for j in range(39):
        for m in range(32):
            limits[j, m] = INF if j <= m else -INF
    for unit in rows:
        n = unit // 8
        h = unit % 8
        q_h = q[n, :, h]
        k_h = k[n, :, h]
        v_h = v[n, :, h]
        out_bar_h = out_bar[n, :, h]
        q_bar_h = q_bar[n, :, h]
        k_bar_h = k_bar[n, :, h]
        v_bar_h = v_bar[n, :, h]
        for j in range(80):
            for e in range(16):
                k_bar_h[j, e] = f(0)
            for e in range(16):
                v_bar_h[j, e] = f(0)
        for begin in range(0, 80, 32):
            i = minimum(begin, 48)
            seen = minimum((i + 39) // 8 * 8, 80)
            pack_t(queries, q_h, (i, 0), 16, 32)
            pack_t(rows_bar, out_bar_h, (i, 0), 16, 32)
            for m in range(32):
                shift[0, m] = log_sum[n, i + m, h]
                shift[1, m] = delta[n, i + m, h]
            for j in range(0, seen, 8):
                tile = tile_f32(8, 32)
                tile = tile_matmul(tile, k_h, (j, 0), queries, (0, 0), 16)
                store_tile(tile, weights, (j, 0), (1, 0))
            for j in range(0, seen, 8):
                tile = tile_f32(8, 32)
                tile = tile_matmul(tile, v_h, (j, 0), rows_bar, (0, 0), 16)
                store_tile(tile, scores_bar, (j, 0), (1, 0))
            for j in range(minimum(i, seen)):
                for m in range(32):
                    score = weights[j, m] * f(0.25)
                    weight = exp(score - shift[0, m])
                    weights[j, m] = weight
                    change = weight * f(0.25) * (scores_bar[j, m] - shift[1, m])
                    scores_bar[j, m] = change
            for j in range(i, seen):
                for m in range(32):
                    score = weights[j, m] * f(0.25)
                    limit = limits[j - i, m]
                    score = score if score < limit else limit
                    weight = exp(score - shift[0, m])
                    weights[j, m] = weight
                    change = weight * f(0.25) * (scores_bar[j, m] - shift[1, m])
                    scores_bar[j, m] = change
            for m in range(0, 32, 8):
                tile = tile_f32(8, 16)
                tile = tile_t_matmul(
                    tile, scores_bar, (0, m), k_h, (0, 0), minimum(i + m + 8, seen)
                )
                store_tile(tile, q_bar_h, (i + m, 0), (1, 0))
            for j in range(0, seen, 8):
                first = maximum(begin, j)
                tile = load_tile(tile_f32(8, 16), v_bar_h, (j, 0), (1, 0))
                tile = tile_matmul(
                    tile, weights, (j, first - i), out_bar_h, (first, 0), i + 32 - first
                )
                store_tile(tile, v_bar_h, (j, 0), (1, 0))
            for j in range(0, seen, 8):
                first = maximum(begin, j)
                tile = load_tile(tile_f32(8, 16), k_bar_h, (j, 0), (1, 0))
                tile = tile_matmul(
                    tile, scores_bar, (j, first - i), q_h, (first, 0), i + 32 - first
                )
                store_tile(tile, k_bar_h, (j, 0), (1, 0))


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
    """Compute L, q_bar, k_bar, v_bar."""
    # ---- inputs ----------------------------------------------------------------------
    q = view_f32(buffers, 3, 0, (8, 80, 8, 16))
    k = view_f32(buffers, 4, 0, (8, 80, 8, 16))
    v = view_f32(buffers, 5, 0, (8, 80, 8, 16))
    # ---- outputs ---------------------------------------------------------------------
    L_at = view_f32(buffers, 6, 0, (1,))
    q_bar = view_f32(buffers, 7, 0, (8, 80, 8, 16))
    k_bar = view_f32(buffers, 8, 0, (8, 80, 8, 16))
    v_bar = view_f32(buffers, 9, 0, (8, 80, 8, 16))
    # ---- temporaries -----------------------------------------------------------------
    y = y_bar = view_f32(buffers, 2, 0, (8, 80, 8, 16))
    y_bar_rows = view_f32(buffers, 2, 0, (5120, 16))
    y_1 = view_f32(buffers, 2, 327680, (8, 80, 8))
    total_1_flat = view_f32(buffers, 2, 348160, (5120,))
    total_1 = view_f32(buffers, 2, 348160, (8, 80, 8))
    total_parts = view_f32(buffers, 2, 368640, (8, 16))
    total_at = view_f32(buffers, 2, 369152, (1,))
    # ---- this thread's part, in blocks -----------------------------------------------
    rows_5120 = share(team, 5120, 640)
    rows_64 = share(team, 64, 8)

    # ---- forward ---------------------------------------------------------------------
    # y = attention(q, k, v, is_causal=True)                              attention.py:2
    attention(q, k, v, y, y_1, rows_64)
    # L = 0.5 * (y * y).sum()                                             attention.py:3
    # y = attention(q, k, v, is_causal=True)                              attention.py:2
    for chunk in chunks(rows_5120):
        mul_sum(y_bar_rows, part_of(total_parts, chunk, (1,)), total_1_flat, chunk)
    meet(team)
    add_parts(total_parts, total_at)
    total = total_at[0]
    L = total * f(0.5)

    # ---- backward --------------------------------------------------------------------
    attention_bar(q, k, v, y_bar, y_1, total_1, q_bar, k_bar, v_bar, rows_64)

    # ---- results ---------------------------------------------------------------------
    if is_first(team):
        L_at[0] = L
