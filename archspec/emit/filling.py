"""Graph -> the first values of a built module's weights, and what is parametrized; imports torch."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from torch import Tensor, nn
from torch.nn.utils import parametrizations

from archspec.graph import Fill, Parametrization, Rule


def fill_weight(weight: Tensor, fill: Fill) -> None:
    """Fills one weight."""
    function = getattr(nn.init, fill.function)
    function(weight, **{argument.name: argument.value for argument in fill.arguments})


def fill_below(module: nn.Module, fill: Fill) -> None:
    """Fills the weights below a module that the fill means; one that is shared by any of its names, but once."""
    for name, weight in module.named_parameters(remove_duplicate=fill.pattern or fill.uncertain):
        if _fits(fill, name):
            fill_weight(weight, fill)


def apply_rules(main: nn.Module, rules: Iterable[Rule]) -> None:
    """Fills what the rules of a network mean: of its layers, of its blocks, and by names."""
    layers = [(getattr(nn, rule.cls), rule) for rule in rules if hasattr(nn, rule.cls)]
    blocks = {rule.cls: rule for rule in rules if rule.cls and not hasattr(nn, rule.cls)}
    for module in main.modules() if layers else ():
        rule = next((rule for kind, rule in layers if isinstance(module, kind)), None)
        for fill in rule.fills if rule is not None else ():
            fill_below(module, fill)
    for module in main.modules() if blocks else ():
        for fill in blocks[type(module).__name__].fills if type(module).__name__ in blocks else ():
            fill_below(module, fill)
    for rule in rules:
        for name, weight in main.named_parameters(remove_duplicate=False) if not rule.cls else ():
            found = next((one for one in rule.fills if _fits(one, name)), None)
            if found is not None and found.function:
                fill_weight(weight, found)


def parametrize(module: nn.Module, one: Parametrization) -> None:
    """Puts a parametrization on a weight."""
    function = getattr(parametrizations, one.function)
    function(module, one.weight, **{argument.name: argument.value for argument in one.arguments})


def _fits(fill: Fill, name: str) -> bool:
    return fnmatchcase(name, fill.weight) if fill.pattern else name == fill.weight
