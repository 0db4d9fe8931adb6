"""`llms.txt` of the site: one page that tells a language model what there is and where to read it.

See https://llmstxt.org. Written from the pages each time the documentation is built.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_SECTIONS = {
    "Tutorial": "tutorial/*.md",
    "The language": "language/*.md",
    "Look up": "*.md",
    "Cookbook": "cookbook/*.md",
    "Coming from other tools": "coming-from/*.md",
}
_EXAMPLE = re.compile(r"`net\.yaml`:\n\n(```yaml\n.*?\n```)", re.DOTALL)


def setup(app: Sphinx) -> None:
    """As an extension of Sphinx: the file is written beside the pages."""
    app.connect("build-finished", lambda app, _: write(Path(app.srcdir), Path(app.outdir)))


def write(docs: Path, site: Path) -> None:
    """Writes the file of the site."""
    (site / "llms.txt").write_text(text(docs), "utf-8")


def text(docs: Path) -> str:
    """The file, made of the pages of a folder."""
    start = (docs / "index.md").read_text("utf-8")
    example = _EXAMPLE.search(start)
    assert example is not None, "index.md begins with an example"
    parts = ["# archspec", f"> {_summary(start)}", "A spec, `net.yaml`:", example[1]]
    parts.append(
        "`archspec check net.yaml` reports errors with their place, cause and help, `archspec generate net.yaml` "
        "writes the PyTorch source, `archspec layers NAME` explains a layer, `archspec codes CODE` a problem, and "
        "`archspec mcp` offers these as tools of the Model Context Protocol."
    )
    for title, pattern in _SECTIONS.items():
        pages = sorted(docs.glob(pattern), key=lambda page: (page.name != "index.md", page.name))
        parts.append(f"## {title}")
        parts.append("\n".join(_entry(docs, page) for page in pages if page != docs / "index.md"))
    return "\n\n".join(parts) + "\n"


def _entry(docs: Path, page: Path) -> str:
    content = page.read_text("utf-8")
    title = re.search(r"^# (.+)$", content, re.MULTILINE)
    assert title is not None, f"{page.name} has a title"
    link = page.relative_to(docs).with_suffix(".html").as_posix()
    first = _summary(content).partition(". ")[0].removesuffix(".").removesuffix(":")
    return f"- [{title[1]}]({link})" + (f": {first}" if first else "")


def _summary(content: str) -> str:
    """The paragraph below the title, without links; empty where a heading follows."""
    paragraph = content.split("\n\n")[1]
    if paragraph.startswith("#"):
        return ""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(paragraph.split()))
