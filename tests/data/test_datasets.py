"""IDX files and MNIST: written here, broken in every way, and the real ones where they are."""

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest

import gradc
from gradc.datasets import MNIST, FashionMNIST, read_idx
from gradc.errors import FormatError, MissingFileError, UnsupportedError
from gradc.utils.data import DataLoader

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def idx(array):
    """Return the bytes of an IDX file."""
    code = CODES[array.dtype.str[1:]]
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return (
        bytes([0, 0, code, array.ndim])
        + sizes
        + array.astype(array.dtype.newbyteorder(">")).tobytes()
    )


def write_mnist(folder, prefix="t10k", n=6, packed=True):
    folder.mkdir(parents=True, exist_ok=True)
    images = np.arange(n * 784, dtype=np.uint8).reshape(n, 28, 28)
    labels = (np.arange(n) % 10).astype(np.uint8)
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        content = idx(array)
        if packed:
            (folder / f"{prefix}-{name}-ubyte.gz").write_bytes(gzip.compress(content))
        else:
            (folder / f"{prefix}-{name}-ubyte").write_bytes(content)
    return images, labels


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("code", CODES)
def test_read_idx(tmp_path, code, packed):
    array = np.array([[1, 2, 3], [4, 5, 100]], dtype=code)
    content = idx(array)
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(content) if packed else content)
    got = read_idx(path)
    np.testing.assert_array_equal(got.numpy(), array)
    expected = {"u1": "uint8", "f4": "float32", "f8": "float64"}.get(code, "int32")
    assert str(got.dtype) == expected
    got.fill_(0)  # the memory is its own


GOOD = idx(np.arange(6, dtype=np.uint8).reshape(2, 3))
PACKED = gzip.compress(GOOD)
BROKEN = {
    "empty": (b"", "{path} is not an IDX file: expected it to start with 00 00, a type "
              "(08 09 0b 0c 0d 0e) and a number of axes, found nothing"),
    "text": (b"hello", "{path} is not an IDX file: expected it to start with 00 00, a type "
             "(08 09 0b 0c 0d 0e) and a number of axes, found 68 65 6c 6c"),
    "type": (b"\0\0\x07\1" + GOOD[4:], "{path} is not an IDX file: expected it to start with "
             "00 00, a type (08 09 0b 0c 0d 0e) and a number of axes, found 00 00 07 01"),
    "header": (GOOD[:9], "{path} ends inside its header: 2 sizes need 12 bytes, found 9"),
    "short": (GOOD[:-2], "{path} is truncated: shape [2, 3] needs 18 bytes, found 16"),
    "long": (GOOD + b"\0", "{path} is too long: shape [2, 3] needs 18 bytes, found 19"),
    "gzip short": (PACKED[:-9], "{path} can't be unpacked: its gzip stream of "
                   f"{len(PACKED) - 9} bytes is truncated or corrupt "),
    "gzip flipped": (PACKED[:12] + bytes([PACKED[12] ^ 255]) + PACKED[13:],
                     f"{{path}} can't be unpacked: its gzip stream of {len(PACKED)} bytes is "
                     "truncated or corrupt "),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_broken_file(tmp_path, case):
    content, message = BROKEN[case]
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        read_idx(path)
    expected = "read_idx: " + message.format(path=path)
    assert caught.value.message.startswith(expected)
    assert "gzip" in case or caught.value.message == expected


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        read_idx(tmp_path / "nothing")
    assert isinstance(caught.value, MissingFileError)
    assert caught.value.message == f"read_idx: there is no file {tmp_path / 'nothing'}"


@pytest.mark.parametrize("folder", ["", "mnist", "MNIST/raw"])
@pytest.mark.parametrize("packed", [True, False])
def test_mnist(tmp_path, folder, packed):
    images, labels = write_mnist(tmp_path / folder, packed=packed)
    data = MNIST(tmp_path, train=False)
    assert len(data) == 6
    np.testing.assert_array_equal(data.data.numpy(), images)
    assert data.data.dtype is gradc.uint8
    assert data.targets.dtype is gradc.int64
    assert data.targets.tolist() == labels.tolist()
    image, label = data[3]
    assert image.shape == (28, 28)
    assert label == 3
    assert type(label) is int
    batch = next(iter(DataLoader(data, batch_size=4)))
    np.testing.assert_array_equal(batch[0].numpy(), images[:4])
    assert batch[1].tolist() == [0, 1, 2, 3]
    assert data.class_to_idx["7 - seven"] == 7
    assert repr(data) == (
        f"Dataset MNIST\n    Number of datapoints: 6\n    Root location: {tmp_path}\n"
        "    Split: Test"
    )


def test_transforms(tmp_path):
    images, _ = write_mnist(tmp_path, "train")
    data = MNIST(tmp_path, transform=lambda x: x.float() / 255, target_transform=lambda y: -y)
    image, label = data[2]
    np.testing.assert_allclose(image.numpy(), images[2] / 255.0, rtol=1e-6)
    assert label == -2
    x, y = next(iter(DataLoader(data, batch_size=3)))
    assert x.dtype is gradc.float32
    assert y.tolist() == [0, -1, -2]


def test_fashion_mnist(tmp_path):
    write_mnist(tmp_path / "FashionMNIST" / "raw")
    data = FashionMNIST(tmp_path, train=False)
    assert data.classes[9] == "Ankle boot"
    assert repr(data).startswith("Dataset FashionMNIST")


def test_mnist_messages(tmp_path):
    with pytest.raises(UnsupportedError) as unsupported:
        MNIST(tmp_path, download=True)
    assert unsupported.value.message == (
        "MNIST: download=True is not supported, gradc fetches nothing"
    )
    with pytest.raises(FileNotFoundError) as missing:
        MNIST(tmp_path)
    name = "train-images-idx3-ubyte"
    assert missing.value.message == (
        f"MNIST: there is no {name} or {name}.gz in {tmp_path}, {tmp_path}/mnist, "
        f"{tmp_path}/MNIST/raw"
    )
    write_mnist(tmp_path)
    labels = tmp_path / "t10k-labels-idx1-ubyte.gz"
    images = tmp_path / "t10k-images-idx3-ubyte.gz"
    labels.write_bytes(idx(np.zeros(5, np.uint8)))
    with pytest.raises(FormatError) as caught:
        MNIST(tmp_path, train=False)
    assert caught.value.message == (
        f"MNIST: expected 6 labels for the 6 images of {images}, found shape [5] in {labels}"
    )
    labels.write_bytes(idx(np.full(6, 10, np.uint8)))
    with pytest.raises(FormatError) as caught:
        MNIST(tmp_path, train=False)
    assert caught.value.message == (
        f"MNIST: expected labels from 0 to 9 in {labels}, found 10 to 10"
    )
    images.write_bytes(idx(np.zeros((6, 8, 8), np.uint8)))
    with pytest.raises(FormatError) as caught:
        MNIST(tmp_path, train=False)
    assert caught.value.message == (
        f"MNIST: expected images of shape [N, 28, 28] in {images}, found [6, 8, 8]"
    )


REAL = Path(os.environ.get("GRADC_DATA", "data"))


@pytest.mark.skipif(
    not (REAL / "mnist" / "t10k-images-idx3-ubyte.gz").is_file(),
    reason="the real MNIST files are not there (GRADC_DATA)",
)
def test_real_mnist():
    data = MNIST(REAL, train=False)
    assert tuple(data.data.shape) == (10000, 28, 28)
    assert data.targets[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert gradc.utils.data.class_counts(data.targets).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    assert abs(data.data.float().mean().item() - 33.79) < 0.01
