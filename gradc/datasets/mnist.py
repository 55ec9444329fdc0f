"""Turn the four IDX files of MNIST (or Fashion-MNIST) into a Dataset of images and labels."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from gradc.datasets.idx import read_idx
from gradc.errors import FormatError, MissingFileError, UnsupportedError
from gradc.tensor import Tensor
from gradc.utils.data.dataset import Dataset, index_tensor


class MNIST(Dataset[tuple[Any, Any]]):
    """Handwritten digits: 60,000 training and 10,000 test images of 28 x 28 grey values.

    Item i is `(image, label)`: a uint8 tensor of shape [28, 28] (torchvision gives a PIL image
    here) and an int, each passed through its transform where there is one. The whole set is in
    `data`, uint8 [N, 28, 28], and `targets`, int64 [N].

    Args:
        root: the folder with the IDX files, plain or `.gz`; its subfolders `mnist` and
            `MNIST/raw` (torchvision's) are looked into as well.
        train: the training images, or the test images.
        transform: called with each image when an item is read.
        target_transform: called with each label when an item is read.
        download: must be False; gradc fetches nothing.

    Raises:
        MissingFileError: the files are in none of the folders.
        FormatError: a file is truncated or corrupt, or images and labels don't belong together.

    Example:
        >>> import gradc
        >>> digits = gradc.datasets.MNIST("data", train=False)    # doctest: +SKIP
        >>> x = digits.data.reshape(-1, 784).float() / 255        # doctest: +SKIP

    Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document
    recognition", 1998.
    """

    classes: ClassVar[list[str]] = [
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    ]
    folders: ClassVar[tuple[str, ...]] = ("", "mnist", "MNIST/raw")

    def __init__(
        self,
        root: str | os.PathLike[str],
        train: bool = True,
        transform: Callable[[Tensor], Any] | None = None,
        target_transform: Callable[[int], Any] | None = None,
        download: bool = False,
    ) -> None:
        name = type(self).__name__
        if download:
            raise UnsupportedError(
                f"{name}: download=True is not supported, gradc fetches nothing",
                hint=f"put the four IDX files into {root} and leave download away",
            )
        self.root = Path(root)
        self.train = bool(train)
        self.transform = transform
        self.target_transform = target_transform
        prefix = "train" if train else "t10k"
        images = self._find(f"{prefix}-images-idx3-ubyte")
        labels = self._find(f"{prefix}-labels-idx1-ubyte")
        self.data: Tensor = read_idx(images)
        self.targets: Tensor = read_idx(labels).long()
        self._check(images, labels)

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The label of each class name."""
        return {name: i for i, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image: Any = self.data[index]
        label: Any = int(self.targets[index].item())
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            label = self.target_transform(label)
        return image, label

    def fetch_batch(self, indices: NDArray[np.int64]) -> list[Tensor] | None:
        """Return images and labels of a batch, or None where transforms want single items."""
        if self.transform is not None or self.target_transform is not None:
            return None
        if type(self).__getitem__ is not MNIST.__getitem__:
            return None
        index = index_tensor(indices, len(self))
        return [self.data.index_select(0, index), self.targets.index_select(0, index)]

    def __repr__(self) -> str:
        lines = [
            f"Dataset {type(self).__name__}",
            f"    Number of datapoints: {len(self)}",
            f"    Root location: {self.root}",
            f"    Split: {'Train' if self.train else 'Test'}",
        ]
        if self.transform is not None:
            lines.append(f"    Transform: {self.transform!r}")
        if self.target_transform is not None:
            lines.append(f"    Target transform: {self.target_transform!r}")
        return "\n".join(lines)

    def _find(self, file: str) -> Path:
        """Return the path of an IDX file, plain before compressed."""
        for folder in self.folders:
            for ending in ("", ".gz"):
                path = self.root / folder / (file + ending)
                if path.is_file():
                    return path
        places = ", ".join(str(self.root / folder) for folder in self.folders)
        raise MissingFileError(
            f"{type(self).__name__}: there is no {file} or {file}.gz in {places}",
            hint="give the folder that holds the IDX files as root",
        )

    def _check(self, images: Path, labels: Path) -> None:
        """Refuse files that can't be images and labels of one data set."""
        name = type(self).__name__
        data, targets = tuple(self.data.shape), tuple(self.targets.shape)
        if len(data) != 3 or data[1:] != (28, 28):
            raise FormatError(
                f"{name}: expected images of shape [N, 28, 28] in {images}, found {list(data)}"
            )
        if targets != data[:1]:
            raise FormatError(
                f"{name}: expected {data[0]} labels for the {data[0]} images of {images}, "
                f"found shape {list(targets)} in {labels}"
            )
        values = self.targets.cpu().numpy()
        if values.size and not 0 <= int(values.min()) <= int(values.max()) < len(self.classes):
            raise FormatError(
                f"{name}: expected labels from 0 to {len(self.classes) - 1} in {labels}, found "
                f"{int(values.min())} to {int(values.max())}"
            )


class FashionMNIST(MNIST):
    """Articles of clothing in the format and sizes of MNIST.

    Args: as for `MNIST`; the subfolders `fashion-mnist` and `FashionMNIST/raw` are looked into.

    Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST", 2017, arXiv:1708.07747.
    """

    classes: ClassVar[list[str]] = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]
    folders: ClassVar[tuple[str, ...]] = ("", "fashion-mnist", "FashionMNIST/raw")
