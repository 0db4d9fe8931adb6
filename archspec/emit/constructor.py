"""The body of a generated constructor: modules as nested calls, loops as loops, carried sizes as local variables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archspec import dimensions
from archspec.dimensions import Dimension, show
from archspec.emit.text import INDENT, Expression
from archspec.expressions import Name, Node
from archspec.graph import Argument, Branch, Call, Carried, Class, Group, Item, Loop, argument_text, flow_text
from archspec.graph import walk as walk_items
from archspec.lower.steps import pieces
from archspec.tensors import TensorType

_BASE = " " * 8  # a constructor's body stands this deep


class Constructor:
    """Writes the statements of one class's `__init__`, without their common indentation."""

    def __init__(self, main: Class) -> None:
        self.main = main
        self.used = _used_names(main)
        self.open_lists = 0
        self.declared: set[str] = set()

    def lines(self) -> list[str]:
        """The whole body."""
        before = [*self.defaults(), *self.computednames_in()]
        if self.main.sequential:
            return [*before, *self.sequential("super().__init__", self.main.items, "")]
        lines = [*before, "super().__init__()"]
        for item in self.main.items:
            lines += self.attribute(item)
        return lines

    def defaults(self) -> Iterator[str]:
        """Parameters whose default is an expression of others."""
        for parameter in self.main.parameters:
            if parameter.computed and parameter.default is not None:
                yield f"if {parameter.name} is None:"
                yield f"{INDENT}{parameter.name} = {parameter.default.text}"

    def computednames_in(self) -> Iterator[str]:
        """The names of `let` that are used, directly or by another one."""
        wanted: list[str] = []
        needed = set(self.used)
        for name, node in reversed(self.main.let):
            if name in needed:
                needed |= names_in(node)
                wanted.append(f"{name} = {node.text}")
        yield from reversed(wanted)

    # Attributes of a class that is no nn.Sequential.

    def attribute(self, item: Item) -> list[str]:
        """`self.name = …`, with the statements that it needs before."""
        name = f"self.{_name(item)}"
        if isinstance(item, Branch):
            (inner,) = item.items
            kept = [INDENT + line for line in self.assign(f"{name}: nn.Module", inner)]
            return [f"if {item.condition.text}:", *kept, "else:", f"{INDENT}{name} = nn.Identity()"]
        return self.assign(name, item)

    def assign(self, target: str, item: Item) -> list[str]:
        if isinstance(item, Group):
            return self.sequential(f"{target} = nn.Sequential", item.items, "")
        assert isinstance(item, Call)
        return _relative(call_expression(item, f"{target} = "), "")

    # nn.Sequential.

    def sequential(self, head: str, items: tuple[Item, ...], indent: str) -> list[str]:
        """A call of nn.Sequential (or of what `head` names), with the statements that it needs before."""
        if _static(items):
            return _relative(self.static(head, items), indent)
        repeated = self.comprehension(head, items, indent)
        if repeated is not None:
            return [repeated]
        named = _named(items)
        variable = "named_layers" if named else "layers"
        if self.open_lists:
            variable += f"_{self.open_lists + 1}"
        kind, empty = ("OrderedDict[str, nn.Module]", "OrderedDict()") if named else ("list[nn.Module]", "[]")
        declaration = variable if variable in self.declared else f"{variable}: {kind}"
        self.declared.add(variable)
        self.open_lists += 1
        lines = [f"{indent}{declaration} = {empty}", *self.statements(variable, items, indent, named)]
        self.open_lists -= 1
        return [*lines, f"{indent}{head}({'' if named else '*'}{variable})"]

    def static(self, head: str, items: tuple[Item, ...]) -> Expression:
        """A Sequential that holds the same modules whatever the parameters are."""
        children = [self.module(item) for item in items]
        if not _named(items):
            return Expression(head, children, exploded=True)
        for child, item in zip(children, items, strict=True):
            child.head = f'"{_name(item)}": {child.head}'
        entries = Expression("", children, exploded=True, brackets="{}")
        return Expression(head, [Expression("OrderedDict", [entries], exploded=False)], exploded=False)

    def module(self, item: Item) -> Expression:
        """A module as one expression."""
        if isinstance(item, Group):
            return self.static("nn.Sequential", item.items)
        assert isinstance(item, Call)
        return call_expression(item)

    def comprehension(self, head: str, items: tuple[Item, ...], indent: str) -> str | None:
        """One layer over and over, where that fits on a line."""
        if len(items) != 1 or not isinstance(items[0], Loop) or _named(items):
            return None
        loop = items[0]
        if self.live(loop) or len(loop.items) != 1 or not isinstance(loop.items[0], Call):
            return None
        module = call_expression(loop.items[0]).flat()
        line = f"{indent}{head}(*({module} for {self.target(loop)} in {loop.iterable.text}))"
        return line if len(_BASE + line) <= 88 else None

    # Lists that grow statement by statement.

    def statements(self, variable: str, items: tuple[Item, ...], indent: str, named: bool) -> list[str]:
        """Statements that append modules to a list, or put them into an ordered dict."""
        lines: list[str] = []
        for batch in _batches(items):
            first = batch[0]
            if isinstance(first, Loop):
                lines += self.loop(variable, first, indent, named)
            elif isinstance(first, Branch):
                lines.append(f"{indent}if {first.condition.text}:")
                inner = tuple(item for branch in batch for item in branch.items)  # type: ignore[union-attr] # all branches
                lines += self.statements(variable, inner, indent + INDENT, named)
            elif isinstance(first, Group) and not _static(first.items):
                lines += self.sequential("group = nn.Sequential", first.items, indent)
                lines += self.put(variable, [Expression("group")], batch, indent, named)
            else:
                lines += self.put(variable, [self.module(item) for item in batch], batch, indent, named)
        return lines

    def put(
        self, variable: str, modules: list[Expression], items: Iterable[Item], indent: str, named: bool
    ) -> list[str]:
        """Adds modules to the list or dict."""
        if named:
            lines = []
            for module, item in zip(modules, items, strict=True):
                module.head = f"{variable}[{_key(item, variable)}] = {module.head}"
                lines += _relative(module, indent)
            return lines
        if len(modules) == 1:
            return _relative(Expression(f"{variable}.append", modules), indent)
        return _relative(Expression(f"{variable} += ", modules, brackets="[]"), indent)

    def loop(self, variable: str, loop: Loop, indent: str, named: bool) -> list[str]:
        live = self.live(loop)
        lines = [f"{indent}{c.name} = {show(c.initial)}" for c in live if c.initial is not None]
        lines.append(f"{indent}for {self.target(loop)} in {loop.iterable.text}:")
        lines += self.statements(variable, loop.items, indent + INDENT, named)
        updates = [(c.name, show(c.update)) for c in live if show(c.update) != c.name]
        if len(updates) > 1:  # at once: one may be made of another
            names, values = zip(*updates, strict=True)
            return [*lines, f"{indent}{INDENT}{', '.join(names)} = {', '.join(values)}"]
        return lines + [f"{indent}{INDENT}{name} = {value}" for name, value in updates]

    def live(self, loop: Loop) -> list[Carried]:
        """The sizes that the loop changes and that something reads."""
        return [carried for carried in loop.carried if carried.name in self.used]

    def target(self, loop: Loop) -> str:
        """What a loop binds; `_` where nothing reads it."""
        target = loop.target
        if not isinstance(target, Name):
            return target.text.removeprefix("(").removesuffix(")")
        names = set().union(*(_item_names(item) for item in walk_items(loop.items)))
        names |= {name for carried in self.live(loop) for name in _size_names(carried.update)}
        return target.name if target.name in names else "_"


