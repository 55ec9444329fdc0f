"""loss_and_gradient: forward and backward, one native call.

target    cpu, float32
takes     z [6, 5]   y [6]
"""

from numpy import float32 as f

from gradc.runtime.cpu import exp, kernel, log, maximum, step, view_f32, view_i64

INF = f("inf")
NAN = f("nan")


@kernel("f32[:,:], i64[:], f32[:], f32[:], f32[:,:]")
def cross_entropy(z, y, L_e_row, L_total, L_1_bar):
    # L_1_bar = (-0.166667 where (position == y_1), else 0) + L_total_bar * L_e_row
    total = f(0)
    for i in range(z.shape[0]):
        y_1 = y[i]
        L_largest = -INF
        for j in range(z.shape[1]):
            L_largest = maximum(L_largest, z[i, j])
        L = z[i, y_1] - L_largest if 0 <= y_1 < 5 else NAN
        L_total_1 = f(0)
        for j in range(z.shape[1]):
            L_e = exp(z[i, j] - L_largest)
            L_total_1 += L_e
            L_e_row[j] = L_e
        L_total_bar = f(0.16666667) / L_total_1
        total += log(L_total_1) - L
        for j in range(z.shape[1]):
            L_bar = f(-0.16666667) if j == y_1 else f(0)
            L_1_bar[i, j] = L_bar + L_total_bar * L_e_row[j]
    L_total[0] = total


@step
def loss_and_gradient(buffers):
    """Compute L, L_1_bar."""
    # ---- inputs ----------------------------------------------------------------------
    z = view_f32(buffers, 3, 0, (6, 5))
    y = view_i64(buffers, 4, 0, (6,))
    # ---- outputs ---------------------------------------------------------------------
    L_at = view_f32(buffers, 5, 0, (1,))
    L_1_bar = view_f32(buffers, 6, 0, (6, 5))
    # ---- temporaries -----------------------------------------------------------------
    L_total_at = view_f32(buffers, 2, 0, (1,))
    L_e_row = view_f32(buffers, 2, 64, (5,))

    # ---- forward ---------------------------------------------------------------------
    # L = cross_entropy(z, y)                                 softmax_cross_entropy.py:2
    # L = cross_entropy(z, y)                                 softmax_cross_entropy.py:2
    cross_entropy(z, y, L_e_row, L_total_at, L_1_bar)
    L_total = L_total_at[0]
    # L = cross_entropy(z, y)                                 softmax_cross_entropy.py:2
    L = L_total * f(0.16666667)

    # ---- results ---------------------------------------------------------------------
    L_at[0] = L
