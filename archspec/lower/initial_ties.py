"""Rules for weights that are tied: such a weight begins by the most exact rule for any of its names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from archspec.document import Block, Document, Layers, StepEntry
from archspec.layers import LAYERS
from archspec.lower.reading import keyed_steps, steps_of
from archspec.lower.weights import overlap


def classes_tied(document: Document) -> Iterator[str]:
    """The classes of layers with a rule for a weight that a step ties to one which begins in another way."""
    for block in (document, *document.blocks.values()):
        for step in steps_of(block.layers):
            for weight, path in _ties(step):
                own = _rule(document, step, weight)
                other = _source(document, block.layers, path)
                alike = other is not None and other.init is None and _rule(document, other, path.split(".")[-1]) == own
                if own is not None and not alike:
                    yield str(step.type)


def tied_below(block: Block) -> Iterator[str]:
    """The weights of a block's steps that are tied to others."""
    yield from (f"{key}.{weight}" for key, step in keyed_steps(block.layers) for weight, _ in _ties(step))


def less_exact(tied: Iterable[tuple[str, str]], said: Iterable[str], rules: Sequence[str]) -> Iterator[str]:
    """The names of shared weights that go by a more exact rule for another of their names.

    `tied` are names with the ones that they are tied to, `said` those that a step fills, `rules` names and patterns,
    the most exact one first.
    """
    groups: dict[str, list[str]] = {}
    for name, other in tied:
        group = groups.setdefault(other, [other])
        group += groups.get(name, [name])
        groups[name] = group
    words = tuple(said)

    def rank(name: str) -> int:
        if any(overlap(one, name) for one in words):
            return -1
        return next((place for place, rule in enumerate(rules) if overlap(rule, name)), len(rules))

    for group in {id(one): one for one in groups.values()}.values():
        ranks = {name: rank(name) for name in dict.fromkeys(group)}
        yield from (name for name, one in ranks.items() if one > min(ranks.values()))


def _ties(step: StepEntry) -> Iterator[tuple[str, str]]:
    """The weights of a layer that its step ties to others, with the paths of those."""
    if step.type not in LAYERS or not isinstance(step.arguments, dict):
        return
    known = LAYERS[str(step.type)].arguments
    for name, value in step.arguments.items():
        if isinstance(value, str) and (name not in known or (name == "bias" and "." in value)):
            yield str(name), value


def _rule(document: Document, step: StepEntry, weight: str) -> str | None:
    """What the rule for the class of a step says of a weight."""
    rules = document.init.get(str(step.type))
    if not isinstance(rules, dict):
        return None
    return next((str(text) for name, text in rules.items() if fnmatchcase(weight, str(name))), None)


def _source(document: Document, layers: Layers | None, path: str) -> StepEntry | None:
    """The step that makes the weight at a dotted path; None where that cannot be seen in the document."""
    first, _, rest = path.partition(".")
    step = layers.get(first) if isinstance(layers, dict) else None
    if step is None or "." not in rest:
        return step
    block = document.blocks.get(str(step.type))
    return _source(document, block.layers if block is not None else step.layers, rest)
