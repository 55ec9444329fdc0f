"""Compiled functions on an emulated device compute what they compute on the CPU."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import gradc
from gradc import nn
from gradc.compiler import cuda_eager, cuda_program
from gradc.devices.array import DeviceArray, upload
from gradc.devices.driver import driver
from gradc.devices.eager import set_eager
from gradc.errors import DeviceError, OutOfMemoryError, TraceError

ON_REAL_DEVICES = True
F = nn.functional
STEPS = 10
rng = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def kernels(emulated):
    set_eager(cuda_eager.run)  # the fixture around this one sets another afterwards


@pytest.fixture
def only_emulated(where):
    if where != "emulated":
        pytest.skip("on an emulated device only")


def tensor(array, device):
    return gradc.from_numpy(np.asarray(array)).to(device)


def perceptron():
    return nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 5))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1, bias=False),  # the next layer takes it away
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(4 * 16, 5),
        )

    def forward(self, x):
        return self.body(x)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.head = nn.GRU(6, 8, batch_first=True), nn.Linear(8, 5)

    def forward(self, x):
        _, last = self.gru(x)
        return self.head(last[0])


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(11, 16)
        self.block = nn.TransformerEncoderLayer(
            16, 2, 32, dropout=0.0, activation="gelu", batch_first=True
        )
        self.head = nn.Linear(16, 5)

    def forward(self, text):
        return self.head(self.block(self.tokens(text)).mean(1))


MODELS = {
    "mlp": (perceptron, rng.standard_normal((16, 20)).astype("f")),
    "cnn": (Net, rng.standard_normal((4, 1, 8, 8)).astype("f")),
    "gru": (Recurrent, rng.standard_normal((4, 7, 6)).astype("f")),
    "transformer": (Transformer, rng.integers(0, 11, (4, 6))),
}


def train(name, device, optimizer="Adam", steps=STEPS):
    """Return losses, parameters and the compiled step after some steps with a scheduler."""
    make, inputs = MODELS[name]
    gradc.manual_seed(0)
    model = make()
    model.to(device)
    gradc.manual_seed(7)  # each device has a generator of its own
    opt = getattr(gradc.optim, optimizer)(model.parameters(), lr=1e-2)
    scheduler = gradc.optim.lr_scheduler.ExponentialLR(opt, 0.9)
    labels = np.random.default_rng(1).integers(0, 5, len(inputs))

    @gradc.compile(on_recompile="error")
    def train_step(x, y):
        opt.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss

    losses = []
    for i in range(steps):
        noise = np.roll(inputs, i, 0)  # another batch each time
        losses.append(train_step(tensor(noise, device), tensor(np.roll(labels, i), device)))
        scheduler.step()
    state = {k: v.cpu().numpy() for k, v in model.state_dict().items()}
    return [loss.item() for loss in losses], state, train_step


def only(compiled):
    """Return the one program of a compiled function."""
    (program,) = (p for known in compiled.programs.values() for p in known)
    return program


@pytest.mark.parametrize("name", MODELS)
def test_training_is_that_of_the_cpu(name):
    # Adam magnifies the rounding of gradients that are zero: those of the keys' bias
    optimizer = "SGD" if name == "transformer" else "Adam"
    expected, state, _ = train(name, "cpu", optimizer)
    losses, found, step = train(name, "cuda", optimizer)
    assert losses == pytest.approx(expected, rel=1e-4)
    for key, value in state.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-3, atol=1e-5, err_msg=key)
    # one program; its graph is captured once, although batches and learning rates changed
    assert only(step).code.captures == 1


def test_memory_is_constant_and_given_back():
    _, _, step = train("mlp", "cuda", steps=3)
    device = driver()
    x, y = tensor(MODELS["mlp"][1], "cuda"), tensor(np.zeros(16, np.int64), "cuda")
    step(x, y)
    live, made = device.statistics.live, device.statistics.made
    for _ in range(5):
        step(x, y)
    assert device.statistics.live == live
    assert device.statistics.made == made + 5  # the losses
    needs = only(step).needs
    assert needs.temporaries == only(step).code.arena.nbytes > 0
    assert needs.arguments == x.numel() * 4 + y.numel() * 8
    assert str(needs).endswith(" KiB")


def test_state_stays_where_it_is_and_views_see_changes():
    w = gradc.ones(4, device="cuda", requires_grad=True)
    first = w.detach()[1:3]

    @gradc.compile
    def step():
        with gradc.no_grad():
            w.mul_(2.0)
        return w.sum()

    totals = [step() for _ in range(3)]
    assert [t.item() for t in totals] == [8.0, 16.0, 32.0]
    assert first.tolist() == [8.0, 8.0]
    with gradc.no_grad():
        w.fill_(1.0)  # eager changes are new memory, which the next call brings home
    assert first.tolist() == [1.0, 1.0]
    assert step().item() == 8.0
    assert w.tolist() == [2.0] * 4
    assert only(step).code.captures == 1


def test_state_that_another_library_knows_stays_in_its_memory():
    w = gradc.zeros(4, device="cuda")

    @gradc.compile
    def step():
        w.add_(1.0)

    step()
    for offset in (0, 4):
        whole = upload(np.zeros(5, np.float32))
        whole.memory.lent = True
        w._storage.content = DeviceArray(whole.memory, (4,), whole.dtype, offset)
        for i in range(1, 4):
            step()
            assert w.tolist() == [float(i)] * 4
        known = whole.numpy()[offset // 4 :][:4]
        np.testing.assert_array_equal(known, np.full(4, 3.0, "f"))


def test_two_programs_share_the_state():
    w = gradc.zeros(3, device="cuda")

    @gradc.compile
    def add():
        w.add_(1.0)
        return w.sum()

    @gradc.compile
    def double():
        w.mul_(2.0)
        return w.sum()

    found = [(add().item(), double().item()) for _ in range(4)]
    assert found == [(3.0, 6.0), (9.0, 18.0), (21.0, 42.0), (45.0, 90.0)]


def test_a_backward_pass_flows_through_compiled_functions():
    def run(device):
        gradc.manual_seed(1)
        model = nn.Linear(6, 3)
        model.to(device)
        forward = gradc.compile(lambda x: gradc.tanh(model(x)))
        x = tensor(MODELS["gru"][1][:, 0], device).requires_grad_()
        grads = []
        for _ in range(4):
            model.zero_grad()
            x.grad = None
            (forward(x) ** 2).sum().backward()
            grads.append([g.cpu().numpy() for g in (x.grad, model.weight.grad, model.bias.grad)])
        return grads

    for mine, expected in zip(run("cuda"), run("cpu"), strict=True):
        for a, b in zip(mine, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_gradients_accumulate_and_are_fresh():
    def run(device):
        w = gradc.ones(3, device=device, requires_grad=True)

        @gradc.compile
        def step(x):
            loss = (w * x).sum()
            loss.backward()
            return loss

        seen = []
        for i in range(6):
            if i == 3:
                w.grad = None
            step(tensor(np.full(3, i + 1, "f"), device))
            seen.append(w.grad.tolist())
        return seen

    assert run("cuda") == run("cpu")


def test_gradients_that_somebody_holds_are_not_overwritten():
    w = gradc.ones(3, device="cuda", requires_grad=True)

    @gradc.compile
    def step(x):
        w.grad = None
        (w * x).sum().backward()

    held = []
    for i in range(5):
        step(tensor(np.full(3, i, "f"), "cuda"))
        held.append(w.grad if i % 2 else w.grad.detach()[:2])
    assert [h.tolist()[:2] for h in held] == [[float(i)] * 2 for i in range(5)]


def test_arguments_that_are_changed():
    @gradc.compile
    def fill(x):
        x.add_(1.0)
        return x * 2

    base = gradc.zeros(3, 4, device="cuda")
    assert fill(base).sum().item() == 24.0
    for _ in range(3):
        fill(base)
    assert base.tolist() == [[4.0] * 4] * 3
    rows = base[1:]
    fill(rows)
    assert base[:, 0].tolist() == [4.0, 5.0, 5.0]


def test_shared_memory_is_refused():
    w = gradc.zeros(4, device="cuda")

    @gradc.compile
    def step(x):
        w.add_(x)

    with pytest.raises(TraceError, match="argument x shares memory with a tensor that the"):
        step(w)

    @gradc.compile
    def both(x, y):
        x.add_(y)

    with pytest.raises(TraceError, match="arguments x and y share memory"):
        both(w, w.detach())


def test_large_arguments_and_results_are_used_where_they_lie(monkeypatch):
    from gradc.compiler import cuda_bind

    monkeypatch.setattr(cuda_bind, "COPIED_ARGUMENT", 16)
    monkeypatch.setattr(cuda_bind, "COPIED_RESULT", 16)

    @gradc.compile
    def double(x):
        return x * 2

    x, y = (tensor(np.arange(8, dtype="f") + i, "cuda") for i in range(2))
    for _ in range(6):
        assert double(x).tolist() == (2 * np.arange(8)).tolist()
    code = only(double).code
    assert 1 <= code.captures <= 3  # one for each memory of the result
    held = [double(t) for t in (x, y) * 6]
    assert [h[0].item() for h in held] == [0.0, 2.0] * 6
    assert len(code.graphs) <= 8


def test_an_argument_that_lies_where_it_lay_is_not_copied(monkeypatch):
    monkeypatch.setattr(cuda_program, "COPIED_ALWAYS", 16)
    total = gradc.compile(lambda x: x.sum())
    x, y = (tensor(np.full(8, i, "f"), "cuda") for i in (1, 2))
    assert [total(t).item() for t in (x, x, x, x, y, x, y, y, y, x)] == [
        8.0, 8.0, 8.0, 8.0, 16.0, 8.0, 16.0, 16.0, 16.0, 8.0,
    ]  # fmt: skip
    addresses = {key[2] for key in only(total).code.met}
    assert len(addresses) == 3  # x's, y's, the program's
    with gradc.no_grad():
        x.fill_(5.0)
    assert total(x).item() == 40.0


def test_numbers_on_the_cpu_mix():
    scale = gradc.tensor(3.0)

    @gradc.compile
    def scaled(x, y):
        return x * scale + y

    x = gradc.ones(2, device="cuda")
    assert scaled(x, gradc.tensor(1.0)).tolist() == [4.0, 4.0]
    scale.fill_(5.0)
    assert scaled(x, gradc.tensor(2.0)).tolist() == [7.0, 7.0]


def test_two_threads():
    @gradc.compile
    def step(x):
        return (x * x).sum()

    inputs = [tensor(np.full(1000, i, "f"), "cuda") for i in range(4)]
    found = {}

    def work(i):
        found[i] = [step(inputs[i]).item() for _ in range(20)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert found == {i: [1000.0 * i * i] * 20 for i in range(4)}


def test_another_stream_has_a_graph_of_its_own():
    @gradc.compile
    def step(x):
        return x + 1

    x, device = gradc.zeros(3, device="cuda"), driver()
    for _ in range(3):
        step(x)
    device.use_stream(device.new_stream())
    try:
        for _ in range(3):
            assert step(x).tolist() == [1.0] * 3
    finally:
        device.use_stream(0)
    assert only(step).code.captures == 2


def test_precision_is_part_of_what_is_captured():
    w = gradc.ones(4, 4, device="cuda")
    product = gradc.compile(lambda x: x @ w)
    x = gradc.ones(2, 4, device="cuda")
    for _ in range(3):
        product(x)
    gradc.set_float32_matmul_precision("high")
    try:
        for _ in range(3):
            assert product(x).tolist() == [[4.0] * 4] * 2
    finally:
        gradc.set_float32_matmul_precision("highest")
    assert only(product).code.captures == 2


def test_products_of_whole_numbers_have_a_kernel(monkeypatch):
    from gradc.compiler import cuda_products

    x = np.arange(12).reshape(3, 4)
    y = np.arange(20).reshape(4, 5)
    forms = {
        "matmul": (x, y),
        "t_matmul": (x.T.copy(), y),
        "matmul_t": (x, y.T.copy()),
        "t_matmul_t": (x.T.copy(), y.T.copy()),
    }
    fallback = cuda_products.Fallback(driver())
    for name, (a, b) in forms.items():
        for batch in (0, 2):
            lead = (batch,) if batch else ()
            left, right = (np.broadcast_to(z, (*lead, *z.shape)) for z in (a, b))
            arrays = [upload(z) for z in (left, right, np.zeros((*lead, 3, 5), np.int64))]
            views = [cuda_products.View(z.address, "i64", z.shape) for z in arrays]
            fallback.run(f"batch_{name}" if batch else name, *views)
            np.testing.assert_array_equal(arrays[2].numpy(), np.broadcast_to(x @ y, (*lead, 3, 5)))


def test_empty_products():
    assert (gradc.ones(2, 0, device="cuda") @ gradc.ones(0, 3, device="cuda")).tolist() == [
        [0.0] * 3
    ] * 2
    product = gradc.compile(lambda x, y: x @ y)
    assert (
        product(gradc.ones(2, 0, device="cuda"), gradc.ones(0, 3, device="cuda")).tolist()
        == [[0.0] * 3] * 2
    )


def test_out_of_memory_says_what_the_arena_needs(monkeypatch, only_emulated):
    device = driver()
    # two products keep their operand: 4 MiB of temporaries
    chain = gradc.compile(lambda x, w: gradc.relu(x @ w) @ w)
    x, w = gradc.ones(1024, 512, device="cuda"), gradc.ones(512, 512, device="cuda")
    monkeypatch.setattr(device, "total", device.statistics.allocated + (1 << 20))
    with pytest.raises(OutOfMemoryError) as error:
        chain(x, w)
    text = str(error.value)
    assert "needs" in text
    assert "for temporaries on cuda:0; 1.00 MiB of" in text
    assert "try: a smaller batch, or del tensors that are not needed any more" in text
    monkeypatch.setattr(device, "total", 1 << 30)
    assert x.sum().item() == 1024 * 512  # nothing is lost


def test_devices_don_t_mix():
    w = gradc.ones(3)
    with pytest.raises(DeviceError, match="Expected all tensors to be on the same device"):
        gradc.compile(lambda x: x * w)(gradc.ones(3, device="cuda"))


def test_one_function_on_two_devices(only_emulated):
    double = gradc.compile(lambda x: x * 2)
    for device in ("cpu", "cuda", "cpu", "cuda:1", "cuda"):
        found = double(gradc.ones(2, device=device))
        assert str(found.device).startswith(device)
        assert found.tolist() == [2.0, 2.0]
    assert len(double.programs) == 3


def test_anomalies_are_found_before_anything_runs():
    root = gradc.compile(lambda x: gradc.sqrt(x) * 2)
    x = gradc.tensor([-1.0], device="cuda")
    with gradc.autograd.detect_anomaly(), pytest.raises(gradc.errors.AnomalyError, match="sqrt"):
        root(x)


def test_products_that_only_a_loop_has():
    def power(w, xs):
        return gradc.scan(lambda c, x: ((c @ w).tanh() + x, c), gradc.zeros_like(xs[0]), xs)[0]

    found = {}
    for device in ("cpu", "cuda"):
        w = gradc.linspace(-1, 1, 9, device=device).reshape(3, 3)
        xs = gradc.ones(4, 2, 3, device=device)
        found[device] = gradc.compile(power)(w, xs).cpu().numpy(), power(w, xs).cpu().numpy()
    for ours, theirs in zip(found["cuda"], found["cpu"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.interpolate(x, size=5),
        lambda x: F.interpolate(x, size=5, mode="linear"),
        lambda x: F.adaptive_max_pool1d(x, 3),
        lambda x: F.adaptive_max_pool1d(x, 3, return_indices=True)[1],
    ],
)
def test_places_that_are_known_before_are_numbers_of_the_program(function):
    x = rng.standard_normal((1, 2, 7)).astype("f")
    found = gradc.compile(function)(tensor(x, "cuda"))
    np.testing.assert_allclose(found.cpu().numpy(), function(tensor(x, "cpu")).numpy(), rtol=1e-6)
