"""`archspec mcp`: tools for assistants."""

from __future__ import annotations

import argparse

import archspec
from archspec.cli.arguments import command
from archspec.cli.commands._shared import CLEAN
from archspec.cli.project import UsageError


@command(
    examples="""\
  archspec mcp
  pip install 'archspec-nn[mcp]' && archspec mcp""",
)
def mcp(options: argparse.Namespace) -> int:
    """Answer an assistant on standard input and output: a server of the Model Context Protocol.

    Its tools check, fix, explain, summarize, compare and generate specs that are given as text, and look up layers
    and the schema. An answer has 4 kB at most unless the call asks for more. It reads no file of the workspace, imports
    nothing of it, starts no process and opens no connection. Needs the protocol's SDK: pip install 'archspec-nn[mcp]'.
    """
    try:
        from archspec.assistant.server import serve  # here: it imports the SDK, which no other command needs
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "mcp":
            raise
        raise UsageError("the server needs the protocol's SDK: pip install 'archspec-nn[mcp]'") from None
    serve(archspec.__version__)
    return CLEAN
