"""loss_value_and_grad: forward and backward, one launch of a graph.

target    cuda, float64
takes     w float64   b float64   x float64   t float64
"""

from gradc.runtime.cuda import kernel, sigmoid, step, view_f64


@kernel("f64[1], f64[1], f64[1], f64[1], f64[1], f64[1], f64[1]", overlap=True)
def numbers(w, x, b, t, y_at, L_at, L_1_at):
    # numbers, by one thread
    z = w[0] * x[0] + b[0]
    y = sigmoid(z)
    L = y - t[0]
    L_1 = 0.5 * (L * L)
    y_at[0] = y
    L_at[0] = L
    L_1_at[0] = L_1


@kernel("f64[1], f64[1], f64[1], f64[1], f64[1]", overlap=True)
def numbers_1(L, y, x, z_bar_at, w_bar_at):
    # numbers, by one thread
    y_bar = 0.5 * L[0] * 2.0
    z_bar = y_bar * y[0] * (1.0 - y[0])
    w_bar = z_bar * x[0]
    z_bar_at[0] = z_bar
    w_bar_at[0] = w_bar


@step
def loss_value_and_grad(gpu, buffers):
    """Compute L, w_bar, z_bar."""
    # ---- inputs ----------------------------------------------------------------------
    w = view_f64(buffers, 3, 0, (1,))
    b = view_f64(buffers, 4, 0, (1,))
    x = view_f64(buffers, 5, 0, (1,))
    t = view_f64(buffers, 6, 0, (1,))
    # ---- outputs ---------------------------------------------------------------------
    L = view_f64(buffers, 7, 0, (1,))
    w_bar = view_f64(buffers, 8, 0, (1,))
    z_bar = view_f64(buffers, 9, 0, (1,))
    # ---- temporaries -----------------------------------------------------------------
    L_1 = view_f64(buffers, 2, 0, (1,))
    y = view_f64(buffers, 2, 64, (1,))

    # ---- forward ---------------------------------------------------------------------
    # z = w * x + b                                                          neuron.py:2
    # y = sigmoid(z)                                                         neuron.py:3
    # L = 0.5 * (y - t) ** 2                                                 neuron.py:4
    numbers[1, 1](w, x, b, t, y, L_1, L)

    # ---- backward --------------------------------------------------------------------
    # L = 0.5 * (y - t) ** 2                                                 neuron.py:4
    # y = sigmoid(z)    dy/dz = y * (1 - y)                                  neuron.py:3
    # z = w * x + b                                                          neuron.py:2
    numbers_1[1, 1](L_1, y, x, z_bar, w_bar)
