"""Who is admitted: the guard and the token service that belong to the access of now."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ...auth.challenge import BEARER
from ...errors import InvalidInput
from ...http.log import logger
from ...http.message import Request, Response
from ...values import frozen
from .guard import KEYS_PATH, TOKEN_PATH, BasicGuard, BearerGuard, Guard, parse_basic
from .passwords import Memory, Passwords
from .rules import Access
from .watch import Watched

if TYPE_CHECKING:
    from .tokens import TokenService

log = logger(__name__)


@frozen
class Admission:
    """What an access is made to work by. `tokens` is there with the scheme "bearer" only."""

    access: Access
    passwords: Passwords
    guard: Guard
    tokens: TokenService | None

    def is_slow(self, request: Request) -> bool:
        """Whether a password of this request takes a hash that is computed for some tenths of a second."""
        value = request.headers.get("Authorization")
        found = parse_basic(value) if value is not None else None
        return found is not None and self.passwords.is_slow(*found)

    def answer(self, request: Request, path: str) -> Response | None:
        """The answer of the token service; None where the path is none of its. Raises Rejected."""
        if self.tokens is None:
            return None
        if path == TOKEN_PATH:
            return self.tokens.handle(request)
        return self.tokens.keys(request) if path == KEYS_PATH else None


class Admissions:
    """The admission of now: another as soon as the access is another.

    `access` is one for all times, or gives the one of now: the same value as long as nothing changed. The keys are kept in the
    folder `private`, and `clock` gives seconds since the epoch. What is known of wrong and of right passwords is kept through
    changes. Raises InvalidInput for keys that are none.
    """

    def __init__(self, access: Access | Callable[[], Access], private: Path, clock: Callable[[], float]) -> None:
        self._access = access if callable(access) else lambda: access
        self._private = private
        self._clock = clock
        self._memory = Memory(clock)
        self._seen = self._access()
        self._now = self._make(self._seen)

    def __call__(self) -> Admission:
        access = self._access()
        if access is not self._seen:
            self._seen = access  # what cannot be made is told once
            try:
                self._now = self._make(access)
            except InvalidInput as error:
                log.warning("%s; everything stays as it was", error)
        return self._now

    def _make(self, access: Access) -> Admission:
        passwords = Passwords(access.users, self._memory)
        if access.scheme != BEARER:
            return Admission(access, passwords, BasicGuard(access, passwords), None)
        # Signing takes a tenth of a second to import, and only this scheme needs it.
        from .keyring import Keyring
        from .tokens import TokenService, longest_life

        keys = Keyring(self._private, access.tokens, longest_life(access.tokens), self._clock)
        tokens = TokenService(access, keys, passwords, self._clock)
        return Admission(access, passwords, BearerGuard(access, tokens), tokens)


def watched(
    load: Callable[[Path], Access], path: Path, *, clock: Callable[[], float] = time.monotonic
) -> Watched[Access]:
    """An access that is read again when one of its files changes; `load` is `file.load` or `Access.of_htpasswd`.

    `clock` gives seconds. Raises InvalidInput where it cannot be read the first time.
    """

    def read() -> tuple[Access, tuple[Path, ...]]:
        access = load(path)
        return access, access.files

    return Watched(read, check=_check_closed, clock=clock)


def _check_closed(old: Access, new: Access) -> None:
    """Nothing is opened by a file that somebody emptied, or that a full disk cut: that needs a new start."""
    for what, had, has in (("users", old.users, new.users), ("rules", old.rules, new.rules)):
        if had and not has:
            raise InvalidInput(f"{new.files[0]} has no {what} any more", advice="start again if that is meant")
