"""What a compiled function reads from around itself is checked at each call."""

from collections import deque
from dataclasses import dataclass, field
from functools import cached_property, partial, wraps
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import gradc
from gradc import nn
from gradc.compiler.outside import content_guards
from gradc.tensor.snapshot import MOST

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


class Model(nn.Module):
    def __init__(self, held):
        super().__init__()
        self.held = held

    def forward(self, x):
        return x * self.held.scale


class Caller:
    def __init__(self):
        self.scale = 2.0

    def __call__(self, x):
        return x * self.scale

    def __getitem__(self, _):
        return self.scale

    @staticmethod
    def fixed(x):
        return x * FACTOR

    @cached_property
    def kept(self):
        return OPTIONS.scale


OPTIONS = Options()


def decorated(function):
    @wraps(function)
    def around(x):
        return function(x) * OPTIONS.scale

    return around


@decorated
def twice(x):
    return x * 2


def by_default(x, *, options=OPTIONS, table={"scale": 2.0}):  # noqa: B006
    return x * options.scale * table["scale"]


def with_options(x, options):
    return x * options.scale


def test_what_modules_hold():
    options = Options()
    model = Model(options)
    check(model, lambda: setattr(options, "scale", 5.0))
    check(lambda x: model(x), lambda: setattr(options, "scale", 6.0))
    check(nn.Sequential(model), lambda: setattr(options, "scale", 7.0))
    caller = Caller()
    deep = Model(SimpleNamespace(scale=caller))
    deep.forward = lambda x: deep.held.scale(x)
    check(deep, lambda: setattr(caller, "scale", 5.0))


def test_callable_objects_and_operators():
    caller = Caller()
    check(caller, lambda: setattr(caller, "scale", 5.0))
    check(lambda x: caller(x), lambda: setattr(caller, "scale", 6.0))
    check(lambda x: x * caller[0], lambda: setattr(caller, "scale", 7.0))


def test_static_and_decorated_functions(monkeypatch):
    check(lambda x: Caller.fixed(x), lambda: monkeypatch.setitem(globals(), "FACTOR", 5.0))
    check(lambda x: twice(x), lambda: monkeypatch.setattr(OPTIONS, "scale", 6.0))
    check(twice, lambda: monkeypatch.setattr(OPTIONS, "scale", 7.0))


def test_default_and_partial_arguments(monkeypatch):
    options = Options()
    check(partial(with_options, options=options), lambda: setattr(options, "scale", 5.0))
    bound = partial(with_options, options=options)
    check(lambda x: bound(x), lambda: setattr(options, "scale", 6.0))
    check(by_default, lambda: monkeypatch.setattr(OPTIONS, "scale", 5.0))
    table = by_default.__kwdefaults__["table"]
    check(by_default, lambda: monkeypatch.setitem(table, "scale", 5.0))


def test_objects_in_containers_and_arguments():
    options = Options()
    held = {"a": [options], "f": [lambda x: x * options.scale]}
    check(lambda x: x * held["a"][0].scale, lambda: setattr(options, "scale", 5.0))
    check(lambda x: held["f"][0](x), lambda: setattr(options, "scale", 6.0))
    ends = deque([2.0])
    check(lambda x: x * ends[0], lambda: ends.append(ends.popleft() + 1.0))
    chosen = SimpleNamespace(scale=2.0)
    space = Space()  # hashed by identity: may be an argument

    compiled = gradc.compile(with_options)
    assert compiled(gradc.ones(1), space).item() == 2.0
    space.scale = chosen.scale = 5.0
    assert compiled(gradc.ones(1), space).item() == 5.0


def test_names_in_strings_and_names_that_are_not_there(monkeypatch):
    options = Options()
    check(lambda x: x * getattr(options, "scale"), lambda: setattr(options, "scale", 5.0))  # noqa: B009
    check(lambda x: x * vars(options)["scale"], lambda: setattr(options, "scale", 6.0))
    check(lambda x: x * options.__dict__["scale"], lambda: setattr(options, "scale", 7.0))
    space = SimpleNamespace()
    check(lambda x: x * getattr(space, "shift", 2.0), lambda: setattr(space, "shift", 5.0))

    def with_global(x):
        return x * LATER if "LATER" in globals() else x  # noqa: F821

    check(with_global, lambda: monkeypatch.setitem(globals(), "LATER", 5.0))


