"""Steps as modules: conditions, loops, groups and layers, in a list one after the other or behind a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from archspec.document import SEQUENTIAL_ATTRIBUTES, Step, is_dotted, listed_problem, module_problem, name_problem
from archspec.expressions import Call as FunctionCall
from archspec.expressions import (
    ExpressionError,
    Items,
    Name,
    Node,
    Symbolic,
    as_size,
    assume,
    choose,
    evaluate,
    item_type,
    literal_text,
    parse,
    type_of,
    unknown,
)
from archspec.graph import (
    Branch,
    Call,
    Class,
    Flow,
    Group,
    Item,
    Loop,
    free_symbols,
    names_in,
    pieces,
    walk,
)
from archspec.layers import LAYERS
from archspec.lower.axes import came_from
from archspec.lower.calls import call
from archspec.lower.carried import Round, carry
from archspec.lower.context import Frame, Given, Place, Scope, values_of
from archspec.lower.initial import frozen, settled
from archspec.lower.loops import (
    captured,
    check_decided,
    destructure,
    first_input,
    handing_on,
    in_round,
    returned,
    typed_item,
)
from archspec.lower.optional import refuse_left_out
from archspec.lower.rounds import Rounds, is_written
from archspec.lower.sizes import check_shape
from archspec.lower.vocabulary import beginning, holds_layer
from archspec.problems import Advice, Edit, Related, SpecError, echo
from archspec.source import Path
from archspec.tensors import Chain, ListType, Series, TensorType, flow_text, with_parts

_FOR = re.compile(r"(.+?)\s+in\s+(.+)", re.DOTALL)
_PYTHON = re.compile(r"self\.|(?:\w+\.)*[A-Z]\w*\(|(?:torch\.)?nn\.[A-Z]\w*$")
"""What may be a layer as Python writes it."""
_SECOND_DASH = re.compile(r"-\s*([A-Z][\w.]*)")
_NO_IN = re.compile(r"\w+(?:\s*,\s*\w+)*(?=\s+[a-z_]+\()", re.ASCII)


class Modules:
    """Reads the steps of one class as modules."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.report = frame.report
        self.unroll = frame.context.unroll

    def sequence(
        self, layers: list[Step] | dict[str, Step], path: Path, given: Given, place: Place, scope: Scope
    ) -> tuple[tuple[Item, ...], Given]:
        """The steps of an nn.Sequential, in the order of flow."""
        items: list[Item] = []
        pairs: Any = layers.items() if isinstance(layers, dict) else enumerate(layers)
        for key, step in pairs:
            here: Path = (*path, key)
            name = key if isinstance(layers, dict) else None
            if name is not None and step.type == "":  # set aside: what is wrong with its name is told already
                items.append(self.lost(here, given))
                given = given.after(None, f"`{name}`", items[-1].span)
                continue
            if name is not None:
                named = self.attribute(name, step, here, scope)
                at = (*here, "name") if named is not None and named[0] != name else here
                if named is None or not self.take(named[0], at, place, key=at == here):
                    continue
                name, step = named
            if name is not None and place.next is not None:
                place.next += 1  # its name stands in place of its number
            for item in self.step(step, here, given, place, scope, name):
                items.append(item)
                label = f"`{place.dotted(getattr(item, 'name', None))}`"
                if isinstance(item.output, tuple):
                    given = Given((item.output,), (None,), label, item.span)  # several values flow on as one
                else:
                    given = given.after(item.output, label, item.span, item)
            if step.shape is not None and items and isinstance(scope, dict):
                related = Related("made here", items[-1].span)
                check_shape(self.frame, step.shape, (*here, "shape"), given.first(), scope, related)
        return tuple(items), given

    def attribute(self, key: str, step: Step, path: Path, scope: Scope) -> tuple[str, Step] | None:
        """What the module of a named step is called, and the step without its `name:`; None, and reported, if wrong.

        A name of what a loop repeats stays with the step.
        """
        if step.name is None:
            return key, step
        at = (*path, "name")
        if step.expression is not None or step.again is not None or step.type in ("Parameter", "Buffer"):
            message = f"`name:` is what a module is called, and `{key}` makes none"
            self.report.add("AS206", message, at, "leave it out, and rename the step's key", key=True)
            return None
        if is_dotted(step.name):
            self.frame.context.named_at[self.frame.span(path, key=True)] = self.frame.span(at)
            if names_in_pattern(step.name) & step.bound and not step.shared:
                return key, step
            name = self.place_in_list(step.name, at, scope)
            return None if name is None else (name, step.model_copy(update={"name": None}))
        if "{" in step.name:
            message = f"{echo(step.name)} holds an expression, and the step has its key for a name"
            self.report.add("AS206", message, at, "write the name out; `{…}` is for the steps of a list")
            return None
        return step.name, step.model_copy(update={"name": None})

    def place_in_list(self, text: str, path: Path, scope: Scope) -> str | None:
        """The place in a list of the class that a name such as `downs.{i}` gives; the text where that depends."""
        try:
            values = [part if isinstance(part, str) else evaluate(part, scope) for part in pieces(text)]
        except ExpressionError as error:
            self.report.expression(error, path, None)
            return None
        if any(map(unknown, values)):
            return text
        wrong = next((one for one in values if isinstance(one, bool) or not isinstance(one, str | int)), None)
        if wrong is not None or any(isinstance(one, int) and one < 0 for one in values):
            advice = "in the braces stands an integer of 0 or more, such as what `for: i in range(n)` binds"
            name = "".join(one if isinstance(one, str) else literal_text(one) for one in values)
            self.report.add("AS204", f"{echo(name)} is no place in a list", path, advice)
            return None
        name = "".join(map(str, values))
        if problem := listed_problem(name):
            self.report.add("AS204", f"{echo(name)} {problem}", path, "write it like `downs.0` or `heads.box`")
            return None
        return name

    def take(self, name: str, path: Path, place: Place, *, key: bool = True) -> bool:
        """Whether a name is free in its place; reports it if not."""
        if is_dotted(name):
            if place is self.frame.place:
                return True  # lists are judged once the whole class is read
            message = "a list is exactly an nn.Sequential, which runs the modules that it holds itself"
            self.report.add("AS206", message, path, "name the steps of the list in a mapping")
            return False
        if problem := module_problem(name):
            self.report.add(
                "AS204", f"{echo(name)} {problem}", path, f"choose another name, such as `my_{name}`", key=key
            )
            return False
        if name in SEQUENTIAL_ATTRIBUTES:
            message = f"`{name}` is a method of nn.Sequential, which it would hide"
            self.report.add("AS204", message, path, f"choose another name, such as `my_{name}`", key=key)
            return False
        if name in place.names:
            advice = "put what the loop binds into it, as in `fc_{i}`" if self.report.rounds else "name one anew"
            self.report.add("AS205", f"`{name}` names two steps of one module", path, advice, key=key)
            return False
        place.names.add(name)
        return True

    def step(
        self, step: Step, path: Path, given: Given, place: Place, scope: Scope, name: str | None
    ) -> Iterator[Item]:
        """The modules that one step comes to: one, or in a list none or several."""
        if name is None and not self.fits_a_list(step, path, scope):
            yield self.lost(path, given)
            return
        repeats = step.loop is not None
        if self.hands_on(step, given, path, name):
            yield self.lost(path, given)
        elif repeats and name is not None:
            outside = step.when is not None and not self.mentions_target(step)
            if outside:
                inner = step.model_copy(update={"when": None})
                yield from self.conditional(inner, path, given, place, scope, name, step.when, self.repeated_group)
            else:
                yield self.repeated_group(step, path, given, place, scope, name)
        elif repeats:
            yield from self.repeated(step, path, given, place, scope)
        else:
            yield from self.conditional(step, path, given, place, scope, name, step.when, self.kept)

    def hands_on(self, step: Step, given: Given, path: Path, name: str | None) -> bool:
        """Whether a step would hand on an input that may be left out, as one that is not kept does; reported."""
        if 0 not in given.optional or (step.when is None and step.loop is None):
            return False
        what = f"`{name}`" if name is not None else "this step"
        first = replace(given, optional={0: given.optional[0]})
        return refuse_left_out(self.frame, what, (), first, path)

    def fits_a_list(self, step: Step, path: Path, scope: Scope) -> bool:
        """A list is exactly an nn.Sequential: nothing in it has inputs of its own."""
        if step.call is False:
            message = "a list is exactly an nn.Sequential, which runs each of its modules"
            self.report.add("AS206", message, (*path, "call"), "name the steps in a mapping", key=True)
            return False
        for key in ("from_", "again", "each", "collect", "shared"):
            if getattr(step, key) not in (None, False):
                message = f"`{key.rstrip('_')}:` has no place in a list: each step takes what the one above gives"
                self.report.add("AS206", message, (*path, key.rstrip("_")), "name the steps in a mapping", key=True)
                return False
        if step.type in ("Parameter", "Buffer"):
            message = f"a `{step.type}` has no place in a list: it does not enter the flow"
            self.report.add("AS206", message, path, "name the steps in a mapping")
            return False
        if step.expression is None:
            return True
        self.unlisted(step.expression, path, scope)
        return False

    def unlisted(self, text: str, path: Path, scope: Scope) -> None:
        """Reports an expression in a list, in the words of what it was to be."""
        if self.spelled(text, path, scope, listed=True):
            return
        if match := _SECOND_DASH.fullmatch(text):
            one_dash = Advice(f"write `- {match[1]}`", match[1], text)
            self.report.add("AS206", "a second dash before a layer", path, one_dash)
            return
        if re.fullmatch(r"\w+", text):
            known = [*LAYERS, *self.frame.context.document.blocks]
            advice = beginning(text, known) or "layers go by PyTorch's names: `ReLU`, `Conv2d`, `Linear`"
            self.report.add("AS401", f"unknown layer {echo(text)}", path, advice)
            return
        message = f"{echo(text)} is no layer, and an expression has no place in a list"
        self.report.add("AS206", message, path, "a list is exactly an nn.Sequential: name the steps in a mapping")

    def spelled(self, text: str, path: Path, scope: Scope, *, listed: bool) -> bool:
        """Whether the expression of a step is a layer as Python writes it; reported, with how it is written here."""
        if (
            not holds_layer(scope.get(text.partition("(")[0]))
            and not _PYTHON.match(text)
            and not (listed and "(" in text)
        ):
            return False
        from archspec.lower.spellings import spelled  # here: only a mistake needs it

        found = spelled(self.frame, text, scope, listed=listed)
        if found is None:
            return False
        span = self.frame.span(path)
        edits = (Edit(span, found.text),) if found.text and span.line == span.end_line else ()
        self.report.add_at(found.code, found.message, span, found.help, edits=edits)
        return True

    def lost(self, path: Path, given: Given) -> Item:
        """In place of a step that cannot be read: what flows on is unknown."""
        return Group(None, (), given.types, None, self.frame.span(path))

    def mentions_target(self, step: Step) -> bool:
        """Whether a step's condition reads what its loop binds."""
        return isinstance(step.when, str) and bool(step.bound & set(re.findall(r"\w+", step.when)))

    # Conditions.

    def conditional(
        self,
        step: Step,
        path: Path,
        given: Given,
        place: Place,
        scope: Scope,
        name: str | None,
        when: str | bool | None,
        then: Any,
    ) -> Iterator[Item]:
        if when is None:
            yield from _many(then(step, path, given, place, scope, name))
            return
        condition = self.condition(when, path, scope)
        if condition is None:
            yield self.lost(path, given)
        elif unknown(condition[1]):
            yield self.branch(step, path, given, place, scope, name, condition, then)
        elif condition[1]:
            yield from _many(then(step, path, given, place, scope, name))
        elif name is not None:
            rounds = then == self.repeated_group and len(given.types) > 1
            yield self.no_rounds(name, path, given) if rounds else self.identity(name, path, given)

    def condition(self, when: str | bool, path: Path, scope: Scope) -> tuple[Node, Any] | None:
        """A condition and its truth, as far as it is known; None if it has none."""
        try:
            node, condition = self.report.evaluate(when, (*path, "when"), scope)
        except ExpressionError:
            return None
        if self.depends_on_free(node, condition, when, (*path, "when"), "a condition is over parameters", scope):
            return None
        if type_of(condition) not in ("bool", "any"):
            message = f"{echo(when)} is {_shown(condition)}: a condition is true or false"
            self.report.add("AS304", message, (*path, "when"), "compare it: `when: depth > 0`")
            return None
        return self.frame.constructed(node, scope), condition

    def depends_on_free(self, node: Node, value: Any, text: object, path: Path, advice: str, scope: Scope) -> bool:
        """Whether which steps there are depends on a size that only the forward method knows; reported."""
        free = _free_names(node, scope) if unknown(value) else ()
        if free:
            self.report.add("AS506", f"{echo(text)} depends on the free dimension `{min(free)}`", path, advice)
        return bool(free)

    def identity(self, name: str, path: Path, given: Given) -> Call:
        """In place of a step that is not kept."""
        layer = LAYERS["Identity"]({})
        span = self.frame.span((*path, "when"))
        return Call(name, layer, (), given.types[:1], given.first(), span, keys=(None,))

    def no_rounds(self, name: str, path: Path, given: Given) -> Group:
        """In place of a loop of several inputs that is not kept: it hands on its first input."""
        return Group(name, (), given.types, given.first(), self.frame.span((*path, "when")), listed=True)

    def branch(
        self,
        step: Step,
        path: Path,
        given: Given,
        place: Place,
        scope: Scope,
        name: str | None,
        condition: tuple[Node, Any],
        then: Any,
    ) -> Branch:
        """Steps whose condition is a symbol: both ways are followed, and what flows on is the choice between them."""
        node, truth = condition
        if step.each is not None or step.collect:
            what = "a list" if step.each is not None else "two values"
            message = f"{echo(name)} is {what} where {echo(node.text)} holds, and else what flows in"
            advice = "no one forward method returns both: put the condition on the layers within, or drop it"
            self.report.add("AS508", message, (*path, "when"), advice)
        inside = given.with_types(tuple(assume_flow(flow, truth, True) for flow in given.types))
        if name is not None:
            place = Place(place.prefix)  # it is an attribute on that condition only
        items = tuple(_many(then(step, path, inside, place, scope, name)))
        if name is None:
            place.next = None
        self.frame.locals.guard(items, truth)
        after = items[-1].output if items else given.first()
        output = merge(truth, after, given.first())
        return Branch(name, node, items, given.types, output, self.frame.span((*path, "when")))

    # Loops.

    def repeated_group(
        self, step: Step, path: Path, given: Given, place: Place, scope: Scope, name: str | None
    ) -> Group:
        """A named step that is repeated: an nn.Sequential (or nn.ModuleList) of its repetitions."""
        if is_written(self.frame, step, given):
            return Rounds(self, step, path, given, place, scope, str(name)).read()
        inner = Place(f"{place.dotted(name)}.", rounds=True)
        # Each repetition of a group is a module of its own.
        once = step.model_copy(update={"layers": None, "nested": step.layers}) if step.layers is not None else step
        items = tuple(self.repeated(once, path, replace(given, first_name=None), inner, scope))
        if items:
            check_decided(self.frame, items[-1], path)
        handed = returned(items[-1]) if items else self.handed_on(once, path, given, scope)
        handed = handed if handed <= len(given.types) else 1  # a single round may return more than it takes
        first = given.types[:handed] if handed > 1 else given.first()
        output = items[-1].output if items else first
        inputs = captured(items)
        if inputs:
            items = handing_on(items, inputs)
        listed = len(given.types) > 1 or bool(inputs) or goes_by_name(given, items)
        return Group(name, items, given.types, output, self.frame.span(path, key=True), listed, handed)

    def handed_on(self, step: Step, path: Path, given: Given, scope: Scope) -> int:
        """How many values a round of a loop without rounds would hand on: what flows on are that many of its inputs."""
        count = self.frame.context.count
        if len(given.types) == 1:
            return 1
        try:
            with self.report.trial():
                target, _, items = self.iterable(step, (*path, str(step.loop)), scope)
                bound = {**scope, **destructure(target, typed_item(target, item_type(type_of(items))))}
                inner = Place(self.frame.prefix)
                results = tuple(self.conditional(step, path, given, inner, bound, None, step.when, self.kept))
        except (ExpressionError, SpecError):
            return 1
        finally:
            self.frame.context.count = count
        return returned(results[-1]) if results else 1

    def repeated(self, step: Step, path: Path, given: Given, place: Place, scope: Scope) -> Iterator[Item]:
        """A step once per item of its list; in the list around it they stand one after the other."""
        key = str(step.loop)
        loop = self.bounded_loop(step, (*path, key), scope)
        if loop is None:
            yield self.lost(path, given)
            return
        target, iterable, items = loop
        if not self.unroll or unknown(items):
            yield self.loop(step, path, given, place, scope, target, iterable, items)
            return
        context = self.frame.context
        results: list[Item] = []
        count = 0
        reads_round = _mentions(self.report.source.value(path), step.bound)
        repeatable: tuple[Flow | None, ...] | None = None  # what came in, if equal input gives an equal round
        for number, item in enumerate(items):
            try:
                own = destructure(target, item)
                bound = {**scope, **own}
            except ExpressionError as error:
                self.report.expression(error, (*path, key), step.for_)
                yield self.lost(path, given)
                return
            if given.types == repeatable:
                again = (result for result in results if isinstance(result, Call | Group))
                results = [replace(result, name=self.number(place)) for result in again]
                context.add_layers(count, path)
            else:
                before, problems, types = context.count, len(self.report.problems), given.types
                with in_round(self.frame, own, number, len(items), (*path, key)):
                    results = list(self.conditional(step, path, given, place, bound, None, step.when, self.kept))
                count = context.count - before
                wrong = len(self.report.problems) > problems
                if wrong and context.partial:
                    yield from results[:-1]
                    wrong = not results or results[-1].output is None
                    results = results[-1:]
                if wrong:  # the other rounds would find the same, at the same cost
                    yield from results if context.partial else ()
                    yield self.lost(path, given)
                    return
                alike = not reads_round and all(map(_numbered, results))
                repeatable = types if alike else None
            for result in results:
                yield result
                label = f"`{place.dotted(getattr(result, 'name', None))}`"
                last = result is results[-1] and number < len(items) - 1
                if last and not self.fits_next(given, result, (*path, key)):
                    yield self.lost(path, given)
                    return
                given = given.after(result.output, label, result.span, result)
            if context.count > context.most_layers:
                return

    def bounded_loop(self, step: Step, path: Path, scope: Scope) -> tuple[Node, Node, Any] | None:
        """What a loop binds, what it runs over, and the items of that; None, and reported, where that has no value."""
        try:
            target, iterable, items = self.iterable(step, path, scope)
        except ExpressionError:
            return None
        text = step.over if step.over is not None else step.repeat
        advice = "modules are made once: repeat them by a parameter"
        return None if self.depends_on_free(iterable, items, text, path, advice, scope) else (target, iterable, items)

    def fits_next(self, given: Given, result: Item, path: Path) -> bool:
        """Whether the next round can take what one returns in place of its first inputs; reported if not."""
        parts, count = values_of(result.output), len(given.types)
        what = f"`{result.type_name}`" if isinstance(result, Call) else "a round"
        if len(parts) > count:
            takes = f"{count} inputs" if count > 1 else "one input"
            message = f"{what} returns {len(parts)} values, and the next round takes {takes}"
            advice = "a round hands on what it returns: give it as many inputs, or let it return fewer values"
        elif len(parts) > 1 and None in parts:
            place = parts.index(None) + 1
            message = f"{what} returns no value number {place}, which the next round would take"
            advice = "put it into a block that returns what is handed on"
        elif _of_one(result.output):
            message = f"{what} returns a tuple of one value, and the next round takes the value itself"
            advice = "write `outputs: y` in place of `outputs: [y]`"
        else:
            return True
        self.report.add("AS502", message, path, advice, related=came_from(given))
        return False

    def iterable(self, step: Step, path: Path, scope: Scope) -> tuple[Node, Node, Any]:
        """What a loop binds, what it runs over, and the items of that (a tuple, or a Symbolic)."""
        if step.over is None:
            node = self.frame.constructed(self.times(step, path, scope), scope)
            counted = FunctionCall("range", (node,))
            return Name("_"), counted, evaluate(counted, scope)
        match = _FOR.fullmatch(step.over.strip())
        shift = 0
        try:
            if match is None:
                error = ExpressionError(
                    "AS301", f"`{step.loop}` reads `name in list`", f"write `{step.loop}: i in range(3)`"
                )
                if missing := _NO_IN.match(step.over):
                    error.rewrite = (missing.end(), missing.end(), " in")
                raise error
            target = parse(match[1])
            self.check_target(target, scope)
            shift = match.start(2)
            iterable = parse(match[2])
            items = self.items(iterable, scope, match[2].strip())
            if isinstance(items, Chain):
                message = f"`{step.loop}` runs over {flow_text(items)}, of which parameters say how long a part is"
                raise ExpressionError("AS508", message, "write one loop for each of the lists that it is made of")
            if not isinstance(items, tuple | Symbolic | Series):
                advice = f"write `range({match[2].strip()})`" if isinstance(items, int) else ""
                error = ExpressionError(
                    "AS304", f"`{step.loop}` runs over a list, not over {literal_text(items)}", advice
                )
                error.offset, error.length = 0, len(match[2])
                if isinstance(items, int):
                    error.rewrite = (*match.span(2), f"range({match[2]})")
                raise error
        except ExpressionError as error:
            if error.offset is not None:
                error.offset += shift
            self.report.expression(error, path, step.over, scope)
            raise
        return target, self.frame.constructed(iterable, scope), items

    def items(self, iterable: Node, scope: Scope, text: str) -> Any:
        """The items of a list, which may hold values that flow; the rows of a tensor."""
        names = self.frame.names
        if names is None or not any(self.frame.value(name) is not None for name in names_in(iterable)):
            return evaluate(iterable, scope)
        return names.rows(iterable, text)

    def times(self, step: Step, path: Path, scope: Scope) -> Node:
        """How often `repeat` says."""
        node, times = self.report.evaluate(step.repeat, path, scope)
        most = self.frame.context.most_layers
        error = None
        if not unknown(times) and (isinstance(times, bool) or not isinstance(times, int) or times < 0):
            advice = "write how often, as an integer: `repeat: 3`"
            error = ExpressionError("AS304", f"`repeat` takes a number of times, not {literal_text(times)}", advice)
        elif isinstance(times, int) and times > most:
            advice = "repeat less, or raise the limit where you call archspec"
            error = ExpressionError("AS102", f"{times} repetitions; at most {most} layers are allowed", advice)
        if error:
            self.report.expression(error, path, step.repeat, scope)
            raise error
        return node

    def check_target(self, target: Node, scope: Scope) -> None:
        """A loop binds new names that may stand in generated code."""
        for part in target.walk():
            if not isinstance(part, Name | Items):
                raise ExpressionError("AS301", "`for` binds names", "write `for: i in range(3)`")
            if isinstance(part, Name):
                problem = name_problem(part.name)
                if problem:
                    raise ExpressionError("AS204", f"{echo(part.name)} {problem}", "", part.offset, len(part.name))
                if part.name in scope:
                    advice = "choose another name for the loop"
                    raise ExpressionError(
                        "AS205", f"`{part.name}` is declared already", advice, part.offset, len(part.name)
                    )

    def loop(
        self,
        step: Step,
        path: Path,
        given: Given,
        place: Place,
        scope: Scope,
        target: Node,
        iterable: Node,
        items: Any,
    ) -> Loop:
        """A loop that stays one. A size that a round changes becomes a variable; which ones do is found by trying."""
        place.next = None
        self.frame.locals.loop_names |= {part.name for part in target.walk() if isinstance(part, Name)}
        bound = {**scope, **destructure(target, typed_item(target, item_type(type_of(items))))}

        def once(types: tuple[Flow | None, ...], this: Round) -> tuple[tuple[Item, ...], tuple[Flow | None, ...]]:
            inside = given.with_types(types)
            body: list[Item] = []
            for part in self.parts(step, path, place, bound):
                for made in part(inside):
                    item = frozen(made) if step.trainable is False else made  # its list's steps stand in its place
                    after = inside.after(item.output, inside.label, inside.span)
                    inside = inside.with_types(this.after(len(body), item, inside.types, after.types))
                    body.append(item)
            this.end(len(body) - 1, inside.types)
            return tuple(body), inside.types

        body, carried, updates, types = carry(self.frame.locals, given.types, once, target, iterable, path)
        at = (*path, str(step.loop))
        span = self.frame.span(at)
        last = body[-1].output if body else None
        output = types[0] if last is not None or not body else None
        if last is not None and len(values_of(last)) > 1:
            output = types[: len(values_of(last))]
        only = last is not None and (len(values_of(last)) > len(given.types) or _of_one(last))  # there is no next round
        output = last if only else output
        if not isinstance(items, tuple) or len(items) > 1:
            if only:
                self.fits_next(given, body[-1], at)
            self.keeps_axes(given, body, at)
        return Loop(target, iterable, body, carried, given.types, output, span, updates)

    def keeps_axes(self, given: Given, body: tuple[Item, ...], at: Path) -> None:
        """Refuses a loop whose rounds return another number of axes, where its layers are made of sizes they infer."""
        before, after = given.first(), values_of(body[-1].output)[0] if body else None
        if not isinstance(before, TensorType) or not isinstance(after, TensorType) or before.rank == after.rank:
            return
        if _infers(body):
            message = f"a round takes {before.rank} axes and returns {after.rank}, so its layers infer other sizes"
            advice = "write the inferred arguments out, or return as many axes as come in"
            self.report.add("AS508", f"{message} in the next round", at, advice)

    def parts(self, step: Step, path: Path, place: Place, scope: Scope) -> list[Callable[[Given], Iterator[Item]]]:
        """What a loop repeats: the step itself, or those of its list, one by one."""
        if not isinstance(step.layers, list) or step.when is not None or step.name is not None:
            return [lambda given: self.conditional(step, path, given, place, scope, None, step.when, self.kept)]
        parts = enumerate(step.layers)
        return [partial(self.part, one, (*path, "layers", index), place, scope) for index, one in parts]

    def part(self, step: Step, path: Path, place: Place, scope: Scope, given: Given) -> Iterator[Item]:
        """One step of a loop's list."""
        return self.step(step, path, given, place, scope, None)

    # One step that is kept.

    def kept(
        self, step: Step, path: Path, given: Given, place: Place, scope: Scope, name: str | None
    ) -> Iterator[Item]:
        if step.name is not None:
            name = self.pattern(step.name, (*path, "name"), place, scope)
        for item in self.made(step, path, given, place, scope, name):
            yield settled(self.frame, item, step, path, scope, spliced=step.layers is not None and name is None)

    def made(
        self, step: Step, path: Path, given: Given, place: Place, scope: Scope, name: str | None
    ) -> Iterator[Item]:
        """The modules of a step, as PyTorch makes them."""
        if step.nested is not None:
            raw = isinstance(self.report.source.value(path), list)
            yield self.group(step.nested, path if raw else (*path, "layers"), given, place, scope, name)
        elif step.layers is not None:
            if name is not None:
                yield self.group(step.layers, (*path, "layers"), given, place, scope, name)
            else:
                if not step.layers:
                    self.report.add("AS203", "there are no steps", (*path, "layers"), "add one: `- ReLU`")
                yield from self.sequence(step.layers, (*path, "layers"), given, place, scope)[0]
        else:
            key = name if name is not None else self.number(place)
            yield call(self.frame, step, path, given, place, scope, key)

    def group(
        self,
        layers: list[Step] | dict[str, Step],
        path: Path,
        given: Given,
        place: Place,
        scope: Scope,
        name: str | None,
    ) -> Group | Call:
        """A module of its own: an nn.Sequential, or a class where its steps are a graph."""
        name = name if name is not None else self.number(place)
        span = self.frame.span(path[:-1] if path and path[-1] == "layers" else path)
        if not layers:
            self.report.add("AS203", "there are no steps", path, "add one: `- ReLU`")
        name_given = given.names[0]
        if name_given not in (None, "input"):
            message = f"a group takes one value, which has no name {echo(name_given)}"
            self.report.add("AS402", message, (*path[:-1], "from", name_given), "write `from: …`, the value", key=True)
            return Group(name, (), given.types, None, span)
        given = given.with_names((None, *given.names[1:]))
        if isinstance(layers, dict) and is_graph(layers):
            return self.frame.context.inline(self.frame, layers, path, given, place, scope, name, span)
        if len(given.types) > 1:
            message = f"a list takes one input; {len(given.types)} flow in"
            self.report.add("AS206", message, path, "name the steps in a mapping, and say `from:`")
            return Group(name, (), given.types, None, span)
        inner = Place(f"{place.dotted(name)}.")
        before, count = len(self.report.problems), self.frame.context.count
        items, last = self.sequence(layers, path, given, inner, scope)
        if captured(items) and isinstance(layers, dict) and len(self.report.problems) == before:
            self.frame.context.count = count
            return self.frame.context.inline(self.frame, layers, path, given, place, scope, name, span)
        self.refuse_captured(items, path)
        return Group(name, items, given.types, last.first(), span)

    def refuse_captured(self, items: tuple[Item, ...], path: Path) -> None:
        """Reports a group in a list that reads a name from around it: an nn.Sequential hands on one value alone."""
        for value in captured(items)[:1]:
            message = f"a group of this list reads `{value.name}` from around it, but a list hands on one value alone"
            self.report.add("AS206", message, path, "name the steps of the list in a mapping")

    def number(self, place: Place) -> str | None:
        if place.next is None:
            return None
        place.next += 1
        return str(place.next - 1)

    def pattern(self, text: str, path: Path, place: Place, scope: Scope) -> str | None:
        """The name that a pattern such as `layer{i}` gives here; the pattern itself where that depends."""
        if is_dotted(text):
            if place.rounds:
                return self.place_in_list(text, path, scope)
            message = "a list is exactly an nn.Sequential, which runs the modules that it holds itself"
            self.report.add("AS206", message, path, "name the steps of the list in a mapping")
            return None
        try:
            values = [part if isinstance(part, str) else evaluate(part, scope) for part in pieces(text)]
        except ExpressionError as error:
            self.report.expression(error, path, None)
            return None
        if any(map(unknown, values)):
            place.next = None
            return text
        name = "".join(map(str, values))
        problem = module_problem(name)
        if problem:
            self.report.add("AS204", f"{echo(name)} {problem}", path, "choose another name")
            return None
        if name.isdecimal() and place.next is not None:
            message = f"`{name}` is a number, and a list numbers its steps itself"
            advice = f"choose a word, or name the steps in a mapping: `{name}: …`"
            self.report.add("AS204", message, path, advice)
            return None
        if self.unroll and not self.take(name, path, place, key=False):
            return None
        if place.next is not None:
            place.next += 1
        return name


