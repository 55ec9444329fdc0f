"""loss_and_gradient: forward and backward, one native call.

target    cpu, float32
takes     z [6, 5]   y [6]
"""

from numpy import float32 as f

from gradc.runtime.cpu import exp, kernel, log, maximum, step, view_f32, view_i64

INF = f("inf")
NAN = f("nan")


@kernel("f32[:,:], i64[:], f32[:], f32[:], f32[:,:]")
def cross_entropy(z, y, e_row, total, z_bar):
    # z_bar = (-0.166667 where position == y, else 0) + 0.166667 / total_1 * e_row
    # 3 sweeps over each row while it is in cache
    running = f(0)
    for i in range(z.shape[0]):
        y_1 = y[i]
        largest = -INF
        for j in range(z.shape[1]):
            largest = maximum(largest, z[i, j])
        L = z[i, y_1] - largest if 0 <= y_1 < 5 else NAN
        total_1 = f(0)
        for j in range(z.shape[1]):
            e = exp(z[i, j] - largest)
            total_1 += e
            e_row[j] = e
        total_bar = f(0.16666667) / total_1
        running += log(total_1) - L
        for j in range(z.shape[1]):
            z_bar[i, j] = (f(-0.16666667) if j == y_1 else f(0)) + total_bar * e_row[j]
    total[0] = running


@step
def loss_and_gradient(buffers):
    """Compute L, z_bar."""
    # ---- inputs ----------------------------------------------------------------------
    z = view_f32(buffers, 3, 0, (6, 5))
    y = view_i64(buffers, 4, 0, (6,))
    # ---- outputs ---------------------------------------------------------------------
    L_at = view_f32(buffers, 5, 0, (1,))
    z_bar = view_f32(buffers, 6, 0, (6, 5))
    # ---- temporaries -----------------------------------------------------------------
    total_at = view_f32(buffers, 2, 0, (1,))
    e_row = view_f32(buffers, 2, 64, (5,))

    # ---- forward ---------------------------------------------------------------------
    # L = cross_entropy(z, y)                                 softmax_cross_entropy.py:2
    cross_entropy(z, y, e_row, total_at, z_bar)
    total = total_at[0]
    L = total * f(0.16666667)

    # ---- results ---------------------------------------------------------------------
    L_at[0] = L
