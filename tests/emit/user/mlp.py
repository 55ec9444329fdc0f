def train_step(x, y):
    h1 = relu(x @ W1.T + b1)
    h2 = relu(h1 @ W2.T + b2)
    z = h2 @ W3.T + b3
    loss = cross_entropy(z, y)
    loss.backward()
    opt.step()
    return loss
