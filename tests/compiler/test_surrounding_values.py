"""What a compiled function reads from around itself is checked at each call."""

from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace

import pytest

import gradc
from gradc import nn
from gradc.compiler.outside import MOST, content_guards

FACTOR = 2.0
TABLE = {"scale": 2.0, "deep": [1.0, 2.0]}


@dataclass
class Options:
    scale: float = 2.0
    unread: int = 0
    sizes: list = field(default_factory=lambda: [2.0, 3.0])


class Space:
    scale = 2.0


class Special(Space):
    pass


def scaled(x):
    return x * FACTOR


def scaled_twice(x):
    return scaled(x) * TABLE["scale"]


class Trainer:
    def __init__(self):
        self.scale = 2.0
        self.steps = 0

    def part(self, x):
        return x * self.scale

    def step(self, x):
        return self.part(x)


def count(compiled):
    return sum(map(len, compiled.programs.values()))


def check(function, change):
    """The function gives what Python gives, before and after a change."""
    x = gradc.ones(1)
    compiled = gradc.compile(function)
    before = compiled(x).item()
    assert compiled(x).item() == before == function(x).item()
    assert count(compiled) == 1
    change()
    assert compiled(x).item() == function(x).item() != before
    assert count(compiled) == 2


def test_attributes_of_objects_classes_and_modules():
    options, space, special = Options(), SimpleNamespace(scale=2.0), Special()
    check(lambda x: x * options.scale, lambda: setattr(options, "scale", 5.0))
    check(lambda x: x * options.sizes[0], lambda: options.sizes.insert(0, 7.0))
    check(lambda x: x * space.scale, lambda: setattr(space, "scale", 5.0))
    check(lambda x: x * special.scale, lambda: setattr(special, "scale", 5.0))
    settings = ModuleType("settings")
    settings.__file__ = __file__
    settings.scale = 2.0
    check(lambda x: x * settings.scale, lambda: setattr(settings, "scale", 5.0))


def test_class_attributes(monkeypatch):
    check(lambda x: x * Special.scale, lambda: monkeypatch.setattr(Space, "scale", 5.0))


def test_entries_of_containers():
    table = {"a": [2.0, 3.0]}
    check(lambda x: x * table["a"][0], lambda: table["a"].__setitem__(0, 5.0))
    chosen = {2.0}
    check(lambda x: x * sum(chosen), lambda: chosen.add(7.0))
    tensors = [gradc.full((1,), 2.0)]
    check(lambda x: x * tensors[0], lambda: tensors.__setitem__(0, gradc.full((1,), 5.0)))


def test_functions_that_the_function_calls(monkeypatch):
    check(lambda x: scaled_twice(x), lambda: monkeypatch.setitem(globals(), "FACTOR", 5.0))
    check(lambda x: scaled_twice(x), lambda: monkeypatch.setitem(TABLE, "scale", 5.0))
    inner = gradc.compile(scaled)
    check(lambda x: inner(x), lambda: monkeypatch.setitem(globals(), "FACTOR", 6.0))


def test_methods_and_their_objects():
    trainer = Trainer()
    check(trainer.step, lambda: setattr(trainer, "scale", 5.0))
    check(lambda x: trainer.step(x), lambda: setattr(trainer, "scale", 6.0))


def test_lists_that_a_module_holds():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.factors = [2.0]
            self.options = {"shift": 1.0}

        def forward(self, x):
            return x * self.factors[0] + self.options["shift"]

    model = Scaled()
    check(model, lambda: model.factors.__setitem__(0, 5.0))
    check(model, lambda: model.options.update(shift=2.0))


def test_what_is_not_read_compiles_nothing_anew():
    options, trainer = Options(), Trainer()
    compiled = gradc.compile(lambda x: trainer.step(x) * options.scale)
    compiled(gradc.ones(1))
    options.unread = trainer.steps = 3
    compiled(gradc.ones(1))
    assert count(compiled) == 1


def test_a_list_may_take_notes_while_tracing():
    notes = []

    @gradc.compile
    def noted(x):
        notes.append(x.shape)
        return x * 2

    for _ in range(3):
        noted(gradc.ones(1))
    assert notes == [(1,)]


def test_an_object_of_the_same_address_is_another_one():
    holder = [object()]
    guards = content_guards(lambda: holder)
    assert all(guard() for guard in guards)
    for _ in range(100):  # one of them lands where the first was, if that is free
        holder[0] = None
        holder[0] = object()
        assert not all(guard() for guard in guards)


@pytest.mark.parametrize(("entries", "seen"), [(MOST, True), (MOST + 1, False)])
def test_long_lists_are_compared_by_length(entries, seen):
    long = [1.0] * entries
    guards = content_guards(lambda: long)
    long[5] = 2.0
    assert all(guard() for guard in guards) is not seen
    long.append(1.0)
    assert not all(guard() for guard in guards)
