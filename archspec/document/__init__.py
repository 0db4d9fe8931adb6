"""A document: its models, what each value may be, and how a text becomes one."""

from archspec.document.checks import LIMIT, Aside, limit
from archspec.document.model import Block, Budget, Document, Input, Layers, Library, Parameter, Step, Variant
from archspec.document.names import (
    DOT,
    MODULE_ATTRIBUTES,
    RESERVED,
    SEQUENTIAL_ATTRIBUTES,
    attribute_problem,
    class_name,
    is_dotted,
    listed_problem,
    module_problem,
    name_problem,
    variable_problem,
)
from archspec.document.plan import PlanFile
from archspec.document.reading import (
    FormError,
    NoNetworkError,
    is_library,
    is_plan,
    only_blocks,
    only_plan,
    read,
    read_library,
    read_plan,
)
from archspec.document.shorthand import OwnName

__all__ = [
    "DOT",
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
    "NoNetworkError",
    "OwnName",
    "Parameter",
    "PlanFile",
    "Step",
    "Variant",
    "attribute_problem",
    "class_name",
    "is_dotted",
    "is_library",
    "is_plan",
    "limit",
    "listed_problem",
    "module_problem",
    "name_problem",
    "only_blocks",
    "only_plan",
    "read",
    "read_library",
    "read_plan",
    "variable_problem",
]
