"""Recurrent layers and cells against PyTorch: text, outputs, gradients, training steps, errors."""

import warnings

import numpy as np
import pytest

import gradc
from gradc import nn, optim
from gradc.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported:UserWarning")

LAYERS = {
    "RNN": lambda nn: nn.RNN(4, 5),
    "RNN relu": lambda nn: nn.RNN(4, 5, nonlinearity="relu"),
    "RNN deep": lambda nn: nn.RNN(4, 5, 3, bias=False, batch_first=True),
    "GRU": lambda nn: nn.GRU(4, 5),
    "GRU without bias": lambda nn: nn.GRU(4, 5, bias=False),
    "GRU deep, both ways": lambda nn: nn.GRU(4, 5, 2, bidirectional=True, batch_first=True),
    "LSTM": lambda nn: nn.LSTM(4, 5),
    "LSTM deep, both ways": lambda nn: nn.LSTM(4, 5, num_layers=2, bidirectional=True),
    "LSTM projected": lambda nn: nn.LSTM(4, 5, num_layers=2, proj_size=3, batch_first=True),
    "LSTM with dropout": lambda nn: nn.LSTM(4, 5, 2, dropout=0.3).eval(),
}
CELLS = {
    "RNNCell": lambda nn: nn.RNNCell(4, 5),
    "RNNCell relu": lambda nn: nn.RNNCell(4, 5, nonlinearity="relu"),
    "GRUCell": lambda nn: nn.GRUCell(4, 5),
    "GRUCell without bias": lambda nn: nn.GRUCell(4, 5, bias=False),
    "LSTMCell": lambda nn: nn.LSTMCell(4, 5),
}


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache") / "gradc"))
        yield


def ours(tensor):
    return gradc.from_numpy(tensor.detach().numpy().copy())


def pair(make):
    torch.manual_seed(5)
    theirs, mine = make(torch.nn), make(nn)
    mine.load_state_dict({k: ours(v) for k, v in theirs.state_dict().items()})
    return mine, theirs


def tree(result):
    """Return all tensors of nested tuples, in order."""
    return [x for part in result for x in tree(part)] if isinstance(result, tuple) else [result]


def states(layer, rows, batch):
    """Return initial states, as tuples of arrays."""
    rng = np.random.default_rng(1)
    sizes = [layer.hidden_size]
    if layer._get_name().startswith("LSTM"):
        sizes.insert(0, getattr(layer, "proj_size", 0) or layer.hidden_size)
    shape = [rows, batch] if rows else [batch]
    return tuple(
        rng.standard_normal([*(n for n in shape if n), size]).astype("f") for size in sizes
    )


