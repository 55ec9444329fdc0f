"""Arrays of a kernel that share memory: the compiler is told, so that it keeps the order."""

import pytest

from gradc.emit.arguments import arguments
from gradc.emit.cpu import emit
from gradc.ir.builder import GraphBuilder
from gradc.ir.dtype import float32
from gradc.ir.graph import TensorType
from gradc.passes.pipeline import optimise
from gradc.schedule.arena import Place
from gradc.schedule.make import schedule
from gradc.schedule.nest import Nest


def plan():
    b = GraphBuilder("double")
    x = b.input(TensorType((8,), float32), "x")
    y = b.op("add", x, x)
    return schedule(optimise(b.finish((y,))))


@pytest.mark.parametrize(
    ("place", "overlap"),
    [
        (Place(2, 0), False),
        (Place(3, 32), False),
        (Place(3, 28), True),
        (Place(3, 4), True),
        (Place(4, 0), False),
    ],
)
def test_overlap(place, overlap):
    made = plan()
    (kernel,) = made.kernels
    assert isinstance(kernel.work, Nest)
    places = dict.fromkeys(kernel.values, place) | {kernel.reads[0]: Place(3)}
    assert arguments(kernel.work, places).overlap is overlap


def test_one_array_in_place_is_no_overlap():
    (kernel,) = plan().kernels
    places = dict.fromkeys((*kernel.values, *kernel.reads), Place(3))
    found = arguments(kernel.work, places)
    assert len(found.arrays) == 1
    assert not found.overlap


def test_the_text_says_so():
    made = plan()
    (kernel,) = made.kernels
    (new,) = kernel.values
    made.memory.places[new] = Place(3, 4)
    assert '@kernel("f32[:], f32[:]", overlap=True)' in emit(made).source
    assert "overlap" not in emit(plan()).source
