"""What every layer of the catalogue is: typed arguments as PyTorch names them, and one rule for what flows through.

A layer is one class, named as its `torch.nn` class is. Its class attributes made by `integer`, `per_axis`,
`number`, `flag`, `word` … are the constructor's arguments, in PyTorch's order and with PyTorch's defaults; its
`forward` takes the types of the tensors that flow in, fills in what can be inferred, refuses what PyTorch would
refuse, and returns the type of what flows out; its `shape` says the same of the axes, as a formula for people. Knows
nothing of specs, of YAML, or of source code.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from itertools import product, takewhile
from typing import Any, ClassVar, Self, TypeAlias

from archspec.cuts import Passing
from archspec.dimensions import Dimension, Size, Unknown, of, show
from archspec.expressions import Symbolic, UndecidedError, as_size
from archspec.layers._arguments import (
    REQUIRED,
    Configured,
    Kind,
    LayerArgument,
    Sizes,
    device,
    dtype,
    flag,
    inferred,
    integer,
    integers,
    number,
    numbers,
    per_axis,
    word,
)
from archspec.problems import Advice
from archspec.refusals import refuse, refuse_mixed, require, require_equal, require_held
from archspec.tensors import COMPLEX, FLOATS, INTEGERS, TensorType

Flow: TypeAlias = TensorType | tuple[Any, ...]
"""What a layer returns: a tensor, or (nested) tuples of them."""

__all__ = [
    "KINDS",
    "REQUIRED",
    "Flow",
    "Kind",
    "Layer",
    "LayerArgument",
    "Sizes",
    "Weight",
    "device",
    "divisors",
    "dtype",
    "flag",
    "inferred",
    "integer",
    "integers",
    "number",
    "numbers",
    "per_axis",
    "spread",
    "word",
]

KINDS = {"floating-point": FLOATS, "integer": INTEGERS, "boolean": ("bool",), "complex": COMPLEX}
"""The dtypes by what kind of numbers they hold."""


@dataclass(frozen=True, slots=True)
class Weight:
    """One tensor of a module's state_dict: a parameter, or (if it is not `learnable`) a buffer."""

    name: str
    shape: tuple[Size, ...]
    dtype: str = "float32"
    learnable: bool = True

    @property
    def numel(self) -> Size:
        """How many numbers it holds."""
        return math.prod(self.shape)


