"""The server of the Model Context Protocol: the tools, on standard input and output. Needs the protocol's SDK, `mcp`.

It imports nothing of the workspace, starts no process, opens no file of the caller's and no connection.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

from archspec.assistant.tools import TOOLS, RefusedError

INSTRUCTIONS = """\
archspec describes a PyTorch network as YAML: layers with PyTorch's names and arguments. Sizes that follow from what \
flows in (in_channels, in_features, num_features, embed_dim, ...) are left out. A list is an nn.Sequential; a mapping \
names its steps, which are the keys of the state_dict. A step takes the value of the step above it, or the one named \
by `from`. A step may be an expression of named values: `sum: bn + x`.

name: Net
params: {width: 16, classes: 10}
inputs: {x: [N, 3, 32, 32]}
layers:
  stem: [{Conv2d: {out_channels: width, kernel_size: 3, padding: 1}}, BatchNorm2d, ReLU]
  body: {Block: {width}, repeat: 2}
  pool: mean(body, [2, 3])
  head: {Linear: classes}
blocks:
  Block:
    params: {width: int}
    inputs: {x: [N, C, H, W]}
    layers:
      conv: {Conv2d: {out_channels: width, kernel_size: 3, padding: 1}}
      sum: conv + x
      act: ReLU

Write a spec, `check` it, and `fix` or correct what is wrong; `layers` has each layer's arguments, `explain` what a \
size comes from and what a code (AS502) means. `generate` gives the PyTorch source."""


def server(version: str) -> MCPServer[Any]:
    """A server with all the tools."""
    made: MCPServer[Any] = MCPServer("archspec", version=version, instructions=INSTRUCTIONS, log_level="ERROR")
    hints = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
    for tool in TOOLS:
        made.add_tool(_called(tool), annotations=hints, structured_output=False)  # the text once, and not as JSON too
    return made


def _called(tool: Callable[..., str]) -> Callable[..., Awaitable[str]]:
    """A tool as the server runs it: one call after the other."""

    @functools.wraps(tool)
    async def called(**arguments: Any) -> str:
        try:
            return tool(**arguments)
        except RefusedError as error:
            raise ToolError(str(error)) from None

    return called


def serve(version: str) -> None:
    """Answers a client on standard input and output until it closes them."""
    server(version).run("stdio")
