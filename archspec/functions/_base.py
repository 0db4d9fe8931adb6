"""What every function of the catalogue is: a signature as PyTorch has it, and one rule for types and sizes.

A function is one declaration: `@function("torch.flatten")` over a Python function whose parameters are PyTorch's, by
name, order and default, and whose body says what comes out, given what goes in. Its annotations say what an argument
takes, which is checked before the body runs:

- `TensorType` a tensor; `tuple[TensorType, ...]` a list of them;
- `int` an integer that has to be known, such as an axis; `Size` one that may be symbolic;
- `float`, `bool`, `str`, `Literal[…]` (one of some words), `None`, and unions and tuples of all these;
- `Any` what the rule looks at itself.

Left out are the arguments that no spec needs (`out`, `inplace`, `layout`, `generator`, …), and `device`, which is the
inputs'. Knows nothing of specs, of how an expression is written, or of source code.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cached_property
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

from archspec.cuts import Passings
from archspec.cuts import Rule as Cut
from archspec.dimensions import Dimension, Size, at_least, show
from archspec.expressions import Symbolic, UndecidedError, as_size
from archspec.problems import Advice, did_you_mean, echo
from archspec.refusals import RefusalError, refuse, require_at_least
from archspec.tensors import TensorType

Flow: TypeAlias = TensorType | tuple[Any, ...]
"""What a function returns: a tensor, or (nested) tuples of them."""

Rule: TypeAlias = Callable[..., Flow]
Macs: TypeAlias = Callable[..., Size]

Axes: TypeAlias = int | tuple[int, ...]
Sizes: TypeAlias = Size | tuple[Size, ...]
"""One number for all axes, or one for each."""
Scalar: TypeAlias = Size | float | bool
Operand: TypeAlias = TensorType | Scalar
"""A tensor or a number; an unknown number is a Symbolic."""
Dtype: TypeAlias = Literal[
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
    "complex64",
    "complex128",
]


class _Absent:
    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "absent"


ABSENT: Any = _Absent()
"""The default of an argument that only one of PyTorch's overloads has. As a flag it is false."""

_KINDS = {
    TensorType: "tensor",
    int: "integer",
    Dimension: "size",
    float: "number",
    bool: "flag",
    str: "word",
    NoneType: "null",
}
_WORDS = {
    "tensor": "a tensor",
    "integer": "an integer",
    "number": "a number",
    "flag": "true or false",
    "word": "a word",
    "null": "null",
}


_ELSEWHERE = {"axis": "dim", "axes": "dims", "keepdims": "keepdim", "x": "input", "a": "input"}
"""What NumPy calls an argument."""


class Takes:
    """What an argument takes, read from its annotation."""

    __slots__ = ("anything", "choices", "items", "kinds")

    def __init__(self, annotation: Any) -> None:
        self.anything = annotation is Any
        parts = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
        self.kinds = {_KINDS[part] for part in parts if part in _KINDS}
        self.choices = tuple(word for part in parts if get_origin(part) is Literal for word in get_args(part))
        if self.choices:
            self.kinds.add("word")
        items = [get_args(part)[0] for part in parts if get_origin(part) is tuple]
        self.items = Takes(items[0]) if items else None

    def __str__(self) -> str:
        if self.anything:
            return "a value"
        words = [text for kind, text in _WORDS.items() if kind in self.kinds and not (kind == "word" and self.choices)]
        if self.choices:
            words.append(f"one of {', '.join(f'`{choice}`' for choice in self.choices)}")
        if self.items is not None:
            words.append("a list of tensors" if "tensor" in self.items.kinds else "a list")
        return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))

    @property
    def tensors(self) -> bool:
        """Whether it takes a tensor, or a list of them."""
        return "tensor" in self.kinds or (self.items is not None and self.items.tensors)

    def check(self, value: Any, name: str) -> Any:
        """The value as rules compute with it; RefusalError if it is none, UndecidedError if it has to be known."""
        if self.anything:
            return value
        if isinstance(value, TensorType):
            fits = "tensor" in self.kinds
        elif isinstance(value, tuple | list):
            if self.items is not None:
                return tuple(self.items.check(item, name) for item in value)
            fits = False
        elif isinstance(value, Symbolic):
            return self._check_symbolic(value, name)
        elif isinstance(value, bool) or value is None:
            fits = ("flag" if isinstance(value, bool) else "null") in self.kinds
        elif isinstance(value, str):
            fits = value in self.choices if self.choices else "word" in self.kinds
        elif isinstance(value, Dimension):
            if "integer" in self.kinds and "size" not in self.kinds:
                raise UndecidedError(f"`{name}`, which is {value}")
            fits = bool(self.kinds & {"size", "number"})
        else:
            fits = bool(self.kinds & ({"integer", "number"} if isinstance(value, int) else {"number"}))
        return value if fits else self._refuse(value, name)

    def _check_symbolic(self, value: Symbolic, name: str) -> Any:
        kind = value.type.partition("[")[0]
        if kind in ("int", "any") and "size" in self.kinds and not self.kinds & {"tensor", "number"}:
            return as_size(value)
        wanted = {"int": "integer", "float": "number", "bool": "flag", "str": "word"}.get(kind)
        if (
            wanted in ("integer", "word")
            or (kind in ("list", "tuple") and self.items is not None)
            or kind in ("any", "integers")
        ):
            raise UndecidedError(f"`{name}`, which is {value}")
        return value if wanted in self.kinds else self._refuse(value, name)

    def _refuse(self, value: Any, name: str) -> None:
        near = did_you_mean(value, self.choices) if isinstance(value, str) and self.choices else ""
        refuse("AS404", f"`{name}` takes {self}; this is {describe(value)}", near, name)