def test_arrays():
    array = np.full(1, 2.0, "f")
    check(lambda x: x * float(array[0]), lambda: array.__setitem__(0, 5.0))

    def read(x):
        return x * gradc.tensor(array) + array * gradc.from_numpy(array)

    compiled = gradc.compile(read)
    for value in (2.0, 3.0):  # where it lies: nothing is compiled anew
        array[0] = value
        assert compiled(gradc.ones(1)).item() == value + value**2
    assert count(compiled) == 1


def test_attributes_of_the_same_name_elsewhere_are_not_read():
    class Loop:
        def __init__(self):
            self.model = nn.Linear(1, 1)
            self.optimizer = gradc.optim.SGD(self.model.parameters(), lr=0.1)
            self.step = self.loss = 0

        def update(self, x):
            self.optimizer.zero_grad()
            loss = self.model(x).sum()
            loss.backward()
            self.optimizer.step()
            return loss

    loop = Loop()
    compiled = gradc.compile(loop.update)
    for _ in range(3):
        loop.loss = compiled(gradc.ones(1, 1)).item()
        loop.step += 1
    assert count(compiled) == 1


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


def test_hooks_of_modules_and_functions_given_to_layers():
    options = Options()
    hooked = nn.Linear(1, 1)
    hooked.register_forward_hook(lambda module, args, output: output * options.scale)
    check(hooked, lambda: setattr(options, "scale", 5.0))
    layer = nn.TransformerEncoderLayer(2, 1, 4, 0.0, lambda x: x * options.scale).eval()
    compiled = gradc.compile(layer)
    x = gradc.tensor([[[1.0, 2.0], [3.0, 0.0]]])
    for options.scale in (2.0, -7.0):
        with gradc.no_grad():
            np.testing.assert_allclose(compiled(x).numpy(), layer(x).numpy(), rtol=1e-5)


def test_code_and_default_arguments_that_are_replaced():
    def inner(x, scale=2.0, *, shift=0.0):
        return x * scale + shift

    def other(x, scale=2.0, *, shift=0.0):
        return x * scale - 9.0

    def replace(name, value):
        setattr(inner, name, value)
        nn.ReLU()  # any change that is counted: replaced code itself is not

    check(lambda x: inner(x), lambda: replace("__defaults__", (5.0,)))
    check(lambda x: inner(x), lambda: inner.__kwdefaults__.update(shift=1.0))
    check(inner, lambda: replace("__kwdefaults__", {"shift": 2.0}))
    check(inner, lambda: replace("__code__", other.__code__))


def test_what_a_metaclass_has():
    class Registry(type):
        factor = 2.0

        @property
        def scale(cls):
            return cls.factor

    class Settings(metaclass=Registry):
        pass

    check(lambda x: x * Settings.scale, lambda: setattr(Registry, "factor", 5.0))


def test_attributes_that_users_put_on_modules():
    class Gained(nn.Linear):
        def __init__(self):
            super().__init__(1, 1)
            self.gain, self.unread = 2.0, 0

        def forward(self, x):
            return super().forward(x) * self.gain

    class ByTable(nn.Module):
        def __init__(self):
            super().__init__()
            self.gain = 2.0

        def forward(self, x):
            return x * self.__dict__["gain"]

    layer = nn.Linear(1, 1)
    layer.gain = 2.0
    check(lambda x: layer(x) * layer.gain, lambda: setattr(layer, "gain", 5.0))
    outside = nn.Linear(1, 1)
    outside.gain = 2.0  # never called
    check(lambda x: x * outside.gain, lambda: setattr(outside, "gain", 5.0))
    for model in (Gained(), ByTable()):
        check(model, lambda model=model: setattr(model, "gain", 5.0))
    gained = gradc.compile(Gained())
    for gained.function.unread in range(3):
        gained(gradc.ones(1))
    assert count(gained) == 1


def test_names_that_are_computed_can_be_any_of_a_module():
    class Chosen(nn.Module):
        def __init__(self):
            super().__init__()
            self.mode, self.scale_1, self.gain = "fast", 2.0, 3.0

        def forward(self, x):
            return getattr(self, "run_" + self.mode)(x) * getattr(self, f"scale_{x.ndim}")

        def run_fast(self, x):
            return x * self.gain

    model = Chosen()
    check(model, lambda: setattr(model, "scale_1", 5.0))
    check(model, lambda: setattr(model, "gain", 5.0))
