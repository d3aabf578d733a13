"""The authenticator: requests go as anybody could send them until one is refused, and then each has a conversation.

What conversations need is loaded with the first of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..http.events import Observer, ignore
from ..http.message import Request, Response
from .scopes import NO_SCOPES, ScopeSet

if TYPE_CHECKING:
    from .credentials import Credentials
    from .home import Home
    from .realms import RealmPolicy


class Authenticator:
    """Gets requests answered with the permission that their own endpoint asks for. Safe to share among threads.

    `policy` makes the rules for token services when somebody is first refused. `strict` makes a stored credential that is
    refused an error for reads, too. `anonymous_first` asks for tokens to read without a credential, and with one only if
    that does not suffice. `prefer_post` asks token services by the OAuth2 POST first. `eager` shows a credential, too, where
    an answer to anybody invites to: it may list more then.
    """

    def __init__(
        self,
        credentials: Credentials | None = None,
        *,
        policy: Callable[[], RealmPolicy] | None = None,
        strict: bool = False,
        anonymous_first: bool = False,
        prefer_post: bool = False,
        eager: bool = False,
        clock: Callable[[], float] = time.monotonic,
        tell: Observer = ignore,
    ) -> None:
        def make() -> Home:
            from .credentials import ANONYMOUS
            from .home import Home
            from .realms import RealmPolicy

            return Home(
                ANONYMOUS if credentials is None else credentials,
                (policy or RealmPolicy)(),
                strict=strict,
                anonymous_first=anonymous_first,
                prefer_post=prefer_post,
                eager=eager,
                clock=clock,
                tell=tell,
            )

        self._make = make
        self._eager = eager
        self._made: Home | None = None
        self._lock = threading.Lock()  # of the making

    @property
    def home(self) -> Home:
        """What its conversations share. Raises InvalidInput where the rules for token services cannot be had."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def exchange(self, request: Request, scopes: ScopeSet | None, send: Callable[[Request], Response]) -> Response:
        """The answer to a request, with whatever permission it needs; `send` delivers one request as it is.

        `scopes` are what the operation needs; they are asked for beside what a challenge names. Raises Refused where there
        is no permission to be had, Misbehaved where a challenge may not be answered, and what `send` raises.
        """
        heard = None
        if self._made is None:
            heard = send(request.without("Authorization"))
            if self._settles(heard):
                return heard
        from .conversation import Conversation

        return Conversation(self.home, request, scopes or NO_SCOPES, send, heard).run()

    def permission(self, request: Request) -> str | None:
        """The `Authorization` that was last good for a request like this; a secret."""
        if self._made is None:
            return None
        from .memory import space_of

        memory = self._made.memories.of(space_of(request, NO_SCOPES)[0])
        return memory.proof.header.reveal() if memory else None

    def _settles(self, answer: Response) -> bool:
        """Whether nothing can follow an answer to anybody; a 404, too, may hide what is shown to some."""
        return answer.status < 400 and not (self._eager and "WWW-Authenticate" in answer.headers)
