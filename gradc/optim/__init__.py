"""Optimizers and learning-rate schedules with PyTorch's names, formulas and state_dict format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradc.lazy import lazily

if TYPE_CHECKING:
    from gradc.optim import lr_scheduler
    from gradc.optim.adadelta import Adadelta
    from gradc.optim.adagrad import Adagrad
    from gradc.optim.adam import Adam, AdamW
    from gradc.optim.adamax import Adamax
    from gradc.optim.asgd import ASGD
    from gradc.optim.nadam import NAdam
    from gradc.optim.optimizer import Optimizer
    from gradc.optim.radam import RAdam
    from gradc.optim.rmsprop import RMSprop
    from gradc.optim.rprop import Rprop
    from gradc.optim.sgd import SGD
    from gradc.optim.sparse_adam import SparseAdam

__all__ = [
    "ASGD",
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
    "Rprop",
    "SparseAdam",
    "lr_scheduler",
]

_HOMES = {
    "gradc.optim.lr_scheduler": "lr_scheduler",
    "gradc.optim.adadelta": "Adadelta",
    "gradc.optim.adagrad": "Adagrad",
    "gradc.optim.adam": "Adam AdamW",
    "gradc.optim.adamax": "Adamax",
    "gradc.optim.asgd": "ASGD",
    "gradc.optim.nadam": "NAdam",
    "gradc.optim.optimizer": "Optimizer",
    "gradc.optim.radam": "RAdam",
    "gradc.optim.rmsprop": "RMSprop",
    "gradc.optim.rprop": "Rprop",
    "gradc.optim.sgd": "SGD",
    "gradc.optim.sparse_adam": "SparseAdam",
}
__getattr__, __dir__ = lazily("gradc.optim", _HOMES)
