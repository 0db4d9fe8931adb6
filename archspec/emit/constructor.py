"""The body of a generated constructor: modules as nested calls, loops as loops, carried sizes as local variables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from archspec import dimensions
from archspec.dimensions import show
from archspec.emit.assignment import pieces as pieces_of
from archspec.emit.checks import write_checks
from archspec.emit.forward import write_tensor
from archspec.emit.text import INDENT, WIDTH, Expression
from archspec.expressions import Call as Function
from archspec.expressions import Name, Node, lift
from archspec.graph import (
    Argument,
    Branch,
    Call,
    Carried,
    Class,
    Group,
    Item,
    Loop,
    Step,
    Update,
    argument_text,
    flow_text,
    names_in,
    pieces,
    size_names,
    walk,
)
from archspec.layers import Layer
from archspec.layers.own import OwnLayer
from archspec.lower.names import constructor_reads, item_reads
from archspec.tensors import TensorType

_BASE = " " * 8  # a constructor's body stands this deep


class Constructor:
    """Writes the statements of one class's `__init__`, without their common indentation."""

    def __init__(self, cls: Class, saved: Iterable[str]) -> None:
        self.cls = cls
        self.saved = tuple(saved)
        self.used = self._used()
        loops = [item for item in walk(cls.children()) if isinstance(item, Loop)]
        self.hidden = {carried.name for loop in loops for carried in loop.carried} - self.used
        self.open_lists = 0
        self.declared: set[str] = set()

    def _used(self) -> set[str]:
        """Every name that the body reads."""
        used = constructor_reads(self.cls) | set(self.saved)
        for name, node in reversed(self.cls.let):
            used |= names_in(node) if name in used else set()
        return used

    def lines(self) -> list[str]:
        """The whole body."""
        checks = [line for indent, one in write_checks(self.cls.parameters) for line in _relative(one, indent)]
        before = [*self.defaults(), *checks, *self.computed_names()]
        after = [f"self.{export.name} = {show(export.size)}" for export in self.cls.exports if export.used]
        if self.cls.sequential:
            return [*before, *self.sequential("super().__init__", self.cls.items, ""), *after]
        lines = [*before, "super().__init__()", *(f"self.{name} = {name}" for name in self.saved)]
        for step in self.cls.registered():
            if step.kind in ("parameter", "buffer"):
                lines += self.tensor(step)
            elif step.item is not None:
                lines += self.attribute(step.item)
        return [*lines, *after]

    def defaults(self) -> Iterator[str]:
        """Parameters whose default is an expression of others."""
        for parameter in self.cls.parameters:
            if parameter.computed and parameter.default is not None:
                yield f"if {parameter.name} is None:"
                yield f"{INDENT}{parameter.name} = {parameter.default.within()}"

    def computed_names(self) -> Iterator[str]:
        """The names of `let` that are used, directly or by another one."""
        for name, node in self.cls.let:
            if name in self.used:
                yield f"{name} = {node.within()}"

    # Attributes of a class that is no nn.Sequential.

    def tensor(self, step: Step) -> list[str]:
        """A parameter or buffer of the module itself."""
        value = Expression(write_tensor(step.arguments[0][1]))
        if step.kind == "parameter":
            return _relative(Expression(f"self.{step.name} = nn.Parameter", [value]), "")
        return _relative(Expression("self.register_buffer", [Expression(f'"{step.name}"'), value]), "")

    def attribute(self, item: Item) -> list[str]:
        """`self.name = …`, with the statements that it needs before, and the weights that it shares."""
        name = f"self.{_name(item)}"
        if isinstance(item, Branch):
            (inner,) = item.items
            kept = self.assign(f"{name}: nn.Module", inner, INDENT)
            return [f"if {item.condition.text}:", *kept, "else:", f"{INDENT}{name} = nn.Identity()"]
        lines = self.assign(name, item)
        if isinstance(item, Call):
            lines += [f"{name}.{weight} = self.{other}" for weight, other in item.ties]
        return lines

    def assign(self, target: str, item: Item, indent: str = "") -> list[str]:
        if isinstance(item, Group):
            return self.sequential(f"{target} = {_container(item)}", item.items, indent, item.listed)
        assert isinstance(item, Call)
        return _relative(self.call(item, f"{target} = "), indent)

    # nn.Sequential, nn.ModuleList.

    def sequential(self, head: str, items: tuple[Item, ...], indent: str, listed: bool = False) -> list[str]:
        """A call of nn.Sequential (or of what `head` names), with the statements that it needs before."""
        if _static(items):
            return _relative(self.static(head, items, listed), indent)
        repeated = self.comprehension(head, items, indent, listed)
        if repeated is not None:
            return repeated
        named = _named(items)
        variable = "named_layers" if named else "layers"
        if self.open_lists:
            variable += f"_{self.open_lists + 1}"
        kind, empty = ("OrderedDict[str, nn.Module]", "OrderedDict()") if named else ("list[nn.Module]", "[]")
        declaration = variable if variable in self.declared else f"{variable}: {kind}"
        self.declared.add(variable)
        self.open_lists += 1
        first = next(_batches(items))
        if named or not all(map(_plain, first)):
            lines, rest = [f"{indent}{declaration} = {empty}"], items
        else:  # the list begins with the modules that are always there
            modules = [self.module(item) for item in first]
            lines = _relative(Expression(f"{declaration} = ", modules, brackets="[]"), indent)
            rest = items[len(first) :]
        lines += self.statements(variable, rest, indent, named)
        self.open_lists -= 1
        return [*lines, f"{indent}{head}({'' if named or listed else '*'}{variable})"]

    def static(self, head: str, items: tuple[Item, ...], listed: bool = False) -> Expression:
        """A Sequential that holds the same modules whatever the parameters are."""
        children = [self.module(item) for item in items]
        if listed:
            return Expression(head, [Expression("", children, exploded=True, brackets="[]")])
        if not _named(items):
            return Expression(head, children, exploded=True)
        words = all(_name(item).isidentifier() for item in items)
        for child, item in zip(children, items, strict=True):
            child.head = f"{_name(item)}={child.head}" if words else f'"{_name(item)}": {child.head}'
        if words:
            return Expression(head, [Expression("OrderedDict", children, exploded=True)])
        entries = Expression("", children, exploded=True, brackets="{}")
        return Expression(head, [Expression("OrderedDict", [entries])])

    def module(self, item: Item) -> Expression:
        """A module as one expression."""
        if isinstance(item, Group):
            return self.static(_container(item), item.items, item.listed)
        assert isinstance(item, Call)
        return self.call(item)

    def comprehension(self, head: str, items: tuple[Item, ...], indent: str, listed: bool) -> list[str] | None:
        """One module over and over."""
        if len(items) != 1 or not isinstance(items[0], Loop) or _named(items):
            return None
        loop = items[0]
        if self.live(loop) or len(loop.items) != 1 or not isinstance(loop.items[0], Call):
            return None
        module, repeats = self.call(loop.items[0]), f"for {self.target(loop)} in {loop.iterable.text}"
        inside = f"{module.flat()} {repeats}"
        lines = Expression(head, [Expression(inside if listed else f"*({inside})")]).lines(_BASE + indent)
        if max(map(len, lines)) <= WIDTH:
            return [line[len(_BASE) :] for line in lines]
        deeper = indent + INDENT if listed else indent + INDENT * 2
        body = [*_relative(module, deeper), f"{deeper}{repeats}"]
        if not listed:
            body = [f"{indent}{INDENT}*(", *body, f"{indent}{INDENT})"]
        return [f"{indent}{head}(", *body, f"{indent})"]

    def call(self, item: Call, prefix: str = "") -> Expression:
        """A module's constructor; without a comment on sizes that no variable holds."""
        expression = call_expression(item, prefix)
        if isinstance(item.output, TensorType) and size_names(item.output.shape) & self.hidden:
            expression.comment = ""
        return expression

    # Lists that grow statement by statement.

    def statements(self, variable: str, items: tuple[Item, ...], indent: str, named: bool) -> list[str]:
        """Statements that append modules to a list, or put them into an ordered dict."""
        lines: list[str] = []
        before: Item | None = None
        for batch in _batches(items):
            first = batch[0]
            if isinstance(first, Loop):
                lines += self.loop(variable, first, indent, named)
            elif isinstance(first, Branch):
                other = isinstance(before, Branch) and _opposite(before, first)
                lines.append(f"{indent}else:" if other else f"{indent}if {first.condition.text}:")
                inner = tuple(item for branch in batch if isinstance(branch, Branch) for item in branch.items)
                lines += self.statements(variable, inner, indent + INDENT, named)
            elif isinstance(first, Group) and not _static(first.items):
                *above, last = self.sequential(f"group = {_container(first)}", first.items, indent, first.listed)
                whole = last.removeprefix(f"{indent}group = ")  # unless it begins on a line above
                lines += above if whole != last else [*above, last]
                lines += self.put(variable, [Expression(whole if whole != last else "group")], batch, indent, named)
            else:
                lines += self.put(variable, [self.module(item) for item in batch], batch, indent, named)
            before = first
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
        lines += _relative(_loop_head(f"for {self.target(loop)} in ", loop.iterable), indent)
        deeper = indent + INDENT
        start = 0
        names = {c.name for c in live}
        updates = [update for update in loop.updates if update.name in names]
        for (after, inside), together in groupby(updates, key=lambda update: (update.after, update.inside)):
            lines += self.statements(variable, loop.items[start : after + 1], deeper, named)
            lines += _assignments(list(together), deeper + INDENT if inside else deeper)
            start = after + 1
        return lines + self.statements(variable, loop.items[start:], deeper, named)

    def live(self, loop: Loop) -> list[Carried]:
        """The sizes that the loop changes and that something reads."""
        return [carried for carried in loop.carried if carried.name in self.used]

    def target(self, loop: Loop) -> str:
        """What a loop binds; `_` where nothing reads it."""
        target = loop.target
        if not isinstance(target, Name):
            return target.text.removeprefix("(").removesuffix(")")
        names = set().union(*(item_reads(item) for item in walk(loop.items)))
        names |= {name for carried in self.live(loop) for name in size_names(carried.update)}
        return target.name if target.name in names else "_"


