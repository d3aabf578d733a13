"""Drawings become part of their page, so that they have the colours that the reader chose for it."""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("doctree-read", _draw)
    return {"parallel_read_safe": True}


def _draw(app: Sphinx, document: nodes.document) -> None:
    for image in list(document.findall(nodes.image)):
        if image["uri"].endswith(".svg"):
            file = Path(app.srcdir, image["uri"])
            app.env.note_dependency(file)
            image.replace_self(nodes.raw("", f'<div class="drawing">{file.read_text("utf-8")}</div>', format="html"))
