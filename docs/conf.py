"""How the site is built from these pages: `./run docs`. What is said of each page's place is in `extensions/places.py`."""

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS)]

project = "Pratique"
author = "the authors of Pratique"
project_copyright = "the authors of Pratique; Apache License 2.0"
# That of the tag (docs/decisions/0030); between two releases it is none that anybody could install.
version = release = subprocess.run(
    [sys.executable, "-m", "hatchling", "version"],
    cwd=DOCS.parent,
    capture_output=True,
    text=True,
    check=True,
).stdout.strip()

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "extensions.places",
    "extensions.commands",
    "extensions.library",
    "extensions.diagrams",
]
exclude_patterns = ["extensions", "diagrams", "static"]

# The pages are plain Markdown, as code hosts show it: anchors are made as they make them.
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 6
smartquotes = False  # what people copy keeps its quotation marks

# Docstrings are plain sentences: a word in backticks is a name, and leads to it where it is a public one.
default_role = "py:obj"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "Pratique" if "dev" in version else f"Pratique {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"

# Of a terminal only the commands are copied.
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
