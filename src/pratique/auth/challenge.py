"""Challenges in `WWW-Authenticate` (RFC 9110 §11): read generously, written strictly."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ..expressions import expression
from ..values import frozen, replace
from .scopes import ScopeSet

BASIC: Final = "basic"
BEARER: Final = "bearer"

MOST_CHALLENGES: Final = 32  # in all header lines of one answer; the rest is not read
MOST_PARAMETERS: Final = 64  # of one challenge; the rest is not read

_GAP = expression(r"[\s,]*")
_NAME = expression(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_EQUALS = expression(r"[ \t]*=[ \t]*")
_QUOTED = expression(r'"((?:[^"\\]|\\.)*)(?:"|\\?$)', re.DOTALL)
_BARE = expression(r"[^\s,]*")  # more than a token: real servers leave URLs unquoted
_TOKEN68 = expression(r"[ \t]+([A-Za-z0-9._~+/-]+=*)[ \t]*(?=,|$)")
_ESCAPE = expression(r"\\(.)", re.DOTALL)

# Actions that a server may list, without quotes, behind a comma that then seems to begin a new challenge.
_STRAY_ACTIONS = expression(r"(?:[\s,]+(?:pull|push|delete|\*)(?=[\s,]|$)(?![ \t]*=))*")
# What the grammar allows nowhere in a quoted string (RFC 9110 §5.6.4).
_UNWRITABLE = expression(r"[\x00-\x08\x0a-\x1f\x7f]")


@frozen
class Challenge:
    """A scheme (lower case) and its parameters (names in lower case), in order; `scope` may come several times."""

    scheme: str
    parameters: tuple[tuple[str, str], ...] = ()
    token68: str = ""

    def get(self, name: str) -> str | None:
        """The first value of a parameter."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of a parameter that, against RFC 9110 §11.2, is repeated."""
        return tuple(value for key, value in self.parameters if key == name)

    def without(self, name: str) -> Challenge:
        """This challenge without a parameter."""
        return Challenge(self.scheme, tuple(pair for pair in self.parameters if pair[0] != name), self.token68)

    @property
    def realm(self) -> str:
        return self.get("realm") or ""

    @property
    def service(self) -> str | None:
        return self.get("service")

    @property
    def error(self) -> str | None:
        """`insufficient_scope`, `invalid_token` or whatever the server says went wrong (RFC 6750 §3.1)."""
        return self.get("error")

    @property
    def scopes(self) -> ScopeSet:
        """The scopes that the server names, from every `scope` parameter."""
        return ScopeSet.parse(" ".join(self.all("scope")))

    def __str__(self) -> str:
        parameters = ",".join(f"{name}={_quote(value)}" for name, value in self.parameters)
        return " ".join(part for part in (self.scheme.capitalize(), self.token68, parameters) if part)


def parse_challenges(lines: Iterable[str]) -> tuple[Challenge, ...]:
    """Every challenge that can be understood in the lines of `WWW-Authenticate`, in order. Raises nothing."""
    found: list[Challenge] = []
    for line in lines:
        found += _Reader(line).challenges()
    return tuple(found[:MOST_CHALLENGES])


class _Reader:
    """Reads one header line from left to right; what is not understood is stepped over."""

    def __init__(self, line: str) -> None:
        self._line = line
        self._position = 0

    def challenges(self) -> list[Challenge]:
        found: list[Challenge] = []
        while self._more() and len(found) < MOST_CHALLENGES:
            name = self._take(_NAME)
            if name is None:
                self._position += 1
            elif found and self._take(_EQUALS) is not None:
                found[-1] = self._parameter(found[-1], name[0].lower())
            else:
                found.append(self._begin(name[0].lower()))
        return found

    def _begin(self, scheme: str) -> Challenge:
        # `realm=` of a careless Basic or Bearer looks like a token68; those two schemes never have one.
        token68 = None if scheme in (BASIC, BEARER) else self._take(_TOKEN68)
        return Challenge(scheme, token68=token68[1] if token68 else "")

    def _parameter(self, challenge: Challenge, name: str) -> Challenge:
        value = self._value()
        stray = self._take(_STRAY_ACTIONS) if name == "scope" else None
        if stray is not None:
            value = ",".join([value, *stray[0].replace(",", " ").split()])
        if len(challenge.parameters) == MOST_PARAMETERS:
            return challenge
        return replace(challenge, parameters=(*challenge.parameters, (name, value)))

    def _value(self) -> str:
        quoted = self._take(_QUOTED)
        if quoted is not None:
            return _ESCAPE.sub(r"\1", quoted[1])
        bare = self._take(_BARE)
        return bare[0] if bare else ""

    def _more(self) -> bool:
        self._take(_GAP)
        return self._position < len(self._line)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._line, self._position)
        if found is not None:
            self._position = found.end()
        return found


def _quote(value: str) -> str:
    escaped = _UNWRITABLE.sub(" ", value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
