"""The graph of a small convolutional program, as layers would trace it."""

from emit_programs import Program

from gradc.ir.dtype import float32
from gradc.ir.graph import TensorType


def cnn():
    b = Program("loss_and_gradients", "cnn.py")
    x = b.input(TensorType((2, 3, 8, 8), float32), "x")
    w, bias = (
        b.input(TensorType((16, 3, 3, 3), float32), "W"),
        b.input(TensorType((16,), float32), "b"),
    )
    b.at(2)
    none, edge = (0,) * 4, (0, 0, 1, 1)
    padded = b.op("pad", x, low=edge, high=edge, interior=none, value=0)
    last = b.reshape(b.op("permute", padded, axes=(0, 2, 3, 1)), (2, 10, 10, 1, 3))
    window = b.reshape(b.op("permute", w, axes=(2, 3, 1, 0)), (3, 3, 1, 3, 16))
    y = b.op("conv", last, window, stride=(1, 1), dilation=(1, 1))
    y = b.op("permute", b.reshape(y, (2, 8, 8, 16)), axes=(0, 3, 1, 2))
    z = b.named(b.op("add", y, b.broadcast(b.reshape(bias, (16, 1, 1)), y.shape)), "z")
    b.at(3)
    pool = {"window": (1, 1, 2, 2), "stride": (1, 1, 2, 2), "dilation": (1, 1, 1, 1)}
    positive = b.op("relu", z)
    index = b.op("window_argmax", positive, **pool)
    h = b.named(b.op("window_pick", positive, index, **pool), "h")
    b.at(4)
    loss = b.named(b.op("sum", b.op("mul", h, h), axes=(0, 1, 2, 3)), "L")
    return b.finish((loss, *b.gradients(loss, [x, w, bias])))
