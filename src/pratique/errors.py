"""Every exception that Pratique raises, drawn as a tree.

```
Error                          exit code 1
├─ InvalidInput (ValueError)     2   what the caller gave does not parse: InvalidReference, InvalidDigest, a config file
├─ NotFound                      3   a manifest, blob or repository that the server does not know
├─ Refused                       4   the server does not permit it
│   ├─ Unauthorized                    it does not know who asks (401)
│   └─ Denied                          it knows, and says no (403)
├─ ContentMismatch               5   the bytes are not what their digest or size says
├─ Unreachable                   6   no answer: name, connection, TLS, time-out
│   ├─ RateLimited                     an answer that says: later
│   └─ ProxyRefused                    a proxy on the way does not let it pass
├─ Misbehaved                    7   the server broke the specification
└─ Unsupported                   8   this store or server cannot do that
```

Every error is one sentence that says what was asked, of whom and what was answered; `advice()` says what to do about it.
Context is added on the way up with `add_note`.
"""

from __future__ import annotations

from typing import ClassVar


class Error(Exception):
    """The root of the tree."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        super().__init__(message)
        self._advice = advice

    def advice(self) -> str | None:
        """What a person can do about it, in one sentence; None where nothing useful is known."""
        return self._advice


class InvalidInput(Error, ValueError):
    """What the caller gave does not parse or contradicts itself."""

    exit_code = 2


class InvalidReference(InvalidInput):
    """A reference that the grammar of the distribution specification does not allow."""


class InvalidDigest(InvalidInput):
    """A digest that the grammar of the image specification does not allow, or of an unknown algorithm."""


class NotFound(Error):
    """The server does not know the manifest, blob or repository (distribution specification, 404)."""

    exit_code = 3


class Refused(Error):
    """The server does not permit the request.

    `challenges` are the `WWW-Authenticate` challenges that were met, as text; `credential` says where the
    credential came from (never the secret), or None when the request was anonymous; `asked` are the scopes
    that tokens were asked for, `wanted` those that the server named last, both as text.
    """

    exit_code = 4

    def __init__(
        self,
        message: str,
        *,
        advice: str | None = None,
        challenges: tuple[str, ...] = (),
        credential: str | None = None,
        asked: str = "",
        wanted: str = "",
    ) -> None:
        super().__init__(message, advice=advice)
        self.challenges = challenges
        self.credential = credential
        self.asked = asked
        self.wanted = wanted


class Unauthorized(Refused):
    """The server does not know who asks (RFC 9110 §15.5.2)."""


class Denied(Refused):
    """The server knows who asks and does not permit it (RFC 9110 §15.5.4, RFC 6750 §3.1)."""


class ContentMismatch(Error):
    """The bytes are not what their digest or size says."""

    exit_code = 5

    def __init__(self, message: str, *, expected: str, actual: str, advice: str | None = None) -> None:
        super().__init__(message, advice=advice)
        self.expected = expected
        self.actual = actual


class Unreachable(Error):
    """No usable answer came: a name, a connection, TLS, a proxy, a time-out, or a server in trouble (5xx)."""

    exit_code = 6


class RateLimited(Unreachable):
    """The server asks to come back later (RFC 6585 §4); `retry_after` in seconds where it said when."""

    def __init__(self, message: str, *, retry_after: float | None = None, advice: str | None = None) -> None:
        super().__init__(message, advice=advice)
        self.retry_after = retry_after


class ProxyRefused(Unreachable):
    """A proxy on the way does not let the request pass (RFC 9110 §15.5.8, §9.3.6).

    `proxy` is its URL without user and password; `schemes` are those by which it wants to know who asks, empty where that
    is not what it wants. No registry has seen the request, and no credential for one is the answer.
    """

    def __init__(self, message: str, *, proxy: str, schemes: tuple[str, ...] = (), advice: str | None = None) -> None:
        super().__init__(message, advice=advice)
        self.proxy = proxy
        self.schemes = schemes


class Misbehaved(Error):
    """The server broke the specification; the message names the sentence."""

    exit_code = 7


class Unsupported(Error):
    """This store or server cannot do what was asked."""

    exit_code = 8
