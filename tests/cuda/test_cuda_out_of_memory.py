"""A compiled step that finds no memory, wherever that happens: nothing is lost, the next works."""

from __future__ import annotations

import gc
import re

import numpy as np
import pytest

import gradc
from gradc import nn
from gradc.devices import driver as drivers
from gradc.devices.emulated import EmulatedDriver
from gradc.devices.statistics import out_of_memory

rng = np.random.default_rng(0)
BATCHES = [
    (rng.standard_normal((n, 6), dtype=np.float32), rng.integers(0, 3, n)) for n in (8, 8, 8, 20, 8)
]


class Shortage:
    """Lets one allocation fail: the n-th from `begin` on."""

    def __init__(self, monkeypatch):
        self.left = -1
        allocate = EmulatedDriver.allocate

        def scarce(device, nbytes):
            self.left -= 1
            if self.left == -1:
                held = device.statistics.allocated
                raise out_of_memory(nbytes, device.index, *device.memory_info(), held)
            return allocate(device, nbytes)

        monkeypatch.setattr(EmulatedDriver, "allocate", scarce)

    def begin(self, which):
        self.left = which

    @property
    def met(self):
        return self.left < 0


class Training:
    """A model, its optimizer and its compiled step."""

    def __init__(self):
        gradc.manual_seed(0)
        self.model = nn.Sequential(
            nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 3)
        ).to("cuda")
        self.optimizer = gradc.optim.Adam(self.model.parameters(), lr=0.05)

        @gradc.compile
        def step(x, y):
            self.optimizer.zero_grad()
            out = self.model(x)
            loss = nn.functional.cross_entropy(out, y)
            loss.backward()
            self.optimizer.step()
            return loss, out

        self.step = step

    def __call__(self, i):
        x, y = (gradc.from_numpy(a).to("cuda") for a in BATCHES[i])
        return [t.detach().cpu().numpy().tobytes() for t in self.step(x, y)]

    def state(self):
        params = list(self.model.parameters())
        found = [*params, *self.model.buffers(), *(p.grad for p in params if p.grad is not None)]
        found += [v for p in params for v in self.optimizer.state[p].values()]
        found.append(gradc.cuda.get_rng_state())
        return [t.detach().cpu().numpy().tobytes() for t in found]


@pytest.fixture(scope="module")
def undisturbed():
    return {}


@pytest.mark.parametrize("call", [1, 2, 3])  # run kernel by kernel; captured; another batch size
def test_a_step_that_finds_no_memory_changes_nothing(monkeypatch, undisturbed, call):
    shortage = Shortage(monkeypatch)
    if not undisturbed:
        whole = Training()
        undisturbed["results"] = [whole(i) for i in range(len(BATCHES))]
        undisturbed["state"] = whole.state()
    for which in range(100):
        training = Training()
        results = [training(i) for i in range(call)]
        before = training.state()
        x, y = (gradc.from_numpy(a).to("cuda") for a in BATCHES[call])
        gc.collect()
        held = gradc.cuda.memory_allocated()
        shortage.begin(which)
        try:
            training.step(x, y)
        except gradc.cuda.OutOfMemoryError as error:
            message = str(error)
        else:
            assert not shortage.met
            assert which > 1
            return
        assert re.match(r"cuda: out of memory .*|compile: step needs .* for temporaries", message)
        assert training.state() == before
        if call == 3:  # the program of the other batch size gives back what it has
            gc.collect()
            assert gradc.cuda.memory_allocated() <= held
        results += [training(i) for i in range(call, len(BATCHES))]
        assert results == undisturbed["results"]
        assert training.state() == undisturbed["state"]
    raise AssertionError("a step asks for memory more than a hundred times")


def test_the_message_says_what_the_step_needs(monkeypatch):
    training = Training()
    training(0)
    device = drivers.driver()
    gc.collect()
    monkeypatch.setattr(device, "total", device.statistics.allocated + 300)
    with pytest.raises(gradc.cuda.OutOfMemoryError) as caught:
        training(0)
    assert re.fullmatch(
        r"cuda: out of memory on cuda:0: asked for \d+ B, \d+ B of [\d.]+ KiB are free, gradc "
        r"holds [\d.]+ KiB; step needs [\d.]+ KiB: temporaries [\d.]+ K?i?B, arguments 256 B, "
        r"state [\d.]+ KiB, results \d+ B\n(?:  at .*\n)?"
        r"  try: a smaller batch, or del tensors that are not needed any more",
        str(caught.value),
    )