class Function:
    """A function of `torch` or `torch.nn.functional`, as far as shapes, dtypes and costs go."""

    def __init__(
        self,
        python: str,
        rule: Rule,
        macs: Macs | None = None,
        doc: str | None = None,
        formula: str = "",
        spatial: int = 0,
        cut: Cut | None = None,
    ) -> None:
        self.python = python
        """How Python code calls it: `torch.flatten`, `F.relu`, `torch.fft.rfft`."""
        self.name = python.partition(".")[2] or python
        """How specs call it: `flatten`, `relu`, `fft.rfft`."""
        self._doc = doc or rule.__doc__ or ""
        self.family = rule.__module__.rpartition(".")[2]
        """The file that it is declared in."""
        self.rule = rule
        self._macs = macs
        self._formula = formula
        self._cut = cut
        self.spatial = spatial
        """How many spatial axes it works on: the 2 of conv2d."""
        self.counts = macs is not None
        """Whether PyTorch's flop counter counts it."""

    def __repr__(self) -> str:
        return f"{self.python}({', '.join(map(str, self.parameters))})"

    def named(self, python: str) -> Function:
        """The same under another name."""
        return Function(python, self.rule, self._macs, self._doc, self._formula, self.spatial, self._cut)

    @property
    def doc(self) -> str:
        """What it returns, and the shapes."""
        return inspect.cleandoc(self._doc)

    @property
    def shape(self) -> str:
        """The shapes that it takes and returns: a formula for people, as `formulas` reads it, or in words."""
        return self._formula or " ".join(self.doc.partition("Shape: ")[2].partition("\n\n")[0].split())

    # Read when they are first asked for: the catalogue is large, a spec needs little of it.

    @cached_property
    def signature(self) -> inspect.Signature:
        """Its parameters, their annotations evaluated."""
        return inspect.signature(self.rule, eval_str=True)

    @cached_property
    def takes(self) -> dict[str, Takes]:
        """What each of its parameters takes, by name."""
        return {name: Takes(parameter.annotation) for name, parameter in self.parameters.items()}

    @cached_property
    def makes(self) -> bool:
        """Whether it makes a tensor out of numbers alone, and takes the device that the tensor is to be on."""
        return not any(takes.tensors for takes in self.takes.values())

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """Its parameters by name, in PyTorch's order, with PyTorch's defaults."""
        return dict(self.signature.parameters)

    def __call__(self, *args: Any, **kwargs: Any) -> Flow:
        """The type of what comes out, given types of tensors and values of all else.

        RefusalError where PyTorch would refuse; UndecidedError where it depends on a parameter.
        """
        try:
            bound = self.bind(*args, **kwargs)
            return require_some(self.rule(*bound.args, **bound.kwargs))
        except RefusalError as refusal:
            name = self.name if self.name.replace(".", "_").isidentifier() else f"`{self.name}`"
            message = f"{name}: {refusal.message}"
            told = RefusalError(refusal.code, message, refusal.help, refusal.argument, refusal.axes)
            told.mixes = refusal.mixes
            raise told.with_traceback(refusal.__traceback__) from None

    def macs(self, output: Flow, *args: Any, **kwargs: Any) -> Size:
        """Multiply-accumulate operations of a call that returned `output`: PyTorch's flop counter has twice as many."""
        if self._macs is None:
            return 0
        bound = self.bind(*args, **kwargs)
        return self._macs(output, *bound.args, **bound.kwargs)

    def passings(self, output: Flow, given: Mapping[str, Any]) -> Passings:
        """How a cut passes each argument that is a tensor; none passes where there is no rule.

        `given` are the arguments by name, those with a default too.
        """
        return {} if self._cut is None else self._cut(output, given)

    @property
    def passes(self) -> bool:
        """Whether it has a rule of how a cut passes."""
        return self._cut is not None

    def bind(self, *args: Any, **kwargs: Any) -> inspect.BoundArguments:
        """The arguments by parameter, each checked by itself."""
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError:
            self._refuse_call(args, kwargs)
        for name, value in bound.arguments.items():
            takes = self.takes[name]
            if self.parameters[name].kind is inspect.Parameter.VAR_POSITIONAL:
                bound.arguments[name] = tuple(takes.check(item, name) for item in value)
            else:
                bound.arguments[name] = takes.check(value, name)
        return bound

    def _refuse_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Says why the arguments do not go with the signature."""
        by_place = [p.name for p in self.parameters.values() if p.kind is not inspect.Parameter.KEYWORD_ONLY]
        for name in kwargs:
            if name not in self.parameters:
                taken = f"{self.name} takes"
                hint = did_you_mean(name, list(self.parameters), taken)
                if (other := _ELSEWHERE.get(name)) in self.parameters:
                    hint = Advice(f"did you mean `{other}`? {taken}: {', '.join(self.parameters)}", str(other), name)
                if name == "inplace":
                    hint = "remove it: an expression returns a new value; layers take `inplace`"
                refuse("AS402", f"there is no argument {echo(name)}", hint, name)
            if name in by_place[: len(args)]:
                refuse("AS402", f"`{name}` is given twice", argument=name)
        if len(args) > len(by_place):
            taken = ", ".join(f"`{name}`" for name in by_place)
            more = ", ".join(f"`{name}=`" for name in self.parameters if name not in by_place)
            hint = f"pass the others by name: {more}" if more else ""
            refuse("AS402", f"{len(args)} values are given by position, but it takes {len(by_place)}: {taken}", hint)
        for parameter in self.parameters.values():
            if parameter.kind is parameter.POSITIONAL_ONLY and parameter.name in kwargs:
                refuse("AS402", f"`{parameter.name}` is positional: write it without its name", argument=parameter.name)
            if parameter.default is parameter.empty and parameter.name not in (*by_place[: len(args)], *kwargs):
                message = f"`{parameter.name}` is required: {self.takes[parameter.name]}"
                refuse("AS403", message, f"{self.name} takes: {', '.join(self.parameters)}")


def function(python: str, *, macs: Macs | None = None, cut: Cut | None = None) -> Callable[[Rule], Function]:
    """Makes a Function of its rule: `python` is how generated code calls it, `cut` says how a cut passes."""
    return lambda rule: Function(python, rule, macs, cut=cut)


def require_some(output: Flow) -> Flow:
    """What comes out holds at least one number: an empty tensor is PyTorch's way to say that a bound is wrong."""
    for item in (output,) if isinstance(output, TensorType) else output:
        if isinstance(item, TensorType):
            for size in item.shape:
                if at_least(size, 1) is not True:  # first, as the message costs more than the answer
                    require_at_least(size, 1, message=f"the result would be empty: it returns {item}")
        else:
            require_some(item)
    return output


def describe(value: Any) -> str:
    """A value as messages say it."""
    if isinstance(value, TensorType):
        return f"a tensor, {value}"
    if isinstance(value, Symbolic):
        return f"{echo(value)}, of type {value.type}"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, tuple | list):
        inside = ", ".join(str(x) if isinstance(x, TensorType) else echo(x) for x in value)
        return f"the list [{inside}]"
    return f"the word {echo(value)}" if isinstance(value, str) else echo(value)


def listed(sizes: tuple[Size, ...]) -> str:
    """Sizes as messages list them."""
    return f"[{', '.join(map(show, sizes))}]"
