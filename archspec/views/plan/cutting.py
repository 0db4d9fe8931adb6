"""A network followed to see which weights can be cut, and which of them only together.

Every layer with `columns` may be cut along the axis that makes its output; the rules of the layers and functions behind
it say how far the cut passes. It ends well in a layer with `rows`, which sums it up, and where the network returns it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from archspec import expressions
from archspec.cuts import Passing, broadcast
from archspec.expressions import Index, Items, Node
from archspec.flow import Applied, Follower, leaves
from archspec.functions import FUNCTIONS, OPERATORS, UNARY_OPERATORS, Function
from archspec.functions.operators import indexed_axes
from archspec.graph import Branch, Call, Class, Flow, Loop, Step
from archspec.layers import Layer
from archspec.problems import Span
from archspec.storage import UNREAD
from archspec.tensors import COMPLEX, FLOATS, TensorType
from archspec.views.plan.opening import Opening, opening
from archspec.views.plan.repeating import Mark, Recording, recorded
from archspec.views.plan.tokens import Piece, Reason, Token

SPLITTING = frozenset("chunk split unbind tensor_split narrow select index hsplit vsplit dsplit".split())
"""Functions that take apart an axis in which several values may lie behind each other."""


@dataclass(frozen=True, slots=True)
class LayerRun:
    """One run of a layer whose weights could be cut: what flows in and out, and the cut that it reads."""

    path: str
    call: Call
    input: TensorType
    output: TensorType
    learns: bool
    """Whether a gradient flows back to its input."""
    constant: bool
    token: Token | None
    """The cut that it makes or sums up."""
    sums: bool
    line: int
    """In which place of the order of operations."""


class Cutting(Follower):
    """Follows a network once. `whole` are layers that make no cut, `gathered` those whose output is put together.

    `apart` are layers that sum up no cut: what flows into them is to be whole, each with the reason. `allowed` are the
    sizes that the network has `-1` for; None: any.
    """

    def __init__(
        self,
        whole: Mapping[str, Reason],
        gathered: frozenset[str],
        apart: Mapping[str, Reason],
        allowed: Collection[Opening] | None,
    ) -> None:
        super().__init__(training=True)
        self.whole = whole
        self.gathered = gathered
        self.apart = apart
        self.allowed = allowed
        self.runs: list[LayerRun] = []
        self.openings: dict[Opening, list[Token]] = {}
        self.operations: list[tuple[Token | None, ...]] = []
        """For each layer and function that ran, in order: the cut of each tensor that it made."""
        self.ties: dict[str, str] = {}
        """By the key of a weight, that of the one that it is."""
        self.read_from: set[str] = set()
        """The layers of which an expression reads a weight."""
        self.spans: dict[str, Span] = {}
        self._made: dict[str, Token] = {}
        self._summed: dict[str, Token] = {}
        decided = {"whole": whole, "gathered": gathered, "apart": apart}
        self._decided = _below((path, what) for what, paths in decided.items() for path in paths)
        self._recordings: dict[Any, Recording] = {}
        self._followed: set[str] = set()

    def follow(self, main: Class) -> None:
        """Follows it from its inputs to what it returns."""
        inputs = [self.fresh(value.type, learns=False, constant=False) for value in main.inputs]
        for piece in leaves(self.module_class(main, inputs, {}, ""), Piece):
            for token in piece.tokens:
                token.reach_output()

    def fresh(self, flow: Flow | None, *, learns: bool, constant: bool) -> Any:
        """What flows, whole."""
        if isinstance(flow, TensorType):
            return Piece((None,) * flow.rank, learns and flow.dtype in (*FLOATS, *COMPLEX), constant)
        if not isinstance(flow, tuple):
            return None
        return tuple(self.fresh(part, learns=learns, constant=constant) for part in flow)

    @property
    def here(self) -> Span:
        """The step that runs."""
        assert self.span is not None
        return self.span

    # What following asks for.

    def module_class(self, cls: Class, inputs: list[Any], named: Mapping[str, Any], path: str) -> Any:
        again = path in self._followed
        self._followed.add(path)
        if again or not path or any(piece.tokens for piece in leaves([*inputs, *named.values()], Piece)):
            return self._of_class(cls, inputs, named, path)
        by_name = tuple((name, _kind(value)) for name, value in named.items())
        key = id(cls), _kind(inputs), by_name, self._decided.get(path, frozenset())
        if key in self._recordings:
            return self._replayed(self._recordings[key].placed(path, len(self.operations)))
        mark = Mark(self)
        value = self._of_class(cls, inputs, named, path)
        self._recordings[key] = recorded(self, path, mark, value)
        return value

    def _replayed(self, block: Recording) -> Any:
        """The block as if it had been followed."""
        self.runs += block.runs
        self.operations += block.operations
        self.ties |= block.ties
        self.spans |= block.spans
        for opened, tokens in block.openings.items():
            self.openings.setdefault(opened, []).extend(tokens)
        for run in block.runs:
            self._followed.add(f"{run.path.rpartition('.')[0]}.")
            if run.token is not None:
                (self._summed if run.sums else self._made)[run.path] = run.token
        return block.value

    def _of_class(self, cls: Class, inputs: list[Any], named: Mapping[str, Any], path: str) -> Any:
        for one in cls.shared:
            weight = ".".join(filter(None, (one.module, one.weight)))
            self.ties.setdefault(f"{path}{weight}", f"{path}{one.other}")
        read = {step.name.partition(".")[0] for step in cls.steps if step.kind == "weight"}
        self.read_from |= {f"{path}{step.module}" for step in cls.written() if step.name in read}
        return super().module_class(cls, inputs, named, path)

    def tensor(self, step: Step) -> Any:
        return self.fresh(step.output, learns=step.kind != "buffer" and step.trainable, constant=True)

    def undecided(self, item: Loop | Branch, inputs: list[Any], path: str) -> Any:
        self.forbid(leaves(inputs, Piece), "how its steps are repeated depends on a parameter without a value")
        return self.fresh(item.output, learns=True, constant=False)

    def either(self, then: Any, otherwise: Any) -> Any:
        self.forbid(leaves((then, otherwise), Piece), "a condition that is not known chooses between two values")
        return then

    def part(self, value: Any, place: int, count: int) -> Any:
        if not isinstance(value, Piece):
            return None
        self.forbid([replace(value, cuts=value.cuts[:1])], "a loop takes it apart along that axis", packed=True)
        return replace(value, cuts=value.cuts[1:])

    def layer(self, call: Call, layer: Layer, inputs: list[Any], path: str) -> Any:
        before, self.span = self.span, call.span
        self.spans[path] = call.span
        value = self._layer(call, layer, inputs, path)
        self.operations.append(tuple(next(iter(piece.tokens), None) for piece in leaves(value, Piece)))
        self.span = before
        return value

    def _layer(self, call: Call, layer: Layer, inputs: list[Any], path: str) -> Any:
        given = list(leaves(inputs, Piece))
        learns = call.trainable and bool(layer.columns or any(weight.learnable for weight in call.weights()))
        learns = learns or any(piece.learns for piece in given)
        types = [flow for flow in call.inputs if isinstance(flow, TensorType)]
        if layer.columns and isinstance(call.output, TensorType) and len(given) == len(types) == 1:
            return self._weighted(call, layer, given[0], path)
        name = call.type_name
        if len(types) != len(given) or not isinstance(call.output, TensorType):
            self.forbid(given, f"`{name}` has no rule for a cut")
            return self.fresh(call.output, learns=learns, constant=False)
        passings = layer.passings(call.output, *types)
        cuts = self.passed(name, list(zip(given, types, passings, strict=True)), call.output)
        return Piece(cuts, learns, all(piece.constant for piece in given))

    def _weighted(self, call: Call, layer: Layer, x: Piece, path: str) -> Piece:
        """A layer whose weights can be cut: it sums up the cut that flows in, or makes one."""
        assert isinstance(call.output, TensorType)
        assert isinstance(call.inputs[0], TensorType)
        whole = Piece((None,) * call.output.rank, True, False)
        sums = bool(layer.rows) and bool(x.cuts) and x.cuts[-1] is not None
        if sums and path in self.apart:
            sums = False
            for token in x.tokens:
                token.forbid(self.apart[path])
        self.forbid([replace(x, cuts=x.cuts[:-1] if sums else x.cuts)], f"`{call.type_name}` reads it in another axis")
        made: Token | None = None
        if sums:
            made = x.cuts[-1]
            assert made is not None
            made = self._once(self._summed, self._made, path, made)
            if call.parametrized:
                made.forbid(Reason(f"`{path}` is parametrized: its weight is computed", self.here))
        elif path not in self.whole and path not in self.gathered:
            made = self._once(self._made, self._summed, path, Token([path]))
            size = call.output.shape[-1]
            if isinstance(size, int):
                made.demand(size, self.here)
            whole = replace(whole, cuts=(*whole.cuts[:-1], made))
        if made is not None and path in self.read_from:
            made.forbid(Reason(f"an expression reads a weight of `{path}`, all of it", self.here))
        run = LayerRun(path, call, call.inputs[0], call.output, x.learns, x.constant, made, sums, len(self.operations))
        self.runs.append(run)
        return whole

    def _once(self, own: dict[str, Token], others: dict[str, Token], path: str, token: Token) -> Token:
        """The cut of a layer's weights, which is one however often the layer runs."""
        own.setdefault(path, token).meet(token)
        if path in others:
            reason = Reason(f"`{path}` runs twice, once on a whole value and once on one that is cut", self.here)
            others[path].forbid(reason)
            token.forbid(reason)
        return token.root()

    def function(self, applied: Applied, operands: list[Any]) -> Any:
        value = self._function(applied, operands)
        self.operations.append(tuple(next(iter(piece.tokens), None) for piece in leaves(value, Piece)))
        return value

    def _function(self, applied: Applied, operands: list[Any]) -> Any:
        if applied.name == "Identity":
            return operands[0]
        given = list(leaves(operands, Piece))
        constant = all(piece.constant for piece in given)
        asked = given[:1] if applied.name == "type_as" else given  # of the other one it reads the dtype
        learns = applied.name not in UNREAD and any(piece.learns for piece in asked)
        whole = self.fresh(applied.output, learns=learns, constant=constant)
        if not any(piece.tokens for piece in given):
            return whole
        matched = _matched(applied, operands)
        if matched is None:
            self.forbid(given, f"`{applied.name}` has no rule for a cut")
            return whole
        output = first_type(applied.output)
        cuts = self.passed(applied.name, matched, output)
        opened = opening(applied, cuts, self.here)
        if isinstance(opened, str):
            self.forbid(given, opened)
        elif opened is not None and self.allowed is not None and opened not in self.allowed:
            self.forbid(given, f"`{applied.name}` says how large that axis is, and a rank's part is smaller")
        elif opened is not None:
            self.openings.setdefault(opened, []).extend(token for token in cuts if token is not None)
        return _same_cuts(whole, cuts)

    # Cuts.

    def passed(
        self, name: str, given: Sequence[tuple[Piece, TensorType, Passing]], output: TensorType
    ) -> tuple[Token | None, ...]:
        """The cuts of what an operation makes: those of all its tensors that share an axis are one."""
        cuts = self.met(name, given, output.rank)
        for piece, kind, passing in given:
            self._meets_whole(name, piece, passing, cuts, kind)
        found = [place for place, token in enumerate(cuts) if token is not None]
        for place in found:
            token, size = cuts[place], output.shape[place]
            assert token is not None
            if isinstance(size, int):
                token.demand(size, self.here)
            else:
                token.forbid(Reason(f"`{name}` makes an axis of {size} numbers of it", self.here))
            if place != found[0]:
                token.forbid(Reason(f"`{name}` makes a value that is cut along two axes", self.here))
                cuts[place] = None
        return tuple(cuts)

    def met(self, name: str, given: Sequence[tuple[Piece, TensorType, Passing]], rank: int) -> list[Token | None]:
        """The cuts that pass through an operation, by the axis of what it makes; those that share one are one."""
        cuts: list[Token | None] = [None] * rank
        for piece, _, passing in given:
            for axis, token in enumerate(piece.cuts):
                if token is None:
                    continue
                place = passing.get(axis)
                if place is None:
                    self.read_whole(name, piece, token)
                elif (there := cuts[place]) is not None:
                    there.meet(token)
                else:
                    cuts[place] = token.root()
        return cuts

    def read_whole(self, name: str, piece: Piece, token: Token) -> None:
        """An operation reads an axis that is cut as a whole."""
        packed = name in SPLITTING
        what = "takes the axis apart: several values lie in it" if packed else "reads whole rows of it"
        token.forbid(Reason(f"`{name}` {what}", self.here, packed))

    def _meets_whole(
        self, name: str, piece: Piece, passing: Passing, cuts: Sequence[Token | None], kind: TensorType
    ) -> None:
        """A whole value beside one that is cut along the same axis, or whose gradient each rank would have in part."""
        for axis, place in passing.items():
            token = cuts[place]
            if token is not None and piece.cuts[axis] is None:
                token.forbid(Reason(f"`{name}` joins it with a value that is whole along that axis, {kind}", self.here))
        if piece.learns and not piece.tokens and any(cuts):
            for token in filter(None, cuts):
                token.forbid(Reason(f"`{name}` joins it with a learnable value that every rank holds whole", self.here))

    def forbid(self, some: Iterator[Piece] | Sequence[Piece], text: str, packed: bool = False) -> None:
        """No cut of those values can be made."""
        for piece in some:
            for token in piece.tokens:
                token.forbid(Reason(text, self.here, packed))


