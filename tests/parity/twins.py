"""The same training in PyTorch, in eager gradc and in compiled gradc."""

import numpy as np
import torch

import gradc


def ours(value):
    """Return tensors as gradc's, inside lists, tuples and dicts too."""
    if isinstance(value, torch.Tensor):
        made = gradc.from_numpy(value.detach().numpy().copy())
        return made.requires_grad_() if value.requires_grad else made
    if isinstance(value, dict):
        return {k: ours(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(ours(v) for v in value)
    return value


def close(got, expected, tolerance, what=""):
    """Check a tensor against PyTorch's, dtype and shape included; None is None."""
    assert (got is None) == (expected is None), what
    if got is None:
        return
    assert str(got.dtype) == str(expected.dtype).removeprefix("torch."), what
    assert tuple(got.shape) == tuple(expected.shape), what
    got, expected = got.detach().numpy(), expected.detach().numpy()
    np.testing.assert_allclose(got, expected, tolerance, tolerance, err_msg=what)


def agree(model, theirs, tolerance, what=""):
    """Check the state_dict and the gradients of a model against PyTorch's."""
    state, expected = model.state_dict(), theirs.state_dict()
    assert list(state) == list(expected)
    for name, value in expected.items():
        close(state[name], value, tolerance, f"{what} {name}")
    gradients = dict(theirs.named_parameters())
    for name, p in model.named_parameters():
        close(p.grad, gradients[name].grad, tolerance, f"{what} {name}.grad")
