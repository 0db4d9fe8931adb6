"""The catalogue as a reference: of each layer and function its arguments, what is inferred, its rule, an example.

Everything is read from the declarations in `layers` and `functions`; examples are found by trying, so none is wrong.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from archspec.functions import FUNCTIONS, Function
from archspec.functions import absent as functions
from archspec.layers import ABSENT, LAYERS, Layer
from archspec.problems import nearest
from archspec.views.catalogue.examples import function_example, layer_example

_DOCS = "https://docs.pytorch.org/docs/stable/generated/"


_PLACES = r"^(torch\.)?(nn\.functional\.|nn\.|F\.|Tensor\.)?"
"""What may stand before a name."""


@dataclass(frozen=True, slots=True)
class ArgumentEntry:
    """One argument of a constructor or a function, in words."""

    name: str
    takes: str
    default: str | None
    """As a spec writes it; None where there is none."""
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One layer or function of the catalogue."""

    name: str
    kind: str
    """`layer` or `function`."""
    family: str
    python: str
    """Its full name in PyTorch."""
    doc: str
    shape: str
    """What comes out, given what goes in: a line for each formula."""
    arguments: tuple[ArgumentEntry, ...]
    inputs: tuple[str, ...]
    """The arguments of a layer's forward method."""
    single: str | None
    """The argument of a layer that one bare value stands for."""

    @property
    def example(self) -> str:
        """A spec that uses it."""
        return layer_example(LAYERS[self.name]) if self.kind == "layer" else function_example(FUNCTIONS[self.name])

    @property
    def link(self) -> str:
        """PyTorch's own page."""
        return f"{_DOCS}{self.python}.html"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {
            "arguments": [asdict(one) for one in self.arguments],
            "inputs": list(self.inputs),
            "example": self.example,
            "link": self.link,
        }


def entry(name: str) -> CatalogueEntry | None:
    """What the catalogue knows by that name; a leading `nn.`, `F.` or `torch.` is no part of it."""
    bare = re.sub(_PLACES, "", name)
    if bare in LAYERS:
        return _layer(LAYERS[bare])
    return _function(FUNCTIONS[bare]) if bare in FUNCTIONS else None


def absent(name: str) -> str:
    """Why there is no such entry, or what was meant."""
    bare = name.rpartition(".")[2]
    if bare in ABSENT:
        return f"torch.nn.{bare} is not in the catalogue: {ABSENT[bare]}"
    why = functions.reason(bare) or functions.reason(re.sub(_PLACES, "", name))
    if why is not None:
        return f"{name} is not in the catalogue: {why}"
    near = nearest(bare, [*LAYERS, *FUNCTIONS])
    return f"did you mean `{near}`?" if near else "`archspec layers` lists everything"


def families() -> dict[str, dict[str, tuple[str, ...]]]:
    """The names of all entries by kind and family."""
    found: dict[str, dict[str, list[str]]] = {"layer": {}, "function": {}}
    for name, layer in LAYERS.items():
        found["layer"].setdefault(layer.family, []).append(name)
    for name, function in FUNCTIONS.items():
        found["function"].setdefault(function.family, []).append(name)
    return {kind: {family: tuple(sorted(names)) for family, names in by.items()} for kind, by in found.items()}


def _layer(layer: type[Layer]) -> CatalogueEntry:
    arguments = tuple(
        ArgumentEntry(
            name, one.expects(layer), None if one.required or one.inferred else _text(one.default), one.inferred
        )
        for name, one in layer.arguments.items()
    )
    name, required = layer.__name__, sum(one.required for one in layer.arguments.values())
    single = layer.single() if required <= 1 else None
    doc, shape = inspect.cleandoc(layer.__doc__ or ""), _rule(layer.shape)
    return CatalogueEntry(name, "layer", layer.family, f"torch.nn.{name}", doc, shape, arguments, layer.inputs, single)


