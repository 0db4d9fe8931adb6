"""Parameters of blocks that are an integer here and a list there, as PyTorch's own `kernel_size` may be."""

from __future__ import annotations

from collections.abc import Iterator

from archspec.document import Document, ParameterEntry, StepEntry
from archspec.lower.reading import steps_of


def widened(document: Document) -> Document:
    """The document with the type of such parameters widened: those without a written type, by how steps give them."""
    given = {
        (block, name)
        for cls in (document, *document.blocks.values())
        for step in steps_of(cls.layers)
        for block, name in _lists(step, document)
    }
    blocks = {
        name: block.model_copy(
            update={
                "params": {
                    one: _widen(parameter) if (name, one) in given and _plain(parameter) else parameter
                    for one, parameter in block.params.items()
                }
            }
        )
        for name, block in document.blocks.items()
    }
    return document.model_copy(update={"blocks": blocks}) if given else document


def _widen(parameter: ParameterEntry) -> ParameterEntry:
    return parameter.model_copy(update={"type": "integers"})


def _plain(parameter: ParameterEntry) -> bool:
    """Whether a parameter is an integer by its default alone."""
    return parameter.type is None and type(parameter.default) is int


def _lists(step: StepEntry, document: Document) -> Iterator[tuple[str, str]]:
    """The parameters of a block to which a step gives a list of integers."""
    block = document.blocks.get(step.type or "")
    if block is None:
        return
    arguments = step.arguments
    if not isinstance(arguments, dict):
        required = [one for one, parameter in block.params.items() if parameter.required]
        arguments = dict.fromkeys([*required, *block.params][:1], arguments)
    for name, value in arguments.items():
        if isinstance(value, list) and value and all(type(item) is int for item in value):
            yield str(step.type), name
