"""The commands, one file each: a function declared with its arguments and examples, its docstring the help.

Results go to stdout, problems and progress to stderr. What only one command needs is imported by its
function: the time to start is part of every editor's and every hook's day. Help lists them in this order.
"""

from archspec.cli.arguments import COMMANDS

from archspec.cli.commands import check, generate, summary, explain, diagram, diff, weights, layers, plan  # isort: skip
from archspec.cli.commands import import_, codes, new, schema, completion, lsp, mcp, serve, watch  # isort: skip

__all__ = [
    "COMMANDS",
    "check",
    "codes",
    "completion",
    "diagram",
    "diff",
    "explain",
    "generate",
    "import_",
    "layers",
    "lsp",
    "mcp",
    "new",
    "plan",
    "schema",
    "serve",
    "summary",
    "watch",
    "weights",
]
