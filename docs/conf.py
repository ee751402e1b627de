"""How Sphinx builds the site: `make docs`."""

import sys
from pathlib import Path
from typing import Any

from docutils import nodes

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_extensions"), str(HERE.parent)]

from lacss_tools import __version__  # noqa: E402

project = "lacss_tools"
author = "The lacss_tools authors"
project_copyright = author
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "command_pages",
    "example_pages",
    "mathml",
    "pictures",
    "source_pages",
]
exclude_patterns = ["_extensions"]
default_role = "literal"  # `name` in docstrings

myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4
smartquotes = False  # would turn the -- of options into dashes
add_module_names = False
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
copybutton_exclude = ".linenos, .gp, .go"
copybutton_prompt_text = "$ "

html_theme = "furo"
html_math_renderer = "mathml"
html_title = f"lacss_tools {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}


def _dashes(app: Any, page: nodes.document) -> None:
    """Put a dash between a parameter and what it means, where Sphinx writes `--` for smartquotes to change."""
    for text in [text for text in page.findall(nodes.Text) if text == " -- "]:
        text.parent.replace(text, nodes.Text(" – "))


def setup(app: Any) -> None:
    """Change pages after they are read."""
    app.connect("doctree-read", _dashes)
