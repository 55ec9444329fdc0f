"""One time step of a recurrent layer: gates of the input and the old state -> the new state."""

from __future__ import annotations

from collections.abc import Callable

from gradc.functional.linear import linear
from gradc.functional.scan import scan
from gradc.tensor import Tensor

State = tuple[Tensor, ...]
StepRule = Callable[[Tensor, State, "Recurrence"], State]


class Recurrence:
    """The weights of one layer and direction that meet the state.

    Attributes:
        weight: W_hh `[gates * hidden, state]`.
        bias: b_hh `[gates * hidden]`, or None.
        projection: W_hr `[proj, hidden]`, or None.
    """

    __slots__ = ("bias", "projection", "weight")

    def __init__(self, weight: Tensor, bias: Tensor | None, projection: Tensor | None) -> None:
        self.weight = weight
        self.bias = bias
        self.projection = projection


def tanh_step(gates: Tensor, state: State, by: Recurrence) -> State:
    """Return h' = tanh(W_ih x + b_ih + W_hh h + b_hh)."""
    return ((gates + linear(state[0], by.weight, by.bias)).tanh(),)


def relu_step(gates: Tensor, state: State, by: Recurrence) -> State:
    """Return h' = max(0, W_ih x + b_ih + W_hh h + b_hh)."""
    return ((gates + linear(state[0], by.weight, by.bias)).relu(),)


def lstm_step(gates: Tensor, state: State, by: Recurrence) -> State:
    """Return the new hidden and cell state of an LSTM.

    c' = sigmoid(f) c + sigmoid(i) tanh(g);  h' = sigmoid(o) tanh(c'), times W_hr^T where there
    is a projection; i, f, g, o are the quarters of W_ih x + b_ih + W_hh h + b_hh.

    Source: Hochreiter, Schmidhuber, "Long short-term memory", 1997; Sak, Senior, Beaufays, 2014,
    arXiv:1402.1128, for the projection.
    """
    hidden, cell = state
    i, f, g, o = (gates + linear(hidden, by.weight, by.bias)).chunk(4, -1)
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    hidden = o.sigmoid() * cell.tanh()
    return (hidden if by.projection is None else linear(hidden, by.projection)), cell


def gru_step(gates: Tensor, state: State, by: Recurrence) -> State:
    """Return the new state of a GRU.

    r = sigmoid(x_r + h_r);  z = sigmoid(x_z + h_z);  n = tanh(x_n + r h_n);
    h' = n + z (h - n), with the thirds of x = W_ih x + b_ih and h = W_hh h + b_hh.

    Source: Cho et al., "Learning phrase representations using RNN encoder-decoder", 2014,
    arXiv:1406.1078.
    """
    (hidden,) = state
    x_r, x_z, x_n = gates.chunk(3, -1)
    h_r, h_z, h_n = linear(hidden, by.weight, by.bias).chunk(3, -1)
    r = (x_r + h_r).sigmoid()
    z = (x_z + h_z).sigmoid()
    n = (x_n + r * h_n).tanh()
    return (n + z * (hidden - n),)


STEPS: dict[str, StepRule] = {
    "RNN_TANH": tanh_step,
    "RNN_RELU": relu_step,
    "LSTM": lstm_step,
    "GRU": gru_step,
}


def sweep(
    step: StepRule, gates: Tensor, state: State, by: Recurrence, reverse: bool
) -> tuple[Tensor, State]:
    """Run a step over time.

    Args:
        step: one of STEPS.
        gates: `[time, batch, gates * hidden]`, the input's part of all gates.
        state: `[batch, size]` each, before the first step.
        by: the weights that meet the state.
        reverse: run from the last time to the first.

    Returns:
        The hidden states `[time, batch, size]`, and the state after the last step.
    """

    def body(state: State, gates: Tensor) -> tuple[State, Tensor]:
        after = step(gates, state, by)
        return after, after[0]

    body.__name__ = step.__name__
    last, outputs = scan(body, state, gates, reverse=reverse)
    return outputs, last
