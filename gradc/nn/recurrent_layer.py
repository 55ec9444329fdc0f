"""Layers and directions of a recurrent network: a sequence -> hidden states, last states."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

from gradc.errors import DTypeError, ShapeError
from gradc.functional.dropout import dropout
from gradc.functional.linear import linear
from gradc.functional.recurrent import STEPS, Recurrence, State, sweep
from gradc.functional.reduction import check_tensor
from gradc.ir.dtype import DType
from gradc.nn import init
from gradc.nn.module import Module
from gradc.nn.parameter import Parameter
from gradc.nn.recurrent_sizes import check_dropout, check_sizes
from gradc.tensor import Tensor, cat, empty, stack, zeros
from gradc.tensor.moving import check_beside


class RecurrentLayer(Module):
    """What RNN, LSTM and GRU share: weights by layer and direction, and the walk over them.

    Attributes:
        weight_ih_l0: `[gates * hidden_size, input_size]`; `_l1` and on: of the layer below.
        weight_hh_l0: `[gates * hidden_size, hidden_size]`.
        bias_ih_l0, bias_hh_l0: `[gates * hidden_size]`; the names of the second direction end
            in `_reverse`.
    """

    GATES: ClassVar[dict[str, int]] = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        proj_size: int = 0,
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        name = self._get_name()
        check_sizes(name, input_size, hidden_size, num_layers, proj_size)
        check_dropout(name, dropout, num_layers)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        gates = self.GATES[mode] * hidden_size
        for layer in range(num_layers):
            below = input_size if layer == 0 else self._outputs() * self._directions()
            for suffix in self._suffixes(layer):
                shapes = {"weight_ih": (gates, below), "weight_hh": (gates, self._outputs())}
                if bias:
                    shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
                if proj_size:
                    shapes |= {"weight_hr": (proj_size, hidden_size)}
                for kind, shape in shapes.items():
                    made = Parameter(empty(*shape, device=device, dtype=dtype))
                    self.register_parameter(f"{kind}_{suffix}", made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights and biases from U(-k, k), k = 1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Do nothing: the weights need no special layout here."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The weights of each layer and direction, in the order of their names."""
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        found = dict(self.named_parameters())
        return [
            [found[f"{k}_{suffix}"] for k in kinds if f"{k}_{suffix}" in found]
            for layer in range(self.num_layers)
            for suffix in self._suffixes(layer)
        ]

    def extra_repr(self) -> str:
        """Return the sizes, and what differs from the defaults."""
        parts = [f"{self.input_size}, {self.hidden_size}"]
        for name, usual in (
            ("proj_size", 0),
            ("num_layers", 1),
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0.0),
            ("bidirectional", False),
        ):
            given = getattr(self, name)
            if given != usual:
                parts.append(f"{name}={given}")
        return ", ".join(parts)

    # ---- the walk over layers and directions ---------------------------------------------------

    def _run(self, input: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Return the outputs and the last states `[layers * directions, batch, size]`."""
        name = self._get_name()
        batched = self._check_input(name, input)
        x = input if batched else input.unsqueeze(1)
        if batched and self.batch_first:
            x = x.transpose(0, 1)
        if state is not None and not batched:
            state = tuple(s.unsqueeze(1) for s in state)
        first = self._initial(x) if state is None else state
        if state is not None:
            self._check_state(name, first, int(x.shape[1]))
        ends: list[State] = []
        for layer in range(self.num_layers):
            if layer and self.dropout and self.training:
                x = dropout(x, self.dropout)
            outputs: list[Tensor] = []
            for suffix in self._suffixes(layer):
                begin = tuple(s[len(ends)] for s in first)
                hidden, end = self._direction(x, begin, suffix)
                outputs.append(hidden)
                ends.append(end)
            x = outputs[0] if len(outputs) == 1 else cat(outputs, -1)
        last = tuple(stack([end[i] for end in ends]) for i in range(len(first)))
        if not batched:
            return x.squeeze(1), tuple(s.squeeze(1) for s in last)
        return (x.transpose(0, 1) if self.batch_first else x), last

    def _direction(self, x: Tensor, state: State, suffix: str) -> tuple[Tensor, State]:
        """Run one layer in one direction over `[time, batch, features]`."""
        bias, at_state = None, None
        if self.bias:
            bias, at_state = getattr(self, f"bias_ih_{suffix}"), getattr(self, f"bias_hh_{suffix}")
            if self.mode != "GRU":  # the GRU's reset gate stands before b_hh
                bias, at_state = bias + at_state, None
        gates = linear(x, getattr(self, f"weight_ih_{suffix}"), bias)
        projection = getattr(self, f"weight_hr_{suffix}") if self.proj_size else None
        by = Recurrence(getattr(self, f"weight_hh_{suffix}"), at_state, projection)
        return sweep(STEPS[self.mode], gates, state, by, suffix.endswith("_reverse"))

    @abstractmethod
    def _state_sizes(self) -> tuple[int, ...]:
        """Return the last size of each state."""

    def _initial(self, x: Tensor) -> State:
        """Return zero states for a batch."""
        rows, batch = self.num_layers * self._directions(), int(x.shape[1])
        sizes = self._state_sizes()
        return tuple(zeros(rows, batch, n, dtype=x.dtype, device=x.device) for n in sizes)

    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _outputs(self) -> int:
        return self.proj_size or self.hidden_size

    def _suffixes(self, layer: int) -> list[str]:
        return [f"l{layer}", f"l{layer}_reverse"] if self.bidirectional else [f"l{layer}"]

    # ---- what users may give -------------------------------------------------------------------

    def _check_input(self, name: str, input: Any) -> bool:
        """Refuse inputs that don't fit; return whether there is a batch axis."""
        check_tensor(name, "input", input)
        check_beside(name, input=input, weight_ih_l0=self.weight_ih_l0)
        if input.ndim not in (2, 3):
            raise ShapeError(f"{name}: Expected input to be 2D or 3D, got {input.ndim}D instead")
        if input.shape[-1] != self.input_size:
            raise ShapeError(
                f"{name}: input.size(-1) must be equal to input_size. Expected "
                f"{self.input_size}, got {int(input.shape[-1])}"
            )
        weight: Parameter = self.weight_ih_l0
        if input.dtype is not weight.dtype:
            raise DTypeError(
                f"{name}: input dtype ({input.dtype}) does not match weight dtype ({weight.dtype})",
                hint=f"input.to(gradc.{weight.dtype})",
            )
        if input.shape[1 if input.ndim == 3 and self.batch_first else 0] == 0:
            raise ShapeError(f"{name}: Expected sequence length to be larger than 0")
        return input.ndim == 3

    def _check_state(self, name: str, state: State, batch: int) -> None:
        """Refuse states of another shape or dtype."""
        rows = self.num_layers * self._directions()
        dtype = self.weight_ih_l0.dtype
        for i, (given, size) in enumerate(zip(state, self._state_sizes(), strict=True)):
            which = "hidden" if len(state) == 1 else f"hidden[{i}]"
            if tuple(given.shape) != (rows, batch, size):
                raise ShapeError(
                    f"{name}: Expected {which} size ({rows}, {batch}, {size}), got "
                    f"{list(given.shape)}"
                )
            if given.dtype is not dtype:
                raise DTypeError(
                    f"{name}: {which} is {given.dtype}, the weights are {dtype}",
                    hint=f"hx.to(gradc.{dtype})",
                )

    def _one_state(self, input: Any, hx: Any) -> State | None:
        """Return a single hidden state as the layers take it."""
        name = self._get_name()
        if hx is None:
            return None
        check_tensor(name, "hx", hx)
        check_tensor(name, "input", input)
        if hx.ndim != input.ndim:
            kind = "batched 3-D" if input.ndim == 3 else "unbatched 2-D"
            raise ShapeError(
                f"{name}: For {kind} input, hx should also be {input.ndim}-D but got {hx.ndim}-D "
                "tensor"
            )
        return (hx,)
