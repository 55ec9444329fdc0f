"""functional_call and stack_module_state: results and errors beside torch.func's."""

from __future__ import annotations

import pytest

import gradc
from gradc import func, nn
from gradc.errors import ArgumentError, ArgumentTypeError, StateDictError


class Counting(nn.Module):
    """Two layers that share a weight, and a buffer that is changed and replaced."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 2, bias=False)
        self.b = nn.Linear(2, 2, bias=False)
        self.b.weight = self.a.weight
        self.register_buffer("count", gradc.zeros(()))

    def forward(self, x, scale=1.0):
        self.count += 1
        self.count = self.count + 1
        return self.b(self.a(x)) * scale


@pytest.fixture
def model():
    return Counting()


X = gradc.tensor([[1.0, 2.0]])
EYE = gradc.eye(2)


def test_state_is_used_and_put_back(model):
    own = dict(model.named_parameters())
    state = {"a.weight": 2 * EYE, "count": gradc.tensor(5.0)}
    assert func.functional_call(model, state, X).tolist() == [[4.0, 8.0]]
    assert state["count"].item() == 7.0
    assert model.count.item() == 0.0
    assert dict(model.named_parameters()) == own
    assert model.b.weight is model.a.weight


def test_args_kwargs_and_several_dicts(model):
    parts = ({"a.weight": EYE}, {"count": gradc.tensor(0.0)})
    for args, kwargs in (((X,), {"scale": 3.0}), (X, {"scale": 3.0}), (None, {"x": X, "scale": 3})):
        assert func.functional_call(model, parts, args, kwargs).tolist() == [[3.0, 6.0]]


def test_ties(model):
    found = func.functional_call(model, {"b.weight": 2 * EYE}, X, tie_weights=False)
    weight = model.a.weight.detach()
    assert found.tolist() == (2 * (X @ weight.t())).tolist()
    same = {"a.weight": EYE, "b.weight": EYE}
    assert func.functional_call(model, same, X).tolist() == X.tolist()


def test_the_module_is_put_back_after_an_error(model):
    weight = model.a.weight
    with pytest.raises(gradc.errors.ShapeError):
        func.functional_call(model, {"a.weight": gradc.ones(3, 3)}, X)
    assert model.a.weight is weight


def test_gradients_by_state_agree_with_backward():
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    state = {k: p.detach() for k, p in model.named_parameters()}
    found = func.grad(lambda s: func.functional_call(model, s, X).sum())(state)
    model(X).sum().backward()
    for name, p in model.named_parameters():
        assert found[name].tolist() == p.grad.tolist()


ERRORS = {
    "no_module": (
        lambda m: func.functional_call(gradc.sin, {}, X),
        ArgumentTypeError,
        "functional_call: expected a Module, got function",
        "functional_call(module, state, args)",
    ),
    "no_dict": (
        lambda m: func.functional_call(m, 3, X),
        ArgumentTypeError,
        "functional_call: parameter_and_buffer_dicts must be a dict of tensors or a sequence of "
        "them, got int",
        "dict(module.named_parameters())",
    ),
    "no_tensor": (
        lambda m: func.functional_call(m, {"a.weight": 3}, X),
        ArgumentTypeError,
        "functional_call: 'a.weight' must be a tensor, got int",
        "",
    ),
    "twice": (
        lambda m: func.functional_call(m, ({"a.weight": X}, {"a.weight": X}), X),
        ArgumentError,
        "functional_call: ['a.weight'] appeared in multiple dictionaries",
        "give each name once",
    ),
    "unknown": (
        lambda m: func.functional_call(m, {"c.weight": X}, X),
        StateDictError,
        "functional_call: Counting: unexpected names: ['c.weight']",
        "dict(module.named_parameters()) and dict(module.named_buffers()) have the names",
    ),
    "missing": (
        lambda m: func.functional_call(m, {"count": X, "d": X}, X, strict=True),
        StateDictError,
        "functional_call: Counting: unexpected names: ['d'], missing names: ['a.weight', "
        "'b.weight']",
        "dict(module.named_parameters()) and dict(module.named_buffers()) have the names",
    ),
    "tied": (
        lambda m: func.functional_call(m, {"a.weight": EYE, "b.weight": 2 * EYE}, X),
        ArgumentError,
        "functional_call: got multiple values for ['a.weight', 'b.weight'], which are tied",
        "tie_weights=False",
    ),
    "no_models": (
        lambda m: func.stack_module_state([]),
        ArgumentError,
        "stack_module_state: expected at least one model, got 0",
        "",
    ),
    "other_class": (
        lambda m: func.stack_module_state([m, nn.ReLU()]),
        ArgumentError,
        "stack_module_state: expected all models to be of the same class",
        "",
    ),
    "other_mode": (
        lambda m: func.stack_module_state([m, Counting().eval()]),
        ArgumentError,
        "stack_module_state: expected all models to have the same training/eval mode",
        "model.eval() for each of them",
    ),
    "other_requires_grad": (
        lambda m: func.stack_module_state([m, Counting().requires_grad_(False)]),
        ArgumentError,
        "stack_module_state: expected 'a.weight' of all models to have the same requires_grad",
        "",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_messages(name, model):
    call, kind, message, hint = ERRORS[name]
    with pytest.raises(kind) as caught:
        call(model)
    lines = str(caught.value).splitlines()
    assert lines[0] == message
    assert lines[1].startswith("  at ")
    assert "test_functional_call.py:" in lines[1]
    assert lines[2:] == ([f"  try: {hint}"] if hint else [])


def test_stacked_state():
    models = [nn.Linear(2, 1), nn.Linear(2, 1)]
    parameters, buffers = func.stack_module_state(models)
    assert buffers == {}
    assert list(parameters) == ["weight", "bias"]
    assert all(p.requires_grad and p.is_leaf for p in parameters.values())
    for k, m in enumerate(models):
        assert parameters["weight"][k].tolist() == m.weight.tolist()
