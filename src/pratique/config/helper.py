"""Credential helpers: programs `docker-credential-NAME` that keep credentials elsewhere, or make them when they are wanted.

The protocol is that of docker-credential-helpers: the action is the one argument, what it is about comes on standard input, the
answer on standard output. A secret is never an argument.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Mapping
from typing import Any, Final

from ..auth.credentials import DOCKER_HUB_KEY, IDENTITY_USER, Credential, Kind, password_credential
from ..auth.secret import Secret
from ..errors import InvalidInput, Unsupported
from ..expressions import expression
from ..spec.reference import DOCKER_HUB

PREFIX: Final = "docker-credential-"
SECONDS: Final = 60.0  # that a helper may take: it may ask a person to unlock a key ring, or a cloud for a password
MOST_BYTES: Final = 1 << 20  # of what a helper prints
MOST_SHOWN_CHARACTERS: Final = 200  # of what a helper says went wrong
ALL: Final = "unused"  # what `list` is given: it takes no argument, and some wait for one

# What a helper prints, with exit code 1, where it has nothing; other words are a failure.
NOT_FOUND: Final = "credentials not found in native keychain"

# Set for every helper that is started, so that our own does not start others: they might ask it again.
GUARD: Final = "PRATIQUE_HELPER"

_NAME: Final = expression(r"[A-Za-z0-9][A-Za-z0-9._+-]*", re.ASCII)
# What may be a secret in a helper's complaint: what a word announces, and what is long and of one piece.
_ANNOUNCED: Final = expression(r"(?i)(password|secret|token)(\W{0,2}[:=]\W*)\S+")
_OPAQUE: Final = expression(r"[A-Za-z0-9+=_-]{20,}")


class HelperFailed(InvalidInput):
    """A helper is missing, or did not do what was asked."""


class Helper:
    """One helper, by the name that configurations give it. What it answers is kept for as long as this object lives.

    `named_by` says who wants it asked, for people. Raises InvalidInput for a name that is none. Safe to share among threads.
    """

    def __init__(self, name: str, *, named_by: str = "", seconds: float = SECONDS) -> None:
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"{name[:80]!r}{f'{_by(named_by)},' if named_by else ''} is not the name of a credential helper"
            )
        self.program = f"{PREFIX}{name}"
        self._named_by = named_by
        self._seconds = seconds
        self._lock = threading.Lock()  # one flight at a time: a helper may ask a person
        self._known: dict[str, Credential | HelperFailed | None] = {}

    # As a place where credentials are found

    def find(self, registry: str, repository: str | None) -> Credential | None:  # noqa: ARG002
        """What it has for a registry: helpers know no repositories. Raises HelperFailed."""
        found = (self.get(server) for server in servers(registry))
        return next((credential for credential in found if credential is not None), None)

    def places(self, registry: str) -> tuple[str, ...]:  # noqa: ARG002
        return (self.program,)

    def forget(self, credential: Credential) -> None:
        """Ask again for what was refused; what was asked for since then is kept."""
        with self._lock:
            stale = [
                server
                for server, known in self._known.items()
                if isinstance(known, Credential) and known.secret == credential.secret
            ]
            for server in stale:
                del self._known[server]

    # The protocol

    def get(self, server: str) -> Credential | None:
        """What it has for a server, None where it has nothing. Raises HelperFailed, once asked without asking again."""
        with self._lock:
            if server not in self._known:
                try:
                    self._known[server] = self._ask(server)
                except HelperFailed as error:
                    self._known[server] = error
            known = self._known[server]
        if isinstance(known, HelperFailed):
            raise HelperFailed(str(known), advice=known.advice())
        return known

    def store(self, server: str, credential: Credential) -> None:
        """Give it a credential to keep. Raises HelperFailed, and Unsupported for a registry token."""
        if credential.kind is Kind.BEARER:
            raise Unsupported("credential helpers keep no registry tokens")
        username = IDENTITY_USER if credential.kind is Kind.IDENTITY else credential.username
        document = {"ServerURL": server, "Username": username, "Secret": credential.secret.reveal()}
        self._run("store", server, json.dumps(document) + "\n", hidden=credential.secret)
        self._known.pop(server, None)

    def erase(self, server: str) -> None:
        """Have it forget what it has for a server. Raises HelperFailed."""
        self._run("erase", server, server)
        self._known.pop(server, None)

    def list(self) -> Mapping[str, str]:
        """The servers that it has credentials for, with their users. Raises HelperFailed."""
        document = self._parse("list", "", self._run("list", "", ALL) or "{}")
        if not all(isinstance(user, str) for user in document.values()):
            raise self._failure("list", "", "it printed something else than users by their servers")
        return document

    def _ask(self, server: str) -> Credential | None:
        out = self._run("get", server, server)
        if out is None:
            return None
        document = self._parse("get", server, out)
        username, secret = document.get("Username", ""), document.get("Secret", "")
        if not isinstance(username, str) or not isinstance(secret, str):
            raise self._failure("get", server, "its 'Username' or 'Secret' is not a string")
        source = f"{self.program} ({server}){_by(self._named_by)}"
        try:
            return password_credential(username, secret, source, refreshable=True) if secret else None
        except InvalidInput as error:
            raise HelperFailed(str(error), advice=error.advice()) from None

    def _run(self, action: str, server: str, text: str, hidden: Secret | None = None) -> str | None:
        """What it prints; None where it says that it has nothing."""
        import shutil

        from .process import TooMuch, run

        path = shutil.which(self.program)
        if path is None:
            advice = f"install it, or take it out of {self._named_by}" if self._named_by else "install it"
            raise self._failure(action, server, "there is no such program on the PATH", advice)
        environment = {**os.environ, GUARD: "1"}
        try:
            ended = run(
                path, action, text.encode(), environment=environment, seconds=self._seconds, most_bytes=MOST_BYTES
            )
        except TimeoutError:
            raise self._failure(action, server, f"it did not end within {self._seconds:g} s") from None
        except TooMuch:
            raise self._failure(action, server, f"it printed more than {MOST_BYTES} bytes") from None
        except OSError as error:
            raise self._failure(action, server, f"it cannot be run: {error.strerror}") from None
        out = ended.out.decode("utf-8", "replace")
        if ended.code == 0:
            return out
        if out.strip() == NOT_FOUND:
            return None
        said = _complaint(out, ended.err.decode("utf-8", "replace"), hidden)
        raise self._failure(action, server, f"it ended with {ended.code}{said}")

    def _parse(self, action: str, server: str, out: str) -> dict[str, Any]:
        try:
            document = json.loads(out)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise self._failure(action, server, "what it printed is not a JSON object")
        return document

    def _failure(self, action: str, server: str, what: str, advice: str | None = None) -> HelperFailed:
        asked = f"{self.program} {action}{f' for {server}' if server else ''}"
        by_hand = f"see what {self.program} says when it is run by hand"
        return HelperFailed(f"{asked}{_by(self._named_by)}: {what}", advice=advice or by_hand)


def servers(registry: str) -> tuple[str, ...]:
    """The names under which a helper may know a registry; Docker Hub has Docker's own and that of the other tools."""
    return (DOCKER_HUB_KEY, "docker.io") if registry in DOCKER_HUB else (registry,)


def _by(named_by: str) -> str:
    return f", named by {named_by}" if named_by else ""


def _complaint(out: str, err: str, hidden: Secret | None) -> str:
    """A line of what a helper says went wrong, without what may be a secret."""
    said = out if out.strip() and not out.lstrip().startswith("{") else err  # JSON would be a credential
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if not lines:
        return ""
    line = lines[0].replace(hidden.reveal(), "…") if hidden else lines[0]
    shown = _OPAQUE.sub("…", _ANNOUNCED.sub(r"\1\2…", line))
    return f": {shown[:MOST_SHOWN_CHARACTERS]}"