def _below(decided: Iterable[tuple[str, str]]) -> dict[str, frozenset[tuple[str, str]]]:
    """What has been decided of the layers below each path, by their paths from there."""
    found: dict[str, set[tuple[str, str]]] = {}
    for path, what in decided:
        parts = path.split(".")
        for place in range(1, len(parts)):
            found.setdefault(f"{'.'.join(parts[:place])}.", set()).add((".".join(parts[place:]), what))
    return {path: frozenset(some) for path, some in found.items()}


def _kind(value: Any) -> Any:
    """What a block can tell of values that are whole: how they lie in tuples, and what flows back through them."""
    if isinstance(value, Piece):
        return len(value.cuts), value.learns, value.constant
    return tuple(map(_kind, value)) if isinstance(value, tuple | list) else None


def first_type(flow: Any) -> TensorType:
    """The first tensor of what an operation makes."""
    while not isinstance(flow, TensorType):
        flow = flow[0]
    return flow


def _same_cuts(value: Any, cuts: tuple[Token | None, ...]) -> Any:
    """Those cuts for each tensor of what flows that has as many axes."""
    if isinstance(value, Piece):
        return replace(value, cuts=cuts if len(cuts) == len(value.cuts) else value.cuts)
    return tuple(_same_cuts(part, cuts) for part in value) if isinstance(value, tuple) else value


