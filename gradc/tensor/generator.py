"""The state behind random numbers: a seed and a count of draws, tensors that traces can see."""

# The fields of a tensor are private to this package.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import operator
import secrets
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from gradc.errors import ArgumentError, ArgumentTypeError, DeviceError
from gradc.ir.graph import Role
from gradc.ir.primitive import lookup
from gradc.tensor.core import elements, home, resolve, shape_of, wrap_array
from gradc.tensor.device import CPU, Device, check_device
from gradc.tensor.dispatch import apply, constant
from gradc.tensor.inplace import update
from gradc.tensor.modes import GradMode
from gradc.tensor.moving import move
from gradc.tensor.refusal import refuse_value
from gradc.tensor.state import STATE

if TYPE_CHECKING:
    from gradc.tensor.tensor import Tensor

RANDOM_BITS, ADD = lookup("random_bits"), lookup("add")
DEFAULT_SEED = 67280421310721


class Generator:
    """A stream of random numbers: the same seed gives the same numbers, eager and compiled.

    Each draw uses the Philox generator keyed by the seed at the count of draws so far.

    Args:
        device: where its numbers are made: the same ones everywhere.

    Attributes:
        seed_tensor, offset: 0-d int64 tensors: the seed, and the number of draws so far.

    Example:
        >>> import gradc
        >>> a, b = gradc.Generator().manual_seed(3), gradc.Generator().manual_seed(3)
        >>> bool((gradc.rand(4, generator=a) == gradc.rand(4, generator=b)).all())
        True
    """

    def __init__(self, device: Any = "cpu") -> None:
        with outside():
            self._device = check_device("Generator", device)
            self.seed_tensor = move(wrap_array(np.array(DEFAULT_SEED, np.int64)), self._device)
            self.offset = move(wrap_array(np.array(0, np.int64)), self._device)
        self.seed_tensor._role = self.offset._role = Role.RANDOM

    @property
    def device(self) -> Device:
        """Where the numbers are made."""
        return self._device

    def manual_seed(self, seed: int) -> Generator:
        """Set the seed and start over."""
        try:
            number = operator.index(seed)
        except TypeError:
            raise ArgumentTypeError(
                f"manual_seed expected a long, but got {type(seed).__name__}"
            ) from None
        if not -(2**63) <= number < 2**64:
            raise ArgumentError(f"manual_seed: the seed must fit 64 bits, got {number}")
        self.set_state_values(number - 2**64 if number >= 2**63 else number, 0)
        return self

    def set_state_values(self, seed: int, offset: int) -> None:
        """Set seed and count in place."""
        with GradMode(False):
            for tensor, value in ((self.seed_tensor, seed), (self.offset, offset)):
                dtype = tensor._dtype
                update(tensor, lambda old, v=value, d=dtype: constant(v, d, (), home(old)))

    def seed(self) -> int:
        """Set a seed that nobody can foresee; return it."""
        number = secrets.randbits(63)
        self.manual_seed(number)
        return number

    def initial_seed(self) -> int:
        """Return the seed."""
        x = resolve(self.seed_tensor)
        refuse_value(x, "initial_seed")
        return int(elements(x)) % 2**64

    def get_state(self) -> Tensor:
        """Return the state as an int64 tensor of two entries."""
        for x in (resolve(self.seed_tensor), resolve(self.offset)):
            refuse_value(x, "get_state")
        return wrap_array(np.array([elements(self.seed_tensor), elements(self.offset)], np.int64))

    def set_state(self, new_state: Tensor) -> Generator:
        """Go on from a state that get_state returned."""
        x = resolve(new_state)
        refuse_value(x, "set_state")
        if shape_of(x) != (2,):
            raise ArgumentError(
                f"set_state: expected the result of get_state, got shape {list(shape_of(x))}"
            )
        seed, offset = elements(x).tolist()
        self.set_state_values(int(seed), int(offset))
        return self

    def clone_state(self) -> Generator:
        """Return a generator of its own that goes on from here."""
        return Generator(self._device).set_state(self.get_state())

    def bits(self, shape: tuple[int, ...]) -> Tensor:
        """Return int64 numbers in [0, 2^32) and count the draw."""
        with GradMode(False):
            drawn = apply(RANDOM_BITS, self.seed_tensor, self.offset, shape=shape)
            update(self.offset, lambda old: apply(ADD, old, constant(1, old._dtype, (), home(old))))
        return drawn


def outside() -> AbstractContextManager[None]:
    """Leave the running trace for a while, to make concrete tensors."""
    return nullcontext() if STATE.trace is None else STATE.trace.paused()


_DEFAULTS: dict[str, Generator] = {}


def default_generator(device: str = "cpu") -> Generator:
    """Return the generator that is used on a device where none is given.

    That of a CUDA device starts, when it is first used, from the seed that the CPU's has then.
    """
    found = _DEFAULTS.get(device)
    if found is None:
        found = _DEFAULTS[device] = Generator(device)
        if device != "cpu":
            with outside():
                found.manual_seed(default_generator().initial_seed())
    return found


def source(name: str, generator: Generator | None, device: Device) -> Generator:
    """Return the generator to draw from on a device.

    Args:
        name: of the operation, for messages.
        generator: the user's; None: the default one.
        device: where the numbers are to be made.
    """
    if generator is None:
        return default_generator(str(device))
    if generator.device != device:
        raise DeviceError(
            f"{name}: Expected a generator on {device} but found one on {generator.device}",
            hint=f'gradc.Generator(device="{device}")',
        )
    return generator


def drawn_on(generator: Generator | None) -> Device:
    """Return where numbers for the host are drawn: on the generator's device, or the CPU."""
    return CPU if generator is None else generator.device


def draws() -> dict[str, int]:
    """Return a number for each default generator in use that changes with every draw."""
    return {d: resolve(g.offset)._storage.version for d, g in _DEFAULTS.items()}


def manual_seed(seed: int) -> Generator:
    """Set the seed of the default generators of all devices and start over; return the CPU's."""
    for generator in _DEFAULTS.values():
        generator.manual_seed(seed)
    return default_generator().manual_seed(seed)


def seed() -> int:
    """Give the default generator a seed that nobody can foresee; return it."""
    return default_generator().seed()


def initial_seed() -> int:
    """Return the seed of the default generator."""
    return default_generator().initial_seed()


def get_rng_state() -> Tensor:
    """Return the state of the default generator."""
    return default_generator().get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Go on from a state that get_rng_state returned."""
    default_generator().set_state(new_state)
