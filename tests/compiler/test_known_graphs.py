"""A graph that was compiled before is neither planned nor written out again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gradc
from gradc import nn
from gradc.build.load import load
from gradc.compiler.native import Design
from gradc.ir.builder import GraphBuilder
from gradc.ir.dtype import float32, float64
from gradc.ir.fingerprint import fingerprint
from gradc.ir.graph import TensorType
from gradc.ir.primitive import Kind, Primitive
from gradc.origin import Origin

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADC_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def planned(monkeypatch):
    """Count how often a graph is planned to be compiled."""
    names = []
    plain = Design.plan.fget

    def plan(self):
        names.append(self._graph.name)
        return plain(self)

    monkeypatch.setattr(Design, "plan", property(plan))
    return names


def scaled(x, by=2.0):
    return (x * by).exp().sum(0)


def program_of(function, *arguments):
    compiled = gradc.compile(function)
    result = compiled(*arguments)
    return compiled.build(*arguments), result


def test_the_second_compile_of_a_graph_plans_nothing(planned):
    x = gradc.arange(12.0).reshape(4, 3) / 7
    first, one = program_of(scaled, x)
    assert set(planned) == {"scaled"}
    planned.clear()
    second, other = program_of(scaled, x)
    assert planned == []
    assert second.native.cached
    assert second.path == first.path
    assert second.source == first.source
    assert np.array_equal(one.numpy(), other.numpy())
    # asked for, the plan is made; its text is the one that runs
    assert second.emitted.source == first.source
    assert second.emitted.arena_bytes == first.emitted.arena_bytes
    assert [v.type for v in second.code.graph.inputs] == [v.type for v in second.code.inputs]


def test_a_plan_that_is_asked_for_is_explained_like_the_first():
    x = gradc.ones(4, 3)
    first, second = gradc.compile(scaled), gradc.compile(scaled)
    first(x)
    for stage in ("graph", "gradient", "plan", "source"):
        assert gradc.explain(second, x, stage=stage) == gradc.explain(first, x, stage=stage)


@pytest.mark.parametrize(
    "function",
    [lambda x: scaled(x, 3.0), lambda x: scaled(x, -0.0), lambda x: scaled(x, float("nan"))],
)
def test_constants_tell_graphs_apart(function, planned):
    x = gradc.ones(4, 3)
    program_of(lambda x: scaled(x, 0.0), x)
    planned.clear()
    program_of(function, x)
    assert planned


SPOILED = {
    "not there": lambda path: path.unlink(),
    "cut": lambda path: path.write_text(path.read_text()[:-5]),
    "of another kind": lambda path: path.write_text("[]"),
    "with wrong facts": lambda path: path.write_text(
        json.dumps(json.loads(path.read_text()) | {"arena": "much"})
    ),
}


@pytest.mark.parametrize("damage", SPOILED)
def test_a_damaged_note_is_written_anew(cache, planned, damage):
    x = gradc.ones(4, 3)
    _, before = program_of(scaled, x)
    (note,) = cache.glob("??/*.json")
    whole = note.read_text()
    SPOILED[damage](note)
    planned.clear()
    program, after = program_of(scaled, x)
    assert planned
    assert program.native.cached
    assert note.read_text() == whole
    assert np.array_equal(before.numpy(), after.numpy())


@pytest.mark.parametrize("name", ["kernel.o", "kernel.py", "meta.json"])
def test_a_note_without_its_program_is_no_use(name):
    x = gradc.ones(4, 3)
    first, before = program_of(scaled, x)
    spoiled = first.path.parent / name
    spoiled.write_bytes(spoiled.read_bytes()[:-7])
    second, after = program_of(scaled, x)
    assert not second.native.cached
    assert np.array_equal(before.numpy(), after.numpy())


def test_notes_are_counted_and_cleared(cache):
    program_of(scaled, gradc.ones(4, 3))
    info = gradc.build.cache_info(cache)
    assert info.entries == 1
    assert info.bytes == sum(p.stat().st_size for p in cache.rglob("*") if p.is_file())
    gradc.build.clear(cache)
    assert list(cache.iterdir()) == []


def graph(**changes):
    """Return y = x + k, k = 1.5; with a line of the user's."""
    given = {"name": "f", "value": 1.5, "dtype": float32, "line": 4, "file": __file__, "op": "add"}
    given |= {"hint": "x", "rule": "", "updates": False} | changes
    b = GraphBuilder(given["name"])
    b.origin = Origin(given["file"], given["line"], "f")
    b.rule = given["rule"]
    x = b.input(TensorType((3,), given["dtype"]), given["hint"])
    y = b.op(given["op"], x, b.full(TensorType((3,), given["dtype"]), given["value"]))
    made = b.finish((y,))
    if given["updates"]:
        made.updates = ((x, y),)
    return made


