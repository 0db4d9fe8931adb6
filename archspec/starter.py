"""The text of a first spec, which `archspec new` writes."""

from __future__ import annotations

from archspec.document import class_name


def new(name: str, *, schema: str = "") -> str:
    """A first spec, explained line by line; its class is named after `name` (`my_net`: MyNet).

    `schema` is the path or address of the language's JSON Schema, for editors; its line is left out without one.
    """
    from importlib import resources  # here: slow to import, and no other command needs it

    template = resources.files("archspec").joinpath("emit", "templates", "new.yaml").read_text("utf-8")
    # The template is itself a spec, so that it can be checked as one; a pad keeps its comment in line.
    line = f"# yaml-language-server: $schema={schema}\n" if schema else ""
    return line + template.replace("name: FirstNet".ljust(32), f"name: {class_name(name)}".ljust(32), 1)
