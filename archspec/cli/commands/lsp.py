"""`archspec lsp`: the language server."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys

import archspec
from archspec.cli.arguments import command
from archspec.cli.commands._shared import CLEAN
from archspec.cli.project import UsageError


@command(
    examples="""\
  archspec lsp
  pip install 'archspec-nn[lsp]' && archspec lsp""",
)
def lsp(options: argparse.Namespace) -> int:
    """Answer an editor on standard input and output: the language server of specs.

    It shows problems and shapes while one types, explains, completes, renames and mends. It imports nothing of the
    workspace, starts no process, writes no file and listens to nothing but its standard input. Needs pygls:
    pip install 'archspec-nn[lsp]'. Editors start it; see the documentation's page on editors.
    """
    try:
        from archspec.editor.server import serve  # here: it imports pygls, which no other command needs
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
            raise
        raise UsageError("the language server needs pygls: pip install 'archspec-nn[lsp]'") from None
    with (
        os.fdopen(os.dup(sys.stdin.fileno()), "rb") as stdin,
        os.fdopen(os.dup(1), "wb") as stdout,
        contextlib.redirect_stdout(sys.stderr),  # whatever else is printed is no message of the protocol
    ):
        serve(archspec.__version__, stdin, stdout)
    return CLEAN
