"""What every layer of the catalogue is: typed arguments as PyTorch names them, and one rule for what flows through.

A layer is one class, named as its `torch.nn` class is. Its class attributes made by `integer`, `per_axis`,
`number`, `flag`, `word` … are the constructor's arguments, in PyTorch's order and with PyTorch's defaults; its
`forward` takes the types of the tensors that flow in, fills in what can be inferred, refuses what PyTorch would
refuse, and returns the type of what flows out. Knows nothing of specs, of YAML, or of source code.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal, TypeAlias

from archspec import dimensions
from archspec.dimensions import Dimension, Size, show
from archspec.expressions import Symbolic, Undecided, as_size
from archspec.problems import did_you_mean, echo
from archspec.tensors import COMPLEX, DTYPES, FLOATS, INTEGERS, TensorType

Sizes: TypeAlias = Size | tuple[Size, ...]
"""One number for all axes, or one for each."""

Flow: TypeAlias = TensorType | tuple[Any, ...]
"""What a layer returns: a tensor, or (nested) tuples of them."""

REQUIRED: Any = object()

Kind = Literal["integer", "integers", "number", "numbers", "flag", "word", "device", "dtype"]

_TYPES = {
    "integer": "an integer",
    "integers": "an integer or a list of integers",
    "number": "a number",
    "numbers": "a number or a list of numbers",
    "flag": "true or false",
    "word": "a word",
    "device": "a device's name, as in `cuda:0`",
    "dtype": f"one of {', '.join(DTYPES)}",
}

KINDS = {"floating-point": FLOATS, "integer": INTEGERS, "boolean": ("bool",), "complex": COMPLEX}
"""The dtypes by what kind of numbers they hold."""

_SYMBOLIC: dict[Kind, tuple[str, ...]] = {  # the types of parameters that may stand for an argument
    "integers": ("list",),
    "number": ("float", "int"),
    "numbers": ("float", "int", "list"),
    "flag": ("bool",),
    "word": ("str",),
    "device": ("str",),
}


class LayerError(ValueError):
    """Why a layer cannot be used so. `argument` names the culprit, if it is one of the arguments."""

    def __init__(self, code: str, message: str, help: str = "", argument: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help
        self.argument = argument


class Argument:
    """One argument of a constructor: its name, what it takes, and PyTorch's default."""

    name: str

    def __init__(
        self,
        kind: Kind,
        default: object = REQUIRED,
        *,
        minimum: float | None = None,
        maximum: float | None = None,
        choices: tuple[str, ...] = (),
        optional: bool = False,
        inferred: bool = False,
        count: int | None = None,
        each: int = 1,
        gaps: bool = False,
    ) -> None:
        self.kind = kind
        self.default = default
        self.minimum = minimum
        self.maximum = maximum
        self.choices = choices  # words that it takes; beside the numbers, if its kind is a numeric one
        self.optional = optional or default is None
        self.inferred = inferred
        self.count = count  # entries of a list; None: any number of them; 0: `each` for every spatial axis
        self.each = each
        self.gaps = gaps  # whether an entry of a list may be null

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, layer: object, owner: type) -> Any:
        if layer is None:
            return self
        raise Undecided(f"`{self.name}` is not inferred yet")

    @property
    def required(self) -> bool:
        """Whether PyTorch requires it and nothing infers it."""
        return self.default is REQUIRED and not self.inferred

    def entries(self, layer: type[Layer]) -> int | None:
        """How many entries a list for it has; None: any number."""
        return layer.spatial * self.each if self.count == 0 else self.count

    def expects(self, layer: type[Layer]) -> str:
        """In words, what it takes."""
        text, count = _TYPES[self.kind], self.entries(layer)
        if self.kind in ("integers", "numbers") and count is not None:
            text = f"{_TYPES['integer' if self.kind == 'integers' else 'number']} or a list of {count}"
        if self.kind in ("integer", "integers", "number", "numbers") and self.minimum is not None:
            text += f", at least {self.minimum}"
        if self.maximum is not None:
            text += f", at most {self.maximum}"
        if self.choices:
            words = ", ".join(f"`{choice}`" for choice in self.choices)
            text = f"one of {words}" if self.kind == "word" else f"{text}, or {words}"
        return f"{text}, or null" if self.optional else text

    def check(self, value: object, layer: type[Layer]) -> object:
        """The value in the form that layers compute with; LayerError if it is none of this argument's."""
        if isinstance(value, list):
            value = tuple(value)
        if self.kind in ("integer", "integers"):
            value = _sized(value)
        if not self._takes(value, layer):
            message = f"`{self.name}` of {layer.__name__} takes {self.expects(layer)}; this is {_describe(value)}"
            help = did_you_mean(value, self.choices) if isinstance(value, str) else ""
            raise LayerError("AS404", message, help, self.name)
        return value

    def _takes(self, value: object, layer: type[Layer]) -> bool:
        if value is None:
            return self.optional
        if isinstance(value, Symbolic):
            return value.type.split("[")[0] in ("any", *_SYMBOLIC.get(self.kind, ()))
        if isinstance(value, str) and self.choices:
            return value in self.choices
        if self.kind in ("flag", "word", "device", "dtype"):
            right = isinstance(value, bool if self.kind == "flag" else str)
            return right and (self.kind != "dtype" or value in DTYPES)
        if not isinstance(value, tuple):
            return self._fits(value)
        if self.kind not in ("integers", "numbers") or self.entries(layer) not in (None, len(value)):
            return False
        return all(map(self._fits, value))

    def _fits(self, item: object) -> bool:
        if isinstance(item, bool):
            return False
        if isinstance(item, Symbolic):
            return item.type in ("any", "int") or (item.type == "float" and self.kind in ("number", "numbers"))
        if isinstance(item, float):
            if self.kind not in ("number", "numbers") or not math.isfinite(item):
                return False
        elif not isinstance(item, int | Dimension):
            return item is None and self.gaps
        return self._in_range(item)

    def _in_range(self, item: Size | float) -> bool:
        if isinstance(item, Dimension):
            low, high = dimensions.bounds(item)
            return not (self.minimum is not None and high is not None and high < self.minimum) and not (
                self.maximum is not None and low is not None and low > self.maximum
            )
        return (self.minimum is None or item >= self.minimum) and (self.maximum is None or item <= self.maximum)


