"""Files of names and hashes of passwords as `htpasswd -B` writes them: a line a user, `name:hash`, hashed by bcrypt."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from ...auth.secret import Secret
from ...errors import InvalidInput

MOST_BYTES: Final = 4 << 20  # of a file; about 50,000 users
LOWEST_COST: Final = 4  # of a hash, as bcrypt has it
HIGHEST_COST: Final = 17  # of a hash, as `htpasswd -C` has it; one more doubles the time, and this takes seconds

ADVICE: Final = "`htpasswd -B FILE USER` writes it by bcrypt"

# 128 bits of salt and 184 of hash in groups of six: the last characters have bits to spare, which are zero.
_BCRYPT: Final = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]", re.ASCII)
_OTHERS: Final = (
    ("$apr1$", "Apache's MD5"),
    ("$1$", "MD5 of crypt"),
    ("{SHA}", "SHA-1"),
    ("$5$", "SHA-256 of crypt"),
    ("$6$", "SHA-512 of crypt"),
    ("$argon2", "Argon2"),
    ("$y$", "yescrypt"),
    ("$2", "bcrypt, but damaged or of an unknown kind"),
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def load(path: Path) -> dict[str, Secret]:
    """The users of a file and their hashes; a file has at least one. Raises InvalidInput, naming the file and the line."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > MOST_BYTES:
        raise InvalidInput(f"{path}: has more than {MOST_BYTES} bytes")
    users: dict[str, Secret] = {}
    for number, line in enumerate(raw.split(b"\n"), 1):
        try:
            _add(users, line)
        except InvalidInput as error:
            raise InvalidInput(f"{path}, line {number}: {error}", advice=error.advice()) from None
    if not users:
        raise InvalidInput(f"{path}: has no users", advice=ADVICE)
    return users


def is_hash(text: str) -> bool:
    """Whether this is a hash by bcrypt."""
    return _BCRYPT.fullmatch(text) is not None


def check_hash(user: str, password: Secret) -> None:
    """Raise InvalidInput for what looks like a hash and is not one by bcrypt, or takes too long; a plain word passes."""
    text = password.reveal()
    found = _BCRYPT.fullmatch(text)
    if found is None:
        kind = next((kind for prefix, kind in _OTHERS if text.startswith(prefix)), None)
        if kind:
            raise InvalidInput(f"the password of {user!r} is hashed by {kind}, which is not understood", advice=ADVICE)
    elif not LOWEST_COST <= int(found[1]) <= HIGHEST_COST:
        limits = f"{LOWEST_COST} to {HIGHEST_COST}"
        raise InvalidInput(f"the hash of {user!r} has the cost {int(found[1])}, and not {limits}", advice=ADVICE)


def check_name(user: str) -> None:
    """Raise InvalidInput for what cannot be a user's name (RFC 7617 §2)."""
    if not user or ":" in user or _CONTROL.search(user):
        raise InvalidInput(f"{user[:80]!r} cannot be a user's name")


def _add(users: dict[str, Secret], line: bytes) -> None:
    try:
        text = line.decode().strip()
    except UnicodeDecodeError:
        raise InvalidInput("is not UTF-8") from None
    if not text or text.startswith("#"):
        return
    user, colon, stored = text.partition(":")
    if not colon:
        raise InvalidInput("is not `name:hash`")  # never the line: it may be a password
    check_name(user)
    check_hash(user, Secret(stored))
    if not is_hash(stored):
        raise InvalidInput(f"the password of {user!r} is not hashed by bcrypt", advice=ADVICE)
    if user in users:
        raise InvalidInput(f"has the user {user!r} again")
    users[user] = Secret(stored)
