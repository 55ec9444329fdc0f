"""The report's figures, against counts by hand."""

import gradc
from gradc import nn
from gradc.inspect import report


def hidden(x, w, b):
    h = (x @ w + b).relu()
    return h


def test_figures_of_a_layer():
    costs = report(hidden, gradc.zeros(8, 5), gradc.zeros(5, 3), gradc.zeros(3))
    product, sweep = costs.kernels
    assert (product.name, product.work) == ("matmul_tiles", "product [8, 5] @ [5, 3] from tiles")
    assert product.flops == 2 * 8 * 5 * 3
    assert product.bytes_moved == 4 * (8 * 5 + 5 * 3 + 8 * 3)
    assert product.intensity == product.flops / product.bytes_moved
    assert sweep.name == "bias_relu"
    assert sweep.results == ("h",)
    assert sweep.flops == 2 * 8 * 3
    assert costs.flops == product.flops + sweep.flops
    assert costs.state_bytes == 4 * (8 * 5 + 5 * 3 + 3)
    assert costs.result_bytes == 4 * 8 * 3
    assert (
        costs.path.read_text()
        == gradc.explain(
            hidden, gradc.zeros(8, 5), gradc.zeros(5, 3), gradc.zeros(3), stage="source"
        )
        + "\n"
    )


def shifted(x):
    return x * 3.5 + 1


def test_cached_or_not(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADC_CACHE", str(tmp_path / "cache"))
    costs = report(shifted, gradc.zeros(7))
    assert not costs.cached
    assert costs.compile_seconds > 0
    assert f"machine code  compiled now, {costs.compile_seconds:.2f} s" in str(costs)
    again = report(shifted, gradc.zeros(7))
    assert again.cached
    assert again.compile_seconds == 0
    assert "machine code  from the store" in str(again)
    assert again.path == costs.path


def test_saved_and_recomputed_values():
    first, second, dropout = nn.Linear(6, 5), nn.Linear(5, 3), nn.Dropout(0.5)

    @gradc.compile(example_inputs="float32[4, 6], int64[4]")
    def step(x, y):
        h = dropout(first(x).relu())
        loss = nn.functional.cross_entropy(second(h), y)
        loss.backward()
        return loss

    costs = report(step)
    saved = {c.name: (c.type, c.nbytes, c.reason) for c in costs.choices if c.saved}
    assert saved["h"] == ("float32[4, 5]", 80, "a matrix product reads it")
    line = step.function.__code__.co_firstlineno + 2
    again = {c.name: (c.type, c.reason) for c in costs.choices if not c.saved}
    assert again == {
        f"add at test_report.py:{line}": ("float32[4, 5]", "recomputed from bias, h_1"),
        "scale": ("float32[4, 5]", "recomputed from random bits"),
    }
    text = str(costs)
    assert "saved for the backward pass, or computed again" in text
    assert max(len(row) for row in text.splitlines()) < 160
