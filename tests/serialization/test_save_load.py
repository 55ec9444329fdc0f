"""Saving and loading: what comes back, what PyTorch reads, what breaks and what stays."""

import math
import os
import stat

import numpy as np
import pytest

import gradc
from gradc import nn
from gradc.errors import (
    ArgumentError,
    ArgumentTypeError,
    DTypeError,
    FormatError,
    MissingFileError,
    UnsupportedError,
)


def same(a, b):
    """Compare nests of data, tensors by dtype and elements."""
    if isinstance(a, gradc.Tensor):
        assert isinstance(b, gradc.Tensor)
        assert a.dtype is b.dtype
        np.testing.assert_array_equal(a.detach().numpy(), b.numpy())
        return
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, float) and math.isnan(a):
        assert math.isnan(b)
    else:
        assert a == b


NESTS = {
    "flat": {"a": gradc.ones(2, 3), "b.c": gradc.tensor(3)},
    "dtypes": {
        str(d): gradc.ones(3).to(d)
        for d in (gradc.float32, gradc.float64, gradc.int32, gradc.int64, gradc.uint8, gradc.bool)
    },
    "tensor": gradc.arange(4),
    "scalar": 2.5,
    "empty": {},
    "no elements": {"x": gradc.zeros(0, 3)},
    "numbers": {"i": 3, "f": 0.1, "t": True, "n": None, "s": "é\n", "e": 1e-300},
    "not finite": [math.inf, -math.inf, math.nan],
    "keys": {0: gradc.ones(1), 1.5: "x", None: "y", "0": gradc.zeros(1), True: 1} | {2: 2},
    "nested": {"a": [gradc.ones(1), (gradc.zeros(2), {"b": []})], "c": ()},
    "colliding": {"a": {"b": gradc.ones(1)}, "a.b": gradc.zeros(1), "__metadata__": gradc.ones(2)},
    "dtype": {"dtype": gradc.float64},
    "special": {"x": gradc.tensor([math.nan, math.inf, -0.0])},
}


@pytest.mark.parametrize("case", NESTS)
def test_round_trip(tmp_path, case):
    path = tmp_path / "file.safetensors"
    gradc.save(NESTS[case], path)
    same(NESTS[case], gradc.load(str(path)))


def test_views_and_parameters(tmp_path):
    x = gradc.arange(6).reshape(2, 3)
    data = {"t": x.t(), "row": x[1], "p": nn.Parameter(gradc.ones(2)), "step": x[:, ::2]}
    gradc.save(data, tmp_path / "f")
    got = gradc.load(tmp_path / "f")
    same(data, got)
    assert not got["p"].requires_grad
    got["row"].fill_(0)
    assert got["t"].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_training_goes_on_from_a_checkpoint(tmp_path):
    def make():
        gradc.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
        return model, gradc.optim.Adam(model.parameters(), lr=0.1)

    def train(model, opt):
        for _ in range(3):
            opt.zero_grad()
            model(gradc.ones(2, 3)).sum().backward()
            opt.step()

    model, opt = make()
    train(model, opt)
    path = tmp_path / "checkpoint"
    gradc.save({"model": model.state_dict(), "optimizer": opt.state_dict(), "epoch": 3}, path)
    train(model, opt)
    other, other_opt = make()
    saved = gradc.load(path)
    assert saved["epoch"] == 3
    other.load_state_dict(saved["model"])
    other_opt.load_state_dict(saved["optimizer"])
    train(other, other_opt)
    same(dict(model.state_dict()), dict(other.state_dict()))


