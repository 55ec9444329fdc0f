"""Data sets read from local files, each a `Dataset` with PyTorch's names."""

from gradc.datasets.idx import read_idx
from gradc.datasets.mnist import MNIST, FashionMNIST

__all__ = ["MNIST", "FashionMNIST", "read_idx"]
