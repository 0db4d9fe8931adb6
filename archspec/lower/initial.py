"""How weights begin: what steps say, the rules at the top, what is frozen, and what is parametrized.

The most exact rule fills a weight: the one beside its step, then its full name, then a pattern, then its class. The
rules of a class run once all modules are made. Where a step has a word on such a layer itself, they run as each layer
is made, so that the step's word comes last; the text alone decides that, for every value of the parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from archspec.document import Block, Document, Step
from archspec.expressions import Call as Function
from archspec.expressions import (
    ExpressionError,
    Literal,
    Name,
    Node,
    Scope,
    UndecidedError,
    compile_value,
    evaluate,
    unknown,
)
from archspec.graph import (
    Argument,
    Branch,
    Call,
    Class,
    Fill,
    Group,
    Item,
    Loop,
    Parametrization,
    Rule,
    free_symbols,
    module_of,
    modules,
    placed,
)
from archspec.graph import Step as Made
from archspec.initializers import INITIALIZERS, PARAMETRIZATIONS, Initializer
from archspec.layers import LAYERS, Layer, Weight
from archspec.layers.own import OwnLayer
from archspec.lower._problems import Report
from archspec.lower.reading import steps_of
from archspec.problems import Span, did_you_mean, echo
from archspec.refusals import RefusalError
from archspec.source import Path

if TYPE_CHECKING:
    from archspec.lower.frames import Frame
    from archspec.lower.sites import Site


class Namespace(NamedTuple):
    """Functions of weights that PyTorch has in one module."""

    module: str
    functions: dict[str, Initializer]


_INIT = Namespace("torch.nn.init", INITIALIZERS)
_PARAMETRIZATIONS = Namespace("torch.nn.utils.parametrizations", PARAMETRIZATIONS)

HOLDING: tuple[str, ...] = ("MultiheadAttention", "Transformer", "TransformerDecoder", "TransformerDecoderLayer")
HOLDING += ("TransformerEncoder", "TransformerEncoderLayer")
"""Layers of PyTorch's that hold others, which go by their names alone."""
_HELD = ("Linear", "LayerNorm", "MultiheadAttention", "Dropout", "ReLU")


