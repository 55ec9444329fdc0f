"""Transformer blocks against PyTorch: results, gradients, ten steps of training."""

import numpy as np
import pytest

import gradc
import gradc.nn.functional as F
from gradc import nn, optim
from gradc.errors import ArgumentError

torch = pytest.importorskip("torch")

LENGTH, BATCH, WIDTH = 6, 3, 8
CAUSAL = torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1)
PADDED = torch.zeros(BATCH, LENGTH, dtype=torch.bool)
PADDED[1, 4:] = True
CASES = {
    "norm last": ({}, {}),
    "norm first": ({"norm_first": True, "batch_first": True, "activation": "gelu"}, {}),
    "without bias": ({"bias": False, "layer_norm_eps": 1e-3}, {}),
    "function": ({"activation": "tanh function"}, {"mask": CAUSAL}),
    "causal": ({"batch_first": True}, {"mask": CAUSAL, "is_causal": True}),
    "padding": ({"batch_first": True}, {"src_key_padding_mask": PADDED}),
}


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADC_CACHE", str(tmp_path_factory.mktemp("cache") / "gradc"))
        yield


def ours(tensor):
    return gradc.from_numpy(tensor.detach().numpy().copy())


def pair(made, norm=True):
    def make(library, tanh):
        options = {"dim_feedforward": 12, "dropout": 0.0, **made}
        if options.get("activation") == "tanh function":
            options["activation"] = tanh
        layer = library.TransformerEncoderLayer(WIDTH, 2, **options)
        final = library.LayerNorm(WIDTH) if norm else None
        return library.TransformerEncoder(layer, 2, final, enable_nested_tensor=False)

    torch.manual_seed(0)
    theirs, mine = make(torch.nn, torch.tanh), make(nn, F.tanh)
    with torch.no_grad():
        for p in theirs.parameters():
            p += 0.1 * torch.randn(p.shape)
    mine.load_state_dict({k: ours(v) for k, v in theirs.state_dict().items()})
    return mine, theirs


def sample(made):
    torch.manual_seed(1)
    shape = (BATCH, LENGTH, WIDTH) if made.get("batch_first") else (LENGTH, BATCH, WIDTH)
    return torch.randn(shape)


@pytest.mark.parametrize("case", CASES)
def test_results_and_gradients(case):
    made, options = CASES[case]
    mine, theirs = pair(made)
    assert repr(mine) == repr(theirs)
    assert list(mine.state_dict()) == list(theirs.state_dict())
    x = sample(made)
    y = ours(x).requires_grad_()
    x = x.clone().requires_grad_()
    expected = theirs(x, **options)
    got = mine(y, **{k: ours(v) if k != "is_causal" else v for k, v in options.items()})
    np.testing.assert_allclose(
        got.detach().numpy(), expected.detach().numpy(), rtol=2e-5, atol=4e-6
    )
    expected.square().sum().backward()
    got.square().sum().backward()
    np.testing.assert_allclose(y.grad.numpy(), x.grad.numpy(), rtol=2e-4, atol=2e-5)
    for (name, t), m in zip(theirs.named_parameters(), mine.parameters(), strict=True):
        np.testing.assert_allclose(
            m.grad.numpy(), t.grad.numpy(), rtol=2e-4, atol=4e-5, err_msg=name
        )


@pytest.mark.parametrize(
    ("case", "compiled"),
    [("norm first", False), ("causal", True), ("padding", False), ("norm first", True)],
)
def test_ten_steps_of_training(case, compiled):
    made, options = CASES[case]
    mine, theirs = pair(made, norm=False)
    x = sample(made)
    target = x.flip(0)
    ours_options = {k: ours(v) if k != "is_causal" else v for k, v in options.items()}
    their_opt = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    my_opt = optim.SGD(mine.parameters(), lr=0.1, momentum=0.9)

    def step(model, optimizer, library, x, target, options):
        optimizer.zero_grad()
        loss = library.functional.mse_loss(model(x, **options), target)
        loss.backward()
        optimizer.step()
        return loss

    expected = [step(theirs, their_opt, torch.nn, x, target, options).item() for _ in range(10)]
    if compiled:

        @gradc.compile
        def mine_step(x, target, given):
            return step(mine, my_opt, nn, x, target, {**options, **given})

        masks = {k: v for k, v in ours_options.items() if k != "is_causal"}
        got = [mine_step(ours(x), ours(target), masks).item() for _ in range(10)]
    else:
        got = [
            step(mine, my_opt, nn, ours(x), ours(target), ours_options).item() for _ in range(10)
        ]
    np.testing.assert_allclose(got, expected, rtol=1e-4)
    assert got[-1] < 0.7 * got[0]
    for (name, t), m in zip(theirs.named_parameters(), mine.parameters(), strict=True):
        np.testing.assert_allclose(
            m.detach().numpy(), t.detach().numpy(), rtol=2e-3, atol=2e-4, err_msg=name
        )


def test_layers_of_an_encoder_are_copies():
    layer = nn.TransformerEncoderLayer(8, 2, 4)
    encoder = nn.TransformerEncoder(layer, 2)
    first, second = encoder.layers
    assert first.linear1.weight is not second.linear1.weight
    assert first.linear1.weight.tolist() == layer.linear1.weight.tolist()


def test_dropout_is_active_in_training_only():
    gradc.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5)
    x = gradc.ones(4, 2, 8)
    assert not gradc.equal(layer(x), layer(x))
    layer.eval()
    assert gradc.equal(layer(x), layer(x))


def test_unknown_activation():
    with pytest.raises(ArgumentError) as error:
        nn.TransformerEncoderLayer(8, 2, activation="swish")
    assert error.value.message == (
        "TransformerEncoderLayer: activation should be relu/gelu, not 'swish'"
    )