def _matched(applied: Applied, operands: list[Any]) -> list[tuple[Piece, TensorType, Passing]] | None:
    """Each tensor among an operation's operands with its type and how a cut passes it; None without a rule."""
    from archspec.lower.tensors import tensor_value  # here: as many specs compute nothing

    node, scope = applied.node, applied.scope
    if isinstance(node, Index):
        x, items = tensor_value(node.value, scope), _index(node, scope)
        return None if items is None else [(operands[0], x, indexed_axes(x, items))]
    function = _function_of(applied)
    if function is None or not function.passes:
        return None
    if isinstance(node, expressions.FunctionCall) and applied.name == "sum" and len(operands) != len(node.arguments):
        terms = tensor_value(node.arguments[0], scope)  # of a list
        some = zip(operands, terms, strict=False)
        output = first_type(applied.output)
        return [(one, x, broadcast(x, output)) for one, x in some if isinstance(one, Piece)]
    if isinstance(node, expressions.FunctionCall):
        if len(operands) != len(node.arguments) + len(node.keywords):
            return None  # a `*` before a list
        names: dict[str, Any] = _by_name(
            function, node, [_known(one, scope, tensor_value) for one in node.arguments], scope
        )
        values = _by_name(function, node, operands, None)
    else:
        parts = node.children
        names = dict(zip(function.parameters, (tensor_value(part, scope) for part in parts), strict=False))
        values = dict(zip(function.parameters, operands, strict=False))
    passings = function.passings(applied.output, names)
    return list(_paired(names, values, passings))


