"""What goes to the terminal: results to standard output, everything else to standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from ..errors import Error, Refused
from ..text import printable

if TYPE_CHECKING:
    from datetime import datetime

UNITS: Final = ("B", "kB", "MB", "GB", "TB")


class Output:
    """One command's output."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False, debug: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.debug = debug

    # Results

    def document(self, value: Any) -> None:
        """One JSON document: on one line in a pipe, indented on a terminal."""
        print(_dump(value, indent=2 if sys.stdout.isatty() else None))

    def line_document(self, value: Any) -> None:
        """One JSON document on one line, for a program that reads line by line."""
        print(_dump(value))

    def line(self, text: str) -> None:
        """One line of a result."""
        print(printable(text))

    def raw(self, content: bytes) -> None:
        """Bytes as they are."""
        sys.stdout.buffer.write(content)

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Columns under headings, as wide as they must be."""
        lines = [tuple(headings), *(tuple(map(printable, row)) for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())

    def flush(self) -> None:
        sys.stdout.flush()

    # Everything else

    def note(self, text: str) -> None:
        """A line for people."""
        if not self.quiet:
            self.tell(text)

    def warn(self, text: str) -> None:
        """A warning."""
        self.note(f"warning: {text}")

    def tell(self, text: str) -> None:
        """A line for people, quiet or not."""
        sys.stdout.flush()
        # With its end in one piece: several threads may tell something at the same time.
        print(f"pratique: {printable(text)}\n", end="", file=sys.stderr, flush=True)

    def fail(self, error: Error) -> None:
        """An error as one line, or as one JSON document."""
        sys.stdout.flush()
        if self.as_json:
            print(_dump({"error": error_document(error)}), file=sys.stderr, flush=True)
            return
        notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        advice = error.advice()
        self.tell(f"{error}{notes}{f'; hint: {advice}' if advice else ''}")

    def bug(self, error: Exception) -> None:
        """An error of ours: with --debug where it happened."""
        if self.debug:
            import traceback

            traceback.print_exception(error)
        self.tell(f"internal error: {type(error).__name__}: {error}; hint: report it with what --debug prints")


def error_document(error: Error) -> dict[str, Any]:
    """An error as JSON."""
    document: dict[str, Any] = {"kind": type(error).__name__, "message": str(error), "exit_code": error.exit_code}
    if advice := error.advice():
        document["advice"] = advice
    if notes := getattr(error, "__notes__", None):
        document["notes"] = list(notes)
    if isinstance(error, Refused):
        refusal = {"challenges": list(error.challenges), "credential": error.credential}
        document |= refusal | {"asked": error.asked, "wanted": error.wanted}
    return document


def size(count: int | None) -> str:
    """Bytes for people, in powers of 1000."""
    if count is None:
        return "-"
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {UNITS[unit]}"


def _dump(value: Any, indent: int | None = None) -> str:
    import json

    text = json.dumps(value, ensure_ascii=False, indent=indent)
    # Bytes of a name that are no letters (PEP 383) have no place in UTF-8; JSON can escape them.
    return text.encode("utf-8", "backslashreplace").decode()


def moment(value: datetime | None) -> str:
    """A date for people: a year always has four digits, which `strftime` does not promise."""
    return value.isoformat(" ", "minutes")[:16] if value else "-"


def counted(count: int, what: str) -> str:
    """`1 blob`, `2 blobs`."""
    return f"{count} {what}{'' if count == 1 else 's'}"
