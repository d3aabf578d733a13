"""What is known of a refusal while a conversation goes on, and the error that tells it in the end."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote_plus

from ..errors import Denied, Error, NotFound, Refused, Unauthorized
from ..http.message import Request, Response
from ..http.origin import redact
from ..http.problem import Problem, status_text
from .challenge import BASIC, BEARER, Challenge
from .credentials import Credential
from .proof import BARE, Proof
from .scopes import NO_SCOPES, ScopeSet
from .secret import Secret

SHORTEST_HIDDEN: Final = 8  # characters of a secret; what is shorter cannot be told from ordinary words


class Refusal:
    """Notes of one conversation."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._status = 401
        self._problem = Problem((), "")
        self._challenges: tuple[Challenge, ...] = ()
        self._lines: tuple[str, ...] = ()
        self._proof = BARE
        self._asked = NO_SCOPES
        self._keys: tuple[str, ...] = ()
        self._places: tuple[str, ...] = ()
        self._found: Credential | None = None
        self._refusing: Credential | None = None
        self._troubles: list[str] = []
        self._error: Error | None = None
        self._secrets: set[Secret] = set()

    def note(self, response: Response, challenges: tuple[Challenge, ...], proof: Proof) -> None:
        """Keep the server's answer to what was shown; the answer is closed."""
        self._status = response.status
        self._problem = Problem.of(response)
        self._challenges = challenges or self._challenges
        self._lines = response.headers.all("WWW-Authenticate") or self._lines
        self._proof = proof if not proof.is_bare else self._proof
        self._asked = proof.scopes or self._asked
        self._secrets |= {Secret(proof.header.reveal().partition(" ")[2])}
        self.note_credential(proof.credential)

    def note_credential(self, credential: Credential | None) -> None:
        """Keep what was shown to somebody who may repeat it."""
        if credential is not None:
            self._secrets |= {credential.secret, Secret(credential.basic().reveal().partition(" ")[2])}

    def hide(self, text: str) -> str:
        """The text without what was shown in this conversation: servers repeat what they are sent."""
        for secret in self._secrets:
            for form in {secret.reveal(), quote_plus(secret.reveal())}:
                text = text.replace(form, "…") if len(form) >= SHORTEST_HIDDEN else text
        return text

    def note_search(self, keys: tuple[str, ...], places: tuple[str, ...], found: Credential | None) -> None:
        """Keep where a credential was looked for, and what was found."""
        self._keys, self._places, self._found = keys, places, found

    def note_trouble(self, text: str, credential: Credential | None = None) -> None:
        """Keep why a permission could not be had; a credential that was refused is named."""
        self._troubles.append(text)
        self._refusing = credential or self._refusing

    def note_error(self, error: Error) -> None:
        """Keep why a challenge may not be answered; it is the error if nothing else can be shown."""
        self._error = self._error or error

    def error(self) -> Error:
        """The error that stands."""
        if self._error is not None and self._proof.is_bare:
            self._error.add_note(self.hide(self._answer()))
            return self._error
        message = self.hide("; ".join([self._answer(), *dict.fromkeys(self._troubles), *self._shown()]))
        if self._status == 404:
            return NotFound(message, advice=self._advice())
        return self._kind()(
            message,
            advice=self._advice(),
            challenges=tuple(map(self.hide, map(str, self._challenges))) or tuple(map(self.hide, self._lines)),
            credential=str(credential) if (credential := self._credential()) else None,
            asked=str(self._asked),
            wanted=str(self._wanted()),
        )

    def _kind(self) -> type[Refused]:
        authenticated = not self._proof.is_bare and self._proof.credential is not None
        lacking = any(challenge.error == "insufficient_scope" for challenge in self._challenges)
        return Denied if self._status == 403 or (authenticated and lacking) else Unauthorized

    def _answer(self) -> str:
        said = f": {self._problem}" if str(self._problem) else ""
        return f"{self._request} was refused with {status_text(self._status)}{said}"

    def _shown(self) -> list[str]:
        """What was shown in vain."""
        if self._proof.is_bare:
            return [self._unanswerable()] if self._unanswerable() else self._searched()
        shown = f"shown was {self._proof.credential or 'an anonymous token'}"
        if not self._proof.is_bearer:
            return [shown, *self._searched()]
        errors = ", ".join(dict.fromkeys(challenge.error for challenge in self._challenges if challenge.error))
        wanted = f", wanted is {self._wanted()}" if self._wanted() else ""
        asked = f"its token{self._maker()} asked for {self._asked or 'no scope'}"
        return [f"{shown}, {asked}{wanted}{f' ({errors})' if errors else ''}", *self._searched()]

    def _maker(self) -> str:
        return f" of {redact(self._proof.service.realm)}" if self._proof.service else ""

    def _unanswerable(self) -> str:
        if self._challenges and not any(challenge.scheme in (BASIC, BEARER) for challenge in self._challenges):
            schemes = ", ".join(dict.fromkeys(challenge.scheme.capitalize() for challenge in self._challenges))
            return f"it asks for {schemes}, which is not spoken here"
        if self._lines and not self._challenges:
            return f"its challenge cannot be understood: {self._lines[0][:200]!r}"
        return ""

    def _searched(self) -> list[str]:
        """What a search for credentials brought, where none was shown."""
        if self._credential() is not None or not self._keys:
            return []
        if self._found is not None:
            return [f"the {self._found} does not serve here"]
        places = f" in {', '.join(self._places)}" if self._places else ""
        return [f"no credentials were found for {', '.join(self._keys)}{places}"]

    def _wanted(self) -> ScopeSet:
        named = [challenge.scopes for challenge in self._challenges if challenge.scopes]
        return named[0] if named else NO_SCOPES

    def _credential(self) -> Credential | None:
        return self._refusing or self._proof.credential

    def _advice(self) -> str | None:
        registry = self._request.origin.netloc
        credential = self._credential()
        if credential is None:
            return (
                None
                if self._unanswerable()
                else f"log in with: pratique login {registry}, or give --creds USER:PASSWORD"
            )
        if self._kind() is Denied and self._refusing is None:
            return f"ask whoever runs {registry} to permit {self._wanted() or 'this'} to {credential.username or 'this token'}"
        if self._request.method not in ("GET", "HEAD"):
            return f"check the {credential}"
        return f"check the {credential}; what is public can be read with --anonymous"