def _of_one(output: Flow | None) -> bool:
    """Whether a module returns a tuple of a single value."""
    return isinstance(output, tuple) and not isinstance(output, ListType) and len(output) == 1


def goes_by_name(given: Given, items: tuple[Item, ...]) -> bool:
    """Whether a name says which input of these modules is meant: not the first, which an nn.Sequential passes on."""
    name = given.names[0]
    if name is None:
        return False
    firsts = [first_input(item) for item in items]
    return any(first != name for first in firsts)


def is_graph(layers: dict[str, Step]) -> bool:
    """Whether named steps are more than a chain of modules, so that they need a forward method of their own."""
    return any(
        step.expression is not None
        or step.from_ is not None
        or step.again is not None
        or step.call is False
        or step.each is not None
        or step.collect
        or step.shared
        or step.shape is not None
        or step.type in ("Parameter", "Buffer")
        or "," in name
        or holds_dotted(step)
        for name, step in layers.items()
    )


def holds_dotted(step: Step) -> bool:
    """Whether a module of a step stands in a list of the class."""
    if is_dotted(step.name):
        return True
    inside = (step.layers, step.nested)
    return any(
        holds_dotted(one)
        for layers in inside
        if layers
        for one in (layers.values() if isinstance(layers, dict) else layers)
    )


