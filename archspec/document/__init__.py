"""A document: its models, what each value may be, and how a text becomes one."""

from archspec.document.checks import LIMIT, Aside, limit
from archspec.document.model import Block, Budget, Document, Input, Layers, Library, Parameter, Step, Variant
from archspec.document.names import (
    MODULE_ATTRIBUTES,
    RESERVED,
    SEQUENTIAL_ATTRIBUTES,
    attribute_problem,
    class_name,
    module_problem,
    name_problem,
    variable_problem,
)
from archspec.document.reading import FormError, OnlyBlocksError, is_library, only_blocks, read, read_library
from archspec.document.shorthand import OwnName

__all__ = [
    "LIMIT",
    "MODULE_ATTRIBUTES",
    "RESERVED",
    "SEQUENTIAL_ATTRIBUTES",
    "Aside",
    "Block",
    "Budget",
    "Document",
    "FormError",
    "Input",
    "Layers",
    "Library",
    "OnlyBlocksError",
    "OwnName",
    "Parameter",
    "Step",
    "Variant",
    "attribute_problem",
    "class_name",
    "is_library",
    "limit",
    "module_problem",
    "name_problem",
    "only_blocks",
    "read",
    "read_library",
    "variable_problem",
]
