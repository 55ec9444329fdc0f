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

SPACE = {
    "Upsample": (lambda nn: nn.Upsample(scale_factor=2), IMAGES),
    "Upsample of factors": (
        lambda nn: nn.Upsample(scale_factor=(1.5, 2), mode="bilinear"), IMAGES,
    ),
    "Upsample to a size": (
        lambda nn: nn.Upsample(7, mode="linear", align_corners=True), IMAGES.flatten(2),
    ),
    "Upsample to sizes": (lambda nn: nn.Upsample((5, 6), mode="area"), IMAGES),
    "UpsamplingNearest2d": (lambda nn: nn.UpsamplingNearest2d(size=(7, 5)), IMAGES),
    "UpsamplingBilinear2d": (lambda nn: nn.UpsamplingBilinear2d(scale_factor=2), IMAGES),
    "PixelShuffle": (lambda nn: nn.PixelShuffle(2), IMAGES.reshape(2, 12, 3, 2)),
    "PixelUnshuffle": (lambda nn: nn.PixelUnshuffle(2), IMAGES.reshape(2, 3, 6, 4)),
    "ChannelShuffle": (lambda nn: nn.ChannelShuffle(3), IMAGES),
    "Unfold": (lambda nn: nn.Unfold(2, padding=1), IMAGES),
    "Fold": (
        lambda nn: nn.Fold((4, 5), (2, 2), stride=2, padding=(0, 1)),
        IMAGES.flatten(2)[:, :4, :6],
    ),
    "ZeroPad1d": (lambda nn: nn.ZeroPad1d(2), IMAGES[0]),
    "ZeroPad2d": (lambda nn: nn.ZeroPad2d((1, 0, 2, 1)), IMAGES),
    "ConstantPad1d": (lambda nn: nn.ConstantPad1d((1, 2), 3.5), IMAGES[0]),
    "ConstantPad2d": (lambda nn: nn.ConstantPad2d(1, -1), IMAGES),
    "ReflectionPad1d": (lambda nn: nn.ReflectionPad1d(2), IMAGES[0]),
    "ReflectionPad2d": (lambda nn: nn.ReflectionPad2d((1, 2, 2, 0)), IMAGES),
    "ReplicationPad1d": (lambda nn: nn.ReplicationPad1d((3, 1)), IMAGES[0]),
    "ReplicationPad2d": (lambda nn: nn.ReplicationPad2d(2), IMAGES),
    "CircularPad1d": (lambda nn: nn.CircularPad1d(2), IMAGES[0]),
    "CircularPad2d": (lambda nn: nn.CircularPad2d((1, 2, 3, 0)), IMAGES),
    "Dropout1d": (lambda nn: nn.Dropout1d(0.2).eval(), IMAGES[0]),
    "Dropout2d": (lambda nn: nn.Dropout2d(inplace=True).eval(), IMAGES),
    "AlphaDropout": (lambda nn: nn.AlphaDropout(0.1).eval(), ROWS),
    "Bilinear": (lambda nn: nn.Bilinear(4, 4, 3), (ROWS, OTHER)),
    "Bilinear plain": (lambda nn: nn.Bilinear(4, 4, 1, bias=False), (ROWS, OTHER)),
}  # fmt: skip

POOLING = {
    "AdaptiveMaxPool1d": (lambda nn: nn.AdaptiveMaxPool1d(3), IMAGES[0]),
    "AdaptiveMaxPool2d": (lambda nn: nn.AdaptiveMaxPool2d((2, None)), IMAGES),
    "LPPool1d": (lambda nn: nn.LPPool1d(2, 3, stride=2), IMAGES.flatten(2).abs()),
    "LPPool2d": (lambda nn: nn.LPPool2d(1.5, (2, 3), ceil_mode=True), IMAGES.abs()),
}
