"""Regular expressions that are compiled when they are first used.

A command loads dozens and uses a few, and each takes a tenth to half a millisecond.
"""

from __future__ import annotations

import re
from typing import Any, AnyStr, cast


def expression(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """What `re.compile` returns, but compiled later: an error in it is noticed with its first use."""
    return cast("re.Pattern[AnyStr]", _Expression(pattern, flags))


class _Expression:
    def __init__(self, pattern: Any, flags: int) -> None:
        self._written = pattern, flags

    def __getattr__(self, name: str) -> Any:  # called only for what is not there yet
        method = getattr(re.compile(*self._written), name)
        setattr(self, name, method)  # so that it costs from now on what a compiled one's does
        return method
