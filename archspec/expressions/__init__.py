"""The safe expression language: parsed once, evaluated over numbers and dimensions, printed as Python.

A text is parsed by Python's own parser and then rebuilt, construct by construct, from an allow-list. Evaluation never
runs Python code of the text. Knows nothing of layers or specs. Each room imports only those before it: errors, nodes,
values, arithmetic, functions, evaluation; parsing knows of nodes alone, and of mistakes; rewriting
of nodes.
"""

from archspec.expressions.errors import ExpressionError, UndecidedError
from archspec.expressions.evaluation import evaluate
from archspec.expressions.functions import FUNCTIONS, make_divisible, unknown_function
from archspec.expressions.nodes import (
    BITWISE,
    CONSTANTS,
    Binary,
    Compare,
    Conditional,
    Constant,
    Embedded,
    FunctionCall,
    Index,
    Items,
    Literal,
    Logic,
    Name,
    Node,
    Slice,
    Starred,
    Unary,
    Word,
)
from archspec.expressions.parsing import compile_value, parse
from archspec.expressions.rewriting import exchanged, replaced, with_constants
from archspec.expressions.values import (
    Remembering,
    Scope,
    Symbolic,
    as_size,
    assume,
    choose,
    equals,
    item_type,
    lift,
    literal_text,
    of_the_call,
    substitute,
    type_of,
    typed,
    unknown,
)

__all__ = [
    "BITWISE",
    "CONSTANTS",
    "FUNCTIONS",
    "Binary",
    "Compare",
    "Conditional",
    "Constant",
    "Embedded",
    "ExpressionError",
    "FunctionCall",
    "Index",
    "Items",
    "Literal",
    "Logic",
    "Name",
    "Node",
    "Remembering",
    "Scope",
    "Slice",
    "Starred",
    "Symbolic",
    "Unary",
    "UndecidedError",
    "Word",
    "as_size",
    "assume",
    "choose",
    "compile_value",
    "equals",
    "evaluate",
    "exchanged",
    "item_type",
    "lift",
    "literal_text",
    "make_divisible",
    "of_the_call",
    "parse",
    "replaced",
    "substitute",
    "type_of",
    "typed",
    "unknown",
    "unknown_function",
    "with_constants",
]
