"""As whom a request is made: the credential that was found for it, and what comes in its place when it is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..http.events import Warned
from ..http.message import Request
from .credentials import Credential, Kind, Remembers, lookup_keys
from .events import CredentialSought
from .refusal import Refusal

if TYPE_CHECKING:
    from .home import Home


class Identity:
    """The credential for one request. It is looked for when a challenge first wants one, and no sooner."""

    def __init__(self, home: Home, request: Request, repository: str | None, refusal: Refusal) -> None:
        self._home = home
        self._registry = request.origin.netloc
        self._repository = repository
        self._reads = request.method in ("GET", "HEAD")
        self._refusal = refusal
        self._credential: Credential | None = None
        self._sought = False
        self._sought_again = False

    def credential(self) -> Credential | None:
        """The credential that holds now, looked for on the first call."""
        if not self._sought:
            self._sought = True
            self._credential = self._home.credentials.find(self._registry, self._repository)
            keys, places = lookup_keys(self._registry, self._repository), self._home.credentials.places(self._registry)
            self._refusal.note_search(keys, places, self._credential)
            found = str(self._credential) if self._credential else None
            self._home.tell(CredentialSought(self._registry, self._repository, keys, places, found))
        return self._credential

    def password(self) -> Credential | None:
        """The credential, or its first alternative, that can be shown as it is."""
        credential = self.credential()
        while credential is not None and credential.kind is not Kind.PASSWORD:
            credential = credential.alternative
        return credential

    def askers(self) -> tuple[Credential | None, ...]:
        """As whom tokens are asked for, in turn; None is anybody."""
        credential = self.credential()
        if credential is None:
            return (None,)
        return (None, credential) if self._home.anonymous_first and self._reads else (credential,)

    def refreshed(self, refused: Credential) -> Credential | None:
        """What the source of a refused credential says now, if that is something else."""
        for find in (self.credential, self._find_again) if refused.refreshable else ():
            found = find()
            if found is not None and found.kind is refused.kind and found.secret != refused.secret:
                return found
        return None

    def instead(self, refused: Credential, reason: str) -> Credential | None:
        """As whom to ask a token service that refused a credential. Raises the error where that must not be hidden."""
        other = self.refreshed(refused) or refused.alternative
        if other is None and not self.may_go_without(refused, reason):
            raise self._refusal.error() from None  # a service may repeat what it was shown, and a traceback would
        self._credential = other
        return other

    def may_go_without(self, refused: Credential, reason: str) -> bool:
        """Whether to go on as anybody: only for a read, and not where the user gave the credential on this command."""
        self._refusal.note_trouble(reason, refused)
        if refused.given or not self._reads or self._home.strict:
            return False
        place = self._repository or self._registry
        self._home.tell(Warned(f"the {refused} was refused for {place} ({reason}); going on anonymously"))
        return True

    def _find_again(self) -> Credential | None:
        if not self._sought_again:
            self._sought_again = True
            if isinstance(self._home.credentials, Remembers) and self._credential is not None:
                self._home.credentials.forget(self._credential)
            self._credential = self._home.credentials.find(self._registry, self._repository) or self._credential
        return self._credential
