"""loss_value_and_grad: forward and backward, one native call.

target    cpu, float64
takes     w float64   b float64   x float64   t float64
"""

from gradc.runtime.cpu import sigmoid, step, view_f64


@step
def loss_value_and_grad(buffers):
    """Compute L, w_bar, z_bar."""
    # ---- inputs ----------------------------------------------------------------------
    w = view_f64(buffers, 3, 0, (1,))[0]
    b = view_f64(buffers, 4, 0, (1,))[0]
    x = view_f64(buffers, 5, 0, (1,))[0]
    t = view_f64(buffers, 6, 0, (1,))[0]
    # ---- outputs ---------------------------------------------------------------------
    L_at = view_f64(buffers, 7, 0, (1,))
    w_bar_at = view_f64(buffers, 8, 0, (1,))
    z_bar_at = view_f64(buffers, 9, 0, (1,))

    # ---- forward ---------------------------------------------------------------------
    # z = w * x + b                                                          neuron.py:2
    z = w * x + b
    # y = sigmoid(z)                                                         neuron.py:3
    y = sigmoid(z)
    # L = 0.5 * (y - t) ** 2                                                 neuron.py:4
    L_1 = y - t
    L = 0.5 * (L_1 * L_1)

    # ---- backward --------------------------------------------------------------------
    # L = 0.5 * (y - t) ** 2                                                 neuron.py:4
    # y = sigmoid(z)    dy/dz = y * (1 - y)                                  neuron.py:3
    y_bar = 0.5 * L_1 * 2.0
    z_bar = y_bar * y * (1.0 - y)
    # z = w * x + b                                                          neuron.py:2
    w_bar = z_bar * x

    # ---- results ---------------------------------------------------------------------
    L_at[0] = L
    z_bar_at[0] = z_bar
    w_bar_at[0] = w_bar
