"""Every loss with every option, compiled with its gradient, against PyTorch."""

import itertools

import pytest

import gradc

torch = pytest.importorskip("torch")
from twins import close, ours  # noqa: E402 # it needs torch


def draw(*shape, seed=0):
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


SCORES, OTHER = draw(5, 4), draw(5, 4, seed=1)
LABELS = torch.tensor([0, 3, 2, 3, 1])
IGNORED = torch.tensor([0, -100, 2, 3, -100])
WEIGHT = torch.tensor([0.5, 1.0, 2.0, 0.1], dtype=torch.float64)
SOFT = torch.softmax(OTHER, 1)
CHANCES = torch.sigmoid(OTHER)
PIXELS = torch.tensor([[[0, 1], [2, 3]], [[3, 3], [-100, 0]]])
REDUCTIONS = [{"reduction": r} for r in ("mean", "sum", "none")]


def options(*tables):
    """Return all combinations of options, one of each table."""
    return [dict(itertools.chain(*(t.items() for t in row))) for row in itertools.product(*tables)]


CASES = [
    *(("CrossEntropyLoss", o, SCORES, IGNORED) for o in options(
        REDUCTIONS, [{}, {"weight": WEIGHT}], [{}, {"label_smoothing": 0.2}])),
    *(("CrossEntropyLoss", o, SCORES, LABELS) for o in options(
        REDUCTIONS[:1], [{"ignore_index": 3}], [{}, {"weight": WEIGHT, "label_smoothing": 0.1}])),
    *(("CrossEntropyLoss", o, SCORES, SOFT) for o in options(
        REDUCTIONS, [{}, {"weight": WEIGHT, "label_smoothing": 0.2}])),
    ("CrossEntropyLoss", {}, draw(2, 4, 2, 2), PIXELS),
    ("CrossEntropyLoss", {}, draw(4), torch.tensor(2)),
    ("CrossEntropyLoss", {}, 1e3 * SCORES, LABELS),
    ("CrossEntropyLoss", {}, draw(1, 4), torch.tensor([1])),
    *(("NLLLoss", o, SCORES, IGNORED) for o in options(REDUCTIONS, [{}, {"weight": WEIGHT}])),
    ("NLLLoss", {"ignore_index": 1}, SCORES, LABELS),
    *(("MSELoss", o, SCORES, OTHER) for o in REDUCTIONS),
    *(("L1Loss", o, SCORES, OTHER) for o in REDUCTIONS),
    *(("SmoothL1Loss", o, SCORES, OTHER) for o in options(REDUCTIONS, [{}, {"beta": 0.4}])),
    *(("HuberLoss", o, SCORES, OTHER) for o in options(REDUCTIONS, [{"delta": 0.7}])),
    *(("BCELoss", o, CHANCES, SOFT) for o in options(REDUCTIONS, [{}, {"weight": WEIGHT}])),
    *(("BCEWithLogitsLoss", o, SCORES, CHANCES) for o in options(
        REDUCTIONS, [{}, {"weight": WEIGHT}], [{}, {"pos_weight": WEIGHT}])),
    ("BCEWithLogitsLoss", {}, 1e3 * SCORES, CHANCES),
]  # fmt: skip
PARTS = [CASES[i : i + 20] for i in range(0, len(CASES), 20)]


def losses(lib, cases, *, compiled=False):
    """Return the value of each loss and the gradient of its input."""
    convert = ours if lib is gradc else (lambda value: value)
    made = [getattr(lib.nn, name)(**convert(options)) for name, options, _, _ in cases]
    inputs = [convert(x.clone().requires_grad_()) for _, _, x, _ in cases]
    targets = [convert(t) for _, _, _, t in cases]

    def whole(inputs, targets):
        values = [f(x, t) for f, x, t in zip(made, inputs, targets, strict=True)]
        sum(((i + 1.0) * v * v).sum() for i, v in enumerate(values)).backward()
        return [v.detach() for v in values]

    values = (gradc.compile(whole) if compiled else whole)(inputs, targets)
    return values, [x.grad for x in inputs]


@pytest.mark.parametrize("part", range(len(PARTS)))
def test_losses(part):
    cases = PARTS[part]
    expected = losses(torch, cases)
    for compiled in (False, True):
        values, gradients = losses(gradc, cases, compiled=compiled)
        for case, v, g, e, h in zip(cases, values, gradients, *expected, strict=True):
            close(v, e, 1e-11, f"{case[:2]}")
            close(g, h, 1e-10, f"{case[:2]} gradient")


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss"])
def test_labels_of_int32_are_refused_as_in_pytorch(name, compiled):
    labels = LABELS.to(torch.int32)
    with pytest.raises(RuntimeError):
        getattr(torch.nn, name)()(SCORES, labels)
    loss_fn = getattr(gradc.nn, name)()
    loss_fn = gradc.compile(loss_fn) if compiled else loss_fn
    with pytest.raises(gradc.errors.DTypeError, match="got int32") as caught:
        loss_fn(ours(SCORES), ours(labels))
    assert caught.value.hint == "target.long()"


@pytest.mark.parametrize("compiled", [False, True], ids=["eager", "compiled"])
def test_an_empty_batch_has_the_loss_that_pytorch_gives_it(compiled):
    none, labels = torch.zeros(0, 4, dtype=torch.float64), torch.zeros(0, dtype=torch.int64)
    cases = [
        (name, {"reduction": reduction}, none, labels if "Entropy" in name else none)
        for name in ("CrossEntropyLoss", "MSELoss", "BCEWithLogitsLoss")
        for reduction in ("mean", "sum", "none")
    ]
    for got, expected in zip(
        losses(gradc, cases, compiled=compiled), losses(torch, cases), strict=True
    ):
        for g, e in zip(got, expected, strict=True):
            close(g, e, 0)
