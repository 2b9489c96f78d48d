"""Sphinx settings of the documentation site; `make docs` builds it into `build/docs`."""

from __future__ import annotations

from importlib.metadata import version as version_of

project = "Milepost"
version = release = version_of("milepost")
extensions = ["myst_parser"]
exclude_patterns = ["generator"]

# Links to headings are checked down to this level, by the same anchors that the repository's web view gives them.
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"{project} {release}"
html_copy_source = False