def _paired(
    types: Mapping[str, Any], values: Mapping[str, Any], passings: Mapping[str, Any]
) -> Iterator[tuple[Piece, TensorType, Passing]]:
    for name, value in values.items():
        if isinstance(value, Piece):
            yield value, types[name], passings.get(name, {})
        elif isinstance(value, tuple):
            some = passings.get(name, ())
            for place, part in enumerate(value):
                if isinstance(part, Piece):
                    yield part, types[name][place], some[place] if place < len(some) else {}


def _function_of(applied: Applied) -> Function | None:
    if isinstance(applied.node, expressions.FunctionCall):
        return FUNCTIONS.get(applied.name)
    if isinstance(applied.node, expressions.Unary):
        return UNARY_OPERATORS.get(applied.name)
    return OPERATORS.get(applied.name)


def _by_name(function: Function, node: expressions.FunctionCall, positional: list[Any], scope: Any) -> dict[str, Any]:
    """The arguments of a call by their names, with defaults: types and numbers within a scope, else what flows."""
    from archspec.lower.tensors import tensor_value  # here: as above

    count = len(node.arguments)
    if scope is None:
        keywords = {name: value for (name, _), value in zip(node.keywords, positional[count:], strict=False)}
    else:
        keywords = {name: _known(part, scope, tensor_value) for name, part in node.keywords}
    bound = function.signature.bind(*positional[:count], **keywords)
    if scope is not None:
        bound.apply_defaults()
    found = dict(bound.arguments)
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


def _known(part: Node, scope: Any, value: Any) -> Any:
    word = isinstance(part, expressions.Name) and part.name not in scope  # such as a dtype
    return part.text if word else value(part, scope)


def _index(node: Index, scope: Any) -> tuple[Any, ...] | None:
    """The items of an index; those of a slice with bounds are told from `:` alone."""
    from archspec.lower.tensors import tensor_value  # here: as above

    items = node.index.items if isinstance(node.index, Items) else (node.index,)
    found: list[Any] = []
    for item in items:
        if isinstance(item, expressions.Slice):
            bounds = [item.start, item.stop, item.step]
            found.append(slice(*(None if one is None else 0 for one in bounds)))
        else:
            found.append(tensor_value(item, scope))
    return tuple(found)
