"""Registries whose answers are scripted: for a manner that no registry behind it has to be real for.

A scripted registry answers for several hosts at once: the registry `r.test` over https, and whatever else is
involved (a token service, a storage, somebody hostile).
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from typing import Final

from ..auth.scopes import ScopeSet
from ..http.message import Request, Response, Transport
from .recording import Recording, Seen

REGISTRY: Final = "https://r.test"
Wrap = Callable[[Transport], Transport]  # what puts something before a registry

SERVICE: Final = "auth.test"  # the host of the token service
REALM: Final = f"https://{SERVICE}/token"


class Scripted(Recording):
    """A transport that remembers every request and its content. Subclasses say in `answer` what they answer.

    A `manner` stands before the answers, given or the class's own: it sees what a client sent, and may change what it gets.
    """

    manner: Wrap | None = None

    def __init__(self, manner: Wrap | None = None) -> None:
        behind = manner or type(self).manner
        super().__init__(behind(self._scripted) if behind else self._scripted, content=True)

    def answer(self, seen: Seen) -> Response:
        """What is answered to a request."""
        raise NotImplementedError

    def _scripted(self, request: Request) -> Response:
        return self.answer(Seen(request.method, request.url, request.headers, _content(request)))


class Ticketed(Scripted):
    """A registry with a token service at `auth.test`: it hands out `T1`, `T2` … and knows what each was asked for."""

    def __init__(self, manner: Wrap | None = None) -> None:
        super().__init__(manner)
        self.issued: dict[str, frozenset[tuple[str, str]]] = {}
        self.lock = threading.Lock()

    def answer(self, seen: Seen) -> Response:
        return self.issue(seen) if seen.host == SERVICE else self.serve(seen)

    def issue(self, seen: Seen) -> Response:
        """What the token service answers: a token for whatever is asked, to whoever asks."""
        with self.lock:
            text = f"T{len(self.issued) + 1}"
            self.issued[text] = ScopeSet.parse(" ".join(wanted(seen))).permissions
        return token(text)

    def serve(self, seen: Seen) -> Response:
        """What the registry answers."""
        raise NotImplementedError

    def permits(self, seen: Seen, scope: str) -> bool:
        """Whether the request has a token that was asked for with all of these scopes."""
        held = self.issued.get((seen.authorization or "").removeprefix("Bearer "))
        return held is not None and ScopeSet.parse(scope).permissions <= held

    @property
    def asked(self) -> list[list[str]]:
        """The scopes of every request for a token, in turn."""
        return [wanted(seen) for seen in self.at(SERVICE)]


def _content(request: Request) -> bytes:
    if request.body is None:
        return b""
    with request.body.open() as stream:
        return stream.read()


def wanted(seen: Seen) -> list[str]:
    """The scopes that a request for a token names, by GET or by POST."""
    return seen.query.get("scope", []) if seen.method == "GET" else " ".join(seen.form.get("scope", [])).split()


# --- Answers


def bearer(
    scope: str | None = None, *, realm: str = REALM, service: str | None = "r.test", problem: str | None = None
) -> str:
    """A line of WWW-Authenticate that asks for a token."""
    named = {"realm": realm, "service": service, "scope": scope, "error": problem}
    return "Bearer " + ",".join(f'{name}="{value}"' for name, value in named.items() if value is not None)


def basic(username: str, password: str) -> str:
    """The value of an Authorization field (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def ok(content: bytes = b"{}", *headers: tuple[str, str]) -> Response:
    """An answer with content."""
    return Response.of(200, content, *headers)


def challenge(status: int, *lines: str, code: str = "UNAUTHORIZED", message: str = "") -> Response:
    """A refusal with these lines of WWW-Authenticate."""
    return Response.of(status, error(code, message), *(("WWW-Authenticate", line) for line in lines))


def error(code: str, message: str = "") -> bytes:
    """The document of an error (distribution specification, §Error codes)."""
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


def token(text: str = "T", **fields: object) -> Response:
    """A token service's answer."""
    return ok(json.dumps({"token": text, **fields}).encode())
