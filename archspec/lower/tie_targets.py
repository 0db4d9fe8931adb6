"""What a tie names: a parameter below a module of the class, found by its path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from archspec.dimensions import show
from archspec.expressions import UndecidedError
from archspec.graph import Branch, Call, Class, Group, Item, Loop
from archspec.layers import Layer, Weight
from archspec.layers.own import OwnLayer
from archspec.problems import Related, Span, did_you_mean, echo
from archspec.tensors import TensorType


class Spot(NamedTuple):
    """One module on the way from a class to another one.

    `certain` ones are always there, at one place; so are all modules (`*`) of a loop that alone fills a group.
    """

    name: str
    item: Call | Group
    certain: bool

    @property
    def literal(self) -> bool:
        return self.certain and self.name != "*"


Way = tuple[Spot, ...]


class FoundWeight(NamedTuple):
    """A parameter below a module: the modules of this class on the way to it, and its module's path below the last."""

    way: Way
    module: tuple[str, ...]
    weight: Weight
    owner: str
    span: Span


class RefusedTieError(Exception):
    """Why a tie cannot be."""

    def __init__(self, code: str, message: str, help: str = "", related: tuple[Related, ...] = ()) -> None:
        super().__init__(message)
        self.code, self.message, self.help, self.related = code, message, help, related


class MissingModuleError(RefusedTieError):
    """A path leads to a module that is not there."""


def spots(items: tuple[Item, ...], certain: bool = True) -> Iterator[Spot]:
    """The modules of a class or group, those of its loops and conditions too."""
    for item in items:
        if isinstance(item, Branch):
            yield from spots(item.items, certain=False)
        elif isinstance(item, Loop):
            alone = certain and len(items) == 1 and len(item.items) == 1 and isinstance(item.items[0], Call | Group)
            yield from (Spot("*", spot.item, alone) for spot in spots(item.items, certain=False))
        else:
            known = item.name is not None and "{" not in item.name
            yield Spot(str(item.name) if known else "*", item, certain and known)


class ModuleNames:
    """The modules of a class or group by their names, as far as these are known."""

    def __init__(self, items: tuple[Item, ...]) -> None:
        self.spots: dict[str, Spot] = {}
        self.patterns: list[str] = []
        self.counted = False  # whether there are modules whose number depends on parameters
        for spot in spots(items):
            own = spot.item.name
            if own is None or (own.isdigit() and not spot.literal):
                self.counted = True
            elif "{" in own:
                self.patterns.append(r"\w+".join(map(re.escape, re.split(r"\{[^{}]*\}", own))))
            else:
                self.spots.setdefault(own, spot)

    def find(self, name: str) -> Spot | bool:
        """The module of that name; False if there is none, True if that depends on parameters."""
        if name in self.spots:
            return self.spots[name]
        return self.counted if name.isdigit() else any(re.fullmatch(one, name) for one in self.patterns)


def find_weight(spot: Spot, parts: list[str], path: str) -> FoundWeight | None:
    """The parameter at a path below a module; None where that depends on parameters of the network."""
    item = spot.item
    if isinstance(item, Call) and isinstance(item.layer, Layer):
        return _parameter(spot, item, item.layer, parts, path)
    if not parts:
        raise RefusedTieError("AS303", f"`{path}` is a module, not a parameter", suggestion(spot, path))
    inside = item.items if isinstance(item, Group) else ()
    if isinstance(item, Call) and isinstance(item.layer, Class):
        inside = item.layer.children()
        if (found := held_tensor(item.layer, parts[0], parts[1:], path)) is not None:
            return found._replace(way=(spot,))
    following = ModuleNames(inside).find(parts[0])
    if following is False:
        above = path.split(".")[: -len(parts)]
        kind = item.type_name if isinstance(item, Call) else "Sequential"
        message = f"`{'.'.join(above)}` is a {kind}, which has no `{parts[0]}`"
        raise MissingModuleError("AS303", message, suggestion(spot, ".".join(above)))
    if following is True:
        return None
    assert isinstance(following, Spot)
    found = find_weight(following, parts[1:], path)
    if found is None:
        return None
    if isinstance(item, Group):
        return found._replace(way=(spot, *found.way))
    return found._replace(way=(spot,), module=(*(one.name for one in found.way), *found.module))


def _parameter(spot: Spot, item: Call, layer: Layer, parts: list[str], path: str) -> FoundWeight | None:
    """The parameter of a layer."""
    above = ".".join(path.split(".")[: -len(parts)] if parts else [path])
    if isinstance(layer, OwnLayer):
        message = f"the parameters of `{above}` are not known: it is your own class"
        raise RefusedTieError("AS303", message, "only PyTorch's layers can be tied")
    if any(one.weight == ".".join(parts) for one in item.parametrized):
        message = f"`{path}` is parametrized: PyTorch computes it again each time, so it cannot be shared"
        raise RefusedTieError("AS303", message, "remove `parametrize:`, or the tie")
    try:
        weights = layer.weights()
    except UndecidedError:
        return None
    for weight in weights:
        if weight.name == ".".join(parts) and weight.learnable:
            return FoundWeight((spot,), (), weight, item.type_name if item.held is None else "", item.span)
    kind = item.type_name
    if kind == "Identity":
        message = f"`{above}` is an nn.Identity here, which has no parameters"
        advice = "the step is removed by `when`: use the same condition for the tie"
        raise RefusedTieError("AS303", message, advice, (Related(f"`{above}` is defined here", item.span),))
    known = [weight.name for weight in weights if weight.learnable]
    message = f"`{above}` is a {kind}, which has no parameter {echo('.'.join(parts))}"
    advice = did_you_mean(".".join(parts), known, "its parameters") if known else "it has none at all"
    if any(weight.name == ".".join(parts) for weight in weights):
        message, advice = f"`{path}` is a buffer of {kind}, not a parameter", "only parameters can be shared"
    raise RefusedTieError("AS303", message, advice, (Related(f"`{above}` is defined here", item.span),))


def held_tensor(cls: Class, name: str, rest: list[str], path: str) -> FoundWeight | None:
    """The `Parameter` of a class that has that name."""
    step = next((one for one in cls.steps if one.name == name and one.kind in ("parameter", "buffer")), None)
    if step is None:
        return None
    if step.kind == "buffer" or rest:
        message = f"`{name}` is a Buffer, not a parameter" if not rest else f"`{name}` is a tensor, not a module"
        raise RefusedTieError("AS303", message, f"tie to a Parameter: `{path.removesuffix('.' + '.'.join(rest))}`")
    if not isinstance(step.output, TensorType):
        return None
    return FoundWeight((), (), Weight(name, step.output.shape, step.output.dtype), "", step.span)


def suggestion(spot: Spot, path: str) -> str:
    """What to write in place of the path of a module that is no layer."""
    inside = spot.item.items if isinstance(spot.item, Group) else ()
    if isinstance(spot.item, Call):
        inside = spot.item.layer.children() if isinstance(spot.item.layer, Class) else ()
    known = [one for one in spots(inside) if one.literal]
    shown = [f"`{path}.{one.name}`" for one in known[:3]]
    if not shown:
        return "name a parameter of a layer: `wte.weight`"
    return f"in it are {', '.join(shown)}{', …' if len(known) > 3 else ''}"


def shape_text(weight: Weight) -> str:
    """The shape of a weight, for messages."""
    return f"[{', '.join(map(show, weight.shape))}]"
