"""The keys of the token service: a folder of them, of which one signs and all are believed."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

from ...errors import InvalidInput
from ..storage.disk import write
from .keys import SigningKey, key_of
from .rules import Tokens
from .watch import Watched

FOLDER: Final = "keys"
CERTIFICATES: Final = "certificates.pem"
SUFFIX: Final = ".pem"
SECRET_MODE: Final = 0o600
MOST_KEYS: Final = 100  # in a folder
MOST_KEY_BYTES: Final = 64 << 10  # of a file
MOST_CHECKED: Final = 1024  # tokens whose signature is remembered as good
DAY: Final = 24 * 3600.0
# Seconds after its certificate begins until a key signs. The clocks of those who check it may be late.
DELAY: Final = 300.0
# Seconds that the next key is known before its turn, so that other registries can be given it; or half of its life.
ANNOUNCED: Final = 7 * DAY


class Signed(NamedTuple):
    """What a token says, and the key that signed it."""

    claims: Mapping[str, Any]
    key: SigningKey


class Ring:
    """Keys in the order in which they begin."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        self.keys = tuple(sorted(keys, key=lambda key: (key.begins, key.id)))
        self._by_id = {key.id: key for key in keys}
        # The check of a signature takes longer than most requests; claims of time are not part of it.
        self.read = lru_cache(MOST_CHECKED)(self._read)

    def of(self, algorithm: str) -> tuple[SigningKey, ...]:
        """The keys for an algorithm."""
        return tuple(key for key in self.keys if key.algorithm == algorithm)

    def signer(self, algorithm: str, now: float) -> SigningKey | None:
        """The key that signs: the newest whose turn has come, or the first."""
        mine = self.of(algorithm)
        begun = [key for key in mine if key.begins + DELAY <= now]
        return next(iter(begun[-1:] or mine), None)

    def _read(self, token: str) -> Signed:
        key = self._by_id.get(key_of(token))
        if key is None:
            raise ValueError("the token is signed by a key that is not known")
        return Signed(key.read(token), key)


class Keyring:
    """The keys in the folder `keys` of a private folder, shared by several processes.

    The first is made where there is none. With `tokens.rotate` there is another after so many days, and a key that signs no
    more is removed `kept` seconds later, when its last token has ended. A key that somebody puts there, or removes, counts
    a few seconds later. The certificates of all stand in `certificates.pem` beside the folder.

    `clock` gives seconds since the epoch. Raises InvalidInput for files that are no keys.
    """

    def __init__(
        self,
        private: Path,
        tokens: Tokens,
        kept: float,
        clock: Callable[[], float],
        *,
        looks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._private = private
        self._folder = private / FOLDER
        self._tokens = tokens
        self._kept = kept
        self._clock = clock
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(f"{self._folder} cannot be made: {error.strerror}") from None
        self._ring = Watched(self._load, clock=looks)
        self.signer()

    def signer(self) -> SigningKey:
        """The key that signs now. Raises InvalidInput where a new one is due and cannot be made."""
        ring, now = self._ring(), self._clock()
        if self._next(ring, now) is not None:
            self._renew(now)
            ring = self._ring.refresh()
        signer = ring.signer(self._tokens.algorithm, now)
        if signer is None:  # removed in this moment
            raise InvalidInput(f"{self._folder} has no key for {self._tokens.algorithm}")
        return signer

    def read(self, token: str) -> Signed:
        """What a token says, and which key signed it; nothing is said about its time. Raises ValueError."""
        return self._ring().read(token)

    @property
    def certificates(self) -> bytes:
        """The PEM that a registry is given to trust the tokens: the `rootcertbundle` of distribution's `auth.token`."""
        return b"".join(key.certificate for key in self._ring().keys)

    @property
    def public(self) -> Mapping[str, Any]:
        """The public keys as a JSON Web Key Set (RFC 7517 §5)."""
        return {"keys": [key.public for key in self._ring().keys]}

    # --- The folder

    def _load(self) -> tuple[Ring, list[Path]]:
        try:
            files = sorted(path for path in self._folder.iterdir() if _is_key(path))
            if len(files) > MOST_KEYS:
                raise InvalidInput(f"{self._folder} has more than {MOST_KEYS} keys")
            ring = Ring([key for path in files if (key := _parse(path)) is not None])
            self._publish(ring)
        except OSError as error:
            raise InvalidInput(f"{error.filename or self._folder}: {error.strerror}") from None
        return ring, [self._folder, *files]

    def _publish(self, ring: Ring) -> None:
        content = b"".join(key.certificate for key in ring.keys)
        path = self._private / CERTIFICATES
        if content and not (path.exists() and path.read_bytes() == content):
            write(path, content, mode=0o644)

    # --- Rotation

    def _next(self, ring: Ring, now: float) -> float | None:
        """When the key begins that is to be made now; None while none is."""
        mine = ring.of(self._tokens.algorithm)
        if not mine:
            return now - DELAY
        if not self._tokens.rotate:
            return None
        life = self._tokens.rotate * DAY
        announced = min(ANNOUNCED, life / 2)
        turn = mine[-1].begins + life
        return max(turn, now + announced) if turn - announced <= now else None

    def _renew(self, now: float) -> None:
        with _locked(self._folder):
            ring = self._load()[0]  # another process may have been here
            begins = self._next(ring, now)
            if begins is None:
                return
            key = SigningKey.make(self._tokens.issuer, begins, self._tokens.algorithm)
            name = datetime.fromtimestamp(key.begins, UTC).strftime(f"%Y%m%dT%H%M%SZ-{key.id[:8]}{SUFFIX}")
            try:
                write(self._folder / name, key.pem, mode=SECRET_MODE)
                self._remove_ended(ring, now)
            except OSError as error:
                raise InvalidInput(f"{self._folder} cannot be written to: {error.strerror}") from None

    def _remove_ended(self, ring: Ring, now: float) -> None:
        mine = ring.of(self._tokens.algorithm)
        ended = {key.id for key, later in pairwise(mine) if later.begins + DELAY + self._kept < now}
        for path in filter(_is_key, self._folder.iterdir()):
            key = _parse(path)
            if key is not None and key.id in ended:
                path.unlink(missing_ok=True)


def _is_key(path: Path) -> bool:
    return path.suffix == SUFFIX and not path.name.startswith(".")


def _parse(path: Path) -> SigningKey | None:
    """The key in a file; None where the file was removed meanwhile. Raises InvalidInput, naming the file."""
    try:
        with path.open("rb") as file:
            return SigningKey.parse(file.read(MOST_KEY_BYTES))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise InvalidInput(f"{path}: not a key and its certificate ({error})") from None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