class Rules:
    """The rules at the top of a document."""

    def __init__(self, report: Report, document: Document, scope: Scope) -> None:
        self.report = report
        self.document = document
        self.layers: dict[str, tuple[Fill, ...]] = {}
        self.blocks: dict[str, tuple[Fill, ...]] = {}
        self.named: list[Fill] = []
        self.pushed = pushed(document) if document.init else frozenset[str]()
        for key, below in document.init.items():
            self.read(str(key), below, ("init", key), scope)

    def read(self, key: str, below: Any, path: Path, scope: Scope) -> None:
        """One rule, for a class, a block, a name or a pattern."""
        entries = below.items() if isinstance(below, dict) else [("", below)]
        fills = []
        for weight, text in entries:
            at = (*path, weight) if isinstance(below, dict) else path
            name = weight if key in LAYERS or key in self.document.blocks else f"{key}.{weight}" if weight else key
            fill = read_fill(self.report, name, text, at, scope)
            fills += [fill] if fill is not None else []
        if key in LAYERS or key in self.document.blocks:
            if not isinstance(below, dict):
                advice = f"write `{key}: {{weight: {below}}}`"
                self.report.add("AS202", f"{echo(key)} takes a function for each of its weights", path, advice)
                return
            (self.layers if key in LAYERS else self.blocks)[key] = tuple(fills)
        else:
            self.named += fills

    def of_layer(self, layer: str) -> tuple[Fill, ...]:
        """The fills that a layer of that class has where it is made."""
        found = self.layers.get(layer, ()) if layer in self.pushed else ()
        return tuple(replace(fill, general=True) for fill in found)

    def last(self, main: Class) -> tuple[Rule, ...]:
        """The rules that run once all modules are made."""
        classes = [(cls, fills) for cls, fills in self.layers.items() if cls not in self.pushed]
        for block, fills in self.blocks.items():
            own = beside(self.document, block)
            classes.append((block, tuple(fill for fill in fills if fill.weight not in own)))
        found = [Rule(cls, fills, fills[0].span) for cls, fills in classes if fills]
        if not self.named:
            return tuple(found)
        exact = sorted(self.named, key=lambda fill: (fill.pattern, -len(fill.weight.replace("*", ""))))
        said = (
            *filled(main),
            *(f"{path}.parametrizations.{weight}.*" for path, weight in parametrized(main.children())),
        )
        kept = [name for name in dict.fromkeys(said) if any(meet(one.weight, name) for one in exact)]
        left = [replace(exact[0], weight=name, function="", arguments=(), pattern="*" in name) for name in kept]
        return (*found, Rule("", (*left, *exact), exact[0].span))

    def judge(self, main: Class) -> Iterator[tuple[str, str, Span]]:
        """Checks what each rule fills in an unrolled network; those that fit nothing."""
        self.refuse_parametrized(main)
        whole = list(of_class(main))
        conditional = any(step.when is not None for block in self.all_blocks() for step in steps_of(block.layers))
        for fill in self.named:
            found = [weight for name, weight, _ in whole if fits(fill.weight, name) and weight is not None]
            all(_is_for(self.report, weight.name, weight, fill) for weight in found)
            if not found and not conditional:
                hint = did_you_mean(fill.weight, [name for name, _, _ in whole][:200])
                yield f"`{fill.weight}`", hint, fill.span
        types = {str(step.type) for block in self.all_blocks() for step in steps_of(block.layers)}
        for cls, fills in (*self.layers.items(), *self.blocks.items()):
            calls = [item for _, item in modules(main.children()) if isinstance(item, Call) and item.type_name == cls]
            for fill in fills:
                weights = {name: weight for item in calls for name, weight, _ in below(item) if fits(fill.weight, name)}
                all(_is_for(self.report, name, weight, fill) for name, weight in weights.items() if weight is not None)
                if not weights and (calls or cls not in types) and fill.weight not in ("weight", "bias") * bool(calls):
                    what = f"`{fill.weight}` of `{cls}`" if calls else f"`{cls}`"
                    yield what, _known(calls[0]) if calls else "no step is of that class", fill.span

    def refuse_parametrized(self, main: Class) -> None:
        """Rules by name and of blocks run once modules are made: too late for a weight that is parametrized by then."""
        for fill, name in _too_late(main, self.named):
            message = f"{echo(fill.weight)} means `{name}`, which is parametrized before the rules by name run"
            advice = "say how it begins by `init:` beside its step, or for the class of its layer"
            self.report.add_at("AS206", message, fill.span, advice)
        for block in classes_below(main.children()) if self.blocks else ():
            for fill, name in _too_late(block, self.blocks.get(block.name, ())):
                message = f"`{name}` of `{block.name}` is parametrized before the rules of blocks run"
                self.report.add_at("AS206", message, fill.span, "say how it begins by `init:` beside its step")

    def all_blocks(self) -> tuple[Block, ...]:
        return (self.document, *self.document.blocks.values())


def filled(cls: Class) -> Iterator[str]:
    """The weights of a class of which a step has a word itself."""

    def inside(items: Iterable[Item], head: str) -> Iterator[str]:
        for path, item in placed(items, head):
            yield from (f"{path}.{fill.weight}" for fill in item.initial if not fill.general)
            if isinstance(item, Group):
                yield from inside(item.items, f"{path}.")
            elif isinstance(item.layer, Class):
                yield from (f"{path}.{name}" for name in filled(item.layer))

    yield from (step.name for step in cls.steps if step.initial)
    yield from inside(cls.children(), "")


def classes_below(items: tuple[Item, ...]) -> Iterator[Class]:
    """The blocks among modules, each once however often it is used."""
    found = {id(item.layer): item.layer for _, item in modules(items) if isinstance(item, Call)}
    yield from (one for one in found.values() if isinstance(one, Class))


def _too_late(cls: Class, fills: Sequence[Fill]) -> Iterator[tuple[Fill, str]]:
    """The parametrized weights of a class that one of its rules means, and no step fills; each with that rule."""
    said = set(filled(cls)) if fills else ()
    for name in dict.fromkeys(f"{path}.{weight}" for path, weight in parametrized(cls.children())) if fills else ():
        fill = next((one for one in fills if meet(one.weight, name)), None)
        if fill is not None and name not in said:
            yield fill, name


def parametrized(items: Iterable[Item], head: str = "") -> Iterator[tuple[str, str]]:
    """The weights among modules that are parametrized: the path of the module, and the name there."""
    for path, item in placed(items, head):
        if isinstance(item, Group):
            yield from parametrized(item.items, f"{path}.")
        else:
            yield from ((path, one.weight) for one in item.parametrized)
            if isinstance(item.layer, Class):
                yield from parametrized(item.layer.children(), f"{path}.")


