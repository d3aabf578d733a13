"""What Docker's `config.json` and documents of its form say of credentials: entries and helpers, each by its key."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from ..auth.credentials import DOCKER_HUB_KEY, Credential, Kind, aliases, password_credential
from ..auth.secret import Secret
from ..errors import InvalidInput
from ..spec.reference import is_registry, is_repository
from ..values import field, frozen
from .files import parse_json

# The user of an identity token that has none. Other tools pass an entry over, or refuse the whole file, where there is no user.
NOBODY: Final = "00000000-0000-0000-0000-000000000000"

# What an entry may hold a credential in.
FIELDS: Final = frozenset({"auth", "username", "password", "identitytoken", "registrytoken"})


AUTHS: Final = "auths"
HELPERS: Final = "credHelpers"
STORE: Final = "credsStore"

# The keys of a secret of Kubernetes, and of the older kind.
SECRETS: Final = (".dockerconfigjson", ".dockercfg")


@frozen
class Document:
    """What one document says of credentials: entries and helpers, each by its normal key, with the key as it is written."""

    auths: Mapping[str, tuple[str, object]] = field(default_factory=dict)
    helpers: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    store: str = ""

    @classmethod
    def of(cls, content: Mapping[str, Any], place: str) -> Document:
        """Read a document. Raises InvalidInput for wrong types, naming the place and the key."""
        content = reveal(content, place)
        auths = content if is_old(content) else section(content, AUTHS, place)
        helpers = section(content, HELPERS, place)
        for key, name in helpers.items():
            if not isinstance(name, str):
                raise InvalidInput(f"{place}: {HELPERS} of {key!r} is not the name of a helper")
        store = content.get(STORE) or ""
        if not isinstance(store, str):
            raise InvalidInput(f"{place}: {STORE!r} is not the name of a helper")
        return cls(_by_normal_key(auths), _by_normal_key(helpers), store)

    def misfits(self, registry: str) -> Iterator[str]:
        """What is wrong with keys that look as if they were meant for a registry, and match nothing."""
        for key, (written, _) in self.auths.items():
            if _is_about(key, registry) and not _is_key(key):
                yield f"the key {written!r} matches nothing; a key is HOST[:PORT][/PATH], without wildcard, tag and digest"
        for key, (written, _) in self.helpers.items():
            if _is_about(key, registry) and ("/" in key or not _is_key(key)) and key != DOCKER_HUB_KEY:
                yield f"the key {written!r} of {HELPERS} matches nothing; a helper is for HOST[:PORT]"


def normalise(key: str) -> str:
    """A key as people and tools write it (`https://host/v1/`), as `host[:port][/path]`; Docker Hub's own stays."""
    if key == DOCKER_HUB_KEY:
        return key
    bare = key.removeprefix("https://").removeprefix("http://").rstrip("/")
    host, slash, path = bare.partition("/")
    return host.lower() if slash and path in ("v1", "v2") else f"{host.lower()}{slash}{path}"


def credential_of(entry: object, source: str) -> Credential | None:
    """The credential in an entry; None for an empty one. Raises InvalidInput, naming the source."""
    if not isinstance(entry, dict):
        raise InvalidInput(f"{source} is not an object")
    password = _password(entry, source)
    identity, registry_token = _text(entry, "identitytoken", source), _text(entry, "registrytoken", source)
    if registry_token:
        return Credential("", Secret(registry_token), Kind.BEARER, source)
    if identity:
        username = password.username if password else ""
        usable = password if password and password.secret else None
        return Credential(username, Secret(identity), Kind.IDENTITY, source, alternative=usable)
    return password


def entry_of(credential: Credential) -> dict[str, str]:
    """An entry that holds a credential, for every tool to read. Raises InvalidInput where they could not."""
    if credential.kind is Kind.BEARER:
        return {"registrytoken": credential.secret.reveal()}
    if credential.kind is Kind.IDENTITY:
        return {
            "auth": _encode(f"{credential.username or NOBODY}:"),
            "identitytoken": credential.secret.reveal(),
        }
    if not credential.username:
        raise InvalidInput("a password without a user cannot be stored", advice="other tools refuse such a file")
    return {"auth": _encode(f"{credential.username}:{credential.secret.reveal()}")}


def reveal(content: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    """The document within a secret of Kubernetes, where it is one. Raises InvalidInput."""
    data, plain = content.get("data"), content.get("stringData")
    if content.get("kind") != "Secret":
        return content
    for name in SECRETS:
        if isinstance(plain, dict) and isinstance(plain.get(name), str):
            return parse_json(plain[name].encode("utf-8", "replace"), f"{place} ({name})")
        if isinstance(data, dict) and isinstance(data.get(name), str):
            try:
                raw = base64.b64decode(data[name], validate=True)
            except (binascii.Error, ValueError):
                raise InvalidInput(f"{place} ({name}) is not base64") from None
            return parse_json(raw, f"{place} ({name})")
    raise InvalidInput(f"{place} is a secret of Kubernetes without {' or '.join(SECRETS)}")


def is_old(content: Mapping[str, Any]) -> bool:
    """Whether a document is of the first form, that of `.dockercfg`: nothing but entries."""
    return bool(content) and all(isinstance(entry, dict) and not FIELDS.isdisjoint(entry) for entry in content.values())


def section(content: Mapping[str, Any], name: str, place: str) -> Mapping[str, Any]:
    """The object under a name; an empty one where there is none. Raises InvalidInput, naming the place."""
    found = content.get(name)
    if found is not None and not isinstance(found, dict):
        raise InvalidInput(f"{place}: {name!r} is not an object")
    return found or {}


def _is_about(key: str, registry: str) -> bool:
    """Whether a key names any of a registry's names somewhere, or has a wildcard that would mean it elsewhere."""
    host = key.partition("/")[0]
    return any(name in key for name in aliases(registry)) or fnmatchcase(registry, host)


def _is_key(key: str) -> bool:
    host, slash, path = key.partition("/")
    return key == DOCKER_HUB_KEY or (is_registry(host) and (not slash or is_repository(path)))


def _by_normal_key(values: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Values by their normal keys; where two mean the same, the one that is written so counts."""
    found = {normalise(key): (key, value) for key, value in values.items()}
    return found | {key: (key, value) for key, value in values.items() if normalise(key) == key}


def _encode(pair: str) -> str:
    return base64.b64encode(pair.encode()).decode()


def _password(entry: Mapping[str, Any], source: str) -> Credential | None:
    encoded = _text(entry, "auth", source)
    if not encoded:
        username, password = _text(entry, "username", source), _text(entry, "password", source)
        return password_credential(username, password, source) if username or password else None
    try:
        pair = base64.b64decode("".join(encoded.split()), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise InvalidInput(f"{source}: 'auth' is not base64 of USER:PASSWORD") from None
    username, colon, password = pair.rstrip("\0").partition(":")
    if not colon:
        raise InvalidInput(f"{source}: 'auth' is not base64 of USER:PASSWORD")
    return password_credential(username, password, source) if username or password else None


def _text(entry: Mapping[str, Any], name: str, source: str) -> str:
    value = entry.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidInput(f"{source}: {name!r} is not a string")
    return value or ""
