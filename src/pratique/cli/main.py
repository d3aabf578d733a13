"""Where the command line begins. What every command needs and no more is imported here: start-up is a feature."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..version import VERSION


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the result is its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["--version"], ["-V"]):
        print(f"pratique {VERSION}")
        return 0
    from .program import run

    return run(words)


if __name__ == "__main__":
    sys.exit(main())
