"""Recurrent layers.

Their initial state, `hx`, is zeros where it is not given. Packed sequences are not in the language.
"""

from __future__ import annotations

from typing import Any, ClassVar

from archspec.dimensions import Size, equal, product, show
from archspec.expressions import UndecidedError, evaluate, parse
from archspec.layers._base import Flow, Weight, device, dtype, flag, inferred, integer, number, word
from archspec.layers._inputs import Sequences, SeveralInputs, either
from archspec.refusals import require, require_at_least
from archspec.tensors import TensorType


def _known(size: Size) -> int:
    if not isinstance(size, int):
        raise UndecidedError("the number of layers")
    return size


class _Recurrent(SeveralInputs):
    """What stacks of layers and single cells share: gates that read the input and the state."""

    inputs = ("input", "hx")
    gates: ClassVar[int] = 1
    has_cell: ClassVar[bool] = False
    """Whether the state is a pair: what it shows, and the cell that it keeps to itself."""
    input_size: Size = inferred()
    hidden_size: Size = integer()
    bias: bool
    dtype: str | None

    @property
    def shown(self) -> Size:
        """How many features of the state the outside sees."""
        return self.hidden_size

    def state(self, *axes: Size) -> Flow:
        """The state's type, given its axes before the features."""
        weights = self.dtype or self.floating
        hidden = TensorType((*axes, self.shown), weights)
        return (hidden, TensorType((*axes, self.hidden_size), weights)) if self.has_cell else hidden

    def require_state(self, hx: Any, wanted: Flow, help: str = "") -> None:
        """The initial state is as the one that comes out."""
        if isinstance(wanted, TensorType):
            self.require_tensors(hx=hx)
            self.require_shape("hx", hx, wanted.shape, help=help)
            self.require_dtype(hx, wanted.dtype)
            return
        pair = isinstance(hx, tuple) and len(hx) == 2
        require(pair, "AS502", f"`hx` of {type(self).__name__} takes two tensors", "write `hx: (h, c)`")
        for given, state in zip(hx, wanted, strict=True):
            self.require_state(given, state, help)

    def weights_of(self, incoming: Size, biases: int) -> Size:
        """The numbers that one direction of one layer learns."""
        return self.gates * self.hidden_size * (incoming + self.shown + biases)

    def gate_weights(self, incoming: Size, suffix: str) -> tuple[Weight, ...]:
        """Those of one direction of one layer: of the input and of the state, then the biases of both."""
        rows = self.gates * self.hidden_size
        both = self.weight(f"weight_ih{suffix}", rows, incoming), self.weight(f"weight_hh{suffix}", rows, self.shown)
        biases = (self.weight(f"bias_{part}{suffix}", rows) for part in ("ih", "hh"))
        return (*both, *biases) if self.bias else both


class _Cell(_Recurrent):
    """One step in time."""

    shape = "[N, input_size] -> [N, hidden_size]"

    def forward(self, input: TensorType, hx: Any = None) -> Flow:
        self.require_tensors(input=input)
        self.require_rank(input, 1, 2, layout="[N, C] or [C]")
        self.require_dtype(input, self.dtype or self.floating)
        self.infer("input_size", input.shape[-1], "features")
        state = self.state(*input.shape[:-1])
        if hx is not None:
            self.require_state(hx, state)
        return state

    def weights(self) -> tuple[Weight, ...]:
        return self.gate_weights(self.input_size, "")

    def macs(self, output: Any, /, input: TensorType, hx: Any = None) -> Size:
        return product(input.shape[:-1]) * self.weights_of(self.input_size, 0)


class RNNCell(_Cell):
    """One step of a recurrent network: tanh (or relu) of what comes in and what was."""

    bias: bool = flag(True)
    nonlinearity: str = word("tanh", "tanh", "relu")
    device: str | None = device()
    dtype: str | None = dtype()


class LSTMCell(_Cell):
    """One step of a long short-term memory."""

    shape = "[N, input_size] -> [N, hidden_size], [N, hidden_size]"
    gates = 4
    has_cell = True
    bias: bool = flag(True)
    device: str | None = device()
    dtype: str | None = dtype()


class GRUCell(_Cell):
    """One step of a gated recurrent unit."""

    gates = 3
    bias: bool = flag(True)
    device: str | None = device()
    dtype: str | None = dtype()


