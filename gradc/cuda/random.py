"""The default generators of CUDA devices: the same bits as the CPU's for the same seed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gradc.cuda.devices import number_of
from gradc.devices import driver as drivers
from gradc.tensor import Generator, Tensor
from gradc.tensor.generator import default_generator


def _generator(name: str, device: Any) -> Generator:
    return default_generator(f"cuda:{number_of(name, device)}")


def manual_seed(seed: int) -> None:
    """Set the seed of the current device's generator and start over; nothing without a device."""
    if drivers.device_count():
        _generator("cuda.manual_seed", None).manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """Set the seeds of all devices' generators and start over."""
    for index in range(drivers.device_count()):
        _generator("cuda.manual_seed_all", index).manual_seed(seed)


def seed() -> None:
    """Give the current device's generator a seed that nobody can foresee."""
    _generator("cuda.seed", None).seed()


def initial_seed() -> int:
    """Return the seed of the current device's generator."""
    return _generator("cuda.initial_seed", None).initial_seed()


def get_rng_state(device: Any = "cuda") -> Tensor:
    """Return the state of a device's generator, a tensor on the CPU."""
    return _generator("cuda.get_rng_state", device).get_state()


def set_rng_state(new_state: Tensor, device: Any = "cuda") -> None:
    """Go on from a state that get_rng_state returned."""
    _generator("cuda.set_rng_state", device).set_state(new_state)


def seed_all() -> None:
    """Give the generators of all devices one seed that nobody can foresee."""
    if drivers.device_count():
        manual_seed_all(_generator("cuda.seed_all", 0).seed())


def get_rng_state_all() -> list[Tensor]:
    """Return the states of all devices' generators, tensors on the CPU."""
    return [get_rng_state(i) for i in range(drivers.device_count())]


def set_rng_state_all(new_states: Iterable[Tensor]) -> None:
    """Go on from states that get_rng_state_all returned."""
    for i, state in enumerate(new_states):
        set_rng_state(state, i)
