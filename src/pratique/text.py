"""Text from strangers, made fit to be shown."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text without control characters, which a hostile server could steer a terminal or forge lines of a log with."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
