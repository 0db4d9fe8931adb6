"""One statement of a forward method, broken where it is too long as `ruff format` breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from archspec.dimensions import CONDITIONAL
from archspec.emit.text import INDENT, WIDTH, Expression
from archspec.expressions import Binary, Compare, Conditional, Items, Literal, Logic, Node, exchanged

BASE = " " * 8  # the body of a method stands this deep


class Text(Node):
    """A piece of Python that is already written."""

    __slots__ = ("written",)

    def __init__(self, written: str) -> None:
        super().__init__()
        self.written = written

    def write(self) -> str:
        return self.written


class PythonCall(Node):
    """A call of a module or a function, by the name that Python knows it by."""

    __slots__ = ("arguments", "head")

    def __init__(self, head: str, arguments: tuple[tuple[str | None, Node], ...]) -> None:
        super().__init__(*(value for _, value in arguments))
        self.head = head
        self.arguments = arguments

    def rebuild(self, children: list[Node]) -> Node:
        names = (name for name, _ in self.arguments)
        return PythonCall(self.head, tuple(zip(names, children, strict=True)))

    def write(self) -> str:
        return f"{self.head}({', '.join(_argument(name, value) for name, value in self.arguments)})"


class PythonList(Items):
    """A list that flows, other than one that a function takes, which is written as a tuple."""

    __slots__ = ()

    def rebuild(self, children: list[Node]) -> Node:
        return PythonList(tuple(children))

    def write(self) -> str:
        return f"[{', '.join(item.within() for item in self.items)}]"


class Comprehension(Node):
    """A list of what something comes to for each item of another one."""

    __slots__ = ("clause", "element")

    def __init__(self, element: Node, clause: str) -> None:
        super().__init__()
        self.element = element
        self.clause = clause

    def write(self) -> str:
        return f"[{self.element.text} {self.clause}]"


def relative(expression: Expression, indent: str = "") -> list[str]:
    """An expression's lines without the body's indentation, broken as they will be within it."""
    return [line[len(BASE) :] for line in expression.lines(BASE + indent)]


def statement(head: str, node: Node, comment: str, fresh: Callable[[], str], indent: str = "") -> list[str]:
    """`x = …`, `return …` or the value alone, as `head` says, as lines without the body's indentation.

    `fresh` names a variable for a part that is taken out.
    """
    base = BASE + indent
    if isinstance(node, Conditional) and head and len(f"{base}{head}{node.text}") > WIDTH and _is_choice(node):
        return _branches(head, node, comment, fresh, indent)
    lines = _broken(head, node, comment, base)
    if max(map(len, lines)) <= WIDTH:
        return [line[len(BASE) :] for line in lines]
    part = _longest_part(node)
    name = fresh()
    rest = exchanged(node, lambda one: Text(name) if one is part else one) if part is not None else node
    if part is None or rest.text == node.text:
        return [line[len(BASE) :] for line in lines]
    return [*statement(f"{name} = ", part, "", fresh, indent), *statement(head, rest, comment, fresh, indent)]


def _is_choice(node: Conditional) -> bool:
    """Whether each side is a value: a variable that may be None has its type from the whole expression."""
    return not any(isinstance(side, Literal) for side in (node.then, node.otherwise))


def _branches(head: str, node: Conditional, comment: str, fresh: Callable[[], str], indent: str) -> list[str]:
    """`if`, and the statement for each side of a choice that is too long for a line."""
    then = statement(head, node.then, comment, fresh, indent + INDENT)
    lines = [f"{indent}if {node.condition.within(CONDITIONAL)}:", *then]
    if head == "return ":
        return [*lines, *statement(head, node.otherwise, comment, fresh, indent)]
    otherwise = statement(head, node.otherwise, comment, fresh, indent + INDENT)
    if isinstance(node.otherwise, Conditional) and otherwise[0].startswith(f"{indent}{INDENT}if "):
        nested = statement(head, node.otherwise, comment, fresh, indent)
        return [*lines, f"{indent}el{nested[0].lstrip()}", *nested[1:]]
    return [*lines, f"{indent}else:", *otherwise]


def _broken(head: str, node: Node, comment: str, base: str) -> list[str]:
    """The lines of a statement, broken where its value can be."""
    if isinstance(node, Binary) and len(f"{base}{head}{node.text}") > WIDTH:
        operands = list(_operands(node, node.precedence))
        if len(operands) > 2:  # with one operator only, a formatter rather breaks what the operands hold
            return _in_parentheses(head, node, operands, base)
    if isinstance(node, Comprehension) and len(f"{base}{head}{node.text}") > WIDTH:
        return _comprehension(head, node, base)
    if isinstance(node, Conditional) and len(f"{base}{head}{node.text}") > WIDTH:
        return _conditional(head, node, base)
    return _expression(head, node, comment).lines(base)


def _conditional(head: str, node: Conditional, base: str) -> list[str]:
    """A choice over several lines; a side of it that is a long call is broken at its commas."""
    then, condition, otherwise = pieces(node)
    inner = f"{base}{INDENT}"
    if len(f"{inner}{node.text}") <= WIDTH or max(map(len, (then, otherwise))) <= WIDTH - len(inner):
        return _in_parentheses(head, node, [then, condition, otherwise], base)
    sides = [
        _expression(label, side).lines(inner) if isinstance(side, PythonCall) else [f"{inner}{text}"]
        for label, side, text in (("", node.then, then), ("else ", node.otherwise, otherwise))
    ]
    return [f"{base}{head}(", *sides[0], f"{inner}{condition}", *sides[1], f"{base})"]


def _comprehension(head: str, node: Comprehension, base: str) -> list[str]:
    whole = f"{base}{INDENT}{node.element.text} {node.clause}"
    element = _expression("", node.element).lines(f"{base}{INDENT}")
    middle = [whole] if len(whole) <= WIDTH else [*element, f"{base}{INDENT}{node.clause}"]
    return [f"{base}{head}[", *middle, f"{base}]"]


def _in_parentheses(head: str, node: Node, pieces: list[str], base: str) -> list[str]:
    whole = f"{base}{INDENT}{node.text}"
    middle = [whole] if len(whole) <= WIDTH else [f"{base}{INDENT}{piece}" for piece in pieces]
    return [f"{base}{head}(", *middle, f"{base})"]


def pieces(node: Node) -> list[str]:
    """The lines of a value that stands within brackets and is too long for one: each begins with an operator."""
    if isinstance(node, Conditional):
        then, condition = node.then.within(CONDITIONAL + 1), node.condition.within(CONDITIONAL + 1)
        return [then, f"if {condition}", f"else {node.otherwise.within(CONDITIONAL)}"]
    return list(_operands(node, node.precedence)) if isinstance(node, Binary) else []


def _operands(node: Node, precedence: int) -> Iterator[str]:
    """The operands of a chain of operators that bind alike, each but the first behind its operator."""
    if isinstance(node, Binary) and node.precedence == precedence:
        yield from _operands(node.left, precedence)
        yield f"{node.operator} {node.right.within(precedence + 1)}"
    else:
        yield node.within(precedence)


def _expression(head: str, node: Node, comment: str = "") -> Expression:
    """A value as something that can be broken at its commas."""
    if isinstance(node, PythonCall):
        arguments = [_expression(f"{name}=" if name else "", value) for name, value in node.arguments]
        return Expression(f"{head}{node.head}", arguments, comment=comment)
    if isinstance(node, Items):
        brackets = "[]" if isinstance(node, PythonList) else "(,)"
        return Expression(head, [_expression("", item) for item in node.items], comment=comment, brackets=brackets)
    return Expression(f"{head}{node.within()}", comment=comment)


def breakable(node: Node, head: str = "") -> Expression:
    """A value within brackets, as something that can be broken at its commas, and before its operators."""
    if isinstance(node, PythonCall):
        arguments = [breakable(value, f"{name}=" if name else "") for name, value in node.arguments]
        return Expression(f"{head}{node.head}", arguments)
    if isinstance(node, Items):
        brackets = "[]" if isinstance(node, PythonList) else "(,)"
        return Expression(head, [breakable(item) for item in node.items], brackets=brackets)
    return Expression(f"{head}{node.within()}", pieces=pieces(node), label=head or None)


def _longest_part(node: Node) -> Node | None:
    """The call within a value that is worth a variable of its own."""
    parts = [part for child in always(node) for part in _always_within(child) if isinstance(part, PythonCall | Binary)]
    return max(parts, key=lambda part: len(part.text), default=None)


def always(node: Node) -> tuple[Node, ...]:
    """What an expression is made of, as far as it is evaluated in any case."""
    if isinstance(node, Conditional):
        return (node.condition,)
    return node.children[:1] if isinstance(node, Logic) else node.children[: 2 if isinstance(node, Compare) else None]


def _always_within(node: Node) -> Iterator[Node]:
    """An expression, and everything below it that is evaluated in any case."""
    yield node
    for child in always(node):
        yield from _always_within(child)


def _argument(name: str | None, value: Node) -> str:
    return f"{name}={value.within()}" if name else value.within()
