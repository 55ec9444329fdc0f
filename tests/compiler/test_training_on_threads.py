"""Training steps on one, two and three threads: the same parameters to the last bit."""

import threading

import numpy as np
import pytest

import gradc
from gradc import nn, optim


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache") / "gradc"))
        yield


@pytest.fixture(autouse=True)
def as_before():
    before = gradc.get_num_threads()
    yield
    gradc.set_num_threads(before)


def training(model, lr, shape, classes=10):
    optimizer = optim.Adam(model.parameters(), lr=lr)
    loss_fn = nn.CrossEntropyLoss()

    @gradc.compile
    def train_step(x, y):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    rng = np.random.default_rng(0)
    x = gradc.tensor(rng.standard_normal(shape).astype("f"))
    y = gradc.tensor(rng.integers(0, classes, shape[0]))
    return train_step, x, y


def mlp():
    gradc.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(60, 96), nn.ReLU(), nn.Dropout(0.2), nn.Linear(96, 128), nn.LayerNorm(128),
        nn.GELU(), nn.Linear(128, 10),
    )  # fmt: skip
    return model, *training(model, 1e-3, (96, 60))


def cnn():
    gradc.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(4), nn.Flatten(),
        nn.Linear(4 * 49, 10),
    )  # fmt: skip
    return model, *training(model, 1e-3, (24, 1, 16, 16))


class Recurrent(nn.Module):
    """The last state of a recurrent layer, mapped to classes."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.head = layer, nn.Linear(layer.hidden_size, 10)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


def gru():
    gradc.manual_seed(0)
    model = Recurrent(nn.GRU(12, 64, batch_first=True))
    return model, *training(model, 3e-3, (40, 7, 12))


class Attention(nn.Module):
    """One block of a transformer, and the mean over its places."""

    def __init__(self):
        super().__init__()
        self.block = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        return self.head(self.block(x).mean(1))


def attention():
    gradc.manual_seed(0)
    model = Attention()
    return model, *training(model, 3e-3, (16, 12, 32))


@pytest.mark.parametrize("make", [mlp, cnn, gru, attention])
def test_a_hundred_steps_are_the_same_on_any_number_of_threads(make):
    runs = []
    for count in (1, 2, 3):
        gradc.set_num_threads(count)
        model, step, x, y = make()
        gradc.manual_seed(1)
        losses = [step(x, y).item() for _ in range(100)]
        state = [v.numpy().tobytes() for v in model.state_dict().values()]
        runs.append((losses, state))
    assert "(buffers, team)" in step.source
    assert make is not gru or "t, team)" in step.source
    assert losses[-1] < losses[0] / 2
    assert runs[1] == runs[0]
    assert runs[2] == runs[0]


def test_two_python_threads_train_two_models_at_once():
    gradc.set_num_threads(2)
    models, found = [mlp() for _ in range(3)], {}

    def work(i):
        model, step, x, y = models[i]
        model.eval()  # no dropout: its numbers come from one generator for all threads
        found[i] = [step(x, y).item() for _ in range(60)]

    work(2)
    workers = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert not any(worker.is_alive() for worker in workers)
    assert found[0] == found[1] == found[2]


def test_small_programs_run_on_one_thread():
    model = nn.Linear(4, 3)
    step, x, y = training(model, 0.1, (8, 4), 3)
    step(x, y)
    assert "team" not in step.source
    assert not step._latest().native.shared
