"""What a step says of its weights, read naively: `init`, `parametrize` and `trainable`."""

from __future__ import annotations

import ast
from collections.abc import Container, Mapping
from fnmatch import fnmatchcase
from typing import Any

from naive_values import argument
from torch import Tensor, nn

SAID = ("init", "parametrize", "trainable")


def weights_of(made: Mapping[str, Any]) -> dict[str, nn.Parameter]:
    """The parameters of modules by their keys."""
    found: dict[str, nn.Parameter] = {}
    for path, one in made.items():
        if isinstance(one, nn.Parameter):
            found[path] = one
        elif isinstance(one, nn.Module):
            found |= {f"{path}.{name}": weight for name, weight in one.named_parameters(remove_duplicate=False)}
    return found


def apply(
    step: Mapping[str, Any], path: str, made: Mapping[str, Any], names: Mapping[str, Any], tied: Container[str]
) -> list[Tensor]:
    """Does with the modules of a step what the step says: fills their weights, parametrizes and freezes them.

    Returns the weights that it has filled. Weights that are `tied` to others begin as those do.
    """
    init = step.get("init") or {}
    rules = {path: init} if isinstance(init, str) else {f"{path}.{name}": text for name, text in init.items()}
    own = {key: weight for key, weight in weights_of(made).items() if key not in tied}
    filled = chosen(rules, own)
    for weight, text in filled:
        call(nn.init, text, names, weight)
    for name, text in (step.get("parametrize") or {}).items():
        call(nn.utils.parametrizations, text, names, made[path], name)
    if step.get("trainable") is False:
        for one in weights_of(made).values():
            one.requires_grad_(False)
    return [weight for weight, _ in filled]


class Rules:
    """The rules at the top: `init` for the layers of a class, for blocks, for names and patterns."""

    def __init__(self, init: Mapping[str, Any], blocks: Mapping[str, Any]) -> None:
        self.layers = {key: dict(one) for key, one in init.items() if isinstance(getattr(nn, key, None), type)}
        self.blocks = {key: dict(one) for key, one in init.items() if key in blocks}
        self.named: dict[str, str] = {}
        for key, one in init.items():
            if key not in self.layers and key not in self.blocks:
                self.named |= (
                    {f"{key}.{name}": text for name, text in one.items()} if isinstance(one, dict) else {key: one}
                )

    def fill(self, path: str, made: Any, around: Mapping[str, str], names: Mapping[str, Any]) -> None:
        """Fills each weight of what was made at a path by the most exact rule, within blocks by their prefixes."""
        for key, weight in weights_of({path: made}).items():
            own = fitting(self.layers.get(type(made).__name__, {}), key.removeprefix(f"{path}."))
            for place, block in around.items():
                if key.startswith(place):
                    own = fitting(self.blocks.get(block, {}), key.removeprefix(place)) or own
            text = fitting(self.named, key) or own
            if text is not None:
                call(nn.init, text, names, weight)

    def rank(self, key: str) -> tuple[int, int]:
        """How exact a rule for a name there is: the name itself, a pattern, none."""
        if key in self.named:
            return 2, 0
        patterns = [len(one.replace("*", "")) for one in self.named if "*" in one and fnmatchcase(key, one)]
        return (1, max(patterns)) if patterns else (0, 0)


def fitting(rules: Mapping[str, str], key: str) -> str | None:
    """What the most exact rule for a name says: the name itself, or else the longest pattern."""
    patterns = [one for one in rules if "*" in one and fnmatchcase(key, one)]
    return rules.get(key) or (rules[max(patterns, key=lambda one: len(one.replace("*", "")))] if patterns else None)


def chosen(rules: Mapping[str, str], weights: Mapping[str, nn.Parameter]) -> list[tuple[Tensor, str]]:
    """Each weight that a rule is for, with the most exact one: its name, or else the longest pattern."""
    found = []
    for rule, text in rules.items():
        for key, weight in weights.items():
            found_ = [one for one in rules if one == key or ("*" in one and fnmatchcase(key, one))]
            exact = key if key in found_ else max(found_, key=len, default=None)
            if rule == exact:
                found.append((weight, text))
    return found


def call(module: Any, text: str, names: Mapping[str, Any], *before: Any) -> None:
    """A function of a module as a text calls it, with what stands before its arguments."""
    node = ast.parse(text, mode="eval").body
    function = node.func if isinstance(node, ast.Call) else node
    if not isinstance(function, ast.Name):
        raise TypeError(f"{text} is no function")

    def read(part: ast.expr) -> Any:
        return argument(ast.unparse(part), names, takes_words=True)

    args = [read(one) for one in node.args] if isinstance(node, ast.Call) else []
    named = {str(one.arg): read(one.value) for one in node.keywords} if isinstance(node, ast.Call) else {}
    getattr(module, function.id)(*before, *args, **named)
