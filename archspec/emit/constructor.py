"""The body of a generated constructor: modules as nested calls, loops as loops, carried sizes as local variables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from archspec import dimensions
from archspec.dimensions import show
from archspec.emit.checks import write_assertions, write_checks
from archspec.emit.class_lists import ClassLists
from archspec.emit.forward import write_tensor
from archspec.emit.initial import Words, finished, is_static, says
from archspec.emit.remarks import Remarks
from archspec.emit.shapes import item_reshapes, shape_comment
from archspec.emit.statement import pieces as pieces_of
from archspec.emit.text import INDENT, WIDTH, Expression, member, name_text
from archspec.emit.ties import Ties, frozen_ties
from archspec.expressions import Call as Function
from archspec.expressions import Conditional, Items, Name, Node, lift
from archspec.graph import (
    Argument,
    Branch,
    Call,
    Carried,
    Class,
    Graph,
    Group,
    Item,
    Loop,
    Step,
    Update,
    argument_text,
    called,
    is_number,
    is_spread,
    module_of,
    names_in,
    place_of,
    size_names,
    standing,
    walk,
)
from archspec.layers import Layer
from archspec.layers.own import OwnLayer
from archspec.lower.class_lists import holds_dotted
from archspec.lower.names import constructor_reads, item_reads

_BASE = " " * 8  # a constructor's body stands this deep


class Constructor:
    """Writes the statements of one class's `__init__`, without their common indentation."""

    def __init__(
        self, cls: Class, saved: Iterable[tuple[str, str]], remarks: Remarks, graph: Graph | None = None
    ) -> None:
        self.cls = cls
        self.remarks = remarks
        self.saved = tuple(saved)  # attributes, and the parameters that they hold
        self.grouped = self._grouped()
        self.values: dict[str, str] = {}
        """Names of values that are written once, by their texts."""
        self.used = self._used()
        self.read = self._read()
        loops = [item for item in walk(cls.children()) if isinstance(item, Loop)]
        self.hidden = {carried.name for loop in loops for carried in loop.carried} - self.used
        self.open: list[str] = []
        self.own = ""
        """In a loop that adds to lists: the list of those modules that say no other one."""
        self.counted = True
        """Whether the list that is being made numbers its steps as it grows."""
        self.declared: dict[str, str] = {}
        """The variables of lists that grow: those that are growing, and the types of all."""
        self.taken = self.used | {parameter.name for parameter in cls.parameters} | {name for name, _ in cls.let}
        self.taken |= {name for loop in loops for name in names_in(loop.target)} | self.hidden
        self.ties = Ties(cls, self.taken)
        self.lists = ClassLists(cls)
        self.graph = graph  # of which the class is the network itself
        self.words = Words(_argument, lambda stem: next(self.free_names(stem)))

    def _used(self) -> set[str]:
        """Every name that the body reads, or keeps."""
        used = constructor_reads(self.cls) | {name for _, name in self.saved}
        for name, node in reversed(self.cls.let):
            used |= names_in(node) if name in used else set()
        return used

    def _read(self) -> set[str]:
        """The names that it reads for more than to keep them."""
        read = constructor_reads(self.cls)
        for name, node in reversed(self.cls.let):
            read |= names_in(node) if name in self.used else set()
        return read

    def lines(self) -> list[str]:
        """The whole body."""
        checks = [line for indent, one in write_checks(self.cls.parameters) for line in _relative(one, indent)]
        checks = [*self.defaults(), *checks, *write_assertions(self.cls), *self.computed_names()]
        after = [f"self.{export.name} = {show(export.size)}" for export in self.cls.exports if export.used]
        if self.cls.sequential:
            made = self.sequential("super().__init__", self.cls.items, "")
            whole = Group("", self.cls.items, (), None, self.cls.items[0].span) if self.cls.items else None
            made += self.said(whole, "self", "") if whole is not None and is_static(self.cls.items) else []
            shared = [*(line for item in self.cls.items for line in self.ties.step(_key_of(item))), *self.ties.rest()]
            return [*checks, *self.ties.declared(), *made, *shared, *after, *self.finally_said()]
        lines: list[str] = []
        for step in self.cls.registered():
            lines += self.remark(step)
            if step.kind in ("parameter", "buffer"):
                lines += self.tensor(step)
            elif step.item is not None:
                lines += self.standing(step, "")
            for name in self.lists.completed(step):
                lines += self.ties.step(name)
        lines += self.ties.rest()
        begin = ["super().__init__()", *checks, *self.attributes(), *self.ties.declared(), *self.ties.attributes()]
        return [*begin, *([""] if "" in lines and len(begin) > 1 else []), *lines, *after, *self.finally_said()]

    def remark(self, step: Step) -> list[str]:
        """The blank line and the comments above the statements that make a step's module."""
        if step.item is None and step.kind not in ("parameter", "buffer"):
            return []
        remark = self.remarks.of(step.span)
        parted = remark.parted and self.grouped and step is not self.cls.steps[0]
        return [*([""] if parted else []), *(f"# {line}" for line in remark.lines)]

    def _grouped(self) -> bool:
        """Whether blank lines of the spec leave groups of a few modules each."""
        steps = [step for step in self.cls.steps if step.item is not None or step.kind in ("parameter", "buffer")]
        parted = sum(self.remarks.of(step.span).parted for step in steps[1:])
        return not self.cls.order and len(steps) >= _FEWEST * (parted + 1)

    def defaults(self) -> Iterator[str]:
        """Parameters whose default is an expression of others."""
        for parameter in self.cls.parameters:
            if parameter.computed and parameter.default is not None:
                yield f"if {parameter.name} is None:"
                yield f"{INDENT}{parameter.name} = {parameter.default.within()}"

    def computed_names(self) -> Iterator[str]:
        """The names of `let` that the body reads, directly or by another one."""
        for name, node in self.cls.let:
            if name in self.read:
                yield f"{name} = {node.within()}"

    def attributes(self) -> Iterator[str]:
        """What the module keeps for its forward method: parameters, and names of `let`."""
        values = {name: node.within() for name, node in self.cls.let if name not in self.read}
        for attribute, name in self.saved:
            yield f"self.{attribute} = {values.get(name, name)}"

    # Attributes of a class that is no nn.Sequential.

    def tensor(self, step: Step) -> list[str]:
        """A parameter or buffer of the module itself."""
        value = Expression(write_tensor(step, self.cls))
        if step.kind == "parameter":
            frozen = [] if step.trainable else [Expression("requires_grad=False")]
            lines = _relative(Expression(f"self.{step.name} = nn.Parameter", [value, *frozen]), "")
            calls = (self.words.call(fill, f"self.{step.name}") for fill in step.initial)
            return [*lines, *(line for call in calls for line in _relative(call, ""))]
        saved = [] if step.saved else [Expression("persistent=False")]
        return _relative(Expression("self.register_buffer", [Expression(f'"{step.name}"'), value, *saved]), "")

    def standing(self, step: Step, indent: str) -> list[str]:
        """The statements that make a step's module where it stands: an attribute, or an item of a list."""
        item = module_of(step.item) if step.item is not None else None
        if isinstance(item, Group) and item.spread:
            return self.spread(step, item, indent)
        if item is None or "." not in step.attribute:
            return self.attribute(item) if item is not None else []
        return self.listed(step.attribute, item, indent)

    def listed(self, name: str, item: Item, indent: str) -> list[str]:
        """The statements that add a module to a list of the class."""
        self.ties.making = place_of(name)[0]
        lines = [f"{indent}{line}" for line in self.lists.opened(name, self.fresh)]
        return [*lines, *self.added_to(self.lists.holder(name), place_of(name)[-1], item, indent)]

    def fresh(self, stem: str) -> str:
        """A variable that nothing else has."""
        name = next(self.free_names(stem))
        self.taken.add(name)
        return name

    def added_to(self, variable: str, key: str, item: Item, indent: str) -> list[str]:
        """The statements that add a module to a list, or put it into a dict."""
        named = not is_number(key)
        if not isinstance(item, Branch):
            return self.statements(variable, (called(item, key if named else None),), indent, named)
        inner = called(item.items[0], key if named else None)
        flat = call_expression(inner).flat() if isinstance(inner, Call) and not _said(inner) else None
        if flat is not None:
            choice = f"{flat} if {item.condition.text} else nn.Identity()"
            lines = self.put(variable, [Expression(choice)], [inner], indent, named)
            if max(map(len, lines)) + len(_BASE) <= WIDTH:
                return lines
        kept = self.statements(variable, (inner,), indent + INDENT, named)
        other = self.put(variable, [Expression("nn.Identity", [])], [inner], indent + INDENT, named)
        return [f"{indent}if {item.condition.text}:", *kept, f"{indent}else:", *other]

    def spread(self, step: Step, group: Group, indent: str) -> list[str]:
        """A loop that adds modules to several lists in each of its rounds."""
        (loop,) = group.items
        assert isinstance(loop, Loop)
        places = [".".join(place) for place, _ in standing((step,))]
        lines = [f"{indent}{line}" for place in places for line in self.lists.opened(place, self.fresh)]
        before, self.own = self.own, step.attribute
        lines += self.loop("", loop, indent, named=False)
        self.own = before
        return lines

    def round(self, body: Call, indent: str) -> list[str]:
        """What one round of such a loop adds."""
        assert isinstance(body.layer, Class)
        values = ((one.name, argument_text(one)) for one in body.arguments)
        lines = [f"{indent}{name} = {text}" for name, text in values if name != text]
        own, variable, steps = self.own, "", [step for step in body.layer.registered() if step.item is not None]
        if any("." not in step.attribute and not is_spread(step.item) for step in steps):
            variable = self.fresh("modules")
            lines += [f"{indent}{variable} = nn.ModuleDict()", f"{indent}{member(own)}.append({variable})"]
        for step in steps:
            lines += [f"{indent}# {line}" for line in self.remarks.of(step.span).lines]
            if "." in step.attribute or is_spread(step.item):
                lines += self.standing(step, indent)
            elif step.item is not None:
                self.ties.making = own
                lines += self.added_to(variable, step.attribute, module_of(step.item), indent)
        return lines

    def attribute(self, item: Item) -> list[str]:
        """`self.name = …`, with the statements that it needs before, and what only a condition makes share weights."""
        name = f"self.{_name(item)}"
        self.ties.making = _name(item)
        if not _name(item).isidentifier():
            return self.added(item)
        return self.attribute_at(name, item)

    def added(self, item: Item) -> list[str]:
        """`self.add_module("block1-0", …)`, for a name that is no identifier of Python's."""
        head, key = "self.add_module", Expression(f'"{_name(item)}"')
        if isinstance(item, Call):
            ref = member(_name(item))
            made = _relative(Expression(head, [key, self.made(item)]), "")
            return [*made, *self.said(item, ref, ""), *self.ties.of(item, ref, "")]
        stem = re.sub(r"\W", "_", _name(item))
        variable = next(self.free_names(stem if stem.isidentifier() else f"module_{stem}"))
        self.taken.add(variable)
        return [*self.attribute_at(variable, item), *_relative(Expression(head, [key, Expression(variable)]), "")]

    def attribute_at(self, name: str, item: Item) -> list[str]:
        """`name = …`, with what a condition chooses."""
        if isinstance(item, Branch):
            (inner,) = item.items
            rounds = isinstance(inner, Group) and inner.listed
            flat = call_expression(inner).flat() if isinstance(inner, Call) and not _said(inner) else None
            if flat is not None and len(f"{_BASE}{INDENT}{flat}") <= WIDTH:
                return _choice(f"{name} = ", [flat, f"if {item.condition.text}", "else nn.Identity()"])
            kept = self.assign(name, inner, INDENT, "" if rounds else ": nn.Module")
            other = "nn.ModuleList()" if rounds else "nn.Identity()"
            return [f"if {item.condition.text}:", *kept, "else:", f"{INDENT}{name} = {other}"]
        return self.assign(name, item)

    def assign(self, target: str, item: Item, indent: str = "", annotation: str = "") -> list[str]:
        head = f"{target}{annotation} = "
        if isinstance(item, Group):
            self.ties.begin()
            made = self.sequential(f"{head}{_container(item)}", item.items, indent, item.listed)
            before, after = self.ties.end(target, indent)
            said = self.said(item, target, indent)
            return [*before, *made, *said, *after, *self.ties.of(item, target, indent)]
        assert isinstance(item, Call)
        said = self.said(item, target, indent, typed=not annotation)
        return [*_relative(self.made(item, head), indent), *said, *self.ties.of(item, target, indent)]

    def said(self, item: Item, ref: str, indent: str, *, typed: bool = False) -> list[str]:
        """What steps say of the weights of a module that has just been made."""
        found = self.words.of(item, ref, typed=typed)
        return [line for depth, one in found for line in _relative(one, indent + INDENT * depth)]

    def finally_said(self) -> list[str]:
        """What the rules of a network say of its weights, and which parameters are frozen for all that share them."""
        frozen = [
            f'self.get_parameter("{name}").requires_grad_(False)' for name in dict.fromkeys(frozen_ties(self.cls))
        ]
        found = self.words.rules(self.graph) if self.graph is not None else ()
        return [*frozen, *(line for depth, one in found for line in _relative(one, INDENT * depth))]

    # nn.Sequential, nn.ModuleList.

    def sequential(self, head: str, items: tuple[Item, ...], indent: str, listed: bool = False) -> list[str]:
        """A call of nn.Sequential (or of what `head` names), with the statements that it needs before."""
        if is_static(items):
            return _relative(self.static(head, items, listed), indent)
        repeated = self.comprehension(head, items, indent, listed)
        if repeated is not None:
            return repeated
        named, counted = _named(items), self.counted
        self.counted = _spliced(items)
        kind, empty = ("OrderedDict[str, nn.Module]", "OrderedDict()") if named else ("list[nn.Module]", "[]")
        variable = self.list_name(kind)
        declaration = variable if variable in self.declared else f"{variable}: {kind}"
        self.declared[variable] = kind
        self.open.append(variable)
        first = next(_batches(items))
        if named or not all(map(_plain, first)):
            lines, rest = [f"{indent}{declaration} = {empty}"], items
        else:  # the list begins with the modules that are always there
            modules = [self.module(item) for item in first]
            lines = _relative(Expression(f"{declaration} = ", modules, brackets="[]"), indent)
            rest = items[len(first) :]
        lines += self.statements(variable, rest, indent, named)
        self.open.pop()
        self.counted = counted
        return [*lines, f"{indent}{head}({'' if named or listed else '*'}{variable})"]

    def list_name(self, kind: str) -> str:
        """The variable of a list of that type: `layers`, and `stage` within it."""
        names = self.free_names("stage" if self.open else "layers")
        return next(name for name in names if name not in self.open and self.declared.get(name, kind) == kind)

    def free_names(self, stem: str) -> Iterator[str]:
        """Names of variables that none of the spec's names has: the stem, then with a number."""
        names = (f"{stem}_{n}" if n > 1 else stem for n in range(1, 10_000))
        return (name for name in names if name not in self.taken)

    def static(self, head: str, items: tuple[Item, ...], listed: bool = False) -> Expression:
        """A Sequential that holds the same modules whatever the parameters are."""
        children = [self.module(item) for item in items]
        if listed:
            return Expression(head, [Expression("", children, exploded=True, brackets="[]")])
        if not _named(items):
            return Expression(head, children, exploded=True)
        words = all(_name(item).isidentifier() for item in items)
        for child, item in zip(children, items, strict=True):
            child.head = f"{_name(item)}={child.head}" if words else f"{name_text(_name(item))}: {child.head}"
        if words:
            return Expression(head, [Expression("OrderedDict", children, exploded=len(children) > 1)])
        entries = Expression("", children, exploded=True, brackets="{}")
        return Expression(head, [Expression("OrderedDict", [entries])])

    def module(self, item: Item) -> Expression:
        """A module of a list as one expression, with its shape where that is news: no line of a forward says it."""
        if isinstance(item, Group):
            return self.static(_container(item), item.items, item.listed)
        assert isinstance(item, Call)
        expression = self.made(item)
        expression.comment = shape_comment(item.output, self.hidden) if item_reshapes(item) else ""
        return expression

    def comprehension(self, head: str, items: tuple[Item, ...], indent: str, listed: bool) -> list[str] | None:
        """One module over and over."""
        if len(items) != 1 or not isinstance(items[0], Loop) or _named(items):
            return None
        loop = items[0]
        if self.live(loop) or len(loop.items) != 1 or not isinstance(loop.items[0], Call):
            return None
        if _said(loop.items[0]):
            return None
        target, iterable = self.header(loop)
        module, repeats = self.made(loop.items[0]), f"for {target} in {iterable.text}"
        inside = f"{module.flat()} {repeats}"
        lines = Expression(head, [Expression(inside if listed else f"*({inside})")]).lines(_BASE + indent)
        if max(map(len, lines)) <= WIDTH:
            return [line[len(_BASE) :] for line in lines]
        deeper = indent + INDENT if listed else indent + INDENT * 2
        body = [*_relative(module, deeper), f"{deeper}{repeats}"]
        if not listed:
            body = [f"{indent}{INDENT}*(", *body, f"{indent}{INDENT})"]
        return [f"{indent}{head}(", *body, f"{indent})"]

    # Lists that grow statement by statement.

    def statements(self, variable: str, items: tuple[Item, ...], indent: str, named: bool) -> list[str]:
        """Statements that append modules to a list, or put them into an ordered dict."""
        lines: list[str] = []
        before: Item | None = None
        for batch in _batches(items):
            first = batch[0]
            if isinstance(first, Loop):
                lines += self.loop(variable, first, indent, named)
            elif isinstance(first, Call) and isinstance(first.layer, Class) and not variable:
                lines += self.round(first, indent)
            elif isinstance(first, Branch):
                other = isinstance(before, Branch) and _opposite(before, first)
                lines.append(f"{indent}else:" if other else f"{indent}if {first.condition.text}:")
                inner = tuple(item for branch in batch if isinstance(branch, Branch) for item in branch.items)
                lines += self.statements(variable, inner, indent + INDENT, named)
            elif isinstance(first, Group) and not is_static(first.items):
                lines += self.grown(variable, first, indent, named)
            else:
                lines += self.put(variable, [self.module(item) for item in batch], batch, indent, named)
                newest = self.newest(variable, first, named)
                lines += self.said(first, newest, indent) if len(batch) == 1 else []
                lines += self.ties.of(first, newest, indent)
            before = first
        return lines

    def grown(self, variable: str, group: Group, indent: str, named: bool) -> list[str]:
        """Statements that make a group and add it to a list or dict."""
        self.ties.begin()
        ref = self.newest(variable, group, named)
        name = f"{variable}[{self.key(group, variable)}]" if named else next(self.free_names("blocks"))
        *above, last = self.sequential(f"{name} = {_container(group)}", group.items, indent, group.listed)
        if named:
            before, after = self.ties.end(ref, indent)
            return [*before, *above, last, *self.said(group, ref, indent), *after, *self.ties.of(group, ref, indent)]
        whole = last.removeprefix(f"{indent}{name} = ")  # unless it begins on a line above
        lines = above if whole != last else [*above, last]
        lines += self.put(variable, [Expression(whole if whole != last else name)], [group], indent, named)
        before, after = self.ties.end(ref, indent)
        return [*before, *lines, *self.said(group, ref, indent), *after, *self.ties.of(group, ref, indent)]

    def put(
        self, variable: str, modules: list[Expression], items: Iterable[Item], indent: str, named: bool
    ) -> list[str]:
        """Adds modules to the list or dict."""
        if named:
            lines = []
            for module, item in zip(modules, items, strict=True):
                module.head = f"{variable}[{self.key(item, variable)}] = {module.head}"
                lines += _relative(module, indent)
            return lines
        if len(modules) == 1:
            return _relative(Expression(f"{variable}.append", modules), indent)
        return _relative(Expression(f"{variable} += ", modules, brackets="[]"), indent)

    def newest(self, variable: str, item: Item, named: bool) -> str:
        """The module that was added last to a list or dict."""
        if not named:
            return f"{variable}[-1]"
        key = self.key(item, variable)
        return f"{variable}[str(len({variable}) - 1)]" if key.startswith("str(") else f"{variable}[{key}]"

    def key(self, item: Item, variable: str) -> str:
        """The key of a step in an ordered dict: its name, a pattern filled in, or its number."""
        name = getattr(item, "name", None)
        return f"str(len({variable}))" if name is None or (name.isdigit() and self.counted) else name_text(name)

    def loop(self, variable: str, loop: Loop, indent: str, named: bool) -> list[str]:
        live = self.live(loop)
        lines = [f"{indent}{c.name} = {show(c.initial)}" for c in live if c.initial is not None]
        within = names_in(loop.target) | {carried.name for carried in loop.carried}
        named_once = self.named_once(loop, live)
        above = {
            text: name
            for text, (name, reads) in named_once.items()
            if not reads & within and _MAY_FAIL.search(text) is None  # as there may be no round
        }
        inside = {text: name for text, (name, reads) in named_once.items() if text not in above}
        lines += [f"{indent}{name} = {text}" for text, name in above.items()]
        target, iterable = self.header(loop)
        lines += _relative(_loop_head(f"for {target} in ", iterable), indent)
        deeper = indent + INDENT
        lines += [f"{deeper}{name} = {text}" for text, name in inside.items()]
        before, self.values = self.values, {**self.values, **above, **inside}
        start = 0
        names = {c.name for c in live}
        updates = [update for update in loop.updates if update.name in names]
        for (after, inside), together in groupby(updates, key=lambda update: (update.after, update.inside)):
            lines += self.statements(variable, loop.items[start : after + 1], deeper, named)
            lines += self.assignments(list(together), deeper + INDENT if inside else deeper)
            start = after + 1
        lines += self.statements(variable, loop.items[start:], deeper, named)
        self.values = before
        return lines

    def named_once(self, loop: Loop, live: list[Carried]) -> dict[str, tuple[str, set[str]]]:
        """Long values that a round hands to a module and that become the next value of a size, with a name for each.

        The name is that of the module's argument; with it come the names that the value reads.
        """
        changed = {carried.name for carried in loop.carried}
        values = {show(c.update): size_names(c.update) for c in live if not size_names(c.update) & changed}
        found: dict[str, tuple[str, set[str]]] = {}
        for item in _certain(loop.items):
            for argument in item.arguments:
                text = argument_text(argument)
                if text in values and text not in self.values and "(" in text and argument.name not in self.taken:
                    found.setdefault(text, (argument.name, values[text]))
        return found

    def made(self, item: Call, prefix: str = "") -> Expression:
        """A module's constructor, in which values that have a name go by it."""
        expression = call_expression(item, prefix)
        for argument in expression.arguments or ():
            name, equals, text = argument.head.rpartition("=")
            if not argument.arguments and text in self.values:
                argument.head, argument.pieces = f"{name}{equals}{self.values[text]}", []
        return expression

    def assignments(self, updates: list[Update], indent: str) -> list[str]:
        """Variables get their next values: one after the other, or at once where one is made of another."""
        names = {update.name for update in updates}
        if any(size_names(update.value) & names - {update.name} for update in updates):
            values = [Expression(show(update.value)) for update in updates]
            head = f"{', '.join(update.name for update in updates)} = "
            flat = f"{head}{', '.join(show(update.value) for update in updates)}"
            fits = len(_BASE + indent + flat) <= WIDTH
            return [f"{indent}{flat}"] if fits else _relative(Expression(head, values, exploded=True), indent)
        return [line for update in updates for line in self.assigned(update, indent)]

    def assigned(self, update: Update, indent: str) -> list[str]:
        """One variable gets its next value."""
        more = update.value - dimensions.symbol(update.name)
        if update.name not in size_names(more) and not show(more).startswith("-"):
            return [f"{indent}{update.name} += {show(more)}"]
        text = show(update.value)
        return _relative(Expression(f"{update.name} = {self.values.get(text, text)}"), indent)

    def live(self, loop: Loop) -> list[Carried]:
        """The sizes that the loop changes and that something reads."""
        return [carried for carried in loop.carried if carried.name in self.used]

    def header(self, loop: Loop) -> tuple[str, Node]:
        """What a loop binds, `_` where nothing reads it, and over what it runs: counted only where that is read."""
        target, iterable = loop.target, loop.iterable
        names = set().union(*map(_reads, walk(loop.items)))
        names |= {name for carried in self.live(loop) for name in size_names(carried.update)}
        if isinstance(iterable, Function) and iterable.function == "enumerate" and isinstance(target, Items):
            count, *rest = target.items
            if len(rest) == 1 and names_in(count).isdisjoint(names):
                target, iterable = rest[0], iterable.arguments[0]
        if not isinstance(target, Name):
            return target.text.removeprefix("(").removesuffix(")"), iterable
        return (target.name if target.name in names else "_"), iterable


