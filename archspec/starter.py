"""The text of a first spec, which `archspec new` writes."""

from __future__ import annotations


def new(name: str) -> str:
    """A first spec, explained line by line; its class is named after `name` (`my_net`: MyNet)."""
    from importlib import resources  # here: slow to import, and no other command needs it

    template = resources.files("archspec").joinpath("emit", "templates", "new.yaml").read_text("utf-8")
    title = "".join(part[:1].upper() + part[1:] for part in name.replace("-", "_").split("_"))
    # The template is itself a spec, so that it can be checked as one; a pad keeps its comment in line.
    return template.replace("name: FirstNet".ljust(32), f"name: {title}".ljust(32), 1)