def test_pytorch_reads_and_writes_the_same_files(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    theirs, mine = torch.nn.Linear(3, 2), nn.Linear(3, 2)
    save_file(theirs.state_dict(), tmp_path / "theirs")
    mine.load_state_dict(gradc.load(tmp_path / "theirs"))
    np.testing.assert_array_equal(mine.weight.detach().numpy(), theirs.weight.detach().numpy())
    gradc.save(mine.state_dict(), tmp_path / "mine")
    assert list(load_file(tmp_path / "mine")) == ["bias", "weight"]
    theirs.load_state_dict(load_file(tmp_path / "mine"))
    nested = {"a": [gradc.ones(2)], "b": {"c": gradc.zeros(1)}}
    gradc.save(nested, tmp_path / "nested")
    assert sorted(load_file(tmp_path / "nested")) == ["a.0", "b.c"]


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    gradc.save({"x": gradc.ones(1)}, path)
    before = path.read_bytes()
    with pytest.raises(ArgumentTypeError):
        gradc.save({"x": object()}, path)

    def full_disk(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        gradc.save({"x": gradc.zeros(1)}, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_permissions_and_links(tmp_path):
    path = tmp_path / "file"
    (tmp_path / "plain").touch()
    gradc.save({"x": gradc.ones(1)}, path)
    plain = stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == plain
    path.chmod(0o600)
    gradc.save({"x": gradc.zeros(1)}, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    link = tmp_path / "link"
    link.symlink_to(path)
    gradc.save({"x": gradc.full((1,), 5.0)}, link)
    assert link.is_symlink()
    assert gradc.load(path)["x"].item() == 5.0


def test_broken_files(tmp_path):
    path = tmp_path / "file"
    gradc.save({"x": gradc.ones(100), "n": 1}, path)
    good = path.read_bytes()
    for content in (good[:-7], good[:20], good[:4], b"", b"\xff" * 64, good + b"\0"):
        path.write_bytes(content)
        with pytest.raises(FormatError) as caught:
            gradc.load(path)
        start = f"load: {path} is truncated, corrupt or not a safetensors file ({len(content)} "
        assert caught.value.message.startswith(start)
        assert caught.value.hint == "load another copy"
    path.write_bytes(b"PK\x03\x04" + b"\0" * 100)
    with pytest.raises(FormatError) as caught:
        gradc.load(path)
    assert caught.value.hint.startswith("this is a pickle, written by torch.save; write it with")
    changed = good.replace(b"dict", b"DICT")
    assert changed != good
    path.write_bytes(changed)
    with pytest.raises(FormatError) as caught:
        gradc.load(path)
    assert caught.value.message == (
        f"load: {path}: the structure in its metadata does not fit its tensors "
        "(ValueError(\"the tag 'DICT' is not known\"))"
    )


def test_dtypes_that_gradc_has_not(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    save_file({"w": torch.ones(2, dtype=torch.bfloat16)}, tmp_path / "f")
    with pytest.raises(DTypeError) as caught:
        gradc.load(tmp_path / "f")
    assert caught.value.message == (
        f"load: {tmp_path / 'f'}: tensor 'w' is BF16, which gradc has not"
    )


def cyclic():
    nest = []
    nest.append(nest)
    return nest


ERRORS = [
    (lambda d: gradc.save(nn.ReLU(), d / "f"), ArgumentTypeError,
     "save: expected tensors, numbers, strings, None, dtypes and dicts, lists or tuples of them, "
     "got ReLU", "save its state_dict()"),
    (lambda d: gradc.save({"a": [1, object()]}, d / "f"), ArgumentTypeError,
     "save: expected tensors, numbers, strings, None, dtypes and dicts, lists or tuples of them, "
     "got object at a.1", "save its values"),
    (lambda d: gradc.save({(1, 2): 3}, d / "f"), ArgumentTypeError,
     "save: keys must be strings or numbers, got tuple", ""),
    (lambda d: gradc.save({}, 3), ArgumentTypeError, "save: f must be a path, got int",
     "a str or a pathlib.Path"),
    (lambda d: gradc.save({}, d), ArgumentError,
     "save: {d} is a folder, expected the path of a file", ""),
    (lambda d: gradc.save({}, d / "no" / "f"), MissingFileError,
     "save: there is no folder {d}/no", ""),
    (lambda d: gradc.load(d / "f"), MissingFileError, "load: there is no file {d}/f", ""),
    (lambda d: gradc.load(d / "f", map_location=("cpu",)), UnsupportedError,
     "load: map_location=('cpu',) is not supported, only a device", ""),
    (lambda d: gradc.load(d / "f", weights_only=False), UnsupportedError,
     "load: weights_only=False is not supported: a file holds data, never code", ""),
    (lambda d: gradc.save(cyclic(), d / "f"), ArgumentError, "save: a list holds itself", ""),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_message(case, tmp_path):
    call, kind, message, hint = ERRORS[case]
    with pytest.raises(kind) as caught:
        call(tmp_path)
    assert caught.value.message == message.format(d=tmp_path)
    assert caught.value.hint == hint
    assert not list(tmp_path.iterdir())