def pushed(document: Document) -> frozenset[str]:
    """The classes of layers whose rules run as each of them is made."""
    found: set[str] = set()
    for block in (document, *document.blocks.values()):
        for step in steps_of(block.layers):
            if step.init is not None or step.parametrize is not None:
                if step.type not in LAYERS and step.type != "Parameter":
                    return frozenset(LAYERS)
                found.add(str(step.type))
            if step.type in HOLDING:
                found |= set(_HELD)
    return frozenset(found)


def beside(document: Document, block: str) -> set[str]:
    """The weights of a block's steps of which the steps have a word themselves."""
    layers = document.blocks[block].layers
    pairs: Iterable[tuple[Any, Step]] = layers.items() if isinstance(layers, dict) else enumerate(layers)
    return {f"{key}.{weight}" for key, step in pairs if isinstance(step.init, dict) for weight in step.init}


def read_fill(report: Report, weight: str, text: str, path: Path, scope: Scope) -> Fill | None:
    """A weight's function with its arguments; None, and reported, where it is none."""
    found = read_function(report, text, path, scope, _INIT)
    if found is None:
        return None
    function, arguments = found
    return Fill(weight, function.name, arguments, report.source.span(path), pattern="*" in weight)


def read_function(
    report: Report, text: str, path: Path, scope: Scope, namespace: Namespace
) -> tuple[Initializer, tuple[Argument, ...]] | None:
    """A function of a namespace as the spec calls it; None, and reported, where it calls none so."""
    module, catalogue = namespace
    try:
        node = compile_value(text)
        name, positional, keywords = _called(node)
        function = catalogue.get(name)
        if function is None:
            near = f"{name}_" if f"{name}_" in catalogue else ""
            hint = did_you_mean(near or name, list(catalogue), f"`{module}` has")
            report.add("AS401", f"`{module}` has no function {echo(name)}", path, hint)
            return None
        given = [(option.name, value) for option, value in zip(function.options, positional, strict=False)]
        if len(positional) > len(given):
            message = f"`{name}` takes {len(function.options)} arguments, not {len(positional)}"
            names = ", ".join(option.name for option in function.options)
            report.add("AS402", message, path, f"`{name}` takes: {names}" if names else "write it without any")
            return None
        given += keywords
        arguments = []
        for key, value in given:
            word = function.option(key).kind == "word" and isinstance(value, Name) and value.name not in scope
            node = Literal(value.name) if word and isinstance(value, Name) else value
            arguments.append(Argument(key, evaluate(node, scope), node, report.source.span(path)))
        if len({one.name for one in arguments}) < len(arguments):
            report.add("AS402", f"`{name}` is given an argument twice", path, "keep one of them")
            return None
        if free := {symbol.shown for one in arguments for symbol in free_symbols(one.value)}:
            message = f"`{name}` depends on the free dimension `{min(free)}`"
            report.add("AS506", message, path, "make it a parameter or a number")
            return None
        known = {one.name: one.value for one in arguments if not unknown(one.value)}
        function.check(known, [one.name for one in arguments])
    except ExpressionError as error:
        report.expression(error, path, text, scope)
        return None
    except RefusalError as error:
        report.add(error.code, error.message, path, error.help)
        return None
    return function, tuple(arguments)


def _called(node: Node) -> tuple[str, tuple[Node, ...], list[tuple[str, Node]]]:
    if isinstance(node, Name):
        return node.name, (), []
    if isinstance(node, Function):
        return node.function, node.arguments, list(node.keywords)
    message = "this is no function of torch.nn.init, and no call of one"
    raise ExpressionError("AS301", message, "write `zeros_`, or `normal_(std=0.02)`")


# Beside a step.


