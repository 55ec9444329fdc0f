"""RNNCell, GRUCell and LSTMCell: one time step, from an input and a state to the next state."""

from __future__ import annotations

import math
from typing import Any

from gradc.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from gradc.functional.linear import linear
from gradc.functional.recurrent import STEPS, Recurrence, State
from gradc.functional.reduction import check_tensor
from gradc.ir.dtype import DType
from gradc.nn import init
from gradc.nn.linear import check_size
from gradc.nn.module import Module
from gradc.nn.parameter import Parameter
from gradc.tensor import Tensor, empty, zeros
from gradc.tensor.moving import check_beside


class RecurrentCell(Module):
    """What the three cells share.

    Attributes:
        weight_ih: `[gates * hidden_size, input_size]`.
        weight_hh: `[gates * hidden_size, hidden_size]`.
        bias_ih, bias_hh: `[gates * hidden_size]`, or None.
    """

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        gates: int,
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            check_size(self._get_name(), name, size)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = gates * hidden_size
        self.weight_ih = Parameter(empty(rows, input_size, device=device, dtype=dtype))
        self.weight_hh = Parameter(empty(rows, hidden_size, device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            made = Parameter(empty(rows, device=device, dtype=dtype)) if bias else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and biases from U(-k, k), k = 1 / sqrt(hidden_size)."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size else 0.0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        """Return the sizes, and what differs from the defaults."""
        text = f"{self.input_size}, {self.hidden_size}"
        return text if self.bias else f"{text}, bias={self.bias}"

    def _next(self, mode: str, input: Any, state: State | None, count: int) -> State:
        """Return the states after one step from `count` states (None: zeros)."""
        name = self._get_name()
        check_tensor(name, "input", input)
        check_beside(name, input=input, weight_ih=self.weight_ih)
        if input.ndim not in (1, 2):
            raise ShapeError(f"{name}: Expected input to be 1D or 2D, got {input.ndim}D instead")
        if input.dtype is not self.weight_ih.dtype:
            raise DTypeError(
                f"{name}: input is {input.dtype}, the weights are {self.weight_ih.dtype}",
                hint=f"input.to(gradc.{self.weight_ih.dtype})",
            )
        if input.shape[-1] != self.input_size:
            raise ShapeError(
                f"{name}: input has inconsistent input_size: got {int(input.shape[-1])} expected "
                f"{self.input_size}"
            )
        x = input if input.ndim == 2 else input.unsqueeze(0)
        if state is None:
            empty_state = zeros(int(x.shape[0]), self.hidden_size, dtype=x.dtype, device=x.device)
            state = (empty_state,) * count
        else:
            for i, given in enumerate(state):
                self._check_state(f"hidden{i}", given, input)
            state = tuple(s if input.ndim == 2 else s.unsqueeze(0) for s in state)
        gates = linear(x, self.weight_ih, self.bias_ih)
        after = STEPS[mode](gates, state, Recurrence(self.weight_hh, self.bias_hh, None))
        return after if input.ndim == 2 else tuple(s.squeeze(0) for s in after)

    def _check_state(self, which: str, given: Any, input: Tensor) -> None:
        """Refuse a state that doesn't go with the input."""
        name = self._get_name()
        check_tensor(name, which, given)
        if given.ndim != input.ndim:
            raise ShapeError(
                f"{name}: Expected {which} to be {input.ndim}D, as the input is, got "
                f"{given.ndim}D instead"
            )
        if given.shape[-1] != self.hidden_size:
            raise ShapeError(
                f"{name}: {which} has inconsistent hidden_size: got {int(given.shape[-1])}, "
                f"expected {self.hidden_size}"
            )
        if given.shape[0] != input.shape[0] and input.ndim == 2:
            raise ShapeError(
                f"{name}: Input batch size {int(input.shape[0])} doesn't match {which} batch size "
                f"{int(given.shape[0])}"
            )
        if given.dtype is not input.dtype:
            raise DTypeError(
                f"{name}: {which} is {given.dtype}, input is {input.dtype}",
                hint=f"hx.to(gradc.{input.dtype})",
            )


class RNNCell(RecurrentCell):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh).

    Args:
        input_size: features of x.
        hidden_size: features of h.
        bias: whether there are b_ih and b_hh.
        nonlinearity: `tanh` or `relu`.
        device: where weights are made.
        dtype: of the weights.

    Example:
        >>> import gradc
        >>> gradc.nn.RNNCell(4, 5)(gradc.zeros(3, 4)).shape
        gradc.Size([3, 5])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(
                f"RNNCell: Unknown nonlinearity {nonlinearity!r}. Select from 'tanh' or 'relu'."
            )
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Return h' for `[batch, input_size]` or `[input_size]`, from h of the same axes."""
        mode = f"RNN_{self.nonlinearity.upper()}"
        (after,) = self._next(mode, input, None if hx is None else (hx,), 1)
        return after

    def extra_repr(self) -> str:
        """Return the sizes, and what differs from the defaults."""
        text = super().extra_repr()
        usual = self.nonlinearity == "tanh"
        return text if usual else f"{text}, nonlinearity={self.nonlinearity}"


class GRUCell(RecurrentCell):
    """One step of a gated recurrent unit; its maths are those of GRU.

    Args:
        input_size: features of x.
        hidden_size: features of h.
        bias: whether there are b_ih and b_hh.
        device: where weights are made.
        dtype: of the weights.

    Example:
        >>> import gradc
        >>> gradc.nn.GRUCell(4, 5)(gradc.zeros(3, 4)).shape
        gradc.Size([3, 5])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Return h' for `[batch, input_size]` or `[input_size]`, from h of the same axes."""
        (after,) = self._next("GRU", input, None if hx is None else (hx,), 1)
        return after


class LSTMCell(RecurrentCell):
    """One step of long short-term memory; its maths are those of LSTM.

    Args:
        input_size: features of x.
        hidden_size: features of h and c.
        bias: whether there are b_ih and b_hh.
        device: where weights are made.
        dtype: of the weights.

    Example:
        >>> import gradc
        >>> h, c = gradc.nn.LSTMCell(4, 5)(gradc.zeros(3, 4))
        >>> h.shape, c.shape
        (gradc.Size([3, 5]), gradc.Size([3, 5]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return (h', c') for `[batch, input_size]` or `[input_size]`, from (h, c)."""
        given: Any = hx
        if given is not None and (isinstance(given, Tensor) or len(given) != 2):
            raise ArgumentTypeError("LSTMCell: hx must be a tuple (h_0, c_0) of Tensors")
        h, c = self._next("LSTM", input, hx, 2)
        return h, c
