"""`archspec serve`: a page in the browser that follows a spec's file."""

from __future__ import annotations

import argparse
import socket

from archspec.characters import printable
from archspec.cli.arguments import ALLOW, SPEC, CliArgument, command
from archspec.cli.commands._shared import CLEAN, one_spec
from archspec.cli.project import STDIN, UsageError

_NEEDED = ("starlette", "uvicorn", "graphlay")


@command(
    SPEC,
    CliArgument("--port", type=int, default=0, metavar="N", help="the port to listen on; default: one that is free"),
    ALLOW,
    examples="""\
  archspec serve net.yaml
  archspec serve net.yaml --port 8000""",
)
def serve(options: argparse.Namespace) -> int:
    """Serve a page that follows a spec's file: picture, source, table, problems, and shapes beside the text.

    Prints the page's address. Edit the file with any editor: the page follows at every save, and while the text has
    errors it keeps the last picture. It writes nothing and listens to this machine alone, and every request needs the
    token in the address. Ends with Ctrl-C. Needs starlette and uvicorn: pip install 'archspec-nn[serve]'.
    """
    if one_spec(options.spec, "serve") == STDIN:
        raise UsageError("standard input cannot be followed: name a file")
    try:
        import graphlay  # noqa: F401 - the page draws with it later; a missing one is reported before the address is

        from archspec.live import server  # here: it imports starlette, which no other command needs
        from archspec.live.state import Live  # here: likewise
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        raise UsageError(f"serving needs {error.name}: pip install 'archspec-nn[serve]'") from None
    import secrets  # here: no other command needs it

    token = secrets.token_urlsafe(24)
    with _listening(server.HOST, options.port) as listening:
        port = listening.getsockname()[1]
        print(f"{printable(options.spec)}: http://{server.HOST}:{port}/?token={token}", flush=True)
        server.serve(Live(options.spec, options.allow), token, listening)
    return CLEAN


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens; UsageError where the port cannot be had."""
    if not 0 <= port < 65536:
        raise UsageError(f"--port {port}: a number from 0 to 65535")
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise UsageError(f"--port {port}: {(error.strerror or str(error)).lower()}") from None
