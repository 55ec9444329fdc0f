"""Learning-rate schedules: each turns a count of steps into the `lr` of every parameter group."""

from gradc.optim.lr_scheduler.base import LRScheduler
from gradc.optim.lr_scheduler.cosine import CosineAnnealingLR
from gradc.optim.lr_scheduler.cycle import OneCycleLR
from gradc.optim.lr_scheduler.decay import ExponentialLR, MultiStepLR, StepLR
from gradc.optim.lr_scheduler.plateau import ReduceLROnPlateau
from gradc.optim.lr_scheduler.ramp import ConstantLR, LambdaLR, LinearLR, PolynomialLR
from gradc.optim.lr_scheduler.sequence import SequentialLR

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