class _Stack(_Recurrent, Sequences):
    """Whole sequences through several layers, in one direction or in both."""

    shape = """
        [N, L, input_size] -> [N, L, D * hidden_size], [D * num_layers, N, hidden_size] if batch_first
        [L, N, input_size] -> [L, N, D * hidden_size], [D * num_layers, N, hidden_size]
        D = 2 if bidirectional else 1
    """
    num_layers: Size = integer(1)
    dropout: float
    bidirectional: bool

    @property
    def directions(self) -> Size:
        """How many times each layer reads the sequence."""
        return either(self.bidirectional, 2, 1)

    def forward(self, input: TensorType, hx: Any = None) -> tuple[TensorType, Flow]:
        self.require_sequence("input", input)
        self.require_dtype(input, self.dtype or self.floating)
        self.infer("input_size", input.shape[-1], "features")
        _, batch = self.split(input)
        state = self.state(self.num_layers * self.directions, *batch)
        if hx is not None:
            shown = hx[0] if isinstance(hx, tuple) and hx else hx
            others = self.swapped_split(input)[1]
            layers = self.num_layers * self.directions
            self.require_state(hx, state, self.swap_hint(shown, (layers, *others, self.shown)))
        return input.resized(-1, self.directions * self.shown), state

    def weights(self) -> tuple[Weight, ...]:
        found: list[Weight] = []
        for layer in range(_known(self.num_layers)):
            incoming = self.input_size if layer == 0 else self.directions * self.shown
            for direction in ("", "_reverse")[: _known(self.directions)]:
                found += self.gate_weights(incoming, f"_l{layer}{direction}")
        return tuple(found)

    def _weights(self, biases: int) -> Size:
        between = self.weights_of(self.directions * self.shown, biases)
        return self.directions * (self.weights_of(self.input_size, biases) + (self.num_layers - 1) * between)

    def _parameter_count(self) -> Size:
        return self._weights(2 if self.bias else 0)  # also where the number of layers is not known

    def macs(self, output: Any, /, input: TensorType, hx: Any = None) -> Size:
        return product(input.shape[:-1]) * self._weights(0)


class RNN(_Stack):
    """A recurrent network, tanh (or relu) of what comes in and what was, over whole sequences."""

    nonlinearity: str = word("tanh", "tanh", "relu")
    bias: bool = flag(True)
    batch_first: bool = flag(False)
    dropout: float = number(0.0, minimum=0, maximum=1)
    bidirectional: bool = flag(False)
    device: str | None = device()
    dtype: str | None = dtype()


class LSTM(_Stack):
    """A long short-term memory over whole sequences."""

    shape = """
        [N, L, input_size] -> \
            [N, L, D * H_out], ([D * num_layers, N, H_out], [D * num_layers, N, hidden_size]) if batch_first
        [L, N, input_size] -> \
            [L, N, D * H_out], ([D * num_layers, N, H_out], [D * num_layers, N, hidden_size])
        D = 2 if bidirectional else 1
        H_out = proj_size or hidden_size
    """
    gates = 4
    has_cell = True
    bias: bool = flag(True)
    batch_first: bool = flag(False)
    dropout: float = number(0.0, minimum=0, maximum=1)
    bidirectional: bool = flag(False)
    proj_size: Size = integer(0, minimum=0)
    device: str | None = device()
    dtype: str | None = dtype()

    @property
    def shown(self) -> Size:
        return either(evaluate(parse("size > 0"), {"size": self.proj_size}), self.proj_size, self.hidden_size)

    def forward(self, input: TensorType, hx: Any = None) -> tuple[TensorType, Flow]:
        size, hidden = self.proj_size, self.hidden_size
        message = f"`proj_size` is {show(size)}, which must be less than the `hidden_size`, {show(hidden)}"
        hint = "use fewer features, or 0 for no projection"
        require_at_least(hidden - 1, size, code="AS404", message=message, help=hint, argument="proj_size")
        return super().forward(input, hx)

    def gate_weights(self, incoming: Size, suffix: str) -> tuple[Weight, ...]:
        found = super().gate_weights(incoming, suffix)
        if equal(self.proj_size, 0):
            return found
        return (*found, self.weight(f"weight_hr{suffix}", self.proj_size, self.hidden_size))

    def weights_of(self, incoming: Size, biases: int) -> Size:
        return super().weights_of(incoming, biases) + self.proj_size * self.hidden_size


class GRU(_Stack):
    """Gated recurrent units over whole sequences."""

    gates = 3
    bias: bool = flag(True)
    batch_first: bool = flag(False)
    dropout: float = number(0.0, minimum=0, maximum=1)
    bidirectional: bool = flag(False)
    device: str | None = device()
    dtype: str | None = dtype()