def names_in_pattern(text: str) -> set[str]:
    """The names that the braces of a module's name read."""
    return set().union(*(names_in(part) for part in pieces(text) if not isinstance(part, str)))


def assume_flow(flow: Flow | None, condition: Any, truth: bool) -> Flow | None:
    """A type where a condition is known to hold."""
    if not isinstance(flow, TensorType):
        return flow
    return TensorType(tuple(assume(size, condition, truth) for size in flow.shape), flow.dtype)


def merge(condition: Any, then: Flow | None, otherwise: Flow | None) -> Flow | None:
    """What flows on where it depends on a condition which of two types it is; None where no type says it."""
    if not isinstance(then, TensorType) or not isinstance(otherwise, TensorType):
        if not isinstance(then, tuple) or not isinstance(otherwise, tuple) or len(then) != len(otherwise):
            return then if then == otherwise and type(then) is type(otherwise) else None
        parts = [merge(condition, one, other) for one, other in zip(then, otherwise, strict=True)]
        several = then if type(then) is type(otherwise) else ()  # a list and a tuple are several values, no more
        return with_parts(several, parts) if None not in parts else None
    if then.rank != otherwise.rank or then.dtype != otherwise.dtype:
        return None
    return TensorType(
        tuple(as_size(choose(condition, a, b)) for a, b in zip(then.shape, otherwise.shape, strict=True)), then.dtype
    )


