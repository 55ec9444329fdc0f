"""The benchmarks' workloads compute what PyTorch's versions compute, and are reported as such."""

import json
import math

import pytest

import gradc
from benchmarks import __main__ as command
from benchmarks import kernels, report
from benchmarks.measure import Run, disagreement
from benchmarks.step import Unavailable, uniform
from benchmarks.workloads import WORKLOADS, make

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache") / "gradc"))
        yield


@pytest.mark.parametrize("name", ["logistic", "logpost", "mlp_tiny"])
def test_a_workload_gives_pytorchs_numbers(name):
    steps = [make(name, peer) for peer in ("gradc", "torch")]
    numbers = [[s.number(s.run()) for _ in range(4)] for s in steps]
    assert numbers[0] == pytest.approx(numbers[1], rel=1e-4)
    assert steps[0].temporaries() is not None


def bits(result):
    """All numbers of a result, as bytes."""
    if isinstance(result, tuple):
        return b"".join(map(bits, result))
    return result.detach().numpy().tobytes()


@pytest.mark.parametrize("name", sorted(WORKLOADS))
def test_a_hundred_steps_are_the_same_on_any_number_of_threads(name):
    before = gradc.get_num_threads()
    runs = []
    try:
        for count in (1, 2, 3):
            gradc.set_num_threads(count)
            step = make(name, "gradc")
            steps = 3 if name == "chain" else 100  # which has 4 million results, always the same
            runs.append([bits(step.run()) for _ in range(steps)])
    finally:
        gradc.set_num_threads(before)
    assert runs[1] == runs[0]
    assert runs[2] == runs[0]


@pytest.mark.parametrize("name", sorted(set(WORKLOADS) - {"chain", "mlp_big"}))
def test_every_workload_starts_in_pytorch(name):
    step = make(name, "torch")
    assert math.isfinite(step.number(step.run()))


def test_a_wrong_workload_shows():
    runs = {"gradc": Run(losses=[1.0, 0.5, 0.2]), "jax": Run(losses=[1.0, 0.5, 0.3])}
    assert disagreement(runs) == (
        "jax gives [1.0, 0.5, 0.3], gradc gives [1.0, 0.5, 0.2] after (1, 5, 10) steps"
    )
    assert disagreement({"gradc": runs["gradc"], "torch": runs["gradc"]}) == ""


def test_the_table_has_ratios_and_reasons():
    results = {
        "a": {"gradc": Run([1e-3]), "torch": Run([4e-3]), "jax": Run([2e-3])},
        "b": {"gradc": Run([1e-6]), "torch": Run([8e-6]), "jax": Run(skipped="jax: missing")},
    }
    assert report.table(results, ["gradc", "torch", "jax"]).splitlines() == [
        "| workload       | gradc   | torch   | jax     | ratio |",
        "| -------------- | ------- | ------- | ------- | ----- |",
        "| `a`            | 1.00 ms | 4.00 ms | 2.00 ms | 2.00  |",
        "| `b`            | 1.0 us  | 8.0 us  | -       | 8.00  |",
        "| geometric mean |         |         |         | 4.00  |",
        "b: jax: missing",
    ]


def test_weights_follow_the_fan_in():
    made = uniform(0, {"a.weight": (8, 100), "a.bias": (8,), "b.weight": (3, 4), "b.bias": (3,)})
    assert 0.05 < abs(made["a.weight"]).max() <= 0.1
    assert abs(made["a.bias"]).max() <= 0.1
    assert 0.1 < abs(made["b.bias"]).max() <= 0.5


def test_the_command_writes_json_and_a_plot(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    path, image = tmp_path / "out.json", tmp_path / "out.png"
    words = ["benchmarks", "logistic", "--peers", "torch", "--seconds", "0.1", "--threads", "1"]
    monkeypatch.setattr("sys.argv", [*words, "--json", str(path), "--plot", str(image)])
    before = torch.get_num_threads()
    try:
        assert command.main() == 0
    finally:
        torch.set_num_threads(before)
    data = json.loads(path.read_text())
    assert data["workloads"]["logistic"]["peers"]["gradc"]["median"] > 0
    assert data["geometric_mean"] == pytest.approx(data["workloads"]["logistic"]["ratio"])
    assert image.read_bytes().startswith(b"\x89PNG")
    assert "| `logistic`" in capsys.readouterr().out


def test_kernels_are_timed_one_by_one(monkeypatch):
    monkeypatch.setattr(kernels, "SECONDS", 0.05)
    text = kernels.profile("mlp_tiny")
    assert "cross_entropy(" in text
    assert "adam(" in text
    assert "GF/s" in text


def test_a_missing_peer_says_so(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jax", None)
    with pytest.raises(Unavailable, match=r"^jax: "):
        make("logistic", "jax")
