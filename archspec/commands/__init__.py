"""The commands, one file each: a function declared with its arguments and examples, its docstring the help.

Results go to stdout, problems and progress to stderr. What only one command needs is imported by its
function: the time to start is part of every editor's and every hook's day. Help lists them in this order.
"""

from archspec.commands import check, generate, summary, explain, diagram, diff, layers  # isort: skip
from archspec.commands import codes, new, schema, completion  # isort: skip

__all__ = [
    "check",
    "codes",
    "completion",
    "diagram",
    "diff",
    "explain",
    "generate",
    "layers",
    "new",
    "schema",
    "summary",
]