def with_weights(frame: Frame, item: Item, step: Step, site: Site, *, spliced: bool) -> Item:
    """An item with what its step says of its weights; a `spliced` one is of a group that is no module itself."""
    rules = frame.lowering.rules
    if spliced:
        for key in ("init", "parametrize"):
            if getattr(step, key) is not None:
                message = f"`{key}:` stands beside a group that is no module"
                frame.report.add("AS206", message, site.at(key), "write it beside the layer", key=True)
        return frozen(item) if step.trainable is False else item
    if rules is None:
        return item
    if step.init is None and step.parametrize is None and step.trainable is None and not rules.pushed:
        return item
    if not isinstance(item, Call | Group):
        return item
    is_layer = isinstance(item, Call) and isinstance(item.layer, Layer)
    initial = tuple(_beside(frame, step, site, item))
    if is_layer and isinstance(item, Call):
        covered = {fill.weight for fill in initial}
        of_class = [fill for fill in rules.of_layer(item.type_name) if fill.weight not in covered]
        initial = (*(fill for one in of_class for fill in _resolved(frame, item, one, None)), *initial)
    item = replace(item, initial=initial, trainable=step.trainable is not False)
    if step.parametrize is None:
        return item
    if not is_layer or not isinstance(item, Call):
        message, at = "`parametrize:` is for a layer, and this is none", site.at("parametrize")
        frame.report.add("AS206", message, at, "write it beside the layer that has the weight", key=True)
        return item
    return replace(item, parametrized=tuple(_parametrized(frame, step, site, item)))


def _beside(frame: Frame, step: Step, site: Site, item: Call | Group) -> Iterator[Fill]:
    """What a step says by `init:`."""
    if step.init is None:
        return
    if isinstance(step.init, str):
        advice = f"write `init: {{weight: {step.init}}}`"
        frame.report.add("AS202", "`init` takes a function for each weight", site.at("init"), advice)
        return
    for weight, text in step.init.items():
        at = site.at("init", weight)
        fill = read_fill(frame.report, weight, text, at, site.scope)
        if fill is not None:
            found = list(_resolved(frame, item, fill, at))
            yield from found
            if not found:
                frame.lowering.idle[f"`{weight}`", _known(item), fill.span] = None


def _known(item: Call | Group) -> str:
    """The weights below an item, for a message."""
    names = [name for name, _, _ in below(item)]
    return f"there are: {', '.join(names[:8])}{', …' * (len(names) > 8)}" if names else "it has no weights"


def _resolved(frame: Frame, item: Call | Group, fill: Fill, at: Path | None) -> Iterator[Fill]:
    """A fill for each weight of an item that it is for; a problem where the function is not for such a weight."""
    if at is not None and (late := _parametrized_below(item, fill)) is not None:
        message = f"`{late}` is parametrized before the `init` beside {echo(str(at[-3]))} runs"
        frame.report.add("AS206", message, at, "say how it begins by `init:` beside the layer that is parametrized")
    weights = list(below(item))
    if (isinstance(item, Call) and isinstance(item.layer, OwnLayer)) or any("*" in name for name, _, _ in weights):
        yield replace(fill, uncertain=True)  # which weights there are, only the module knows
        return
    tied = set(_tied(item))  # each is another weight, which begins as that one does
    for name, weight, certain in weights:
        if fits(fill.weight, name) and name not in tied:
            if weight is not None and not _is_for(frame.report, name, weight, fill):
                return
            yield replace(fill, weight=name, pattern=False, uncertain=not certain)


def _tied(item: Call | Group) -> Iterator[str]:
    """The weights of an item and of the modules within it that are tied to others."""
    if isinstance(item, Call):
        yield from (tie.weight for tie in item.ties)
    for path, inner in placed(_within(item), ""):
        yield from (f"{path}.{name}" for name in _tied(inner))


def _within(item: Call | Group) -> tuple[Item, ...]:
    if isinstance(item, Group):
        return item.items
    return item.layer.children() if isinstance(item.layer, Class) else ()


def _parametrized_below(item: Call | Group, fill: Fill) -> str | None:
    """A parametrized weight of a layer within an item that a fill beside that item means."""
    return next(
        (name for path, weight in parametrized(_within(item)) if meet(fill.weight, name := f"{path}.{weight}")), None
    )


def _is_for(report: Report, name: str, weight: Weight, fill: Fill | Parametrization) -> bool:
    catalogue = INITIALIZERS if isinstance(fill, Fill) else PARAMETRIZATIONS
    try:
        catalogue[fill.function].check_shape(name, weight.shape)
    except RefusalError as error:
        report.add_at(error.code, error.message, fill.span, error.help)
        return False
    return True


