"""A table, name -> (function of (library, tensors), arrays): eager and compiled against PyTorch."""

import numpy as np
import torch

import gradc

TOLERANCE = {np.float32: 3e-5, np.float64: 1e-11}


def parts(table, size=24):
    """Return the names of a table in parts, each for one program."""
    names = list(table)
    return [names[i : i + size] for i in range(0, len(names), size)]


def operands(lib, arrays, dtype):
    """Return arrays as tensors; numbers become `dtype` and want gradients."""
    made = []
    for array in arrays:
        array = np.asarray(array)
        if array.dtype.kind == "f":
            array = array.astype(dtype)
        tensor = lib.from_numpy(array.copy())
        made.append(tensor.requires_grad_() if array.dtype.kind == "f" else tensor)
    return made


def run(lib, table, names, dtype, *, compiled=False):
    """Return the value of each named case and the gradients of its operands."""
    inputs = {n: operands(lib, table[n][1:], dtype) for n in names}

    def whole(inputs):
        results, total = {}, 0.0
        for name, xs in inputs.items():
            y = table[name][0](lib, *xs)
            if y.requires_grad:
                weight = lib.arange(y.numel(), dtype=y.dtype).cos().reshape(y.shape)
                total = total + (y * weight).sum()
            results[name] = y.detach()
        if isinstance(total, lib.Tensor):
            total.backward()
        return results

    results = (gradc.compile(whole) if compiled else whole)(inputs)
    return {n: (results[n], [x.grad for x in inputs[n]]) for n in names}


def check(table, names, dtype=np.float64, *, gradients=True, loose=()):
    """Compare each named case with PyTorch, eager and compiled; `loose` ones to float32 only."""
    expected = run(torch, table, names, dtype)
    for compiled in (False, True):
        got = run(gradc, table, names, dtype, compiled=compiled)
        for name in names:
            (y, grads), (e, expected_grads) = got[name], expected[name]
            tolerance = TOLERANCE[np.float32 if name in loose else dtype]
            what = f"{name} {'compiled' if compiled else 'eager'}"
            assert str(y.dtype) == str(e.dtype).removeprefix("torch."), what
            assert tuple(y.shape) == tuple(e.shape), what
            np.testing.assert_allclose(y.numpy(), e.numpy(), tolerance, tolerance, err_msg=what)
            for i, (g, their) in enumerate(zip(grads, expected_grads, strict=True)):
                assert (g is None) == (their is None), f"{what}, gradient {i}"
                if g is not None and gradients:
                    np.testing.assert_allclose(
                        g.numpy(), their.numpy(), 10 * tolerance, 10 * tolerance,
                        err_msg=f"{what}, gradient {i}",
                    )  # fmt: skip
