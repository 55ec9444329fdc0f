"""A model and an optimizer -> a whole training step; the same code for gradc and PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.place import compiled_by_torch, put
from benchmarks.step import Array, Step, gradc_case, jax_case, torch_case

Make = Callable[[Any], Any]


def gradc_training(
    make: Make,
    weights: dict[str, Array],
    inputs: Array,
    targets: Array,
    optimizer: str,
    **options: Any,
) -> Step:
    """Return the compiled training step of the model that `make(gradc)` builds."""
    import gradc

    step, *batch = _training(gradc, make, weights, inputs, targets, optimizer, options)
    return gradc_case(step, *batch)


def torch_training(
    make: Make,
    weights: dict[str, Array],
    inputs: Array,
    targets: Array,
    optimizer: str,
    compiled: bool,
    **options: Any,
) -> Step:
    """Return PyTorch's training step, with its fused optimizer; `compiled` by torch.compile."""
    import torch

    options["fused"] = True
    step, *batch = _training(torch, make, weights, inputs, targets, optimizer, options, compiled)
    return torch_case(step, *batch)


def _training(
    lib: Any,
    make: Make,
    weights: dict[str, Array],
    inputs: Array,
    targets: Array,
    optimizer: str,
    options: dict[str, Any],
    compiled: bool = False,
) -> tuple[Any, ...]:
    """Return the step and its batch; `lib` is gradc or torch."""
    model = put(make(lib))
    model.load_state_dict({name: lib.from_numpy(w.copy()) for name, w in weights.items()})
    opt = getattr(lib.optim, optimizer)(model.parameters(), **options)
    cross_entropy = lib.nn.functional.cross_entropy

    def loss_of(x: Any, y: Any) -> Any:
        return cross_entropy(model(x), y)

    if compiled:
        loss_of = compiled_by_torch(loss_of)

    def train_step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        loss = loss_of(x, y)
        loss.backward()
        opt.step()
        return loss

    return train_step, *(put(lib.from_numpy(a.copy())) for a in (inputs, targets))


def jax_training(
    forward: Callable[[Any, Any], Any],
    weights: dict[str, Array],
    inputs: Array,
    targets: Array,
    optimizer: str,
    **options: Any,
) -> Step:
    """Return JAX's training step: `forward(weights, x)` gives logits, optax updates."""
    import jax
    import jax.numpy as jnp
    import optax

    update = getattr(optax, optimizer)(**options)

    def loss_of(w: Any, x: Any, y: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(forward(w, x), y).mean()

    def train_step(state: Any, x: Any, y: Any) -> Any:
        w, moments = state
        loss, gradient = jax.value_and_grad(loss_of)(w, x, y)
        changes, moments = update.update(gradient, moments, w)
        return (optax.apply_updates(w, changes), moments), loss

    w = {name: jnp.asarray(array) for name, array in weights.items()}
    state = (w, update.init(w))
    return jax_case(train_step, state, jnp.asarray(inputs), jnp.asarray(targets.astype("int32")))
