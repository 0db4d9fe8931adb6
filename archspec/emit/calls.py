"""The constructor of one module as an expression: arguments by position, by name, or left out."""

from __future__ import annotations

from archspec.emit.initial import finished
from archspec.emit.statement import pieces as pieces_of
from archspec.emit.text import WIDTH, Expression
from archspec.expressions import Conditional, lift
from archspec.graph import Argument, Call, Class, argument_text, names_in
from archspec.layers import Layer
from archspec.layers.own import OwnLayer

_MOST_BY_POSITION = 4
"""So many required arguments of a block go by position; where there are more, only the sizes of its inputs do."""


def call_expression(item: Call, prefix: str = "") -> Expression:
    """A module's constructor: leading arguments by position, the others by name, defaults left out."""
    if isinstance(item.layer, Class):
        return finished(
            item, Expression(item.layer.name, _block_arguments(item, item.layer)), argument_expression
        ).behind(prefix)
    if isinstance(item.layer, OwnLayer):
        own = Expression(item.type_name, [argument_expression(a, f"{a.name}=") for a in item.arguments])
        return finished(item, own, argument_expression).behind(prefix)
    head = item.held if item.held is not None else f"nn.{item.type_name}"
    made = Expression(head, _layer_arguments(item, item.layer))
    return finished(item, made, argument_expression).behind(prefix)


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
        found.append(argument_expression(argument, "" if in_a_row else f"{name}=", text))
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
        by_position = in_a_row and index < positions and clear and item.held is None  # another layer has others there
        text = declared.text(argument_text(argument), argument.value)
        found.append(argument_expression(argument, "" if by_position else f"{name}=", text))
    return found


def argument_expression(argument: Argument, head: str, text: str | None = None) -> Expression:
    """One argument; a long expression may be broken before its operators."""
    text = argument_text(argument) if text is None else text
    node = argument.node if argument.node is not None else lift(argument.value)
    broken = pieces_of(node) if len(text) > WIDTH // 2 and text == node.within() else []
    if isinstance(node, Conditional):
        return Expression(f"{head}{text}", pieces=broken, label=head)
    return Expression(f"{head}{text}", pieces=[f"{head}{broken[0]}", *broken[1:]] if broken else [])


def _is_default(argument: Argument, default: object) -> bool:
    """Whether an argument is written as PyTorch's default, and so may go."""
    if argument.node is not None and names_in(argument.node):
        return False
    return type(argument.value) is type(default) and argument.value == default