def _mentions(value: object, names: Collection[str]) -> bool:
    """Whether a step as it is written has one of those names, beside where its loop binds them."""
    if not names or isinstance(value, str):
        return bool(names) and any(word in names for word in re.findall(r"\w+", str(value)))
    if isinstance(value, dict):
        inside = (part.partition(" in ")[2] if key in ("for", "each") else part for key, part in value.items())
        return any(_mentions(part, names) for part in (*value, *inside))
    return isinstance(value, list) and any(_mentions(part, names) for part in value)


def _numbered(item: Item) -> bool:
    """Whether a module is called by its place in a list."""
    return isinstance(item, Call | Group) and item.name is not None and item.name.isdecimal()


def _many(result: Item | Iterator[Item]) -> Iterator[Item]:
    if isinstance(result, Call | Group | Loop | Branch):
        yield result
    else:
        yield from result


def _shown(value: Any) -> str:
    """A value for a message: one that is not known by its expression."""
    return str(value) if unknown(value) else literal_text(value)


def _free_names(node: Node, scope: Scope) -> set[str]:
    found = {part.name for part in node.walk() if isinstance(part, Name)}
    return {symbol.text for name in found for symbol in free_symbols(scope.get(name))}


def _infers(items: tuple[Item, ...]) -> bool:
    """Whether a module among these, or one inside, has an argument that was inferred."""
    calls = [item for item in walk(items) if isinstance(item, Call)]
    inside = (item.layer.children() for item in calls if isinstance(item.layer, Class))
    return any(one.node is None for item in calls for one in item.arguments) or any(map(_infers, inside))
