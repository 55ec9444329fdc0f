"""Layers as cases: name -> (function of a library's nn, inputs), with PyTorch's own arguments."""

import torch

ROWS = torch.linspace(-4, 4, 24).reshape(6, 4)
IMAGES = torch.linspace(-2, 2, 144).reshape(2, 6, 3, 4).sin() * 3

ACTIVATIONS = {
    "ReLU6": (lambda nn: nn.ReLU6(), ROWS * 2),
    "ReLU6 inplace": (lambda nn: nn.Sequential(nn.Linear(4, 2), nn.ReLU6(inplace=True)), ROWS),
    "Hardtanh": (lambda nn: nn.Hardtanh(), ROWS),
    "Hardtanh of bounds": (lambda nn: nn.Hardtanh(-2, 0.5), ROWS),
    "Hardsigmoid": (lambda nn: nn.Hardsigmoid(), ROWS),
    "Hardswish": (lambda nn: nn.Hardswish(), ROWS),
    "Threshold": (lambda nn: nn.Threshold(0.5, 7), ROWS),
    "Hardshrink": (lambda nn: nn.Hardshrink(1), ROWS),
    "Softshrink": (lambda nn: nn.Softshrink(), ROWS),
    "PReLU": (lambda nn: nn.PReLU(), ROWS),
    "PReLU of channels": (lambda nn: nn.PReLU(6, init=0.1), IMAGES),
    "RReLU": (lambda nn: nn.RReLU(0.1, 0.4).eval(), ROWS),
    "RReLU inplace": (
        lambda nn: nn.Sequential(nn.Linear(4, 2), nn.RReLU(inplace=True)).eval(), ROWS,
    ),
    "SELU": (lambda nn: nn.SELU(), ROWS),
    "CELU": (lambda nn: nn.CELU(0.5), ROWS),
    "CELU inplace": (lambda nn: nn.Sequential(nn.Linear(4, 2), nn.CELU(inplace=True)), ROWS),
    "Mish": (lambda nn: nn.Mish(), ROWS),
    "Softsign": (lambda nn: nn.Softsign(), ROWS),
    "Tanhshrink": (lambda nn: nn.Tanhshrink(), ROWS),
    "GLU": (lambda nn: nn.GLU(), ROWS),
    "GLU of channels": (lambda nn: nn.GLU(1), IMAGES),
    "Softmin": (lambda nn: nn.Softmin(dim=1), ROWS),
    "Softmax2d": (lambda nn: nn.Softmax2d(), IMAGES),
}  # fmt: skip
