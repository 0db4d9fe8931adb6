"""`%%archspec` for notebooks: a cell that is a spec, checked when it runs. Needs IPython.

%load_ext archspec.notebook

%%archspec net model
inputs: {x: [N, 8]}
layers: [Linear: 4]
"""

from __future__ import annotations

from typing import Any

import archspec
from archspec.files import is_identifier
from archspec.problems import Problem, SpecError, echo, render_text

CELL = "<cell>"
"""How problems call the text of a cell."""


class CellError(SpecError):
    """The problems of a cell, which IPython shows without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return str(self).split("\n")


class Warned:
    """A spec with warnings, which are shown above it."""

    def __init__(self, spec: archspec.Spec, problems: list[Problem]) -> None:
        self.spec, self.problems = spec, problems

    def __repr__(self) -> str:
        return f"{render_text(self.problems)}\n{self.spec!r}"

    def _repr_html_(self) -> str:
        from archspec.views.markdown import as_html  # here: only notebooks show HTML

        return as_html(f"```\n{render_text(self.problems)}\n```\n") + self.spec._repr_html_()


def archspec_cell(line: str, cell: str, names: dict[str, Any]) -> archspec.Spec | Warned:
    """Checks the text of a cell, and binds the spec, and the model that is built of it, to the names of its first line.

    `line` has a name for the spec, and perhaps one for the model, which needs PyTorch. Raises CellError with the
    problems of a spec that has errors; then nothing is bound. ValueError for what is no name.
    """
    wanted = line.split()
    if len(wanted) > 2 or not all(map(is_identifier, wanted)):
        raise ValueError(
            f"{echo(line)} is not one name for the spec, or two for the spec and its model: `%%archspec net model`"
        )
    try:
        spec = archspec.parse(cell, CELL)
        problems = archspec.check(spec)
    except SpecError as error:
        raise CellError(error.problems) from None
    if any(problem.severity == "error" for problem in problems):
        raise CellError(problems)
    made = [spec, *([archspec.build(spec)] if len(wanted) > 1 else [])]
    names.update(zip(wanted, made, strict=False))
    return Warned(spec, problems) if problems else spec


def load_ipython_extension(shell: Any) -> None:
    """Makes `%%archspec` known; IPython calls it for `%load_ext archspec.notebook`."""

    def magic(line: str, cell: str) -> archspec.Spec | Warned:
        return archspec_cell(line, cell, shell.user_ns)

    magic.__doc__ = archspec_cell.__doc__
    shell.register_magic_function(magic, magic_kind="cell", magic_name="archspec")
