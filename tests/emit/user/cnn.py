def loss_and_gradients(x):
    z = conv2d(x, W, b, padding=1)
    h = max_pool2d(relu(z), 2)
    L = (h * h).sum()
    return grad(L, (x, W, b))