def _sized(value: Any) -> Any:
    """Entries of a list whose type is not known are sizes where an integer is needed."""
    if isinstance(value, tuple):
        return tuple(map(_sized, value))
    return as_size(value) if isinstance(value, Symbolic) and value.type == "any" else value


def _describe(value: object) -> str:
    if isinstance(value, Symbolic):
        return f"{echo(value)}, of type {value.type}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f"the word {echo(value)}"
    if value is None:
        return "null"
    return echo(list(value) if isinstance(value, tuple) else value)


def integer(default: int | None = REQUIRED, *, minimum: int | None = 1, **more: Any) -> Any:
    """An argument that is one integer."""
    return Argument("integer", default, minimum=minimum, **more)


def inferred() -> Any:
    """A required integer that the flowing value tells."""
    return Argument("integer", minimum=1, inferred=True)


def per_axis(default: object = REQUIRED, *, minimum: int | None = 1, **more: Any) -> Any:
    """One integer for all spatial axes, or a list with one for each."""
    return Argument("integers", default, minimum=minimum, count=0, **more)


def integers(default: object = REQUIRED, *, minimum: int | None = 1, count: int | None = None, **more: Any) -> Any:
    """One integer, or a list of `count` (None: any number) of them."""
    return Argument("integers", default, minimum=minimum, count=count, **more)


def number(default: float | None = REQUIRED, **more: Any) -> Any:
    """A float or an integer."""
    return Argument("number", default, **more)


def numbers(default: object = REQUIRED, **more: Any) -> Any:
    """One number, or a list of them."""
    return Argument("numbers", default, **more)


def flag(default: bool | None = REQUIRED, **more: Any) -> Any:
    """true or false."""
    return Argument("flag", default, **more)


def word(default: str | None = REQUIRED, *choices: str, **more: Any) -> Any:
    """One of some words."""
    return Argument("word", default, choices=choices, **more)


def device() -> Any:
    """PyTorch's factory argument."""
    return Argument("device", None)


