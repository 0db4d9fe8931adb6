"""`archspec completion`: a script for the shell."""

from __future__ import annotations

import argparse

from archspec.cli.arguments import CliArgument, command, parser
from archspec.cli.commands._shared import CLEAN
from archspec.cli.project import UsageError


@command(
    CliArgument("shell", choices=("bash", "zsh", "fish"), help="the shell to complete for"),
    examples="""\
  archspec completion bash > ~/.local/share/bash-completion/completions/archspec
  archspec completion zsh > ~/.zfunc/_archspec    (a folder on your $fpath)
  archspec completion fish > ~/.config/fish/completions/archspec.fish""",
)
def completion(options: argparse.Namespace) -> int:
    """Print a script that teaches a shell to complete archspec's commands and options."""
    import shtab  # here: no other command needs it

    if options.shell not in shtab.SUPPORTED_SHELLS:
        raise UsageError(f"the installed shtab knows no {options.shell}; pip install --upgrade shtab")
    print(shtab.complete(parser(complete_paths=shtab.FILE), options.shell))
    return CLEAN