def call_expression(item: Call, prefix: str = "") -> Expression:
    """A layer's constructor: leading arguments by position, the others by name, defaults left out."""
    layer = type(item.layer)
    texts: list[str] = []
    given = {
        argument.name: argument
        for argument in item.arguments
        if not _is_default(argument, layer.arguments[argument.name].default)
    }
    positions = layer.leading() if len(given) > 1 else 1
    in_a_row = True
    for index, (name, declared) in enumerate(layer.arguments.items()):
        argument = given.get(name)
        if argument is None:
            in_a_row = False
            continue
        text = declared.text(argument_text(argument), argument.value)
        clear = declared.required or declared.inferred or (declared.kind != "flag" and name != "dim")
        texts.append(text if in_a_row and index < positions and clear else f"{name}={text}")
    comment = _teaching(item)
    return Expression(f"{prefix}nn.{layer.__name__}", [Expression(text) for text in texts], comment=comment)


def _is_default(argument: Argument, default: object) -> bool:
    """Whether an argument is written as PyTorch's default, and so may go."""
    if argument.node is not None and names_in(argument.node):
        return False
    return type(argument.value) is type(default) and argument.value == default


def _teaching(item: Call) -> str:
    """The shape behind a layer, where more than the channels change."""
    before, after = item.input, item.output
    if not isinstance(before, TensorType) or not isinstance(after, TensorType):
        return ""
    same = before.rank == after.rank and all(
        a == b for axis, (a, b) in enumerate(zip(before.shape, after.shape, strict=True)) if axis != 1
    )
    text = flow_text(after)
    return "" if same or before.rank == after.rank == 2 or "?" in text or len(text) > 48 else text


