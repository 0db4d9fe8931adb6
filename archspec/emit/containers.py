"""Modules within one another in a constructor: nested calls, comprehensions, and lists that grow in loops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from itertools import groupby
from typing import TypeAlias

from archspec.dimensions import show
from archspec.emit.initial import Words, is_static, says
from archspec.emit.loops import Loops, loop_head
from archspec.emit.shapes import item_reshapes, shape_comment
from archspec.emit.statement import BASE, relative
from archspec.emit.text import INDENT, WIDTH, Expression, name_text
from archspec.emit.ties import Ties
from archspec.graph import Branch, Call, Class, Group, Item, Loop

Round: TypeAlias = Callable[[Call, str], list[str]]


class Containers:
    """Writes the nn.Sequentials and nn.ModuleLists of one constructor.

    `hidden` are sizes that mean nothing in a comment. `round` writes what one round adds to the lists of the class.
    """

    def __init__(self, loops: Loops, words: Words, ties: Ties, hidden: Set[str], round: Round) -> None:
        self.loops, self.words, self.ties, self.hidden, self.round = loops, words, ties, hidden, round
        self.open: list[str] = []
        self.counted = True
        """Whether the list that is being made numbers its steps as it grows."""
        self.declared: dict[str, str] = {}
        """The variables of lists that grow: those that are growing, and the types of all."""

    def sequential(self, head: str, items: tuple[Item, ...], indent: str, listed: bool = False) -> list[str]:
        """A call of nn.Sequential (or of what `head` names), with the statements that it needs before."""
        if is_static(items):
            return relative(self.static(head, items, listed), indent)
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
            lines = relative(Expression(f"{declaration} = ", modules, brackets="[]"), indent)
            rest = items[len(first) :]
        lines += self.statements(variable, rest, indent, named)
        self.open.pop()
        self.counted = counted
        return [*lines, f"{indent}{head}({'' if named or listed else '*'}{variable})"]

    def list_name(self, kind: str) -> str:
        """The variable of a list of that type: `layers`, and `stage` within it."""
        names = self.loops.names.free("stage" if self.open else "layers")
        return next(name for name in names if name not in self.open and self.declared.get(name, kind) == kind)

    def static(self, head: str, items: tuple[Item, ...], listed: bool = False) -> Expression:
        """A Sequential that holds the same modules whatever the parameters are."""
        children = [self.module(item) for item in items]
        if listed:
            return Expression(head, [Expression("", children, exploded=True, brackets="[]")])
        if not _named(items):
            many = len(children) > 2 or any(child.comment for child in children)
            return Expression(head, children, exploded=many, apart=True)
        words = all(name_of(item).isidentifier() for item in items)
        for child, item in zip(children, items, strict=True):
            child.head = f"{name_of(item)}={child.head}" if words else f"{name_text(name_of(item))}: {child.head}"
        if words:
            return Expression(head, [Expression("OrderedDict", children, exploded=len(children) > 1)])
        entries = Expression("", children, exploded=True, brackets="{}")
        return Expression(head, [Expression("OrderedDict", [entries])])

    def module(self, item: Item) -> Expression:
        """A module of a list as one expression, with its shape where that is news: no line of a forward says it."""
        if isinstance(item, Group):
            return self.static(container(item), item.items, item.listed)
        assert isinstance(item, Call)
        expression = self.loops.made(item)
        expression.comment = shape_comment(item.output, self.hidden) if item_reshapes(item) else ""
        return expression

    def comprehension(self, head: str, items: tuple[Item, ...], indent: str, listed: bool) -> list[str] | None:
        """One module over and over."""
        if len(items) != 1 or not isinstance(items[0], Loop) or _named(items):
            return None
        loop = items[0]
        if self.loops.live(loop) or len(loop.items) != 1 or not isinstance(loop.items[0], Call):
            return None
        if needs_more(loop.items[0]):
            return None
        target, iterable = self.loops.header(loop)
        module, repeats = self.loops.made(loop.items[0]), f"for {target} in {iterable.text}"
        inside = f"{module.flat()} {repeats}"
        lines = Expression(head, [Expression(inside if listed else f"*({inside})")]).lines(BASE + indent)
        if max(map(len, lines)) <= WIDTH:
            return [line[len(BASE) :] for line in lines]
        deeper = indent + INDENT if listed else indent + INDENT * 2
        body = [*relative(module, deeper), f"{deeper}{repeats}"]
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
                lines += self.words.lines(first, newest, indent) if len(batch) == 1 else []
                lines += self.ties.of(first, newest, indent)
            before = first
        return lines

    def grown(self, variable: str, group: Group, indent: str, named: bool) -> list[str]:
        """Statements that make a group and add it to a list or dict."""
        self.ties.begin()
        ref = self.newest(variable, group, named)
        name = f"{variable}[{self.key(group, variable)}]" if named else next(self.loops.names.free("blocks"))
        *above, last = self.sequential(f"{name} = {container(group)}", group.items, indent, group.listed)
        if named:
            before, after = self.ties.end(ref, indent)
            return [
                *before,
                *above,
                last,
                *self.words.lines(group, ref, indent),
                *after,
                *self.ties.of(group, ref, indent),
            ]
        whole = last.removeprefix(f"{indent}{name} = ")  # unless it begins on a line above
        lines = above if whole != last else [*above, last]
        lines += self.put(variable, [Expression(whole if whole != last else name)], [group], indent, named)
        before, after = self.ties.end(ref, indent)
        return [*before, *lines, *self.words.lines(group, ref, indent), *after, *self.ties.of(group, ref, indent)]

    def put(
        self, variable: str, modules: list[Expression], items: Iterable[Item], indent: str, named: bool
    ) -> list[str]:
        """Adds modules to the list or dict."""
        if named:
            lines = []
            for module, item in zip(modules, items, strict=True):
                module.head = f"{variable}[{self.key(item, variable)}] = {module.head}"
                lines += relative(module, indent)
            return lines
        if len(modules) == 1:
            return relative(Expression(f"{variable}.append", modules), indent)
        return relative(Expression(f"{variable} += ", modules, brackets="[]"), indent)

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
        """A loop that makes modules in each of its rounds."""
        live = self.loops.live(loop)
        lines = [f"{indent}{c.name} = {show(c.initial)}" for c in live if c.initial is not None]
        above, inside = self.loops.named(loop, live)
        lines += [f"{indent}{name} = {text}" for text, name in above.items()]
        target, iterable = self.loops.header(loop)
        lines += relative(loop_head(f"for {target} in ", iterable), indent)
        deeper = indent + INDENT
        lines += [f"{deeper}{name} = {text}" for text, name in inside.items()]
        start = 0
        names = {c.name for c in live}
        updates = [update for update in loop.updates if update.name in names]
        with self.loops.naming({**above, **inside}):
            for (after, within), together in groupby(updates, key=lambda update: (update.after, update.inside)):
                lines += self.statements(variable, loop.items[start : after + 1], deeper, named)
                lines += self.loops.assignments(list(together), deeper + INDENT if within else deeper)
                start = after + 1
            return lines + self.statements(variable, loop.items[start:], deeper, named)


def container(group: Group) -> str:
    """The class that a group is an instance of."""
    return "nn.ModuleList" if group.listed else "nn.Sequential"


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


def needs_more(item: Call | Group) -> bool:
    """Whether something is left to be said of a module that one expression has made: of its weights, or of ties."""
    return bool(item.shared) or says(item)


def _plain(item: Item) -> bool:
    """Whether a module is made by one expression, with nothing to be done afterwards."""
    if isinstance(item, Call):
        return not needs_more(item)
    return isinstance(item, Group) and is_static(item.items) and not needs_more(item)


def name_of(item: Item) -> str:
    """The name of a step of a mapping."""
    name = getattr(item, "name", None)
    assert name is not None, "a step of a mapping has a name"
    return str(name)