def dtype() -> Any:
    """PyTorch's factory argument."""
    return Argument("dtype", None)


class Layer:
    """A module of `torch.nn`, as far as shapes, dtypes and costs go. Abstract where the name begins with `_`."""

    arguments: ClassVar[Mapping[str, Argument]] = {}
    """The constructor's arguments by name, in PyTorch's order."""
    inputs: ClassVar[tuple[str, ...]] = ("input",)
    """The names of the forward method's arguments."""
    spatial: ClassVar[int] = 0
    """How many spatial axes it works on: the 2 of Conv2d."""
    positional: ClassVar[int | None] = None
    """How many leading arguments people write without their names; None: those without a default, at least one."""
    family: ClassVar[str] = ""
    """The section of torch.nn's documentation that it stands in; by default the file's name."""

    def __init_subclass__(cls) -> None:
        collected = dict(cls.arguments)
        for name, value in vars(cls).items():
            if isinstance(value, Argument):
                collected[name] = value
        cls.arguments = collected
        cls.family = cls.__module__.rpartition(".")[2]

    def __init__(self, given: Mapping[str, object]) -> None:
        """Checks every argument by itself; LayerError for the first that does not fit."""
        self.given = given
        for name, argument in self.arguments.items():
            if name in given:
                self.__dict__[name] = argument.check(given[name], type(self))
            elif argument.required:
                raise LayerError("AS403", f"{type(self).__name__} requires `{name}`: {argument.expects(type(self))}")
            elif not argument.inferred:
                self.__dict__[name] = argument.default

    @classmethod
    def unchecked(cls) -> Layer:
        """The layer without arguments, to stand where the spec's do not hold."""
        layer = cls.__new__(cls)
        layer.given = {}
        return layer

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The type of what flows out (a TensorType or tuples of them), given the types of the `inputs`;

        Fills in the inferred arguments. LayerError where PyTorch would refuse.
        """
        raise TypeError(f"{type(self).__name__} is abstract")

    def parameter_count(self) -> Size:
        """How many learnable numbers it holds."""
        return 0

    def macs(self, *args: Any, **kwargs: Any) -> Size:
        """Multiply-accumulate operations of one forward pass, given the types of the inputs and, last, of the output.

        As torch.utils.flop_counter counts them, halved.
        """
        return 0

    @classmethod
    def single(cls) -> str | None:
        """The argument that one bare value stands for: the first required one, else a first one with a default."""
        required = [name for name, argument in cls.arguments.items() if argument.required]
        first = next(iter(cls.arguments), None)
        if required:
            return required[0]
        return None if first is None or cls.arguments[first].inferred else first

    # What `forward` is written with.

    def infer(self, name: str, size: Sizes, axis: str = "") -> None:
        """Fills in an argument that the input tells; a given one must agree."""
        if name not in self.__dict__:
            self.__dict__[name] = size
            return
        given = self.__dict__[name]
        for a, b in zip(spread(given, 1), spread(size, 1), strict=True) if not isinstance(size, tuple) else ():
            self.require_equal(
                a,
                b,
                code="AS406",
                message=f"`{name}` is {_list(given)}, but {_list(size)}{axis and f' {axis}'} flow in",
                help=f"leave `{name}` out: it is inferred",
                argument=name,
            )

    def fail(self, code: str, message: str, help: str = "", argument: str | None = None) -> None:
        """Refuses, with a reason."""
        raise LayerError(code, message, help, argument)

    def require(self, condition: bool, code: str, message: str, help: str = "", argument: str | None = None) -> None:
        """Refuses, with a reason, unless `condition`."""
        if not condition:
            self.fail(code, message, help, argument)

    def require_rank(self, x: TensorType, *ranks: int, layout: str = "") -> None:
        """The input's number of axes is one of `ranks`."""
        if x.rank not in ranks:
            wanted = " or ".join(str(rank) for rank in ranks)
            name = type(self).__name__
            self.fail("AS501", f"{name} takes {wanted} axes{layout and f' ({layout})'}, but {x} flows in")

    def require_dtype(self, x: TensorType, *allowed: str) -> None:
        """The input's dtype is one of those."""
        if x.dtype not in allowed:
            self.fail("AS505", f"{type(self).__name__} takes {' or '.join(allowed)}, but {x} flows in")

    def require_float(self, x: TensorType) -> None:
        """The input is of a floating-point dtype."""
        if x.dtype not in FLOATS:
            self.fail("AS505", f"{type(self).__name__} takes floating-point numbers, but {x} flows in")

    def require_kind(self, x: TensorType, *kinds: str) -> None:
        """The input's numbers are of one of those kinds (of `KINDS`)."""
        if not any(x.dtype in KINDS[kind] for kind in kinds):
            wanted = " and ".join(filter(None, (", ".join(kinds[:-1]), kinds[-1])))
            self.fail("AS505", f"{type(self).__name__} takes {wanted} numbers, but {x} flows in")

    def axis(self, x: TensorType, name: str) -> int:
        """The axis of the input that an argument says, counted from the front."""
        axis, rank = getattr(self, name), max(x.rank, 1)
        if not isinstance(axis, int):
            raise Undecided(f"`{name}`, an axis")
        message = f"`{name}` is {axis}, but {x} has axes 0 to {rank - 1}, or {-rank} to -1 from the end"
        self.require(-rank <= axis < rank, "AS406", message, argument=name)
        return axis % rank

    def require_equal(
        self, a: Size, b: Size, *, code: str = "AS502", message: str, help: str = "", argument: str | None = None
    ) -> None:
        """The two sizes are equal; for free dimensions: whatever their values."""
        if settled(dimensions.equal(a, b), a, b):
            return
        when = dimensions.when_equal(a, b)
        self.fail(code, f"{message}; they agree only if {when}" if when else message, help, argument)

    def require_divides(
        self, divisor: Size, size: Size, *, message: str, help: str = "", argument: str | None = None
    ) -> None:
        """`size` is a multiple of `divisor`; for free dimensions: whatever their values."""
        remainder = size % divisor
        if settled(dimensions.equal(remainder, 0), size, divisor):
            return
        known = isinstance(remainder, int)
        when = None if known else dimensions.when_equal(remainder, 0)
        reason = f": {show(size)} % {show(divisor)} = {show(remainder)}" if known else ""
        self.fail("AS503", f"{message}{reason}{f'; it divides only if {when}' if when else ''}", help, argument)

    def require_at_least(
        self, size: Size, least: Size, *, code: str = "AS504", message: str, help: str = "", argument: str | None = None
    ) -> None:
        """The size is not below `least`. Free dimensions may be large enough: only what never holds is refused."""
        if dimensions.at_least(size, least) is False:
            self.fail(code, message, help, argument)