def _loop_head(head: str, iterable: Node) -> Expression:
    """The line that opens a loop."""
    if isinstance(iterable, Function):
        name = iterable.text.partition("(")[0]
        return Expression(head + name, [Expression(node.text) for node in iterable.arguments], tail=":")
    return Expression(f"{head}{iterable.text}:")


def _assignments(updates: list[Update], indent: str) -> list[str]:
    """Variables get their next values: one after the other, or at once where one is made of another."""
    names = {update.name for update in updates}
    if any(size_names(update.value) & names - {update.name} for update in updates):
        values = [Expression(show(update.value)) for update in updates]
        head = f"{', '.join(update.name for update in updates)} = "
        flat = f"{head}{', '.join(show(update.value) for update in updates)}"
        fits = len(_BASE + indent + flat) <= WIDTH
        return [f"{indent}{flat}"] if fits else _relative(Expression(head, values, exploded=True), indent)
    return [line for update in updates for line in _assigned(update, indent)]


def _assigned(update: Update, indent: str) -> list[str]:
    """One variable gets its next value."""
    more = update.value - dimensions.symbol(update.name)
    if update.name not in size_names(more) and not show(more).startswith("-"):
        return [f"{indent}{update.name} += {show(more)}"]
    return _relative(Expression(f"{update.name} = {show(update.value)}"), indent)


