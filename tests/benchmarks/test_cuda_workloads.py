"""`python -m benchmarks --device cuda` without a device, and what it would run with one."""

import importlib

import pytest

from benchmarks import __main__ as command
from benchmarks import place
from benchmarks.workloads import chain, gpt, mlp


def refused(monkeypatch, capsys, *words):
    monkeypatch.setattr("sys.argv", ["benchmarks", "--device", "cuda", *words])
    monkeypatch.setattr(place.PLACE, "device", "cpu")
    with pytest.raises(SystemExit):
        command.main()
    return capsys.readouterr().err.splitlines()[-1]


def test_no_device_is_said(monkeypatch, capsys):
    monkeypatch.setattr(command, "unavailable", lambda: "the NVIDIA driver finds no GPU")
    said = refused(monkeypatch, capsys)
    assert said.endswith("error: --device cuda: the NVIDIA driver finds no GPU")


def test_an_emulated_device_is_refused(monkeypatch, capsys):
    monkeypatch.setenv("GRADC_CUDA", "emulate")
    said = refused(monkeypatch, capsys)
    assert "GRADC_CUDA=emulate is a device in host memory: its times say nothing" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["logpost"], "logpost is not for CUDA; there are mlp_tiny, mlp_mnist"),
        (["--kernels"], "--kernels is for --device cpu"),
        (["--peers", "torch.compile"], "unknown peer 'torch.compile'; there are torch, torch.red"),
    ],
)
def test_what_is_not_for_cuda(monkeypatch, capsys, words, said):
    assert said in refused(monkeypatch, capsys, *words)


def test_sizes_on_cuda(monkeypatch):
    monkeypatch.setattr(place.PLACE, "device", "cuda")
    try:
        for module in (mlp, chain, gpt):
            importlib.reload(module)
        assert mlp.SIZES["mlp_big"][1] == 8192
        assert chain.SIZE == 2**26
        assert (gpt.BATCH, gpt.TOKENS, gpt.WIDTH, gpt.BLOCKS) == (32, 256, 512, 8)
    finally:
        monkeypatch.undo()
        for module in (mlp, chain, gpt):
            importlib.reload(module)
