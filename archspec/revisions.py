"""Files as a revision of their git repository has them. The only room that starts a process: git, to read objects.

What git is asked for is chosen by the caller alone, never by a spec beyond the names of files that it imports. It
reads objects by their hash and nothing else: no hook, filter, pager or fetch of the repository's own choice runs.
"""

from __future__ import annotations

import io
import os
import subprocess
from typing import NoReturn

from archspec.document.imports import Files
from archspec.problems import Problem, Span, SpecError, echo
from archspec.source import Limits, read_stream

_QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
_SAFE = ("--no-pager", "-c", "core.fsmonitor=false")
_SECONDS = 30


class Revision(Files):
    """The files of one revision of the repository that a folder lies in."""

    def __init__(self, name: str, folder: str) -> None:
        self.name = name
        if not name or name.startswith("-") or ":" in name or not name.isprintable():
            self.refuse(f"{echo(name)} is not a revision", "write it as git does: `HEAD~1`, `main`, `v1.0`, a hash")
        while not os.path.isdir(folder):  # it may be gone by now
            folder = os.path.dirname(folder)
        self.top = os.path.realpath(self.git(folder, "rev-parse", "--show-toplevel").rstrip("\n"))
        ask = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        self.commit = self.git(self.top, *ask).strip()

    def __repr__(self) -> str:
        return f"Revision({self.name!r})"

    def exists(self, path: str) -> bool:
        return self.run(self.top, "cat-file", "-e", self.object(path)).returncode == 0

    def read(self, path: str, limits: Limits) -> str:
        shown = f"{self.name}:{os.path.relpath(path, self.top)}"
        if not self.exists(path):
            self.refuse(f"there is no file {echo(shown)}")
        command = ("git", *_SAFE, "-C", self.top, "cat-file", "blob", self.object(path))
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment()
        ) as process:
            assert isinstance(process.stdout, io.BufferedReader)
            try:
                return read_stream(process.stdout, limits, shown)
            finally:
                process.kill()  # it may have more to say than the limit allows

    def object(self, path: str) -> str:
        """How git calls a file of the revision."""
        inside = os.path.relpath(path, self.top).replace(os.sep, "/")
        if inside.startswith("../"):
            self.refuse(f"{echo(path)} is outside of the repository {echo(self.top)}")
        return f"{self.commit}:{inside}"

    def git(self, folder: str, *arguments: str) -> str:
        """What git answers."""
        done = self.run(folder, *arguments)
        if done.returncode != 0:
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            reason = lines[0].removeprefix("fatal: ") if lines else "there is no such revision"
            self.refuse(f"cannot read the revision {echo(self.name)}: {reason}")
        return done.stdout.decode(errors="surrogateescape")

    def run(self, folder: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Asks git in a folder."""
        try:
            command = ("git", *_SAFE, "-C", folder, *arguments)
            return subprocess.run(command, capture_output=True, env=_environment(), timeout=_SECONDS, check=False)
        except FileNotFoundError:
            self.refuse("git is not installed", "install it, or give two files")
        except subprocess.TimeoutExpired:
            self.refuse(f"git did not answer within {_SECONDS} seconds")

    def refuse(self, message: str, help: str = "") -> NoReturn:
        raise SpecError([Problem("AS107", message, Span(self.name, 1, 1, 1, 1), help)])


def _environment() -> dict[str, str]:
    return {**os.environ, **_QUIET}
