"""The arguments of layers: what each takes, and PyTorch's default for it.

Knows nothing of what a layer does with them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self, TypeAlias

from archspec import dimensions
from archspec.dimensions import Dimension, Size
from archspec.expressions import Symbolic, UndecidedError, as_size
from archspec.problems import Advice, did_you_mean, echo
from archspec.refusals import refuse
from archspec.tensors import COMPLEX, DTYPES_ELSEWHERE, FLOATS

Sizes: TypeAlias = Size | tuple[Size, ...]
"""One number for all axes, or one for each."""

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
    "dtype": f"one of {', '.join((*FLOATS, *COMPLEX))}",
}

_SYMBOLIC: dict[Kind, tuple[str, ...]] = {  # the types of parameters that may stand for an argument
    "integers": ("list", "integers"),
    "number": ("float", "int"),
    "numbers": ("float", "int", "list"),
    "flag": ("bool",),
    "word": ("str",),
    "device": ("str",),
}


class LayerArgument:
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
        raise UndecidedError(f"`{self.name}` is not inferred yet")

    @property
    def without_default(self) -> bool:
        """Whether PyTorch requires it, be it inferred here or not."""
        return self.default is REQUIRED

    @property
    def required(self) -> bool:
        """Whether PyTorch requires it and nothing infers it."""
        return self.default is REQUIRED and not self.inferred

    def entries(self, layer: type[Configured]) -> int | None:
        """How many entries a list for it has; None: any number."""
        return layer.spatial * self.each if self.count == 0 else self.count

    def expects(self, layer: type[Configured]) -> str:
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

    def text(self, text: str, value: object) -> str:
        """A value of it as Python source, given the source of the plain value."""
        if self.kind == "dtype":
            return f"torch.{value}" if isinstance(value, str) else text
        if self.kind == "integers" and self.count is None and isinstance(value, tuple) and text.startswith("("):
            return f"[{text[1:-1].removesuffix(',')}]"  # where any number may stand, PyTorch's types say list
        return text

    def check(self, value: object, layer: type[Configured]) -> object:
        """The value in the form that layers compute with; RefusalError if it is none of this argument's."""
        if isinstance(value, list):
            value = tuple(value)
        if self.kind in ("integer", "integers"):
            value = _sized(value)
        if not self._takes(value, layer):
            message = f"`{self.name}` of {layer.__name__} takes {self.expects(layer)}; this is {_describe(value)}"
            near = self._nearest(value) if isinstance(value, str) else self._advice(value, layer)
            refuse("AS404", message, near, self.name)
        return value

    def _nearest(self, word: str) -> str:
        """The word that was meant, perhaps."""
        words = (*FLOATS, *COMPLEX) if self.kind == "dtype" else self.choices
        other = DTYPES_ELSEWHERE.get(word)
        return Advice(f"did you mean `{other}`?", other, word) if other in words else did_you_mean(word, words)

    def _advice(self, value: object, layer: type[Configured]) -> str:
        """What to write instead of a value that it does not take."""
        count = self.entries(layer)
        if isinstance(value, tuple) and self.kind in ("integers", "numbers") and count not in (None, len(value)):
            return f"write one number, or {count}: `[{', '.join(map(str, (*value, *value[-1:] * 9)[:count]))}]`"
        if isinstance(value, tuple) and self.kind in ("integer", "number"):
            return f"pass several arguments by name: `{{{self.name}: …}}`"
        if isinstance(value, float) and value.is_integer() and self.kind in ("integer", "integers"):
            advice = f"write `{int(value)}`; in an expression, `//` gives an integer, and `/` a float"
            return Advice(advice, str(int(value)))
        if isinstance(value, float) and self.kind in ("integer", "integers"):
            return "write an integer; in an expression, use `//`, `int` or `round`"
        if isinstance(value, bool) and self.kind != "flag":
            return "write a number: true and false are not numbers"
        range_ = "" if self.minimum is None else f" of {self.minimum} or more"
        if self.minimum is not None and self.maximum is not None:
            range_ = f" from {self.minimum} to {self.maximum}"
        ways = [f"write a number{range_}"] if self.kind in ("integer", "integers", "number", "numbers") else []
        if self.default is not REQUIRED:
            ways.append(f"leave it out for PyTorch's default, {_describe(self.default)}")
        return ", or ".join(ways)

    def _takes(self, value: object, layer: type[Configured]) -> bool:
        if value is None:
            return self.optional
        if isinstance(value, Symbolic):
            words = ("str",) if self.choices else ()
            return value.type.split("[")[0] in ("any", *_SYMBOLIC.get(self.kind, ()), *words)
        if isinstance(value, str) and self.choices:
            return value in self.choices
        if self.kind in ("flag", "word", "device", "dtype"):
            right = isinstance(value, bool if self.kind == "flag" else str)
            return right and (self.kind != "dtype" or value in (*FLOATS, *COMPLEX))
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
            if self.kind not in ("number", "numbers") or math.isnan(item):
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
    return LayerArgument("integer", default, minimum=minimum, **more)