def _reads(item: Item) -> set[str]:
    """The names that an item reads; of a round that adds to lists, what its modules read."""
    if not isinstance(item, Call) or not isinstance(item.layer, Class) or not holds_dotted(item.layer):
        return item_reads(item)
    return set().union(
        *(_reads(one) for step in item.layer.steps if step.item is not None for one in walk((step.item,)))
    )


def _choice(head: str, pieces: list[str]) -> list[str]:
    """A value that a condition chooses, on as few lines as a formatter takes for it."""
    whole = " ".join(pieces)
    if len(f"{_BASE}{head}{whole}") <= WIDTH:
        return [f"{head}{whole}"]
    middle = [whole] if len(f"{_BASE}{INDENT}{whole}") <= WIDTH else pieces
    return [f"{head}(", *(f"{INDENT}{piece}" for piece in middle), ")"]


def _certain(items: tuple[Item, ...]) -> Iterator[Call]:
    """The modules among these, and in groups of them, that are made in any case."""
    for item in items:
        if isinstance(item, Call):
            yield item
        elif isinstance(item, Group):
            yield from _certain(item.items)


def _loop_head(head: str, iterable: Node) -> Expression:
    """The line that opens a loop."""
    if isinstance(iterable, Function):
        name = iterable.text.partition("(")[0]
        return Expression(head + name, [Expression(node.text) for node in iterable.arguments], tail=":")
    return Expression(f"{head}{iterable.text}:")


