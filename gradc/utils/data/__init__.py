"""Data sets, the order in which they are visited, and batches made from them."""

from gradc.utils.data.balance import class_counts, class_weights
from gradc.utils.data.collate import default_collate, default_convert
from gradc.utils.data.dataloader import DataLoader
from gradc.utils.data.dataset import ConcatDataset, Dataset, Subset, TensorDataset
from gradc.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from gradc.utils.data.split import random_split
from gradc.utils.data.standardize import Standardize

__all__ = [
    "BatchSampler",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Standardize",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "class_counts",
    "class_weights",
    "default_collate",
    "default_convert",
    "random_split",
]
