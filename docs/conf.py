"""How Sphinx builds this documentation: `sphinx-build docs docs/_build`."""

from __future__ import annotations

import sys
from pathlib import Path

import archspec

sys.path.insert(0, str(Path(__file__).parent))  # where llms_txt and reference_pages stand
project = "archspec"
author = "The archspec authors"
release = archspec.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "llms_txt", "reference_pages"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["wide.css"]
html_title = f"archspec {release}"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
smartquotes = False  # they would make one dash of the two of `--strict`
default_role = "code"  # what stands between single backticks in a docstring
autodoc_member_order = "bysource"
autodoc_class_signature = "separated"  # users do not make the classes; functions give them
myst_heading_anchors = 3  # codes.md has links to its headings