def settled(answer: bool | None, *sizes: Size) -> bool:
    """Whether to go on: yes if it holds, no if it does not; if it depends, on parameters alone.

    With parameters as symbols the question was settled for their values before; a free dimension may be anything.
    """
    if answer is not None:
        return answer
    return any(not symbol.free for size in sizes for symbol in dimensions.symbols(size)) or any(
        isinstance(atom, dimensions.Unknown) for size in sizes for atom in dimensions.atoms(size)
    )


def spread(value: Sizes | Symbolic | float, count: int) -> tuple[Any, ...]:
    """One value for each of `count` axes."""
    if isinstance(value, Symbolic) and value.type.startswith("list"):
        return tuple(value.item(index) for index in range(count))
    return value if isinstance(value, tuple) else (value,) * count


def scaled(size: Size, factor: Size | float | Symbolic) -> Size:
    """floor(size * factor), as PyTorch computes it: in floating-point numbers."""
    if isinstance(factor, int | Dimension):
        return size * factor
    if isinstance(factor, float):
        if isinstance(size, int):
            return math.floor(size * factor)
        numerator, denominator = factor.as_integer_ratio()
        if max(numerator, denominator) <= 2**20:  # small enough for the product to be exact
            return numerator * size // denominator
    return dimensions.of(dimensions.Unknown(f"floor({show(size)} * {factor})"))


def _list(value: Sizes | Iterable[Size]) -> str:
    if isinstance(value, int | Dimension):
        return show(value)
    return f"[{', '.join(map(show, value))}]" if isinstance(value, tuple) else str(value)
