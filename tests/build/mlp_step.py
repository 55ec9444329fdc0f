"""train_step: forward, backward and Adam of an MLP, as one program (a generated file, by hand).

shapes    x [32, 20]   y [32]   W1 [24, 20]   W2 [24, 24]   W3 [5, 24]   v_bar means dL/dv
"""

from numpy import float32 as f

from gradc.runtime.cpu import (
    exp,
    kernel,
    log,
    matmul,
    matmul_t,
    maximum,
    pow,
    sqrt,
    step,
    t_matmul,
    view_f32,
    view_f64,
    view_i64,
)

B, IN, H, OUT = 32, 20, 24, 5
MEAN = f(1 / 32)


@kernel("f32[:,:], f32[:]")
def bias_relu(h, b):
    # h = relu(h + b), in place
    for n in range(h.shape[0]):
        for o in range(h.shape[1]):
            h[n, o] = maximum(h[n, o] + b[o], f(0))


@kernel("f32[:,:], f32[:,:]")
def relu_bar(h, h_bar):
    # z_bar = h_bar where h > 0
    for n in range(h.shape[0]):
        for o in range(h.shape[1]):
            h_bar[n, o] = h_bar[n, o] if h[n, o] > f(0) else f(0)


@kernel("f32[:,:], f32[:], i64[:], f32[:]")
def cross_entropy(z, b, y, L):
    # L = mean(logsumexp(z + b) - (z + b)[y]);  z becomes z_bar
    total = f(0)
    for n in range(z.shape[0]):
        z_max = z[n, 0] + b[0]
        for o in range(z.shape[1]):
            z[n, o] = z[n, o] + b[o]
            z_max = maximum(z_max, z[n, o])
        e_sum = f(0)
        for o in range(z.shape[1]):
            e_sum += exp(z[n, o] - z_max)
        lse = log(e_sum) + z_max
        total += lse - z[n, y[n]]
        for o in range(z.shape[1]):
            z[n, o] = exp(z[n, o] - lse) * MEAN
        z[n, y[n]] = z[n, y[n]] - MEAN
    L[0] = total * MEAN


@kernel("f32[:,:], f32[:]")
def sum_rows(z_bar, b_bar):
    # b_bar = sum over n of z_bar[n]
    for o in range(b_bar.shape[0]):
        b_bar[o] = f(0)
    for n in range(z_bar.shape[0]):
        for o in range(b_bar.shape[0]):
            b_bar[o] += z_bar[n, o]


@kernel("f32[:], f32[:], f32[:], f32[:], f64, f64")
def adam(p, p_bar, m, v, lr, k):
    # m, v: running means of the gradient and its square
    c1 = f(1.0 / (1.0 - pow(0.9, k)))
    c2 = f(1.0 / (1.0 - pow(0.999, k)))
    rate = f(lr)
    for i in range(p.shape[0]):
        m[i] = f(0.9) * m[i] + f(0.1) * p_bar[i]
        v[i] = f(0.999) * v[i] + f(0.001) * p_bar[i] * p_bar[i]
        p[i] = p[i] - rate * (m[i] * c1) / (sqrt(v[i] * c2) + f(1e-8))


@step
def train_step(buffers):
    x, y = view_f32(buffers, 3, 0, (B, IN)), view_i64(buffers, 4, 0, (B,))
    W1, b1 = view_f32(buffers, 5, 0, (H, IN)), view_f32(buffers, 6, 0, (H,))
    W2, b2 = view_f32(buffers, 7, 0, (H, H)), view_f32(buffers, 8, 0, (H,))
    W3, b3 = view_f32(buffers, 9, 0, (OUT, H)), view_f32(buffers, 10, 0, (OUT,))
    h1, h2 = view_f32(buffers, 2, 0, (B, H)), view_f32(buffers, 2, 3072, (B, H))
    z, h2_bar = view_f32(buffers, 2, 6144, (B, OUT)), view_f32(buffers, 2, 7168, (B, H))
    h1_bar, W1_bar = view_f32(buffers, 2, 10240, (B, H)), view_f32(buffers, 2, 13312, (H, IN))
    W2_bar, W3_bar = view_f32(buffers, 2, 15360, (H, H)), view_f32(buffers, 2, 18432, (OUT, H))
    b1_bar, b2_bar = view_f32(buffers, 2, 19456, (H,)), view_f32(buffers, 2, 19584, (H,))
    b3_bar, L = view_f32(buffers, 2, 19712, (OUT,)), view_f32(buffers, 24, 0, (1,))
    lr, k = view_f64(buffers, 23, 0, (2,))[0], view_f64(buffers, 23, 0, (2,))[1]
    # ---- forward
    matmul_t(buffers, x, W1, h1)
    bias_relu(h1, b1)
    matmul_t(buffers, h1, W2, h2)
    bias_relu(h2, b2)
    matmul_t(buffers, h2, W3, z)
    cross_entropy(z, b3, y, L)
    # ---- backward
    t_matmul(buffers, z, h2, W3_bar)
    sum_rows(z, b3_bar)
    matmul(buffers, z, W3, h2_bar)
    relu_bar(h2, h2_bar)
    t_matmul(buffers, h2_bar, h1, W2_bar)
    sum_rows(h2_bar, b2_bar)
    matmul(buffers, h2_bar, W2, h1_bar)
    relu_bar(h1, h1_bar)
    t_matmul(buffers, h1_bar, x, W1_bar)
    sum_rows(h1_bar, b1_bar)
    # ---- update
    W1_, W1_bar_ = view_f32(buffers, 5, 0, (H * IN,)), view_f32(buffers, 2, 13312, (H * IN,))
    adam(
        W1_,
        W1_bar_,
        view_f32(buffers, 11, 0, (H * IN,)),
        view_f32(buffers, 12, 0, (H * IN,)),
        lr,
        k,
    )
    adam(b1, b1_bar, view_f32(buffers, 13, 0, (H,)), view_f32(buffers, 14, 0, (H,)), lr, k)
    W2_, W2_bar_ = view_f32(buffers, 7, 0, (H * H,)), view_f32(buffers, 2, 15360, (H * H,))
    adam(
        W2_, W2_bar_, view_f32(buffers, 15, 0, (H * H,)), view_f32(buffers, 16, 0, (H * H,)), lr, k
    )
    adam(b2, b2_bar, view_f32(buffers, 17, 0, (H,)), view_f32(buffers, 18, 0, (H,)), lr, k)
    W3_, W3_bar_ = view_f32(buffers, 9, 0, (OUT * H,)), view_f32(buffers, 2, 18432, (OUT * H,))
    adam(
        W3_,
        W3_bar_,
        view_f32(buffers, 19, 0, (OUT * H,)),
        view_f32(buffers, 20, 0, (OUT * H,)),
        lr,
        k,
    )
    adam(b3, b3_bar, view_f32(buffers, 21, 0, (OUT,)), view_f32(buffers, 22, 0, (OUT,)), lr, k)