def _relative(expression: Expression, indent: str) -> list[str]:
    """An expression's lines, broken as they will be where the constructor's body stands."""
    return [line[len(_BASE) :] for line in expression.lines(_BASE + indent)]


def _static(items: tuple[Item, ...]) -> bool:
    return not any(isinstance(item, Loop | Branch) for item in walk_items(items))


def _named(items: tuple[Item, ...]) -> bool:
    """Whether a step among these has a name in place of its number; loops and branches splice theirs."""
    for item in items:
        if isinstance(item, Loop | Branch):
            if _named(item.items):
                return True
        elif item.name is not None and not item.name.isdigit():
            return True
    return False


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


def _together(left: Item, right: Item) -> bool:
    if isinstance(left, Branch) and isinstance(right, Branch):
        return left.condition.text == right.condition.text
    return _plain(left) and _plain(right)


def _plain(item: Item) -> bool:
    return isinstance(item, Call) or (isinstance(item, Group) and _static(item.items))


def _name(item: Item) -> str:
    name = getattr(item, "name", None)
    assert name is not None, "a step of a mapping has a name"
    return str(name)


def _key(item: Item, variable: str) -> str:
    """The key of a step in an ordered dict: its name, a pattern filled in, or its number."""
    name = getattr(item, "name", None)
    if name is None or name.isdigit():
        return f"str(len({variable}))"
    parts = pieces(name)
    if all(isinstance(part, str) for part in parts):
        return f'"{name}"'
    return 'f"' + "".join(part if isinstance(part, str) else f"{{{part.text}}}" for part in parts) + '"'


# Which names are read.


def names_in(node: Node) -> set[str]:
    """The names that an expression reads."""
    return {part.name for part in node.walk() if isinstance(part, Name)}


def _size_names(value: object) -> set[str]:
    if isinstance(value, tuple):
        return set().union(*map(_size_names, value))
    return {symbol.text for symbol in dimensions.symbols(value)} if isinstance(value, Dimension) else set()


def _item_names(item: Item) -> set[str]:
    """The names that an item's own text reads, not those of the items in it."""
    if isinstance(item, Call):
        return {
            name for a in item.arguments for name in (names_in(a.node) if a.node else _size_names(a.value))
        } | _pattern(item)
    if isinstance(item, Branch):
        return names_in(item.condition)
    return names_in(item.iterable) if isinstance(item, Loop) else _pattern(item)


def _pattern(item: Call | Group) -> set[str]:
    return {name for part in pieces(item.name or "") if isinstance(part, Node) for name in names_in(part)}


def _used_names(main: Class) -> set[str]:
    """Every name that the constructor reads, with the variables that only feed others that are read."""
    items = list(walk_items(main.items))
    used = set().union(*map(_item_names, items)) if items else set()
    carried = [c for item in items if isinstance(item, Loop) for c in item.carried]
    while True:
        more = {n for c in carried if c.name in used for size in (c.initial, c.update) for n in _size_names(size)}
        if more <= used:
            return used
        used |= more
