"""Layers as cases: name -> (function of a library's nn, inputs), with PyTorch's own arguments."""

import torch

ROWS = torch.linspace(-4, 4, 24).reshape(6, 4)
IMAGES = (torch.arange(144.0) * 0.7).sin().reshape(2, 6, 3, 4) * 3

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

NORMS = {
    "RMSNorm": (lambda nn: nn.RMSNorm(4), ROWS),
    "RMSNorm of two axes": (lambda nn: nn.RMSNorm((3, 4), 1e-3), IMAGES),
    "RMSNorm plain": (lambda nn: nn.RMSNorm(4, elementwise_affine=False), ROWS),
    "GroupNorm": (lambda nn: nn.GroupNorm(3, 6), IMAGES),
    "GroupNorm of one": (lambda nn: nn.GroupNorm(1, 6, eps=0.1, bias=False), IMAGES),
    "GroupNorm plain": (lambda nn: nn.GroupNorm(2, 4, affine=False), ROWS),
    "InstanceNorm1d": (lambda nn: nn.InstanceNorm1d(6), IMAGES.flatten(2)),
    "InstanceNorm1d of one": (lambda nn: nn.InstanceNorm1d(6, affine=True), IMAGES[0].flatten(1)),
    "InstanceNorm1d evaluated": (
        lambda nn: nn.InstanceNorm1d(6, track_running_stats=True, affine=True).eval(),
        IMAGES.flatten(2),
    ),
    "InstanceNorm2d": (lambda nn: nn.InstanceNorm2d(6, 0.1, affine=True, bias=False), IMAGES),
    "InstanceNorm2d tracked": (
        lambda nn: nn.InstanceNorm2d(6, momentum=0.3, track_running_stats=True), IMAGES,
    ),
    "LocalResponseNorm": (lambda nn: nn.LocalResponseNorm(3, 0.5), IMAGES),
    "LocalResponseNorm of rows": (lambda nn: nn.LocalResponseNorm(4), IMAGES.flatten(2)),
}  # fmt: skip

OTHER = (torch.arange(24.0) * 1.3).cos().reshape(6, 4)
SIGNS = torch.tensor([1, -1, 1, 1, -1, -1])
LABELS = torch.tensor([0, 1, 2, 3, 0, 1])
LOSSES = {
    "KLDivLoss": (
        lambda nn: nn.KLDivLoss(reduction="batchmean"), (ROWS, OTHER.softmax(1)),
    ),
    "KLDivLoss of logs": (
        lambda nn: nn.KLDivLoss(reduction="sum", log_target=True), (ROWS, OTHER),
    ),
    "PoissonNLLLoss": (lambda nn: nn.PoissonNLLLoss(full=True), (ROWS, OTHER.abs() * 3)),
    "GaussianNLLLoss": (lambda nn: nn.GaussianNLLLoss(full=True), (ROWS, OTHER, OTHER.exp())),
    "HingeEmbeddingLoss": (
        lambda nn: nn.HingeEmbeddingLoss(0.5, reduction="none"), (ROWS, OTHER.sign()),
    ),
    "MarginRankingLoss": (lambda nn: nn.MarginRankingLoss(0.1), (ROWS, OTHER, OTHER.sign())),
    "SoftMarginLoss": (lambda nn: nn.SoftMarginLoss(), (ROWS, OTHER.sign())),
    "MultiMarginLoss": (lambda nn: nn.MultiMarginLoss(2, 0.5), (ROWS, LABELS)),
    "MultiLabelSoftMarginLoss": (
        lambda nn: nn.MultiLabelSoftMarginLoss(reduction="none"), (ROWS, (OTHER > 0).float()),
    ),
    "CosineSimilarity": (lambda nn: nn.CosineSimilarity(), (ROWS, OTHER)),
    "PairwiseDistance": (lambda nn: nn.PairwiseDistance(1.0, keepdim=True), (ROWS, OTHER)),
    "CosineEmbeddingLoss": (lambda nn: nn.CosineEmbeddingLoss(0.1), (ROWS, OTHER, SIGNS)),
    "TripletMarginLoss": (
        lambda nn: nn.TripletMarginLoss(0.5, swap=True), (ROWS, OTHER, ROWS.flip(0)),
    ),
    "TripletMarginWithDistanceLoss": (
        lambda nn: nn.TripletMarginWithDistanceLoss(reduction="sum"), (ROWS, OTHER, ROWS.flip(0)),
    ),
}  # fmt: skip