def call_expression(item: Call, prefix: str = "") -> Expression:
    """A module's constructor: leading arguments by position, the others by name, defaults left out."""
    if isinstance(item.layer, Class):
        return Expression(f"{prefix}{item.layer.name}", _block_arguments(item, item.layer))
    if isinstance(item.layer, OwnLayer):
        return Expression(f"{prefix}{item.type_name}", [_argument(a, f"{a.name}=") for a in item.arguments])
    head = item.held if item.held is not None else f"nn.{item.type_name}"
    return Expression(f"{prefix}{head}", _layer_arguments(item, item.layer), comment=_teaching(item))


def _block_arguments(item: Call, cls: Class) -> list[Expression]:
    """The arguments of a block: its sizes by position, others by name unless they are required and called the same."""
    declared = {parameter.name: parameter for parameter in cls.parameters}
    found: list[Expression] = []
    in_a_row = True
    for argument in item.arguments:
        parameter, text = declared[argument.name], argument_text(argument)
        in_a_row = in_a_row and (parameter.inferred or (parameter.default is None and text == argument.name))
        found.append(_argument(argument, "" if in_a_row else f"{argument.name}=", text))
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
    return Expression(f"{head}{text}", pieces=[f"{head}{broken[0]}", *broken[1:]] if broken else [])


def _container(group: Group) -> str:
    return "nn.ModuleList" if group.listed else "nn.Sequential"


def _is_default(argument: Argument, default: object) -> bool:
    """Whether an argument is written as PyTorch's default, and so may go."""
    if argument.node is not None and names_in(argument.node):
        return False
    return type(argument.value) is type(default) and argument.value == default


def _teaching(item: Call) -> str:
    """The shape behind a layer, where more than the channels change."""
    before, after = item.inputs[0], item.output
    if not isinstance(before, TensorType) or not isinstance(after, TensorType):
        return ""
    channels = before.rank - 1 - item.layer.spatial if isinstance(item.layer, Layer) else 1
    same = before.rank == after.rank and all(
        a == b for axis, (a, b) in enumerate(zip(before.shape, after.shape, strict=True)) if axis != channels
    )
    text = flow_text(after)
    return "" if same or "?" in text or len(text) > 48 else text


def _relative(expression: Expression, indent: str) -> list[str]:
    """An expression's lines, broken as they will be where the constructor's body stands."""
    return [line[len(_BASE) :] for line in expression.lines(_BASE + indent)]


def _static(items: tuple[Item, ...]) -> bool:
    return not any(isinstance(item, Loop | Branch) for item in walk(items))


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


def _opposite(one: Branch, other: Branch) -> bool:
    """Whether one is kept exactly where the other is not."""
    return other.condition.text == f"not {one.condition.text}"


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