class Layer(Configured):
    """A module of `torch.nn`, as far as shapes, dtypes and costs go. Abstract where the name begins with `_`."""

    inputs: ClassVar[tuple[str, ...]] = ("input",)
    """The names of the forward method's arguments."""
    shape: ClassVar[str] = "[*] -> [*]"
    """What `forward` does to axes and sizes, for people, in the symbols of PyTorch's documentation: see `formulas`."""
    family: ClassVar[str] = ""
    """The section of torch.nn's documentation that it stands in; by default the file's name."""
    nullable: ClassVar[frozenset[str]] = frozenset()
    """The parameters that PyTorch declares as `Tensor | None`, whatever the arguments are."""
    floating: str = "float32"
    """The dtype of its weights where no argument says one: the network's."""
    columns: ClassVar[Mapping[str, int]] = {}
    """The weights that make the output's last axis along one of theirs: blocks of them make blocks of it."""
    rows: ClassVar[Mapping[str, int]] = {}
    """The weights that are summed with the input's last axis along one of theirs: blocks make sums that add up."""
    entries: ClassVar[Mapping[str, int]] = {}
    """The weights of which the input says the entries along an axis: ranks look up those that they hold."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.family = cls.__module__.rpartition(".")[2]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The type of what flows out (a TensorType or tuples of them), given the types of the `inputs`;

        Fills in the inferred arguments. RefusalError where PyTorch would refuse.
        """
        raise TypeError(f"{type(self).__name__} is abstract")

    def weights(self) -> tuple[Weight, ...]:
        """The tensors of its state_dict, in PyTorch's order and under PyTorch's names; what is inferred is known."""
        return ()

    def decided(self) -> Iterator[Self]:
        """The layer for each combination of what its flags without a value may be; what is not inferred is unknown."""
        missing = [name for name, one in self.arguments.items() if one.inferred and one.without_default]
        sizes = {name: of(Unknown("it is not inferred")) for name in missing if name not in vars(self)}
        flags = [name for name, value in vars(self).items() if isinstance(value, Symbolic) and value.type == "bool"]
        for answers in product((True, False), repeat=len(flags)):
            twin = copy(self)
            vars(twin).update(sizes, **dict(zip(flags, answers, strict=True)))
            yield twin

    def weight(self, name: str, *shape: Size) -> Weight:
        """One of them, of the dtype that the layer was given."""
        return Weight(name, shape, str(vars(self).get("dtype") or self.floating))

    def parameter_count(self) -> Size:
        """How many learnable numbers it holds; unknown where that depends on a parameter that has no value."""
        try:
            return self._parameter_count()
        except UndecidedError:
            return of(Unknown("a parameter has no value"))

    def _parameter_count(self) -> Size:
        return sum((weight.numel for weight in self.weights() if weight.learnable), start=0)

    def macs(self, output: Any, /, *args: Any, **kwargs: Any) -> Size:
        """Multiply-accumulate operations of one forward pass that returned `output`, given what `forward` was given.

        As torch.utils.flop_counter counts them, halved, where no kernel of a device does several steps at once.
        """
        return 0

    def passings(self, output: Any, *inputs: Any) -> tuple[Passing, ...]:
        """How a cut passes each of the inputs, beside what `columns` and `rows` say; none passes by default."""
        return tuple({} for _ in inputs)

    def sequenced(self, x: TensorType) -> Passing | None:
        """How a cut passes where the gradients of its weights are summed over the ranks behind it, as SequenceParallel
        does; None for a layer that it cannot carry out.
        """
        return None

    def bind(self, names: Iterable[str | None], values: Iterable[Any]) -> tuple[list[Any], dict[str, Any]]:
        """What flows in, as `forward` takes it: by position as far as the first inputs are there, the rest by name.

        A value without a name is the input of its place.
        """
        pairs = list(zip(names, values, strict=True))
        by_name = {name or place: value for (name, value), place in zip(pairs, self.inputs, strict=False)}
        first = list(takewhile(by_name.__contains__, self.inputs))
        return [by_name.pop(name) for name in first], by_name

    # What `forward` is written with.

    def infer(self, name: str, size: Sizes, axis: str = "") -> None:
        """Fills in an argument that the input tells; a given one must agree."""
        if name not in self.__dict__:
            self.__dict__[name] = size
            return
        given = self.__dict__[name]
        for a, b in zip(spread(given, 1), spread(size, 1), strict=True) if not isinstance(size, tuple) else ():
            require_equal(
                a,
                b,
                code="AS406",
                message=f"`{name}` is {_list(given)}, but {_list(size)}{axis and f' {axis}'} flow in",
                help=Advice(f"leave `{name}` out: it is inferred", ""),
                argument=name,
            )

    def require_rank(self, x: TensorType, *ranks: int, layout: str = "") -> None:
        """The input's number of axes is one of `ranks`."""
        if x.rank not in ranks:
            wanted = " or ".join(str(rank) for rank in ranks)
            name = type(self).__name__
            kind, dims, rest = name[:-2], name[-2:-1], x.rank - 2
            advice = ""
            if kind.endswith("Norm") and rest == 0 and name[-1] == "d":
                advice = f"`{kind}1d` takes [N, C]"
            elif dims.isdigit() and name[-1] == "d" and rest != int(dims) and 1 <= rest <= 3:
                advice = f"`{kind}{rest}d` takes {x.rank} axes"
            elif dims.isdigit() and name[-1] == "d" and rest == 0:
                axes = ", ".join(("D", "H", "W")[-int(dims) :]) if dims in "23" else "L"
                advice = "put it before `Flatten`, or reshape the value: "
                advice += f"`Unflatten: {{dim: 1, unflattened_size: [C, {axes}]}}`"
            refuse("AS501", f"{name} takes {wanted} axes{layout and f' ({layout})'}, but {x} flows in", advice)

    def require_dtype(self, x: TensorType, *allowed: str) -> None:
        """The input's dtype is one of those."""
        if x.dtype not in allowed:
            hint = f"write `dtype: {x.dtype}`" if "dtype" in self.arguments and x.dtype in FLOATS else ""
            if x.dtype in INTEGERS and "float32" in allowed:
                hint = "`Embedding` turns indices into vectors; for other numbers, set `dtype: float32` at the input"
            shown = f"{x} float32" if x.dtype == "float32" else str(x)
            message = f"{type(self).__name__} takes {' or '.join(allowed)}, but {shown} flows in"
            refuse_mixed((x.dtype, *allowed) if len(allowed) == 1 else (), message, hint)

    def require_float(self, x: TensorType) -> None:
        """The input is of a floating-point dtype."""
        if x.dtype not in FLOATS:
            refuse("AS505", f"{type(self).__name__} takes floating-point numbers, but {x} flows in")

    def require_kind(self, x: TensorType, *kinds: str) -> None:
        """The input's numbers are of one of those kinds (of `KINDS`)."""
        if not any(x.dtype in KINDS[kind] for kind in kinds):
            wanted = " and ".join(filter(None, (", ".join(kinds[:-1]), kinds[-1])))
            refuse("AS505", f"{type(self).__name__} takes {wanted} numbers, but {x} flows in")

    def float_weights(self) -> str:
        """The dtype of its weights: a floating-point one, where PyTorch has no complex kernels."""
        weights: str = vars(self)["dtype"] or self.floating
        require(weights in FLOATS, "AS404", f"{type(self).__name__} has no {weights} weights", argument="dtype")
        return weights

    def require_fits(self, x: TensorType, *names: str) -> None:
        """The input's dtype can hold the numbers that those arguments give."""
        require_held(x.dtype, "AS406", **{name: getattr(self, name) for name in names})

    def axis(self, x: TensorType, name: str) -> int:
        """The axis of the input that an argument says, counted from the front."""
        axis, rank = getattr(self, name), max(x.rank, 1)
        if not isinstance(axis, int):
            raise UndecidedError(f"`{name}`, an axis")
        there = f"axes 0 to {rank - 1}, or {-rank} to -1 from the end" if rank > 1 else "axis 0 alone"
        hint = "axes count from 0, and from the end with a minus: -1 is the last"
        require(-rank <= axis < rank, "AS406", f"`{name}` is {axis}, but {x} has {there}", hint, argument=name)
        return axis % rank


def divisors(size: int) -> str:
    """The first numbers that divide a known size: `1, 2, 4, 8, …`."""
    found = [n for n in range(1, min(size, 4096) + 1) if size % n == 0]
    return ", ".join(map(str, found[:8])) + (", …" if len(found) > 8 else "")


def spread(value: Any, count: int) -> tuple[Any, ...]:
    """One size for each of `count` axes."""
    if isinstance(value, Symbolic) and value.type == "integers":
        return tuple(of(Unknown(f"`{value}` is an integer or a list")) for _ in range(count))
    if isinstance(value, Symbolic) and value.type.startswith("list"):
        items = (value.item(index) for index in range(count))
        return tuple(as_size(item) if isinstance(item, Symbolic) and item.type == "any" else item for item in items)
    return value if isinstance(value, tuple) else (value,) * count


def _list(value: Sizes | Iterable[Size]) -> str:
    if isinstance(value, int | Dimension):
        return str(int(value)) if isinstance(value, int) else show(value)
    return f"[{', '.join(map(_list, value))}]" if isinstance(value, tuple) else str(value)
