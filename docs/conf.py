"""How Sphinx builds the documentation: Markdown pages, and API pages from docstrings."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from api_pages import write_api_pages  # noqa: E402
from docstrings import shape_docstring  # noqa: E402

project = "tilth"
author = "The tilth developers"
copyright = "The tilth developers, Apache-2.0"
release = version = installed_version("tilth")

extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"tilth {release}"
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["side.css"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}
python_use_unqualified_type_names = True


def setup(app):
    """Write the API pages, and read the docstrings as the prose that they are."""
    write_api_pages(HERE.parent / "src", HERE / "api")
    app.connect("autodoc-process-docstring", shape_docstring)
