"""Optimizers and learning-rate schedules with PyTorch's names, formulas and state_dict format."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gradc.optim.adadelta import Adadelta
from gradc.optim.adagrad import Adagrad
from gradc.optim.adam import Adam, AdamW
from gradc.optim.adamax import Adamax
from gradc.optim.nadam import NAdam
from gradc.optim.optimizer import Optimizer
from gradc.optim.radam import RAdam
from gradc.optim.rmsprop import RMSprop
from gradc.optim.sgd import SGD

if TYPE_CHECKING:
    from gradc.optim import lr_scheduler

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "lr_scheduler",
]


def __getattr__(name: str) -> Any:
    """Import the schedules where they are first used."""
    if name == "lr_scheduler":
        return importlib.import_module("gradc.optim.lr_scheduler")
    raise AttributeError(f"module 'gradc.optim' has no attribute {name!r}")
