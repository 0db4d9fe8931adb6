"""First specs, which `archspec new` writes: a template for each kind of network, explained line by line."""

from __future__ import annotations

from archspec.document import class_name

TEMPLATES = ("mlp", "cnn", "resnet", "gpt", "unet")
"""The templates, a file each in this folder."""


def new(name: str, *, template: str = "cnn", schema: str = "") -> str:
    """A first spec, explained line by line; its class is named after `name` (`my_net`: MyNet).

    `template` is one of mlp, cnn, resnet, gpt and unet; ValueError for any other. `schema` is the path or address of
    the language's JSON Schema, for editors; its line is left out without one.

        >>> archspec.parse(archspec.new("my_net", template="mlp")).graph().main.name
        'MyNet'
    """
    from importlib import resources  # here: slow to import, and no other command needs it

    if template not in TEMPLATES:
        raise ValueError(f"there is no template {template!r}; there are {', '.join(TEMPLATES)}")
    text = resources.files("archspec").joinpath("starter", f"{template}.yaml").read_text("utf-8")
    # A template is itself a spec, so that it can be checked as one; a pad keeps its comment in line.
    line = f"# yaml-language-server: $schema={schema}\n" if schema else ""
    return line + text.replace("name: FirstNet".ljust(32), f"name: {class_name(name)}".ljust(32), 1)