@pytest.mark.parametrize(
    "change",
    [
        {"name": "g"},
        {"value": 1.25},
        {"value": float("inf")},
        {"dtype": float64},
        {"line": 5},
        {"op": "sub"},
        {"hint": "z"},
        {"rule": "a rule"},
        {"updates": True},
    ],
)
def test_fingerprints_differ(change):
    assert fingerprint(graph()) == fingerprint(graph())
    assert fingerprint(graph(**change)) != fingerprint(graph())


def test_files_count_by_their_lines_and_not_by_their_folder(tmp_path):
    made = []
    for folder, line in (("a", "y = x + 1"), ("b", "y = x + 1"), ("c", "y = x + 2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.py").write_text(f"{line}\n")
        made.append(fingerprint(graph(file=str(tmp_path / folder / "model.py"), line=1)))
    assert made[0] == made[1] != made[2]


def test_bodies_of_loops_count(planned):
    def run(factor):
        def total(xs):
            return gradc.scan(lambda c, x: (c * factor + x, c), gradc.zeros(3), xs)[0]

        return program_of(total, gradc.ones(5, 3))[1].numpy()

    assert run(2.0)[0] == 31
    planned.clear()
    assert run(2.0)[0] == 31
    assert planned == []
    assert run(3.0)[0] == 121
    assert planned


def test_a_foreign_primitive_is_planned_each_time():
    foreign = Primitive(
        name="foreign_twice",
        kind=Kind.ELEMENTWISE,
        meaning=lambda x: x + x,
        typing=lambda x: x,
        derivative=None,
        maths="2 {0}",
        samples=lambda: (),
        code="{0} + {0}",
    )
    b = GraphBuilder("f")
    x = b.input(TensorType((3,), float32), "x")
    assert fingerprint(b.finish((b.apply(foreign, (x,), {}),))) is None


def test_text_under_a_wrong_key_is_not_run():
    first, _ = program_of(scaled, gradc.ones(4, 3))
    text = first.source.replace("exp(", "expm1(").replace("    exp,", "    expm1,")
    other = load(text.replace("import exp,", "import expm1,"), "scaled")
    for name in ("kernel.o", "kernel.py", "meta.json"):
        (first.path.parent / name).write_bytes((other.path.parent / name).read_bytes())
    second, result = program_of(scaled, gradc.ones(4, 3))
    assert second.source == first.source
    assert not second.native.cached
    assert result.numpy() == pytest.approx(4 * np.exp(2.0), rel=1e-6)


TRAIN = """
import sys, gradc
from gradc import nn, optim
gradc.manual_seed(0)
model = nn.Linear(3, 2)
optimizer = optim.Adam(model.parameters())

@gradc.compile
def step(x):
    optimizer.zero_grad()
    loss = model(x).sum()
    loss.backward()
    optimizer.step()
    return loss

print(step(gradc.ones(4, 3)).item())
rooms = ("passes.pipeline", "schedule.make", "emit.cpu", "inspect", "func", "datasets", "cuda")
print([r for r in rooms if f"gradc.{r}" in sys.modules])
"""


def test_a_warm_start_loads_no_planner(tmp_path):
    (tmp_path / "train.py").write_text(TRAIN)
    settings = {**os.environ, "PYTHONPATH": str(ROOT)}
    runs = [
        subprocess.run(
            [sys.executable, tmp_path / "train.py"],
            env=settings, capture_output=True, text=True, check=True, timeout=120,
        ).stdout.splitlines()
        for _ in range(2)
    ]  # fmt: skip
    assert runs[0][0] == runs[1][0]
    assert runs[0][1] != "[]"
    assert runs[1][1] == "[]"


def test_results_with_gradients_are_planned_as_ever():
    layer = nn.Linear(3, 2)
    x = gradc.ones(4, 3)
    for _ in range(2):
        layer.zero_grad()
        gradc.compile(layer)(x).sum().backward()
        assert layer.bias.grad.numpy() == pytest.approx([4.0, 4.0])