def _parametrized(frame: Frame, step: Step, site: Site, item: Call) -> Iterator[Parametrization]:
    """What a step says by `parametrize:`."""
    weights = {name: weight for name, weight, _ in below(item)}
    for name, text in (step.parametrize or {}).items():
        at = site.at("parametrize", name)
        found = read_function(frame.report, text, at, site.scope, _PARAMETRIZATIONS)
        if found is None:
            continue
        function, arguments = found
        one = Parametrization(name, function.name, arguments, frame.report.source.span(at))
        weight = weights.get(name)
        if name not in weights:
            hint = did_you_mean(name, list(weights), f"{item.type_name} has")
            frame.report.add("AS402", f"this {item.type_name} has no weight {echo(name)}", at, hint, key=True)
        elif "." in name:
            frame.report.add("AS402", f"{echo(name)} is a weight of a layer within {item.type_name}", at, key=True)
        elif weight is None or _is_for(frame.report, name, weight, one):
            yield one


def fits(pattern: str, name: str) -> bool:
    """Whether a name, or a pattern of names, means a weight."""
    return fnmatchcase(name, pattern) if "*" in pattern else name == pattern


def meet(one: str, other: str) -> bool:
    """Whether some name fits both of two patterns, where each `*` is any text.

    Example:
        >>> meet("*.weight", "b.*weight"), meet("head.*", "b.*weight")
        (True, False)
    """
    reached = {0}  # the beginnings of `other` that fit what has been read of `one`
    for sign in (*one, ""):
        for start in sorted(reached):
            end = start
            while end < len(other) and (other[end] == "*" or sign == "*"):
                end += 1
                reached.add(end)
        if sign and sign != "*":
            reached = {
                at if other[at] == "*" else at + 1 for at in reached if at < len(other) and other[at] in ("*", sign)
            }
    return len(other) in reached


def of_tensor(frame: Frame, made: Made, step: Step, path: Path) -> Made:
    """A Parameter with what its step says of it."""
    rules = frame.lowering.rules
    if rules is None or (step.init is None and step.trainable is None):
        return made
    if step.init is not None and not isinstance(step.init, str):
        advice = "write `init: normal_(std=0.02)`: it is the weight itself"
        frame.report.add("AS202", "`init` beside a Parameter takes one function", (*path, "init"), advice)
        return made
    fill = (
        read_fill(frame.report, made.name, step.init, (*path, "init"), frame.scope) if step.init is not None else None
    )
    shape = getattr(made.output, "shape", None)
    if fill is not None and shape is not None and not _is_for(frame.report, made.name, Weight(made.name, shape), fill):
        return made
    return replace(made, initial=(fill,) if fill is not None else (), trainable=step.trainable is not False)


def frozen(item: Item) -> Item:
    """An item that does not learn, or the items that splice in its place."""
    if isinstance(item, Loop | Branch):
        return replace(item, items=tuple(map(frozen, item.items)))
    return replace(item, trainable=False)


# Weights.


def below(item: Item) -> Iterator[tuple[str, Weight | None, bool]]:
    """The learnable weights below an item, by their names there; whether each is there in any case.

    A weight of no known shape is None. Places that a loop counts are `*`.
    """
    item = module_of(item)
    if isinstance(item, Call) and isinstance(item.layer, Class):
        yield from of_class(item.layer)
    elif isinstance(item, Call):
        assert isinstance(item.layer, Layer)
        yield from of_layer(item.layer)
    else:
        certain = isinstance(item, Group)
        for child in item.items:
            head = f"{getattr(child, 'name', None) or '*'}." if isinstance(child, Call | Group) else ""
            yield from ((f"{head}{name}", weight, certain and sure) for name, weight, sure in below(child))


def of_class(cls: Class) -> Iterator[tuple[str, Weight | None, bool]]:
    """The learnable weights of a class."""
    for step in cls.steps:
        if step.kind == "parameter":
            shape = getattr(step.output, "shape", None)
            yield step.name, Weight(step.name, shape) if shape is not None else None, True
    for child in map(module_of, cls.children()):
        if isinstance(child, Branch | Loop):
            yield from below(child)
        else:
            yield from ((f"{child.name or '*'}.{one}", weight, certain) for one, weight, certain in below(child))


def of_layer(layer: Layer) -> Iterator[tuple[str, Weight | None, bool]]:
    """The learnable weights of a layer of the catalogue; those that it may have, where a setting is not known."""
    try:
        for weight in layer.weights():
            if weight.learnable:
                yield weight.name, weight, True
    except UndecidedError:
        given = vars(layer)
        certain = not any(unknown(given.get(flag)) for flag in ("affine", "elementwise_affine"))
        yield from (("weight", None, certain), ("bias", None, False))