def inferred() -> Any:
    """A required integer that the flowing value tells."""
    return LayerArgument("integer", minimum=1, inferred=True)


def per_axis(default: object = REQUIRED, *, minimum: int | None = 1, **more: Any) -> Any:
    """One integer for all spatial axes, or a list with one for each."""
    return LayerArgument("integers", default, minimum=minimum, count=0, **more)


def integers(default: object = REQUIRED, *, minimum: int | None = 1, count: int | None = None, **more: Any) -> Any:
    """One integer, or a list of `count` (None: any number) of them."""
    return LayerArgument("integers", default, minimum=minimum, count=count, **more)


def number(default: float | None = REQUIRED, **more: Any) -> Any:
    """A float or an integer."""
    return LayerArgument("number", default, **more)


def numbers(default: object = REQUIRED, **more: Any) -> Any:
    """One number, or a list of them."""
    return LayerArgument("numbers", default, **more)


def flag(default: bool | None = REQUIRED, **more: Any) -> Any:
    """true or false."""
    return LayerArgument("flag", default, **more)


def word(default: str | None = REQUIRED, *choices: str, **more: Any) -> Any:
    """One of some words."""
    return LayerArgument("word", default, choices=choices, **more)


def device() -> Any:
    """PyTorch's factory argument."""
    return LayerArgument("device", None)


def dtype() -> Any:
    """PyTorch's factory argument."""
    return LayerArgument("dtype", None)


class Configured:
    """A class whose constructor's arguments are its class attributes of type Argument."""

    arguments: ClassVar[Mapping[str, LayerArgument]] = {}
    """The constructor's arguments by name, in PyTorch's order."""
    spatial: ClassVar[int] = 0
    """How many spatial axes it works on: the 2 of Conv2d."""
    positional: ClassVar[int | None] = None
    """How many leading arguments people write without their names; None: those without a default, at least one."""

    def __init_subclass__(cls) -> None:
        collected = dict(cls.arguments)
        for name, value in vars(cls).items():
            if isinstance(value, LayerArgument):
                collected[name] = value
        cls.arguments = collected

    def __init__(self, given: Mapping[str, object]) -> None:
        """Checks every argument by itself; RefusalError for the first that does not fit."""
        self.given = given
        for name, argument in self.arguments.items():
            if name in given:
                self.__dict__[name] = argument.check(given[name], type(self))
            elif argument.required:
                layer, needed = type(self).__name__, [n for n, a in self.arguments.items() if a.required]
                advice = f"`{layer}: {{{', '.join(f'{n}: …' for n in needed)}}}`"
                if len(needed) == 1:
                    advice = f"`{layer}: …`" if name == needed[0] and not given else advice
                refuse("AS403", f"{layer} requires `{name}`: {argument.expects(type(self))}", f"write {advice}")
            elif not argument.inferred:
                self.__dict__[name] = argument.default

    @classmethod
    def unchecked(cls) -> Self:
        """The layer without arguments, to stand where the spec's do not hold."""
        layer = cls.__new__(cls)
        layer.given = {}
        return layer

    @classmethod
    def single(cls) -> str | None:
        """The argument that one bare value stands for: the first required one, else a first one with a default."""
        required = [name for name, argument in cls.arguments.items() if argument.required]
        first = next(iter(cls.arguments), None)
        if required:
            return required[0]
        return None if first is None or cls.arguments[first].inferred else first

    @classmethod
    def leading(cls) -> int:
        """How many leading arguments people write without their names."""
        if cls.positional is not None:
            return cls.positional
        required = [argument.default is REQUIRED for argument in cls.arguments.values()]
        return max(1, required.index(False) if False in required else len(required))
