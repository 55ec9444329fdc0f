"""Losses of margins, distances and distributions against PyTorch: values, gradients, kinks."""

import math

import numpy as np
import pytest

import gradc

pytest.importorskip("torch")
from case_table import check, parts  # it needs torch

rng = np.random.default_rng(7)
X, Y, Z = rng.standard_normal((3, 5, 4))
SIGNS = np.where(rng.random((5, 4)) < 0.5, 1.0, -1.0)
SIDES = np.array([1, -1, 1, 1, -1])
LABELS = np.array([0, 3, 2, 3, 1])
WEIGHT = np.array([0.5, 1.0, 2.0, 0.1])
CHANCES = np.exp(X) / np.exp(X).sum(1, keepdims=True)
LOGS = np.log(np.exp(Y) / np.exp(Y).sum(1, keepdims=True))
COUNTS = rng.poisson(2.0, (5, 4)).astype(float)
POSITIVE = rng.random((5, 4)) + 0.1
HOLES = np.where(rng.random((5, 4)) < 0.3, 0.0, CHANCES)


def F(name, **options):
    return lambda L, *xs: getattr(L.nn.functional, name)(*xs, **options)


def fixed(name, **options):
    """The function of operands whose second one is given: it gets no gradient."""
    return lambda L, x, t, *rest: getattr(L.nn.functional, name)(x, t.detach(), *rest, **options)


def swapped(name, **options):
    """Only the last operand is given."""
    return lambda L, *xs: getattr(L.nn.functional, name)(*xs[:-1], xs[-1].detach(), **options)


def distance(a, b):
    return (a - b).abs().sum(-1)


