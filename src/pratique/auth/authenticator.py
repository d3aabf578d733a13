"""The authenticator: one conversation a request, and what the conversations of a session share."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..http.events import Event, Observer, Warned, ignore
from ..http.message import Request, Response
from .conversation import Conversation
from .credentials import ANONYMOUS, Credentials
from .memory import Memories, space_of
from .realms import RealmPolicy
from .scopes import NO_SCOPES, ScopeSet
from .tokens import TokenCache, TokenClient


class Authenticator:
    """Gets requests answered with the permission that their own endpoint asks for. Safe to share among threads.

    `strict` makes a stored credential that is refused an error for reads, too. `anonymous_first` asks for tokens to
    read without a credential, and with one only if that does not suffice. `prefer_post` asks token services by the
    OAuth2 POST first. `eager` shows a credential, too, where an answer to anybody invites to: it may list more then.
    """

    def __init__(
        self,
        credentials: Credentials = ANONYMOUS,
        *,
        policy: RealmPolicy | None = None,
        strict: bool = False,
        anonymous_first: bool = False,
        prefer_post: bool = False,
        eager: bool = False,
        clock: Callable[[], float] = time.monotonic,
        tell: Observer = ignore,
    ) -> None:
        self.credentials = credentials
        self.policy = policy or RealmPolicy()
        self.strict = strict
        self.anonymous_first = anonymous_first
        self.eager = eager
        self.cache = TokenCache(clock)
        self.client = TokenClient(self.cache, prefer_post=prefer_post)
        self.memories = Memories()
        self._observer = tell
        self._warned: set[str] = set()

    def exchange(self, request: Request, scopes: ScopeSet | None, send: Callable[[Request], Response]) -> Response:
        """The answer to a request, with whatever permission it needs; `send` delivers one request as it is.

        `scopes` are what the operation needs; they are asked for beside what a challenge names. Raises Refused where there
        is no permission to be had, Misbehaved where a challenge may not be answered, and what `send` raises.
        """
        return Conversation(self, request, scopes or NO_SCOPES, send).run()

    def permission(self, request: Request) -> str | None:
        """The `Authorization` that was last good for a request like this; a secret."""
        memory = self.memories.of(space_of(request, NO_SCOPES)[0])
        return memory.proof.header.reveal() if memory else None

    def tell(self, event: Event) -> None:
        """Pass an event on; a warning only once."""
        if isinstance(event, Warned):
            if event.text in self._warned:
                return
            self._warned.add(event.text)
        self._observer(event)