def _function(function: Function) -> CatalogueEntry:
    arguments = tuple(
        ArgumentEntry(name, str(function.takes[name]), _default(one)) for name, one in function.parameters.items()
    )
    before, _, after = function.doc.partition("Shape:")  # which `shape` says in full
    doc = "\n\n".join(filter(None, (before.strip(), after.partition("\n\n")[2].strip())))
    places = {"F": "torch.nn.functional", "Tensor": "torch.Tensor"}
    module, _, name = function.python.rpartition(".")
    python, shape = f"{places.get(module, module)}.{name}", _rule(function.shape)
    return CatalogueEntry(function.name, "function", function.family, python, doc, shape, arguments, (), None)


def _rule(text: str) -> str:
    """A rule with one line for each formula."""
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


def _default(parameter: inspect.Parameter) -> str | None:
    if parameter.kind is parameter.VAR_POSITIONAL or parameter.default is parameter.empty:
        return None
    return "absent" if repr(parameter.default) == "absent" else _text(parameter.default)


def _text(value: object) -> str:
    """A default as a spec writes it."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_text, value))}]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


# As people read it.


def text(one: CatalogueEntry) -> str:
    """An entry for a terminal."""
    lines = [f"{one.name}  ({one.kind}, {one.family})", *(f"  {line}".rstrip() for line in one.doc.split("\n")), ""]
    for title, value in {"shape": one.shape, **_facts(one)}.items():
        heads = (f"{title:11}", *[" " * 11] * value.count("\n"))
        rules = zip(heads, value.split("\n"), strict=True)
        lines += [line for head, rule in rules for line in _wrapped(head, rule.split(" "), " ")]
    if one.arguments:
        names = max(len(argument.name) for argument in one.arguments)
        lines += ["", "  arguments"]
        lines += [f"    {a.name:{names}}  {_need(a):14}  {a.takes}" for a in one.arguments]
    lines += ["", "  example", *(f"    {line}" for line in one.example.splitlines()), "", f"  {one.link}"]
    return "\n".join(lines)


def markdown(one: CatalogueEntry) -> str:
    """An entry as a section of a page."""
    lines = [f"### `{one.name}`", "", one.doc, ""]
    lines += ["```text", one.shape, "```", ""]
    lines += [f"- {title}: `{value}`" for title, value in _facts(one).items()]
    if one.arguments:
        lines += ["", "| argument | default | takes |", "| --- | --- | --- |"]
        lines += [f"| `{a.name}` | {_need(a)} | {a.takes} |".replace("*", "\\*") for a in one.arguments]
    lines += ["", "```yaml", one.example.rstrip(), "```", "", f"[PyTorch's page]({one.link})", ""]
    return "\n".join(lines)


def page(kind: str, family: str) -> str:
    """All entries of a family as a page of Markdown."""
    found = filter(None, map(entry, families()[kind][family]))
    return "\n".join((f"## {family.capitalize()}", "", *map(markdown, found)))


def overview() -> str:
    """Every entry by its family, for a terminal."""
    lines = []
    for kind, by_family in families().items():
        lines += [f"{kind}s"]
        lines += [line for family, names in by_family.items() for line in _wrapped(f"{family:14}", names)]
        lines += [""]
    lines += ["not in the catalogue"]
    for reason in dict.fromkeys(ABSENT.values()):
        lines += [f"  {reason}:", *_wrapped("  ", [name for name in ABSENT if ABSENT[name] == reason])]
    return "\n".join(lines)


def _facts(one: CatalogueEntry) -> dict[str, str]:
    """What there is to know beside the shapes and the arguments, each under a title."""
    inferred = ", ".join(argument.name for argument in one.arguments if argument.inferred)
    inputs = ", ".join(one.inputs) if len(one.inputs) > 1 else ""
    single = f"{one.name}: {one.single}" if one.single else ""
    titled = {"inferred": inferred, "one value": single, "inputs": inputs}
    return {title: value for title, value in titled.items() if value}


def _need(argument: ArgumentEntry) -> str:
    if argument.inferred:
        return "inferred"
    return "required" if argument.default is None else argument.default


def _wrapped(title: str, words: Iterable[str], between: str = ", ") -> list[str]:
    """Words in lines of at most 100 columns, behind a title."""
    import textwrap  # here: only terminals need it

    head = f"  {title}"
    return textwrap.wrap(between.join(words), 100, initial_indent=head, subsequent_indent=" " * len(head))
