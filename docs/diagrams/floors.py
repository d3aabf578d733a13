"""Draws the floors as the contract in `pyproject.toml` has them: `python docs/diagrams/floors.py > docs/diagrams/floors.svg`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

# What each package is for.
WORDS: Final = {
    "cli": "arguments, a call, output",
    "aio": "the same for asyncio",
    "testing": "registries for tests",
    "artifacts": "of files, and indexes",
    "surgery": "images changed",
    "client": "what programs import",
    "mirror": "a plan over many repositories",
    "transfer": "copies, planned and done",
    "server": "a registry over a folder",
    "image": "images as values",
    "stores": "places where content lives",
    "config": "files that other tools wrote, as values",
    "auth": "permission for one request",
    "http": "one request delivered",
    "spec": "what the specifications say, as values",
    "errors": "every exception",
    "values": "how values are made",
    "version": "one number",
    "text": "what may be shown",
    "expressions": "compiled when used",
    "spans": "spans of OpenTelemetry",
}
WIDTH: Final = 800
HEIGHT: Final = 46  # of a box
STEP: Final = 64  # from one floor to the next
GAP: Final = 12  # between neighbours

_STYLE: Final = """  <style>
    .diagram { color: #1f2328; font: 14px system-ui, sans-serif; }
    .diagram text { fill: currentColor; text-anchor: middle; }
    .diagram .quiet { font-size: 12.5px; opacity: 0.65; }
    .diagram .box { fill: currentColor; fill-opacity: 0.06; stroke: currentColor; stroke-width: 1.3; }
    .diagram .down { fill: currentColor; opacity: 0.5; }
    @media (prefers-color-scheme: dark) { .diagram { color: #e6edf3; } }
  </style>"""


def floors(text: str) -> list[list[str]]:
    """The floors of a `pyproject.toml` from above, and the packages on each. One that is not there yet is left out."""
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract.get("containers") == ["pratique"])
    named = [[name.strip(" ()") for name in layer.split("|")] for layer in layers]
    there = [[name for name in floor if is_there(name)] for floor in named]
    return [floor for floor in there if floor]


def is_there(name: str) -> bool:
    return any((ROOT / "src" / "pratique" / file).exists() for file in (name, f"{name}.py"))


def drawing(rows: list[list[str]]) -> str:
    """The floors as a picture (SVG), the highest at the top."""
    height = STEP * len(rows) - (STEP - HEIGHT) + 4
    label = "The floors: " + "; ".join(" and ".join(row) for row in rows)
    return "\n".join(
        [
            f'<svg class="diagram" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" role="img" aria-label="{escape(label)}">',
            _STYLE,
            *(line for at, row in enumerate(rows) for line in floor(row, 2 + STEP * at, last=at == len(rows) - 1)),
            "</svg>\n",
        ]
    )


def floor(row: list[str], top: int, *, last: bool) -> Iterator[str]:
    """One floor: its packages beside each other, and below them the sign that imports go down."""
    width = (WIDTH - 4 - GAP * (len(row) - 1)) / len(row)
    for at, name in enumerate(row):
        left = 2 + at * (width + GAP)
        middle = left + width / 2
        yield f'  <rect class="box" x="{left:g}" y="{top}" width="{width:g}" height="{HEIGHT}" rx="6"/>'
        yield f'  <text x="{middle:g}" y="{top + 20}">{name}</text>'
        yield f'  <text class="quiet" x="{middle:g}" y="{top + 37}">{WORDS.get(name, "")}</text>'
    if not last:
        yield f'  <path class="down" d="M{WIDTH // 2 - 6} {top + HEIGHT + 5}h12l-6 8z"/>'


if __name__ == "__main__":
    print(drawing(floors((ROOT / "pyproject.toml").read_text("utf-8"))), end="")
