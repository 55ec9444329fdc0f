"""Decoders and whole transformers against PyTorch: results, gradients, compiled too."""

import numpy as np
import pytest

import gradc
from gradc import nn
from gradc.errors import ArgumentError, ArgumentTypeError, ShapeError

torch = pytest.importorskip("torch")

SOURCE, TARGET, BATCH, WIDTH = 5, 4, 3, 8
CAUSAL = torch.ones(TARGET, TARGET, dtype=torch.bool).triu(1)
PADDED = torch.zeros(BATCH, SOURCE, dtype=torch.bool)
PADDED[1, 3:] = True
CASES = {
    "norm last": ({}, {}),
    "norm first": (
        {"norm_first": True, "batch_first": True, "activation": "gelu"}, {"tgt_mask": CAUSAL},
    ),
    "without bias": (
        {"bias": False, "batch_first": True},
        {"tgt_mask": CAUSAL, "tgt_is_causal": True, "memory_key_padding_mask": PADDED},
    ),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache") / "gradc"))
        yield


def ours(tensor):
    return gradc.from_numpy(tensor.detach().numpy().copy())


def pair(make):
    torch.manual_seed(0)
    theirs, mine = make(torch.nn), make(nn)
    with torch.no_grad():
        for p in theirs.parameters():
            p += 0.1 * torch.randn(p.shape)
    assert repr(mine) == repr(theirs)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    mine.load_state_dict({k: ours(v) for k, v in theirs.state_dict().items()})
    return mine, theirs


def compare(mine, theirs, inputs, options, *, compiled):
    """Check the output, and the gradients of inputs and parameters."""
    xs = [x.clone().requires_grad_() for x in inputs]
    ys = [ours(x).requires_grad_() for x in inputs]
    expected = theirs(*xs, **options)
    expected.square().sum().backward()
    given = {k: ours(v) if isinstance(v, torch.Tensor) else v for k, v in options.items()}

    def run(*ys):
        out = mine(*ys, **given)
        out.square().sum().backward()
        return out.detach()

    got = (gradc.compile(run) if compiled else run)(*ys)
    np.testing.assert_allclose(got.numpy(), expected.detach().numpy(), rtol=5e-5, atol=1e-5)
    for y, x in zip(ys, xs, strict=True):
        np.testing.assert_allclose(y.grad.numpy(), x.grad.numpy(), rtol=5e-4, atol=5e-5)
    for (name, t), m in zip(theirs.named_parameters(), mine.parameters(), strict=True):
        np.testing.assert_allclose(
            m.grad.numpy(), t.grad.numpy(), rtol=1e-3, atol=1e-4, err_msg=name
        )


def sample(made, *lengths):
    torch.manual_seed(1)
    first = made.get("batch_first")
    return [torch.randn((BATCH, n, WIDTH) if first else (n, BATCH, WIDTH)) for n in lengths]


@pytest.mark.parametrize("case", CASES)
def test_decoder(case):
    made, options = CASES[case]

    def make(library):
        layer = library.TransformerDecoderLayer(
            WIDTH, 2, **{"dim_feedforward": 12, "dropout": 0.0, **made}
        )
        return library.TransformerDecoder(layer, 2, library.LayerNorm(WIDTH))

    mine, theirs = pair(make)
    compare(mine, theirs, sample(made, TARGET, SOURCE), options, compiled=False)


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_transformer(compiled):
    made = {"batch_first": True}

    def make(library):
        return library.Transformer(WIDTH, 2, 1, 1, 12, 0.0, **made)

    mine, theirs = pair(make)
    options = {"tgt_mask": torch.nn.Transformer.generate_square_subsequent_mask(TARGET)}
    compare(mine, theirs, sample(made, SOURCE, TARGET), options, compiled=compiled)


def test_causal_mask():
    expected = torch.nn.Transformer.generate_square_subsequent_mask(3)
    got = nn.Transformer.generate_square_subsequent_mask(3)
    assert got.dtype is gradc.float32
    np.testing.assert_array_equal(got.numpy(), expected.numpy())


def test_custom_parts():
    model = nn.Transformer(4, 1, custom_encoder=nn.Identity(), custom_decoder=nn.Identity())
    assert list(model.state_dict()) == []


ERRORS = [
    (
        lambda: nn.TransformerDecoderLayer(8, 2, activation="tanh"),
        ArgumentError,
        "TransformerDecoderLayer: activation should be relu/gelu, not 'tanh'",
    ),
    (
        lambda: nn.TransformerDecoder("layer", 2),
        ArgumentTypeError,
        "TransformerDecoder: decoder_layer must be a Module, got str",
    ),
    (
        lambda: nn.Transformer(4, 1, 1, 1, 4)(gradc.zeros(2, 3, 4), gradc.zeros(2, 2, 4)),
        ShapeError,
        "Transformer: src and tgt must have one batch size, got [2, 3, 4] and [2, 2, 4]",
    ),
    (
        lambda: nn.Transformer(4, 1, 1, 1, 4)(gradc.zeros(2, 3, 4), gradc.zeros(2, 3, 5)),
        ShapeError,
        "Transformer: src and tgt must have d_model=4 features, got [2, 3, 4] and [2, 3, 5]",
    ),
]


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_message(case):
    call, kind, message = ERRORS[case]
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.message == message