_MAY_FAIL = re.compile(r"\[|\b(max|min|sqrt|log)\(|[/%] *[^/ 0-9]|\*\*")
"""An index, a function or a division that some values do not have."""

_FEWEST = 3
"""Modules of a group between blank lines, in the mean."""

_MOST_BY_POSITION = 4
"""So many required arguments of a block go by position; where there are more, only the sizes of its inputs do."""


def call_expression(item: Call, prefix: str = "") -> Expression:
    """A module's constructor: leading arguments by position, the others by name, defaults left out."""
    if isinstance(item.layer, Class):
        return finished(item, Expression(item.layer.name, _block_arguments(item, item.layer)), _argument).behind(prefix)
    if isinstance(item.layer, OwnLayer):
        own = Expression(item.type_name, [_argument(a, f"{a.name}=") for a in item.arguments])
        return finished(item, own, _argument).behind(prefix)
    head = item.held if item.held is not None else f"nn.{item.type_name}"
    made = Expression(head, _layer_arguments(item, item.layer))
    return finished(item, made, _argument).behind(prefix)


def _block_arguments(item: Call, cls: Class) -> list[Expression]:
    """The arguments of a block: the required ones by position, if they are few, and the others by name."""
    declared = {parameter.name: parameter for parameter in cls.parameters}
    texts = {argument.name: argument_text(argument) for argument in item.arguments}
    leading = [name for name in texts if declared[name].inferred or declared[name].default is None]
    if len(leading) > _MOST_BY_POSITION:
        leading = [name for name in leading if declared[name].inferred]
    if len(leading) > _MOST_BY_POSITION:
        leading = []
    found: list[Expression] = []
    in_a_row = True
    for argument in item.arguments:
        name, text = argument.name, texts[argument.name]
        clear = text not in ("True", "False", "None") and not isinstance(argument.node, Conditional)
        in_a_row = in_a_row and name in leading and clear
        found.append(_argument(argument, "" if in_a_row else f"{name}=", text))
    return found


