"""The body of a generated constructor: checks, attributes, and lists of the class, each module where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from archspec.dimensions import show
from archspec.emit.calls import argument_expression, call_expression
from archspec.emit.checks import write_assertions, write_checks
from archspec.emit.class_lists import ClassLists
from archspec.emit.containers import Containers, container, name_of, needs_more
from archspec.emit.initial import Words, is_static
from archspec.emit.loops import Loops
from archspec.emit.names import FreeNames
from archspec.emit.remarks import Remarks
from archspec.emit.statement import BASE, breakable, relative
from archspec.emit.tensors import write_line, write_tensor
from archspec.emit.text import INDENT, WIDTH, Expression, member
from archspec.emit.ties import Ties
from archspec.emit.variables import TAKEN
from archspec.expressions import Items, Name, replaced
from archspec.graph import (
    Branch,
    Call,
    Class,
    Graph,
    Group,
    Item,
    Loop,
    Step,
    argument_text,
    called,
    is_number,
    is_spread,
    module_of,
    names_in,
    place_of,
    standing,
    walk,
)
from archspec.lower.names import constructor_reads

_FEWEST = 3
"""Modules of a group between blank lines, in the mean."""


class Constructor:
    """Writes the statements of one class's `__init__`, without their common indentation."""

    def __init__(
        self, cls: Class, saved: Iterable[tuple[str, str]], remarks: Remarks, graph: Graph | None = None
    ) -> None:
        self.cls = cls
        self.remarks = remarks
        self.saved = tuple(saved)  # attributes, and the parameters that they hold
        self.grouped = self._grouped()
        self.used = self._used()
        self.read = self._read()
        self.own = ""
        """In a loop that adds to lists: the list of those modules that say no other one."""
        loops = [item for item in walk(cls.children()) if isinstance(item, Loop)]
        hidden = {carried.name for loop in loops for carried in loop.carried} - self.used
        taken = self.used | {parameter.name for parameter in cls.parameters} | {name for name, _ in cls.let} | hidden
        self.names = FreeNames(taken | {name for loop in loops for name in names_in(loop.target)})
        self.computed: dict[str, str] = {}
        """The variables of what tensors are computed from."""
        self.ties = Ties(cls, self.names)
        self.lists = ClassLists(cls)
        self.graph = graph  # of which the class is the network itself
        self.words = Words(argument_expression, lambda stem: next(self.names.free(stem)))
        self.loops = Loops(self.used, self.names)
        self.containers = Containers(self.loops, self.words, self.ties, hidden, self.round)

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
        checks = [line for indent, one in write_checks(self.cls.parameters) for line in relative(one, indent)]
        checks = [*self.defaults(), *self.floats(), *checks, *write_assertions(self.cls), *self.computed_names()]
        after = [f"self.{export.name} = {show(export.size)}" for export in self.cls.exports if export.used]
        if self.cls.sequential:
            made = self.containers.sequential("super().__init__", self.cls.items, "")
            whole = Group("", self.cls.items, (), None, self.cls.items[0].span) if self.cls.items else None
            made += self.words.lines(whole, "self", "") if whole is not None and is_static(self.cls.items) else []
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

    def floats(self) -> Iterator[str]:
        """Parameters that tensors take their dtype from: a caller may pass 2 for 2.0."""
        for parameter in self.cls.parameters:
            if parameter.decides:
                yield f"{parameter.name} = float({parameter.name})"

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
        above = self.worked_out(step)
        value = breakable(write_tensor(step, self.cls, self.computed))
        if step.kind == "parameter":
            frozen = [] if step.trainable else [Expression("requires_grad=False")]
            lines = [*above, *relative(Expression(f"self.{step.name} = nn.Parameter", [value, *frozen]), "")]
            calls = (self.words.call(fill, f"self.{step.name}") for fill in step.initial)
            return [*lines, *(line for call in calls for line in relative(call, ""))]
        saved = [] if step.saved else [Expression("persistent=False")]
        made = relative(Expression("self.register_buffer", [Expression(f'"{step.name}"'), value, *saved]), "")
        return [*above, *made]

    def worked_out(self, step: Step) -> list[str]:
        """The lines that compute what a tensor is made of, but for those that stand above."""
        written: list[str] = []
        for line in step.lines[:-1]:
            names = [part.name for part in line.target.walk() if isinstance(part, Name)]
            if self.computed.keys() >= set(names):
                continue
            node = write_line(line, self.cls, self.computed)
            self.computed |= {name: self.names.fresh(f"{name}_" if name in TAKEN else name) for name in names}
            target = replaced(line.target, {name: Name(self.computed[name]) for name in names}).text
            head = f"{target[1:-1] if isinstance(line.target, Items) else target} = "
            written += [f"# {text}" for text in self.remarks.of(line.span).lines]
            written += relative(breakable(node, head), "")
        return written

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
        lines = [f"{indent}{line}" for line in self.lists.opened(name, self.names.fresh)]
        return [*lines, *self.added_to(self.lists.holder(name), place_of(name)[-1], item, indent)]

    def added_to(self, variable: str, key: str, item: Item, indent: str) -> list[str]:
        """The statements that add a module to a list, or put it into a dict."""
        named = not is_number(key)
        if not isinstance(item, Branch):
            return self.containers.statements(variable, (called(item, key if named else None),), indent, named)
        inner = called(item.items[0], key if named else None)
        flat = call_expression(inner).flat() if isinstance(inner, Call) and not needs_more(inner) else None
        if flat is not None:
            choice = f"{flat} if {item.condition.text} else nn.Identity()"
            lines = self.containers.put(variable, [Expression(choice)], [inner], indent, named)
            if max(map(len, lines)) + len(BASE) <= WIDTH:
                return lines
        kept = self.containers.statements(variable, (inner,), indent + INDENT, named)
        other = self.containers.put(variable, [Expression("nn.Identity", [])], [inner], indent + INDENT, named)
        return [f"{indent}if {item.condition.text}:", *kept, f"{indent}else:", *other]

    def spread(self, step: Step, group: Group, indent: str) -> list[str]:
        """A loop that adds modules to several lists in each of its rounds."""
        (loop,) = group.items
        assert isinstance(loop, Loop)
        places = [".".join(place) for place, _ in standing((step,))]
        lines = [f"{indent}{line}" for place in places for line in self.lists.opened(place, self.names.fresh)]
        before, self.own = self.own, step.attribute
        lines += self.containers.loop("", loop, indent, named=False)
        self.own = before
        return lines

    def round(self, body: Call, indent: str) -> list[str]:
        """What one round of such a loop adds."""
        assert isinstance(body.layer, Class)
        values = ((one.name, argument_text(one)) for one in body.arguments)
        lines = [f"{indent}{name} = {text}" for name, text in values if name != text]
        own, variable, steps = self.own, "", [step for step in body.layer.registered() if step.item is not None]
        if any("." not in step.attribute and not is_spread(step.item) for step in steps):
            variable = self.names.fresh("modules")
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
        name = f"self.{name_of(item)}"
        self.ties.making = name_of(item)
        if not name_of(item).isidentifier():
            return self.added(item)
        return self.attribute_at(name, item)

    def added(self, item: Item) -> list[str]:
        """`self.add_module("block1-0", …)`, for a name that is no identifier of Python's."""
        head, key = "self.add_module", Expression(f'"{name_of(item)}"')
        if isinstance(item, Call):
            ref = member(name_of(item))
            made = relative(Expression(head, [key, self.loops.made(item)]), "")
            return [*made, *self.words.lines(item, ref, ""), *self.ties.of(item, ref, "")]
        stem = re.sub(r"\W", "_", name_of(item))
        variable = next(self.names.free(stem if stem.isidentifier() else f"module_{stem}"))
        self.names.taken.add(variable)
        return [*self.attribute_at(variable, item), *relative(Expression(head, [key, Expression(variable)]), "")]

    def attribute_at(self, name: str, item: Item) -> list[str]:
        """`name = …`, with what a condition chooses."""
        if isinstance(item, Branch):
            (inner,) = item.items
            rounds = isinstance(inner, Group) and inner.listed
            flat = call_expression(inner).flat() if isinstance(inner, Call) and not needs_more(inner) else None
            if flat is not None and len(f"{BASE}{INDENT}{flat}") <= WIDTH:
                return _choice(f"{name} = ", [flat, f"if {item.condition.text}", "else nn.Identity()"])
            kept = self.assign(name, inner, INDENT, "" if rounds else ": nn.Module")
            other = "nn.ModuleList()" if rounds else "nn.Identity()"
            return [f"if {item.condition.text}:", *kept, "else:", f"{INDENT}{name} = {other}"]
        return self.assign(name, item)

    def assign(self, target: str, item: Item, indent: str = "", annotation: str = "") -> list[str]:
        head = f"{target}{annotation} = "
        if isinstance(item, Group):
            self.ties.begin()
            made = self.containers.sequential(f"{head}{container(item)}", item.items, indent, item.listed)
            before, after = self.ties.end(target, indent)
            said = self.words.lines(item, target, indent)
            return [*before, *made, *said, *after, *self.ties.of(item, target, indent)]
        assert isinstance(item, Call)
        said = self.words.lines(item, target, indent, typed=not annotation)
        return [*relative(self.loops.made(item, head), indent), *said, *self.ties.of(item, target, indent)]

    def finally_said(self) -> list[str]:
        """What the rules of a network say of its weights."""
        found = self.words.rules(self.graph) if self.graph is not None else ()
        return [line for depth, one in found for line in relative(one, INDENT * depth)]


def _choice(head: str, pieces: list[str]) -> list[str]:
    """A value that a condition chooses, on as few lines as a formatter takes for it."""
    whole = " ".join(pieces)
    if len(f"{BASE}{head}{whole}") <= WIDTH:
        return [f"{head}{whole}"]
    middle = [whole] if len(f"{BASE}{INDENT}{whole}") <= WIDTH else pieces
    return [f"{head}(", *(f"{INDENT}{piece}" for piece in middle), ")"]


def _key_of(item: Item) -> str:
    return str(getattr(item, "name", None))
