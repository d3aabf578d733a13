"""What the conversations of a session share; it is made when somebody is first refused, for many commands never are."""

from __future__ import annotations

from collections.abc import Callable

from ..http.events import Event, Observer, Warned
from .credentials import Credentials
from .memory import Memories
from .realms import RealmPolicy
from .tokens import TokenCache, TokenClient


class Home:
    """Credentials, rules, tokens and memories. Safe to share among threads; the options are those of `Authenticator`."""

    def __init__(
        self,
        credentials: Credentials,
        policy: RealmPolicy,
        *,
        strict: bool,
        anonymous_first: bool,
        prefer_post: bool,
        eager: bool,
        clock: Callable[[], float],
        tell: Observer,
    ) -> None:
        self.credentials = credentials
        self.policy = policy
        self.strict = strict
        self.anonymous_first = anonymous_first
        self.eager = eager
        self.cache = TokenCache(clock)
        self.client = TokenClient(self.cache, prefer_post=prefer_post)
        self.memories = Memories()
        self._observer = tell
        self._warned: set[str] = set()

    def tell(self, event: Event) -> None:
        """Pass an event on; a warning only once."""
        if isinstance(event, Warned):
            if event.text in self._warned:
                return
            self._warned.add(event.text)
        self._observer(event)
