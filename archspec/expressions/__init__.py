"""The safe expression language: parsed once, evaluated over numbers and dimensions, printed as Python.

A text is parsed by Python's own parser and then rebuilt, construct by construct, from an allow-list. Evaluation never
runs Python code of the text. Knows nothing of layers or specs. Each room imports only those before it: errors, nodes,
values, arithmetic, functions, evaluation; parsing knows of nodes alone, and of mistakes.
"""

from archspec.expressions.errors import ExpressionError, Undecided
from archspec.expressions.evaluation import evaluate
from archspec.expressions.functions import FUNCTIONS, make_divisible
from archspec.expressions.nodes import (
    Binary,
    Call,
    Compare,
    Conditional,
    Embedded,
    Index,
    Items,
    Literal,
    Logic,
    Name,
    Node,
    Slice,
    Unary,
)
from archspec.expressions.parsing import compile_value, parse
from archspec.expressions.values import (
    Scope,
    Symbolic,
    as_size,
    assume,
    choose,
    equals,
    item_type,
    lift,
    literal_text,
    substitute,
    type_of,
    typed,
    unknown,
)

__all__ = [
    "FUNCTIONS",
    "Binary",
    "Call",
    "Compare",
    "Conditional",
    "Embedded",
    "ExpressionError",
    "Index",
    "Items",
    "Literal",
    "Logic",
    "Name",
    "Node",
    "Scope",
    "Slice",
    "Symbolic",
    "Unary",
    "Undecided",
    "as_size",
    "assume",
    "choose",
    "compile_value",
    "equals",
    "evaluate",
    "item_type",
    "lift",
    "literal_text",
    "make_divisible",
    "parse",
    "substitute",
    "type_of",
    "typed",
    "unknown",
]
