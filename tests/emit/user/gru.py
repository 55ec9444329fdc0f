def gru_loss(x, h, W, b):
    def cell(h, x):
        gates = h @ W.T + b
        r = sigmoid(x[:, :4] + gates[:, :4])
        z = sigmoid(x[:, 4:8] + gates[:, 4:8])
        n = tanh(x[:, 8:] + r * gates[:, 8:])
        h = n + z * (h - n)
        return h, h

    h, hs = scan(cell, h, x)
    loss = sum(hs * hs)
    return loss
