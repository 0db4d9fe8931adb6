"""Equal neighbours among the operations of a body, as rounds of one loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from archspec.importer.nodes import Apply, ArgumentGroup, Mode, ModuleBody, ModuleTensor, Operation, Ref, Result, Scalar


class Region:
    """The kind of a body that is a group of steps of the module around it."""


@dataclass(slots=True)
class ModuleLoop:
    """Modules that run one after the other, each on what the one above returned: items of one container."""

    container: str
    start: int
    rounds: list[Operation]
    results: dict[tuple[int | str, ...], Result]
    single: bool = True

    @property
    def args(self) -> tuple[Any, ...]:
        return self.rounds[0].args


def signature(node: Any, named: bool = True) -> Any:
    """What two nodes have in common that differ in numbers and words alone."""
    match node:
        case Scalar(value):
            return "literal" if value is not Ellipsis else "..."
        case ArgumentGroup(kind, items):
            if kind == "list" and all(isinstance(one, Scalar) for one in items):
                return "literals", len(items)
            return kind, tuple(signature(one) for one in items)
        case Apply(function, args, keywords):
            return function, tuple(map(signature, args)), tuple((key, signature(one)) for key, one in keywords)
        case Mode(training, evaluation):
            return "mode", signature(training), signature(evaluation)
        case ModuleLoop():
            return "loop", node.container, node.start, signature(node.rounds[0], False), signature_of_inputs(node)
        case Operation():
            inner = None if node.body is None else (node.body.kind, node.body.family or signature(node.body))
            inputs = signature_of_inputs(node) if named else None
            said = tuple((key, signature(one)) for key, one in sorted(node.keywords.items())) if named else None
            return (
                node.slot or node.function,
                node.module if named else None,
                inputs,
                said,
                () if node.slot else tuple(node.settings),
                node.called,
                node.shape is None,
                node.trainable,
                inner,
                tuple(node.results),
            )
        case ModuleBody():
            state = tuple(
                (one.name, one.is_parameter, one.persistent, one.trainable, _made(one.made)) for one in node.state
            )
            return (
                tuple(map(signature, node.operations)),
                signature(node.output),
                state,
                len(node.inputs),
                _without_rounds(node),
            )
    return node


def _without_rounds(body: ModuleBody) -> tuple[str, ...]:
    """The order of modules, items of containers left out."""
    return tuple(dict.fromkeys(name.split(".")[0] for name in body.order if not name.split(".")[0].isdigit()))


def _made(made: Any) -> Any:
    return len(made.shape) if hasattr(made, "shape") else signature(made)


def signature_of_inputs(node: Any) -> Any:
    """What an operation takes by position, in a form that is equal where two operations take the same."""
    return tuple(signature(one) for one in node.args)


def with_loops_of(body: ModuleBody) -> ModuleBody:
    """The body with its own loops."""
    if body.kind is Region:
        return body
    reads = [index for node in (*body.operations, body.output) for index in reads_of(node)]
    moved: dict[int, int] = {-1: -1}
    operations: list[Any] = []
    index = 0
    while index < len(body.operations):
        run = 0 if isinstance(body.operations[index], ModuleLoop) else run_of(body.operations, index, reads)
        moved.update({index + k: len(operations) for k in range(max(run, 1))})
        one = body.operations[index]
        if run:
            rounds = body.operations[index : index + run]
            container, number = _numbered(body.operations, index)
            operations.append(ModuleLoop(container, number, rounds, rounds[-1].results, rounds[-1].single))
        else:
            operations.append(one)
        index += max(run, 1)
    for one in operations:
        for call in one.rounds if isinstance(one, ModuleLoop) else (one,):
            call.args = tuple(renumbered(arg, moved) for arg in call.args)
            call.keywords = {key: renumbered(arg, moved) for key, arg in call.keywords.items()}
    return replace(body, operations=operations, output=renumbered(body.output, moved))


def run_of(operations: list[Operation], start: int, reads: list[int]) -> int:
    """How many operations from there on are rounds of one loop; 0 where none is one."""
    first = operations[start]
    container, number = _numbered(operations, start)
    if number < 0 or not first.args or not first.single or (first.body is None and not container):
        return 0
    if first.ties or not first.called or (first.body is not None and first.body.kind is Region):
        return 0
    if any(getattr(one, "module", None) == first.module for k, one in enumerate(operations) if k != start):
        return 0
    form = signature(first, False)
    length = 1
    for index in range(start + 1, len(operations)):
        one = operations[index]
        if isinstance(one, ModuleLoop):
            break
        if one.module != _path(container, number + length) or not one.single or signature(one, False) != form:
            break
        if one.args[0] != Ref(index - 1) or one.args[1:] != first.args[1:] or one.keywords != first.keywords:
            break
        if reads.count(index - 1) != 1:
            break
        length += 1
    return length


def _numbered(operations: list[Operation], index: int) -> tuple[str, int]:
    """The container of a module and its number there; where there is none, -1.

    Where a module runs no others than `layer1`, `layer2` and so on, their container is called `layer{i + 1}`.
    """
    path = str(operations[index].module)
    container, _, number = path.rpartition(".")
    if number.isdigit():
        return container, int(number)
    word = path.rstrip("0123456789")
    if index or "." in word or word == path or operations[0].body is None or len(operations) == 1:
        return "", -1
    first = int(path[len(word) :])
    alone = all(one.module == f"{word}{first + k}" for k, one in enumerate(operations))
    return (f"{word}{{i + {first}}}" if first else f"{word}{{i}}", 0) if alone else ("", -1)


def is_pattern(container: str) -> bool:
    """Whether a container stands for modules that lie in none, with a number at the end of their names."""
    return container.endswith("}")


def _path(container: str, number: int) -> str:
    """The path of a module in a container."""
    if is_pattern(container):
        word, _, base = container.removesuffix("}").partition("{i")
        return f"{word}{number + int(base.removeprefix(' + ') or 0)}"
    return f"{container}.{number}" if container else str(number)


def reads_of(node: Any) -> Iterator[int]:
    """The operations whose results a node reads, one for each time."""
    return (ref.operation for ref in references(node))


def references(node: Any) -> Iterator[Ref]:
    """Every value that a node reads."""
    match node:
        case Ref():
            yield node
        case ArgumentGroup(_, items):
            for one in items:
                yield from references(one)
        case Apply(_, args, keywords):
            for one in (*args, *dict(keywords).values()):
                yield from references(one)
        case Mode(training, evaluation):
            yield from references(training)
            yield from references(evaluation)
        case Operation():
            for one in (*node.args, *node.keywords.values()):
                yield from references(one)
        case ModuleLoop():
            yield from references(node.rounds[0])


def renumbered(node: Any, moved: Mapping[int, int], renamed: Mapping[Ref, Ref] | None = None) -> Any:
    """A node whose references follow their operations; `renamed` are references that become others."""
    match node:
        case Ref(operation, path):
            return renamed[node] if renamed and node in renamed else Ref(moved[operation], path)
        case ArgumentGroup(kind, items):
            return ArgumentGroup(kind, tuple(renumbered(one, moved, renamed) for one in items))
        case Apply(function, args, keywords):
            return Apply(
                function,
                tuple(renumbered(one, moved, renamed) for one in args),
                tuple((key, renumbered(one, moved, renamed)) for key, one in keywords),
            )
        case Mode(training, evaluation):
            return Mode(renumbered(training, moved, renamed), renumbered(evaluation, moved, renamed))
    return node


def is_sequential(body: ModuleBody | None) -> bool:
    """Whether a body is that of a plain nn.Sequential, which is written where it stands."""
    return body is not None and body.kind in (nn.Sequential, Region)


def is_chain(body: ModuleBody) -> bool:
    """Whether a body does no more than run its modules one after the other."""
    if len(body.inputs) != 1 or body.state or not body.operations:
        return False
    for index, one in enumerate(body.operations):
        if isinstance(one, Operation) and (one.module is None or "." in one.module or one.keywords):
            return False
        if isinstance(one, Operation) and one.body is not None and one.body.kind is Region:
            return False
        if not isinstance(one, Operation) and one.container:
            return False
        before = Ref(index - 1) if index else Ref(-1, (0,))
        if one.args != (before,):
            return False
    return bool(body.output == Ref(len(body.operations) - 1))


__all__ = [
    "ModuleLoop",
    "ModuleTensor",
    "is_chain",
    "is_sequential",
    "reads_of",
    "renumbered",
    "signature",
    "with_loops_of",
]
