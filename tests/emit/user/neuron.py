def loss_value_and_grad(w, b, x, t):
    z = w * x + b
    y = sigmoid(z)
    L = 0.5 * (y - t) ** 2
    return grad(L, (w, b))