def _layer_arguments(item: Call, layer: Layer) -> list[Expression]:
    """The arguments of a layer as people write them."""
    found: list[Expression] = []
    given = {a.name: a for a in item.arguments if not _is_default(a, type(layer).arguments[a.name].default)}
    positions = layer.leading() if len(given) > 1 else 1
    in_a_row = True
    for index, (name, declared) in enumerate(layer.arguments.items()):
        argument = given.get(name)
        if argument is None:
            in_a_row = False
            continue
        clear = declared.required or declared.inferred or (declared.kind != "flag" and name != "dim")
        by_position = in_a_row and index < positions and clear
        text = declared.text(argument_text(argument), argument.value)
        found.append(_argument(argument, "" if by_position else f"{name}=", text))
    return found


def _argument(argument: Argument, head: str, text: str | None = None) -> Expression:
    """One argument; a long expression may be broken before its operators."""
    text = argument_text(argument) if text is None else text
    node = argument.node if argument.node is not None else lift(argument.value)
    broken = pieces_of(node) if len(text) > WIDTH // 2 and text == node.within() else []
    if isinstance(node, Conditional):
        return Expression(f"{head}{text}", pieces=broken, label=head)
    return Expression(f"{head}{text}", pieces=[f"{head}{broken[0]}", *broken[1:]] if broken else [])


