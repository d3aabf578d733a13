"""Whether a password is a user's: by plain words or by hashes of bcrypt, slowly for who guesses and quickly for who knows."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Final

from ...auth.secret import Secret
from .attempts import Attempts
from .htpasswd import is_hash

REMEMBERED_SECONDS: Final = 300.0  # that a hash is not computed again for a password that was right
MOST_REMEMBERED: Final = 1024  # right passwords
MOST_AT_ONCE: Final = 4  # hashes that are computed
MOST_HASHED_BYTES: Final = 72  # of a password; bcrypt looks at no more, and every tool of htpasswd leaves out the rest


class Memory:
    """Passwords that were right a short time ago, and failures. It is kept when the users change.

    Kept are digests by a key that only this process has: of a name, its hash and the password. A changed hash ends them.
    `clock` gives seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.attempts = Attempts(clock)
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()
        self._locks = tuple(threading.Lock() for _ in range(MOST_AT_ONCE))

    def digest(self, *texts: str) -> bytes:
        """A digest of texts, each of whatever length; nobody without the key can test guesses against it."""
        content = b"".join(len(raw).to_bytes(8) + raw for raw in map(str.encode, texts))
        return hmac.new(self._key, content, hashlib.sha256).digest()

    def has(self, proof: bytes) -> bool:
        """Whether this was right not long ago."""
        return self._clock() < self._until.get(proof, 0.0)

    def keep(self, proof: bytes) -> None:
        """Remember that this was right."""
        with self._lock:
            self._until[proof] = self._clock() + REMEMBERED_SECONDS
            if len(self._until) > MOST_REMEMBERED:
                self._until.popitem(last=False)

    def lock(self, proof: bytes) -> threading.Lock:
        """What who checks this holds: the same password is hashed once, and few are at once."""
        return self._locks[proof[0] % MOST_AT_ONCE]


class Passwords:
    """The users of an access: their passwords are plain words or hashes of bcrypt."""

    def __init__(self, users: Mapping[str, Secret], memory: Memory) -> None:
        self._users = users
        self._memory = memory
        self._hashes = tuple(text for text in (secret.reveal() for secret in users.values()) if is_hash(text))
        if self._hashes:
            import_module("bcrypt")  # only who has hashes needs it, and learns at once where it is missing

    def check(self, user: str, password: str, peer: str | None = None) -> bool:
        """Whether this is the user's password. `peer` is the address of the client.

        Raises TooManyAttempts for who has failed often and did not wait; the password is not looked at then.
        """
        memory = self._memory
        memory.attempts.check(peer, user)
        stored = self._users.get(user, Secret("")).reveal()
        proof = memory.digest(user, stored, password)
        if memory.has(proof):
            return True
        with memory.lock(proof):
            memory.attempts.check(peer, user)
            right = memory.has(proof) or self._is_right(user, stored, password)
            (memory.attempts.succeed if right else memory.attempts.fail)(peer, user)
            if right and is_hash(stored):
                memory.keep(proof)
        return right

    def is_slow(self, user: str, password: str) -> bool:
        """Whether a check would compute a hash, which takes some tenths of a second."""
        stored = self._users.get(user, Secret("")).reveal()
        return bool(self._hashes) and not self._memory.has(self._memory.digest(user, stored, password))

    def _is_right(self, user: str, stored: str, password: str) -> bool:
        if is_hash(stored):
            return _matches(stored, password)
        digest = self._memory.digest
        right = hmac.compare_digest(digest(stored), digest(password)) and bool(stored)
        if not right and self._hashes:
            # Who asks for a user that does not exist, or has a plain word, waits as long as for one with a hash; the same
            # name for the same time, so that asking twice tells nothing.
            place = int.from_bytes(digest(user)[:8]) % len(self._hashes)
            _matches(self._hashes[place], password)
        return right


def _matches(stored: str, password: str) -> bool:
    import bcrypt

    return bcrypt.checkpw(password.encode()[:MOST_HASHED_BYTES], stored.encode())
