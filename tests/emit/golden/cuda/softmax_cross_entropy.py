"""loss_and_gradient: forward and backward, one launch of a graph.

target    cuda, float32
takes     z [6, 5]   y [6]
"""

from numpy import float32 as f

from gradc.runtime.cuda import (
    exp,
    first_lane,
    kernel,
    lanes,
    log,
    maximum,
    row_max,
    row_sum,
    rows,
    step,
    this_group,
    view_f32,
    view_i64,
)

INF = f("inf")
NAN = f("nan")


@kernel("f32[6,5], i64[6], f32[6], f32[6,5]")
def cross_entropy(z, y, total, z_bar):
    # z_bar = (-0.166667 where position == y_1, else 0) + total_bar * e^(z - largest)
    # 3 sweeps over each row by its group of lanes
    part = this_group()
    running = f(0)
    for i in rows(6):
        y_1 = y[i]
        largest = -INF
        for j in lanes(5):
            largest = maximum(largest, z[i, j])
        largest = row_max(largest)
        L = z[i, y_1] - largest if 0 <= y_1 < 5 else NAN
        total_1 = f(0)
        for j in lanes(5):
            total_1 += exp(z[i, j] - largest)
        total_1 = row_sum(total_1)
        total_bar = f(0.16666667) / total_1
        running += log(total_1) - L
        for j in lanes(5):
            L_bar = f(-0.16666667) if j == y_1 else f(0)
            z_bar[i, j] = L_bar + total_bar * exp(z[i, j] - largest)
    if first_lane():
        total[part] = running


@kernel("f32[6,1], f32[1]")
def add_parts(parts, total):
    # total = the sum of the parts, in a fixed order
    for i in rows(1):
        running = f(0)
        for k in lanes(6):
            running += parts[k, i]
        running = row_sum(running)
        if first_lane():
            total[i] = running


@kernel("f32[1], f32[1]", overlap=True)
def numbers(total, L_at):
    # numbers, by one thread
    L = total[0] * f(0.16666667)
    L_at[0] = L


@step
def loss_and_gradient(gpu, buffers):
    """Compute L, z_bar."""
    # ---- inputs ----------------------------------------------------------------------
    z = view_f32(buffers, 3, 0, (6, 5))
    y = view_i64(buffers, 4, 0, (6,))
    # ---- outputs ---------------------------------------------------------------------
    L = view_f32(buffers, 5, 0, (1,))
    z_bar = view_f32(buffers, 6, 0, (6, 5))
    # ---- temporaries -----------------------------------------------------------------
    total_parts = view_f32(buffers, 2, 0, (6,))
    total_parts_rows = view_f32(buffers, 2, 0, (6, 1))
    total = view_f32(buffers, 2, 64, (1,))

    # ---- forward ---------------------------------------------------------------------
    # L = cross_entropy(z, y)                                 softmax_cross_entropy.py:2
    cross_entropy[1, (32, 6)](z, y, total_parts, z_bar)
    add_parts[1, 32](total_parts_rows, total)
    numbers[1, 1](total, L)