def _container(group: Group) -> str:
    return "nn.ModuleList" if group.listed else "nn.Sequential"


def _is_default(argument: Argument, default: object) -> bool:
    """Whether an argument is written as PyTorch's default, and so may go."""
    if argument.node is not None and names_in(argument.node):
        return False
    return type(argument.value) is type(default) and argument.value == default


def _relative(expression: Expression, indent: str) -> list[str]:
    """An expression's lines, broken as they will be where the constructor's body stands."""
    return [line[len(_BASE) :] for line in expression.lines(_BASE + indent)]


def _named(items: tuple[Item, ...]) -> bool:
    """Whether a step among these has a name in place of its number; loops and branches splice theirs."""
    if _spliced(items):
        return any(map(_has_word, items))
    return any(getattr(item, "name", None) not in (None, str(place)) for place, item in enumerate(items))


def _has_word(item: Item) -> bool:
    if isinstance(item, Loop | Branch):
        return any(map(_has_word, item.items))
    return item.name is not None and not item.name.isdigit()


def _spliced(items: tuple[Item, ...]) -> bool:
    """Whether parameters decide how many steps there are, so that numbers are counted as modules are made."""
    return any(isinstance(item, Loop | Branch) for item in items)


def _batches(items: tuple[Item, ...]) -> Iterator[list[Item]]:
    """Plain modules that stand together, and branches on the same condition."""
    batch: list[Item] = []
    for item in items:
        if batch and not _together(batch[-1], item):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _opposite(one: Branch, other: Branch) -> bool:
    """Whether one is kept exactly where the other is not."""
    return other.condition.text == f"not {one.condition.text}"


def _together(left: Item, right: Item) -> bool:
    if isinstance(left, Branch) and isinstance(right, Branch):
        return left.condition.text == right.condition.text
    return _plain(left) and _plain(right)


def _said(item: Call | Group) -> bool:
    """Whether something is left to be said of a module that one expression has made: of its weights, or of ties."""
    return bool(item.shared) or says(item)


def _plain(item: Item) -> bool:
    """Whether a module is made by one expression, with nothing to be done afterwards."""
    if isinstance(item, Call):
        return not _said(item)
    return isinstance(item, Group) and is_static(item.items) and not _said(item)


def _name(item: Item) -> str:
    name = getattr(item, "name", None)
    assert name is not None, "a step of a mapping has a name"
    return str(name)


def _key_of(item: Item) -> str:
    return str(getattr(item, "name", None))
