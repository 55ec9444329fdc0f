"""RNN, GRU and LSTM: sequences -> sequences of hidden states, and the last states."""

from __future__ import annotations

from typing import Any

from gradc.errors import ArgumentError, ArgumentTypeError, ShapeError
from gradc.functional.recurrent import State
from gradc.functional.reduction import check_tensor
from gradc.ir.dtype import DType
from gradc.nn.recurrent_layer import RecurrentLayer
from gradc.tensor import Tensor


class RNN(RecurrentLayer):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), in one layer or several.

    Args:
        input_size: features of x.
        hidden_size: features of h.
        num_layers: layers; each takes the outputs of the one below.
        nonlinearity: `tanh` or `relu`.
        bias: whether there are b_ih and b_hh.
        batch_first: whether input and output are `[batch, time, features]`.
        dropout: probability for the outputs of all layers but the last, while training.
        bidirectional: whether a second direction runs from the last time to the first.
        device: where weights are made.
        dtype: of the weights.

    Example:
        >>> import gradc
        >>> output, h = gradc.nn.RNN(4, 5, num_layers=2)(gradc.zeros(7, 3, 4))
        >>> output.shape, h.shape
        (gradc.Size([7, 3, 5]), gradc.Size([2, 3, 5]))

    Source: Elman, "Finding structure in time", 1990.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(
                f"RNN: Unknown nonlinearity {nonlinearity!r}. Select from 'tanh' or 'relu'."
            )
        super().__init__(
            f"RNN_{nonlinearity.upper()}",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the outputs of the last layer and the last hidden state of each layer.

        Args:
            input: `[time, batch, input_size]`, or `[time, input_size]`.
            hx: `[layers * directions, batch, hidden_size]`; None: zeros.
        """
        output, (last,) = self._run(input, self._one_state(input, hx))
        return output, last

    def _state_sizes(self) -> tuple[int, ...]:
        return (self.hidden_size,)


class GRU(RecurrentLayer):
    """Gated recurrent units, in one layer or several.

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr);  z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
    n = tanh(W_in x + b_in + r (W_hn h + b_hn));  h' = (1 - z) n + z h

    Args:
        input_size: features of x.
        hidden_size: features of h.
        num_layers: layers; each takes the outputs of the one below.
        bias: whether there are b_ih and b_hh.
        batch_first: whether input and output are `[batch, time, features]`.
        dropout: probability for the outputs of all layers but the last, while training.
        bidirectional: whether a second direction runs from the last time to the first.
        device: where weights are made.
        dtype: of the weights.

    Example:
        >>> import gradc
        >>> gru = gradc.nn.GRU(4, 5, batch_first=True, bidirectional=True)
        >>> output, h = gru(gradc.zeros(3, 7, 4))
        >>> output.shape, h.shape
        (gradc.Size([3, 7, 10]), gradc.Size([2, 3, 5]))

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014,
    arXiv:1406.1078.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            "GRU",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the outputs of the last layer and the last hidden state of each layer.

        Args:
            input: `[time, batch, input_size]`, or `[time, input_size]`.
            hx: `[layers * directions, batch, hidden_size]`; None: zeros.
        """
        output, (last,) = self._run(input, self._one_state(input, hx))
        return output, last

    def _state_sizes(self) -> tuple[int, ...]:
        return (self.hidden_size,)


class LSTM(RecurrentLayer):
    """Long short-term memory, in one layer or several.

    i, f, o = sigmoid(...), g = tanh(...) of W_ii x + b_ii + W_hi h + b_hi and so on;
    c' = f c + i g;  h' = o tanh(c'), times W_hr^T where there is a projection.

    Args:
        input_size: features of x.
        hidden_size: features of c.
        num_layers: layers; each takes the outputs of the one below.
        bias: whether there are b_ih and b_hh.
        batch_first: whether input and output are `[batch, time, features]`.
        dropout: probability for the outputs of all layers but the last, while training.
        bidirectional: whether a second direction runs from the last time to the first.
        proj_size: features of h where it is projected; 0: none.
        device: where weights are made.
        dtype: of the weights.

    Attributes:
        weight_hr_l0: `[proj_size, hidden_size]`, where there is a projection.

    Example:
        >>> import gradc
        >>> output, (h, c) = gradc.nn.LSTM(4, 5, proj_size=2)(gradc.zeros(7, 3, 4))
        >>> output.shape, h.shape, c.shape
        (gradc.Size([7, 3, 2]), gradc.Size([1, 3, 2]), gradc.Size([1, 3, 5]))

    Source: Hochreiter, Schmidhuber, "Long short-term memory", 1997.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the outputs of the last layer, and the last hidden and cell state of each.

        Args:
            input: `[time, batch, input_size]`, or `[time, input_size]`.
            hx: hidden state `[layers * directions, batch, proj_size or hidden_size]` and cell
                state `[layers * directions, batch, hidden_size]`; None: zeros.
        """
        output, (h, c) = self._run(input, self._two_states(input, hx))
        return output, (h, c)

    def _state_sizes(self) -> tuple[int, ...]:
        return (self._outputs(), self.hidden_size)

    def _two_states(self, input: Any, hx: Any) -> State | None:
        """Return (h, c) as the layers take it."""
        if hx is None:
            return None
        if isinstance(hx, Tensor) or len(hx) != 2:
            raise ArgumentTypeError("LSTM: hx must be a tuple (h_0, c_0) of Tensors")
        h, c = hx
        for name, given in (("input", input), ("h_0", h), ("c_0", c)):
            check_tensor("LSTM", name, given)
        if h.ndim != input.ndim or c.ndim != input.ndim:
            kind = "batched 3-D" if input.ndim == 3 else "unbatched 2-D"
            raise ShapeError(
                f"LSTM: For {kind} input, hx and cx should also be {input.ndim}-D but got "
                f"({h.ndim}-D, {c.ndim}-D) tensors"
            )
        return h, c
