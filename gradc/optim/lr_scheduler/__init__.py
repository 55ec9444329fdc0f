"""Learning-rate schedules: each turns a count of steps into the `lr` of every parameter group."""

from gradc.optim.lr_scheduler.base import LRScheduler
from gradc.optim.lr_scheduler.cosine import CosineAnnealingLR
from gradc.optim.lr_scheduler.cycle import OneCycleLR
from gradc.optim.lr_scheduler.decay import ExponentialLR, MultiStepLR, StepLR
from gradc.optim.lr_scheduler.plateau import ReduceLROnPlateau
from gradc.optim.lr_scheduler.ramp import (
    ConstantLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    PolynomialLR,
)
from gradc.optim.lr_scheduler.sequence import ChainedScheduler, SequentialLR
from gradc.optim.lr_scheduler.waves import CosineAnnealingWarmRestarts, CyclicLR

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]
