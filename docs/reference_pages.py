"""The pages that are written from the code, each time the documentation is built."""

from __future__ import annotations

import inspect
import re
from dataclasses import is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import archspec
import archspec.cli.commands  # declares them
from archspec.cli.arguments import COMMANDS, CliArgument, parser
from archspec.views import catalogue, schema

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> None:
    """As an extension of Sphinx: before anything is read, the pages are written that come from the code."""
    app.connect("builder-inited", lambda app: write(Path(app.srcdir) / "reference"))


def write(folder: Path) -> None:
    """Write every page below a folder; what is as it should be keeps its time, so that Sphinx need not read it."""
    for name, text in pages().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


def pages() -> dict[str, str]:
    """Every page by its path."""
    return {"commands.md": commands(), "api.md": api(), **catalogue_pages(), **schema_pages()}


def commands() -> str:
    """The command line."""
    intro = "Each command explains itself: `archspec COMMAND --help`."
    parts = ["# Commands", intro, fenced(parser().epilog or "")]
    for name, command in COMMANDS.items():
        parts += [f"## `archspec {name}`", inspect.getdoc(command.run) or ""]
        if command.arguments:
            parts.append("\n".join(("| argument | |", "| --- | --- |", *map(row, command.arguments))))
        parts.append(fenced(inspect.cleandoc(command.examples)))
    return joined(parts)


def row(argument: CliArgument) -> str:
    """An argument as a row of a table."""
    settings = argument.settings
    choices = "|".join(settings.get("choices", ()))
    value = "" if settings.get("action") == "store_true" else settings.get("metavar") or choices
    flags = argument.flags if argument.flags[0].startswith("-") else ()
    shown = f"{', '.join(flags)} {value}".strip()
    return f"| `{cell(shown)}` | {cell(prose(settings.get('help', '')))} |"


def api() -> str:
    """The Python API, which Sphinx reads from the docstrings."""
    parts = ["# Python API", inspect.getdoc(archspec) or ""]
    for name in sorted(archspec.__all__, key=str.swapcase):  # functions first
        value = getattr(archspec, name)
        kind, options = "function", ""
        if inspect.isclass(value):
            kind = "exception" if issubclass(value, Exception) else "class"
            options = "\n   :members:\n   :exclude-members: __init__"
            options += "\n   :undoc-members:" if is_dataclass(value) else ""  # whose fields say what they are
        parts.append(f"```{{eval-rst}}\n.. auto{kind}:: archspec.{name}{options}\n```")
    return joined(parts)


def catalogue_pages() -> dict[str, str]:
    """A page for each family of layers and functions, and one that leads there."""
    found, parts = {}, ["# Layers and functions", "`archspec layers NAME` prints each entry in a terminal."]
    for kind, families in catalogue.families().items():
        rows = []
        for family, names in families.items():
            path = f"{kind}s/{family}"
            _, _, entries = catalogue.page(kind, family).partition("\n")
            entries = re.sub(r"^###", "##", entries, flags=re.MULTILINE)
            found[f"{path}.md"] = f"# {family.capitalize()} {kind}s\n{entries}"
            rows.append(f"| [{family}]({path}.md) | {', '.join(f'`{name}`' for name in names)} |")
        parts += [f"## {kind.capitalize()}s", "\n".join(("| family | |", "| --- | --- |", *rows))]
        entries = "\n".join(f"{kind}s/{family}" for family in families)
        parts.append(f"```{{toctree}}\n:hidden:\n\n{entries}\n```")
    return {"catalogue.md": joined(parts), **found}


def schema_pages() -> dict[str, str]:
    """The schema for editors, and what it knows of each key."""
    rows = [f"| `{key}` | {cell(doc)} |" for key, doc in schema.DOCS.items()]
    texts = [
        "# Schema for editors",
        "A JSON Schema describes the language. Editors with the YAML language server use it to complete layers and "
        "arguments, show their documentation, and mark unknown names.",
        "`archspec new` writes the schema into the project and names it in the first line of the spec. Otherwise:",
        fenced(inspect.cleandoc(COMMANDS["schema"].examples)),
        "The schema: {download}`draft 7 <schema-7.json>`, {download}`draft 2020-12 <schema-2020-12.json>`.",
        "What each key means:",
        "\n".join(("| key | |", "| --- | --- |", *rows)),
    ]
    files = {f"schema-{draft}.json": schema.text(draft) for draft in schema.DRAFTS}
    return {"schema.md": joined(texts), **files}


def joined(parts: list[str]) -> str:
    """Parts as a page."""
    return "\n\n".join(parts) + "\n"


def fenced(text: str) -> str:
    """A text as it is."""
    return f"```text\n{text}\n```"


def cell(text: str) -> str:
    """A text for a cell of a table."""
    return text.replace("|", "\\|")


def prose(text: str) -> str:
    """A text for a terminal, in which stars and brackets are no markup."""
    return re.sub(r"([*<\[])", r"\\\1", text)
