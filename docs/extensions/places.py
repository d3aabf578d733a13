"""Where each page stands on the site, and the pages that lie elsewhere in the repository.

The pages name each other by plain links, and lists of pages would be shown as code where Markdown is read as it is. So the
lists are here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import Final

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

# Below which page which pages are listed: a title, and names or patterns of names. Without a title the page itself shows them.
LISTS: Final = {
    "index": {
        "Start": ["start", "installing", "tour"],
        "Guides": [
            *(
                f"guides/{name}"
                for name in ("mirror", "inspect", "images", "delete", "login", "signatures", "tests", "script")
            ),
            "guides/*",
            "library",
            "copying",
            "artifacts",
            "surgery",
            "credentials",
            "connections",
            "mirrors",
            "configuration",
            "migrating",
        ],
        "The embedded registry": ["registry", "access", "testing", "faults"],
        "Reference": ["commands", "reference/*"],
        "Explanation": [
            "explanation/permission",
            "authentication",
            "explanation/planning",
            "storage",
            "performance",
            "architecture",
        ],
        "Recipes": ["recipes/*"],
        "Project": ["decisions", "contributing", "changelog"],
    },
    "migrating": {"From other tools": ["migrating/*"]},
    "decisions": {"": ["decisions/*"]},
}

# The pages whose text is elsewhere: the file, and the part of it that is meant.
ELSEWHERE: Final = {
    "tour": ("README.md", r"^## A tour$.*?(?=^## Documents$)"),
    "contributing": ("CONTRIBUTING.md", r"\A.*"),
    "changelog": ("CHANGELOG.md", r"\A.*"),
}
ROOT: Final = Path(__file__).parents[2]
DOCS: Final = "docs"

_LINK = re.compile(r"\]\((?P<target>[^)#\s:]+)(?P<anchor>#[^)\s]*)?\)")
_PAGES: Final = {file: f"{DOCS}/{page}.md" for page, (file, _) in ELSEWHERE.items()}


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_lexer("htpasswd", TextLexer)
    app.connect("source-read", _read)
    return {"parallel_read_safe": True}


def _read(app: Sphinx, page: str, source: list[str]) -> None:
    """The text of a page as the site has it."""
    file = ROOT / DOCS / f"{page}.md"
    if page in ELSEWHERE:
        file = ROOT / ELSEWHERE[page][0]
        app.env.note_dependency(file)
        source[0] = part(page)
    if page in LISTS:
        app.env.note_reread()  # pages come and go
    source[0] = "\n".join([mended(source[0], file, page), *listed(page)])


def part(page: str) -> str:
    """What a page takes from elsewhere; its first heading becomes that of the page."""
    name, meant = ELSEWHERE[page]
    found = re.search(meant, (ROOT / name).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    if found is None:
        raise LookupError(f"{name} has not the part that the page {page!r} is made of")
    return re.sub(r"\A#+ ", "# ", found[0])


def mended(text: str, file: Path, page: str) -> str:
    """The text of a file with its links as they are on a page."""
    folder = file.parent.relative_to(ROOT).as_posix()
    here = PurePosixPath(DOCS, page).parent.as_posix()

    def mend(found: re.Match[str]) -> str:
        target = normpath(f"{folder}/{found['target']}")
        return f"]({relpath(_PAGES.get(target, target), here)}{found['anchor'] or ''})"

    return _LINK.sub(mend, text)


def listed(page: str) -> Iterator[str]:
    """The lists of pages below a page, as the site's navigation takes them."""
    for title, pages in LISTS.get(page, {}).items():
        there = [name for name in pages if any((ROOT / DOCS).glob(f"{name}.md"))]
        options = [":hidden:", f":caption: {title}"] if title else [":maxdepth: 1"]
        yield "\n".join(["", "```{toctree}", ":glob:", *options, "", *there, "```", ""])
