"""What is said of weights: the arguments of their layers, whose parameters are shared, and how they begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from archspec.expressions import Node
from archspec.problems import Span


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a constructor. `node` is what the spec says; it is None where the value was inferred."""

    name: str
    value: Any
    node: Node | None
    span: Span


@dataclass(frozen=True, slots=True)
class Tie:
    """What a layer's argument says: its own parameter `weight` is the one at the dotted path `other`."""

    weight: str
    other: str
    span: Span


@dataclass(frozen=True, slots=True)
class Sharing:
    """A tie resolved: the parameter `weight` of the module at `module` is replaced by the one at `other`.

    Both paths lead from the class, group or module that has it; `module` is empty for the latter itself. A `*` in
    `module` stands for every module that a loop makes.
    """

    module: str
    weight: str
    other: str
    span: Span
    layer: str = ""
    """The name of the class whose parameter is replaced; empty where that depends on a parameter of the network."""
    owner: str = ""
    """The name of the class that has the other parameter; empty likewise, and for a Parameter of the spec."""
    within: int | None = None
    """For a module that stands at no certain place: how many groups `other` is to be looked up outwards, 0 being the
    module itself. None is the class."""
    group: str = ""
    """The class of a group of named steps whose modules are meant: those in its list `collected`."""
    collected: str = ""
    """The list to which a module of such a group, which stands at no certain place, is added for a class around it."""
    frozen: bool = False
    """Whether the module does not learn: then the other parameter does not, either."""


@dataclass(frozen=True, slots=True)
class Fill:
    """How a weight begins: the function of torch.nn.init that fills `weight`, a name below the module that says so.

    `pattern` says that the name may hold `*`, and that any weight below is meant that fits. A weight that is there on
    some condition alone is `uncertain`.
    """

    weight: str
    function: str
    arguments: tuple[Argument, ...]
    span: Span
    pattern: bool = False
    uncertain: bool = False
    general: bool = False
    """Whether a rule for the layer's class says it, so that rules by name are more exact."""


@dataclass(frozen=True, slots=True)
class Parametrization:
    """A function of torch.nn.utils.parametrizations that is put on a weight of a layer once it has its values."""

    weight: str
    function: str
    arguments: tuple[Argument, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Rule:
    """How weights begin that no step says it of: those of all layers of a class, or those of a pattern of names.

    `cls` is the class of the layer or block; it is empty where the fills' names are those of the whole network.
    """

    cls: str
    fills: tuple[Fill, ...]
    span: Span