CASES = {
    "kl_div": (F("kl_div", reduction="sum"), LOGS, CHANCES),
    "kl_div batchmean": (F("kl_div", reduction="batchmean"), LOGS, CHANCES),
    "kl_div none": (F("kl_div", reduction="none"), LOGS, CHANCES),
    "kl_div logs": (F("kl_div", reduction="batchmean", log_target=True), LOGS, np.log(CHANCES)),
    "kl_div of zeros": (fixed("kl_div", reduction="none"), LOGS, HOLES),
    "kl_div scalar": (F("kl_div", reduction="batchmean"), np.array(-1.0), np.array(0.5)),
    "poisson_nll_loss": (F("poisson_nll_loss"), X, COUNTS),
    "poisson_nll_loss full": (F("poisson_nll_loss", full=True, reduction="sum"), X, COUNTS + 0.5),
    "poisson_nll_loss of rates": (
        fixed("poisson_nll_loss", log_input=False, full=True, reduction="none"), POSITIVE, COUNTS,
    ),
    "poisson_nll_loss eps": (F("poisson_nll_loss", log_input=False, eps=0.1), POSITIVE, COUNTS),
    "gaussian_nll_loss": (F("gaussian_nll_loss"), X, Y, POSITIVE),
    "gaussian_nll_loss full": (F("gaussian_nll_loss", full=True), X, Y, POSITIVE[:, 0]),
    "gaussian_nll_loss common": (F("gaussian_nll_loss", reduction="sum"), X, Y, POSITIVE[:, :1]),
    "gaussian_nll_loss eps": (F("gaussian_nll_loss", eps=0.4, reduction="none"), X, Y, POSITIVE),
    "gaussian_nll_loss number": (F("gaussian_nll_loss", var=0.3), X, Y),
    "hinge_embedding_loss": (fixed("hinge_embedding_loss"), X, SIGNS),
    "hinge_embedding_loss none": (
        fixed("hinge_embedding_loss", margin=0.3, reduction="none"), X, SIGNS,
    ),
    "hinge_embedding_loss of kinks": (
        fixed("hinge_embedding_loss", reduction="sum"), np.array([1.0, 1, 0]), SIDES[:3] * 1.0,
    ),
    "margin_ranking_loss": (swapped("margin_ranking_loss"), X, Y, SIGNS),
    "margin_ranking_loss sum": (
        swapped("margin_ranking_loss", margin=0.5, reduction="sum"), X, Y, SIGNS,
    ),
    "margin_ranking_loss of equals": (swapped("margin_ranking_loss"), X, X, SIGNS),
    "soft_margin_loss": (fixed("soft_margin_loss"), X, SIGNS),
    "soft_margin_loss none": (fixed("soft_margin_loss", reduction="none"), X, SIGNS),
    "multi_margin_loss": (F("multi_margin_loss"), X, LABELS),
    "multi_margin_loss squared": (F("multi_margin_loss", p=2, margin=0.4), X, LABELS),
    "multi_margin_loss weighted": (
        lambda L, x, t, w: L.nn.functional.multi_margin_loss(
            x, t, weight=w.detach(), p=2, reduction="none"), X, LABELS, WEIGHT,
    ),
    "multi_margin_loss of one": (F("multi_margin_loss", reduction="sum"), X[0], np.array(2)),
    "multi_margin_loss of kinks": (F("multi_margin_loss"), np.eye(3), np.array([0, 1, 2])),
    "multilabel_soft_margin_loss": (fixed("multilabel_soft_margin_loss"), X, SIGNS / 2 + 0.5),
    "multilabel_soft_margin_loss weighted": (
        lambda L, x, t, w: L.nn.functional.multilabel_soft_margin_loss(
            x, t, w.detach(), reduction="none"), X, SIGNS / 2 + 0.5, WEIGHT,
    ),
    "cosine_similarity": (F("cosine_similarity"), X, Y),
    "cosine_similarity of an axis": (F("cosine_similarity", dim=0), X, Y),
    "cosine_similarity broadcast": (F("cosine_similarity", dim=-1), X, Y[0]),
    "cosine_similarity of one": (F("cosine_similarity", dim=1), X, Y[:, :1]),
    "cosine_similarity of zero": (F("cosine_similarity", dim=0), np.zeros(3), np.ones(3)),
    "pairwise_distance": (F("pairwise_distance"), X, Y),
    "pairwise_distance of 1": (F("pairwise_distance", p=1.0, keepdim=True), X, Y[0]),
    "pairwise_distance of 3": (F("pairwise_distance", p=3.0, eps=0.1), X[0], Y[0]),
    "pairwise_distance of inf": (F("pairwise_distance", p=math.inf), X, Y),
    "pairwise_distance of zero": (F("pairwise_distance", eps=0.0), X, X),
    "cosine_embedding_loss": (F("cosine_embedding_loss"), X, Y, SIDES),
    "cosine_embedding_loss none": (
        F("cosine_embedding_loss", margin=0.2, reduction="none"), X, Y, SIDES,
    ),
    "cosine_embedding_loss of one": (F("cosine_embedding_loss"), X[0], Y[0], np.array(1)),
    "triplet_margin_loss": (F("triplet_margin_loss"), X, Y, Z),
    "triplet_margin_loss swap": (
        F("triplet_margin_loss", margin=2.0, swap=True, p=1.0, reduction="sum"), X, Y, Z,
    ),
    "triplet_margin_loss none": (F("triplet_margin_loss", reduction="none"), X[0], Y[0], Z[0]),
    "triplet_margin_with_distance_loss": (
        F("triplet_margin_with_distance_loss", margin=0.5, swap=True), X, Y, Z,
    ),
    "triplet_margin_with_distance_loss given": (
        F("triplet_margin_with_distance_loss", distance_function=distance, reduction="none"),
        X, Y, Z,
    ),
}  # fmt: skip


@pytest.mark.parametrize("names", parts(CASES), ids=lambda names: f"{names[0]} to {names[-1]}")
def test_values_and_gradients(names):
    check(CASES, names)


def test_float32():
    names = [n for n in CASES if " " not in n]
    check(CASES, names, np.float32)


def test_kl_div_warns_of_the_mean():
    x = gradc.zeros(2, 3)
    with pytest.warns(UserWarning, match="batchmean") as caught:
        gradc.nn.functional.kl_div(x, x + 1.0)
    assert str(caught[0].message) == (
        "kl_div: reduction='mean' divides by the number of all elements; 'batchmean' is the mean "
        "divergence of the samples"
    )
    assert caught[0].filename.endswith("test_parity_margins.py")


def test_soft_margin_loss_does_not_overflow():
    x = gradc.tensor([800.0, -800.0], requires_grad=True)
    loss = gradc.nn.functional.soft_margin_loss(x, gradc.tensor([-1.0, -1.0]), reduction="none")
    loss.sum().backward()
    assert loss.tolist() == [800.0, 0.0]
    assert x.grad.tolist() == [1.0, 0.0]
