"""What a document is made of: which keys stand where, and what kind of value each takes.

Pydantic validates by these models, strictly: nothing is converted. They say what a document is made of, not what it
means: no layer is looked up, no expression evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    ValidationInfo,
    model_validator,
)

from archspec.document import checks, shorthand

StepName: TypeAlias = Annotated[str, BeforeValidator(checks.step_name)]
Outputs: TypeAlias = str | list[str] | dict[StepName, str]
"""What a network, a block or a group returns."""
BlockName: TypeAlias = Annotated[str, BeforeValidator(checks.block_name)]
Target: TypeAlias = Annotated[str, BeforeValidator(checks.target)]
ParameterName: TypeAlias = Annotated[str, BeforeValidator(checks.parameter_name)]
InputName: TypeAlias = Annotated[str, BeforeValidator(checks.input_name)]
ClassName: TypeAlias = Annotated[str, BeforeValidator(checks.own_class_name)]
VariantName: TypeAlias = Annotated[str, BeforeValidator(checks.own_class_name)]
Pattern: TypeAlias = Annotated[str, BeforeValidator(checks.name_pattern)]
Loop: TypeAlias = Annotated[str, BeforeValidator(checks.loop)]
Doc: TypeAlias = Annotated[str, BeforeValidator(checks.doc)]
Ignore: TypeAlias = Annotated[Mapping[str, str], BeforeValidator(checks.ignore)]
Beginnings: TypeAlias = Annotated[Mapping[str, Any] | str, PlainValidator(checks.beginnings)]
Parametrized: TypeAlias = Annotated[Mapping[str, Any], PlainValidator(checks.parametrized)]
Rules: TypeAlias = Annotated[Mapping[str, Any], PlainValidator(checks.rules)]
Dimension: TypeAlias = Annotated[Any, BeforeValidator(checks.dimension)]
Limit: TypeAlias = Annotated[int | None, PlainValidator(checks.budget_limit)]
Kind: TypeAlias = Literal["int", "float", "bool", "str", "list"]
Version: TypeAlias = Literal[1]


class Model(BaseModel):
    """A mapping of the language. Unknown keys are errors, and no value is converted."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class ParameterEntry(Model):
    """An argument of the constructor."""

    type: Kind | None = None
    default: Any = None
    doc: Doc = ""
    min: int | float | None = None
    max: int | float | None = None
    choices: list[Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: object) -> object:
        return shorthand.parameter(data, cls.model_fields)

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is None


class InputEntry(Model):
    """A tensor that the forward method takes, or a list of them, each of the shape `list`."""

    shape: list[Dimension] = []
    list_: list[Dimension] | None = Field(default=None, alias="list")
    dtype: str = "float32"
    optional: bool = False

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: object) -> object:
        return shorthand.declared_input(data)

    @property
    def axes(self) -> list[int | str]:
        """The sizes of the tensor, or of each tensor of the list."""
        return self.list_ if self.list_ is not None else self.shape


class StepEntry(Model):
    """One step: exactly one of `type`, `layers`, `expression`, `again` and `layer`, and what may stand beside it.

    A step that cannot be read has the type "", which no text gives.
    """

    type: str | None = None
    arguments: Any = None
    layers: Layers | None = None
    nested: list[StepEntry] | None = None  # a list in place of a layer
    expression: str | None = None
    again: str | None = None
    layer: str | None = None
    from_: Any = Field(default=None, alias="from")
    when: str | bool | None = None
    for_: Loop | None = Field(default=None, alias="for")
    repeat: int | str | None = None
    each: Loop | None = None
    collect: bool | None = None
    shared: bool | None = None
    shape: list[Dimension] | None = None
    name: Pattern | None = None
    persistent: bool | None = None
    init: Beginnings | None = None
    parametrize: Parametrized | None = None
    trainable: bool | None = None
    call: bool | None = None
    outputs: Outputs | None = None
    ignore: Ignore = {}

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: object, info: ValidationInfo) -> object:
        return shorthand.step(data, info.context or ())

    @property
    def loop(self) -> str | None:
        """The key that says how often the step is repeated, if one does."""
        repeats = {"for": self.for_, "each": self.each, "repeat": self.repeat}
        return next((key for key, value in repeats.items() if value is not None), None)

    @property
    def over(self) -> str | None:
        """What its loop binds, and over what: the text of `for` or `each`."""
        return self.for_ if self.for_ is not None else self.each

    @property
    def bound(self) -> frozenset[str]:
        """The names that its loop binds."""
        return frozenset(re.findall(r"\w+", (self.over or "").partition(" in ")[0])) - {"_"}


def _form_of_layers(value: object) -> str | None:
    return "list" if isinstance(value, list) else "mapping" if isinstance(value, dict) else None


Layers: TypeAlias = Annotated[
    Annotated[list[StepEntry], Tag("list")] | Annotated[dict[Target, StepEntry], Tag("mapping")],
    Discriminator(
        _form_of_layers,
        custom_error_type="archspec_layers",
        custom_error_message="`layers` must be a list of steps, or a mapping of names to steps",
    ),
]
"""A list is an nn.Sequential; a mapping names its steps."""


class Block(Model):
    """A class of its own, used like a layer."""

    inputs: dict[InputName, InputEntry]
    layers: Layers
    doc: Doc = ""
    params: dict[ParameterName, ParameterEntry] = {}
    let: dict[ParameterName, Any] = {}
    outputs: Outputs | None = None
    order: list[Target] | None = None
    ignore: Ignore = {}


class Budget(Model):
    """What the network may cost at most: numbers, or texts such as `5M`."""

    parameters: Limit = None
    macs: Limit = None

    @model_validator(mode="before")
    @classmethod
    def _not_empty(cls, data: object) -> object:
        return shorthand.budget(data)


class VariantEntry(Model):
    """A named setting of the parameters."""

    doc: Doc = ""
    params: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: object) -> object:
        return shorthand.variant(data)


class Document(Block):
    """A whole spec."""

    archspec: Version = 1
    name: ClassName | None = None
    blocks: dict[BlockName, Block] = {}
    variants: dict[VariantName, VariantEntry] = {}
    init: Rules = {}
    imports: dict[BlockName, str] = {}
    budget: Budget | None = None


class Library(Model):
    """A file of blocks, which specs import."""

    blocks: dict[BlockName, Block]
    doc: Doc = ""
    archspec: Version = 1
    imports: dict[BlockName, str] = {}


StepEntry.model_rebuild()
Block.model_rebuild()
