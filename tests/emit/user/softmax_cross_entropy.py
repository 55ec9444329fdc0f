def loss_and_gradient(z, y):
    L = cross_entropy(z, y)
    L.backward()
    return L, z.grad