def compare(make, shape, state=None, function=lambda module: module):
    """Compare results and all gradients for one input shape."""
    mine, theirs = pair(make)
    x = np.random.default_rng(0).standard_normal(shape).astype("f")
    a = torch.tensor(x, requires_grad=True)
    b = gradc.tensor(x, requires_grad=True)
    their_state = tuple(torch.tensor(s, requires_grad=True) for s in state or ())
    my_state = tuple(gradc.tensor(s, requires_grad=True) for s in state or ())
    more = [] if state is None else [their_state[0] if len(their_state) == 1 else their_state]
    expected = tree(theirs(a, *more))
    more = [] if state is None else [my_state[0] if len(my_state) == 1 else my_state]

    def run(b, *more):
        got = tree(mine(b, *more))
        loss = sum(((i + 1) * t.sin()).sum() for i, t in enumerate(got))
        loss.backward()
        return [t.detach() for t in got]

    got = function(run)(b, *more)
    sum(((i + 1) * t.sin()).sum() for i, t in enumerate(expected)).backward()
    for g, e in zip(got, expected, strict=True):
        np.testing.assert_allclose(g.numpy(), e.detach().numpy(), rtol=2e-5, atol=2e-6)
    pairs = [(b, a), *zip(my_state, their_state, strict=True)]
    pairs += zip(mine.parameters(), theirs.parameters(), strict=True)
    for g, e in pairs:
        np.testing.assert_allclose(g.grad.numpy(), e.grad.numpy(), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("case", [*LAYERS, *CELLS])
def test_text_and_state_dict(case):
    mine, theirs = pair((LAYERS | CELLS)[case])
    assert repr(mine) == repr(theirs)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    if case in LAYERS:
        assert [len(w) for w in mine.all_weights] == [len(w) for w in theirs.all_weights]
    bound = 1 / np.sqrt(5)
    fresh = (LAYERS | CELLS)[case](nn)
    assert all(float(p.abs().max()) <= bound for p in fresh.parameters())


@pytest.mark.parametrize("case", LAYERS)
def test_layers(case):
    make = LAYERS[case]
    layer = make(nn)
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    compare(make, (6, 3, 4))
    compare(make, (6, 4))
    compare(make, (6, 3, 4), states(layer, rows, 6 if layer.batch_first else 3))
    compare(make, (6, 4), states(layer, rows, 0))


@pytest.mark.parametrize("case", CELLS)
def test_cells(case):
    make = CELLS[case]
    compare(make, (3, 4))
    compare(make, (4,))
    compare(make, (3, 4), states(make(nn), 0, 3))
    compare(make, (4,), states(make(nn), 0, 0))


@pytest.mark.parametrize("case", ["RNN deep", "GRU deep, both ways", "LSTM projected"])
def test_compiled(case):
    layer = LAYERS[case](nn)
    rows = layer.num_layers * (2 if layer.bidirectional else 1)
    given = states(layer, rows, 3)
    compare(LAYERS[case], (3, 3, 4), given, lambda run: gradc.compile(run))


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize("compiled", [False, True])
def test_ten_training_steps(kind, compiled):
    class Tagger:
        def __init__(self, library):
            self.body = getattr(library, kind)(4, 6)
            self.head = library.Linear(6, 3)

    (mine, my_head), (theirs, their_head) = [
        (t.body, t.head) for t in (Tagger(nn), Tagger(torch.nn))
    ]
    for a, b in ((mine, theirs), (my_head, their_head)):
        a.load_state_dict({k: ours(v) for k, v in b.state_dict().items()})
    my_parameters = [*mine.parameters(), *my_head.parameters()]
    their_parameters = [*theirs.parameters(), *their_head.parameters()]
    my_adam = optim.Adam(my_parameters, lr=0.02)
    their_adam = torch.optim.Adam(their_parameters, lr=0.02)

    def step(x, y):
        my_adam.zero_grad()
        output, _ = mine(x)
        loss = nn.functional.cross_entropy(my_head(output[-1]), y)
        loss.backward()
        my_adam.step()
        return loss

    run = gradc.compile(step, on_recompile="error") if compiled else step
    rng = np.random.default_rng(2)
    for _ in range(10):
        x, y = rng.standard_normal((5, 8, 4)).astype("f"), rng.integers(0, 3, 8)
        their_adam.zero_grad()
        output, _ = theirs(torch.tensor(x))
        expected = torch.nn.functional.cross_entropy(their_head(output[-1]), torch.tensor(y))
        expected.backward()
        their_adam.step()
        loss = run(gradc.tensor(x), gradc.tensor(y))
        np.testing.assert_allclose(loss.item(), expected.item(), rtol=3e-5)
    for p, q in zip(my_parameters, their_parameters, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-3, atol=1e-4)


def test_dropout_stands_between_layers_only():
    gradc.manual_seed(0)
    one, two = nn.GRU(4, 64, dropout=0.0), nn.GRU(4, 64, 2, dropout=0.5)
    x = gradc.randn(3, 2, 4)
    assert np.array_equal(one(x)[0].detach().numpy(), one(x)[0].detach().numpy())
    first, second = two(x)[1].detach().numpy(), two(x)[1].detach().numpy()
    assert np.array_equal(first[0], second[0])
    assert not np.array_equal(first[1], second[1])
    two.eval()
    assert np.array_equal(two(x)[0].detach().numpy(), two(x)[0].detach().numpy())


def test_dropout_of_one_layer_warns():
    with pytest.warns(UserWarning, match="num_layers greater than 1, but got dropout=0.5"):
        nn.GRU(4, 5, dropout=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nn.GRU(4, 5, 2, dropout=0.5)


gru, lstm, cell = nn.GRU(4, 5), nn.LSTM(4, 5), nn.GRUCell(4, 5)
MESSAGES = [
    (lambda: nn.GRU(4, 0), ArgumentError, "GRU: hidden_size must be greater than zero"),
    (lambda: nn.RNN(4, 5, 0), ArgumentError, "RNN: num_layers must be greater than zero"),
    (
        lambda: nn.GRU(4.0, 5),
        ArgumentTypeError,
        "GRU: input_size should be of type int, got: float",
    ),
    (
        lambda: nn.LSTM(4, 5, 2, dropout=1.5),
        ArgumentError,
        "LSTM: dropout should be a number in range [0, 1] representing the probability of an "
        "element being zeroed",
    ),
    (
        lambda: nn.LSTM(4, 5, proj_size=5),
        ArgumentError,
        "LSTM: proj_size has to be smaller than hidden_size",
    ),
    (
        lambda: nn.RNN(4, 5, nonlinearity="sin"),
        ArgumentError,
        "RNN: Unknown nonlinearity 'sin'. Select from 'tanh' or 'relu'.",
    ),
    (
        lambda: nn.RNNCell(4, 5, nonlinearity="sin"),
        ArgumentError,
        "RNNCell: Unknown nonlinearity 'sin'. Select from 'tanh' or 'relu'.",
    ),
    (
        lambda: gru(gradc.zeros(2, 3, 6)),
        ShapeError,
        "GRU: input.size(-1) must be equal to input_size. Expected 4, got 6",
    ),
    (
        lambda: gru(gradc.zeros(4)),
        ShapeError,
        "GRU: Expected input to be 2D or 3D, got 1D instead",
    ),
    (
        lambda: gru(gradc.zeros(2, 3, 4), gradc.zeros(1, 2, 5)),
        ShapeError,
        "GRU: Expected hidden size (1, 3, 5), got [1, 2, 5]",
    ),
    (
        lambda: gru(gradc.zeros(2, 4), gradc.zeros(1, 2, 5)),
        ShapeError,
        "GRU: For unbatched 2-D input, hx should also be 2-D but got 3-D tensor",
    ),
    (
        lambda: gru(gradc.zeros(0, 3, 4)),
        ShapeError,
        "GRU: Expected sequence length to be larger than 0",
    ),
    (
        lambda: gru(gradc.zeros(2, 3, 4, dtype=gradc.float64)),
        DTypeError,
        "GRU: input dtype (float64) does not match weight dtype (float32)",
    ),
    (
        lambda: gru(gradc.zeros(2, 3, 4), gradc.zeros(1, 3, 5, dtype=gradc.float64)),
        DTypeError,
        "GRU: hidden is float64, the weights are float32",
    ),
    (lambda: gru([1.0]), ArgumentTypeError, "GRU: input must be a Tensor, got list"),
    (
        lambda: lstm(gradc.zeros(2, 3, 4), gradc.zeros(1, 3, 5)),
        ArgumentTypeError,
        "LSTM: hx must be a tuple (h_0, c_0) of Tensors",
    ),
    (
        lambda: lstm(gradc.zeros(2, 3, 4), (gradc.zeros(1, 3, 5), gradc.zeros(1, 3, 4))),
        ShapeError,
        "LSTM: Expected hidden[1] size (1, 3, 5), got [1, 3, 4]",
    ),
    (
        lambda: lstm(gradc.zeros(2, 4), (gradc.zeros(1, 3, 5), gradc.zeros(1, 3, 5))),
        ShapeError,
        "LSTM: For unbatched 2-D input, hx and cx should also be 2-D but got (3-D, 3-D) tensors",
    ),
    (
        lambda: cell(gradc.zeros(2, 3, 4)),
        ShapeError,
        "GRUCell: Expected input to be 1D or 2D, got 3D instead",
    ),
    (
        lambda: cell(gradc.zeros(2, 3)),
        ShapeError,
        "GRUCell: input has inconsistent input_size: got 3 expected 4",
    ),
    (
        lambda: cell(gradc.zeros(2, 4), gradc.zeros(3, 5)),
        ShapeError,
        "GRUCell: Input batch size 2 doesn't match hidden0 batch size 3",
    ),
    (
        lambda: cell(gradc.zeros(2, 4), gradc.zeros(2, 4)),
        ShapeError,
        "GRUCell: hidden0 has inconsistent hidden_size: got 4, expected 5",
    ),
    (
        lambda: nn.LSTMCell(4, 5)(gradc.zeros(4), gradc.zeros(5)),
        ArgumentTypeError,
        "LSTMCell: hx must be a tuple (h_0, c_0) of Tensors",
    ),
]


@pytest.mark.parametrize(("call", "kind", "message"), MESSAGES, ids=[m[2][:60] for m in MESSAGES])
def test_messages(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.message == message
