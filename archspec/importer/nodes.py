"""What a run of a model is recorded as: bodies of modules, their operations, and the values that flow between them.

A body is what one call of a module did: calls of modules below it and calls of functions, each with arguments that are
literals, tensors of the module, or results of operations above. Knows nothing of YAML; the same types describe one
run, and what several runs have in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SourceLine:
    """Where in the user's source something happened."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Ref:
    """A value of a body: the result of an operation, or of the inputs (operation -1), and the way to it in a tuple."""

    operation: int
    path: tuple[int | str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModuleTensor:
    """A parameter or buffer, by its name within the body's module."""

    name: str


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number, text, None, a dtype's name: what may differ from run to run."""

    value: Any


class LayerName(str):
    """A layer that an argument hands over: its name in the catalogue."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ArgumentGroup:
    """A tuple, list or slice of arguments."""

    kind: str
    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Mode:
    """Two arguments: one of training, one of evaluation."""

    training: Any
    evaluation: Any


@dataclass(frozen=True, slots=True)
class Apply:
    """A function of arguments, within an expression."""

    function: str
    args: tuple[Any, ...]
    keywords: tuple[tuple[str, Any], ...] = ()


@dataclass(slots=True)
class StateTensor:
    """A parameter or buffer of a body's own module, and how it is made."""

    name: str
    is_parameter: bool
    made: Any
    persistent: bool = True
    trainable: bool = True
    kept: Any = True
    """As an operation's."""


@dataclass(slots=True)
class Operation:
    """One call: of a module below the body's (`module` is its path), or of a function."""

    function: Any
    """A name; of a layer that an argument hands over, a hole in a template."""
    args: tuple[Any, ...]
    keywords: dict[str, Any]
    place: SourceLine | None = None
    module: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    body: ModuleBody | None = None
    results: dict[tuple[int | str, ...], Result] = field(default_factory=dict)
    single: bool = True
    """Whether it returns one tensor."""
    holds: bool = False
    """Whether its module has parameters or buffers."""
    ties: dict[str, str] = field(default_factory=dict)
    """Which of a layer's parameters are those of another module, by their names within the body's module."""
    trainable: bool = True
    kept: Any = True
    """Whether this use of a class has the step; a template has a Literal or a hole."""
    passed: Ref | None = None
    """What stands for its value in uses that do not have it."""
    slot: str | None = None
    """The argument of its module's constructor that hands over the layer."""
    defaults: Mapping[str, Any] | None = None
    """Of a class that a spec names as it is: what its constructor takes for arguments that it is not given."""
    shape: Any = None
    """Of such a class: the sizes of its result, where they are not those of its first input."""
    called: bool = True
    """Whether the forward method runs its module; the others are kept for their weights."""


@dataclass(slots=True)
class Result:
    """One tensor that an operation returned, and the variable that held it."""

    shape: tuple[int, ...]
    dtype: str
    name: str | None = None


@dataclass(slots=True)
class ModuleBody:
    """What one call of a module did."""

    kind: type
    arguments: dict[str, Any]
    """What its constructor was called with."""
    names: list[str] = field(default_factory=list)
    """Its inputs, as the arguments of `forward` are called."""
    inputs: list[Result] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    output: Any = None
    state: list[StateTensor] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    """The modules that hold weights, in the order in which they were made: paths below the body's module."""
    place: SourceLine | None = None
    family: str | None = None
    """What names its form, where that holds steps that only some uses of the class have."""


def thaw(body: ModuleBody) -> None:
    """Takes it off all steps of a body that their weights do not learn: the step of the whole says so."""
    for state in body.state:
        state.trainable = True
    for one in body.operations:
        one.trainable = True
        if one.body is not None:
            thaw(one.body)
