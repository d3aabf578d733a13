"""References: `[docker://]registry/repository[:tag][@digest]` (distribution specification, §Pulling manifests)."""

from __future__ import annotations

import re
from typing import Final

from ..errors import InvalidDigest, InvalidReference
from ..expressions import expression
from ..values import frozen, replace
from .digest import Digest

DEFAULT_REGISTRY: Final = "docker.io"
DEFAULT_TAG: Final = "latest"
# Docker Hub's aliases: what people write, and the host that serves it.
DOCKER_HUB: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
DOCKER_HUB_ENDPOINT: Final = "registry-1.docker.io"

MOST_CHARACTERS: Final = 4096  # of a whole reference; refused before it is looked at
MOST_REPOSITORY_CHARACTERS: Final = 255
MOST_HOST_CHARACTERS: Final = 253  # RFC 1035 §2.3.4, as text
MOST_LABEL_CHARACTERS: Final = 63  # between the dots of one

_REPOSITORY = expression(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*", re.ASCII)
_TAG = expression(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", re.ASCII)
_LABEL: Final = frozenset("-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def is_repository(text: str) -> bool:
    """Whether `text` is a repository name by the distribution specification's grammar."""
    return len(text) <= MOST_REPOSITORY_CHARACTERS and _REPOSITORY.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    """Whether `text` is a tag by the distribution specification's grammar."""
    return _TAG.fullmatch(text) is not None


def is_registry(text: str) -> bool:
    """Whether `text` is `host[:port]`, the host a DNS name, an IPv4 address or an IPv6 address in brackets."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host = text
    elif not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        return False
    if host.startswith("[") and host.endswith("]"):
        return _is_ipv6(host[1:-1])
    return len(host) <= MOST_HOST_CHARACTERS and all(map(_is_label, host.removesuffix(".").split(".")))


def _is_label(text: str) -> bool:
    """Whether `text` may stand between the dots of a host (RFC 1123 §2.1)."""
    return (
        0 < len(text) <= MOST_LABEL_CHARACTERS
        and _LABEL.issuperset(text)
        and not text.startswith("-")
        and not text.endswith("-")
    )


def _is_ipv6(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return "%" not in text  # a zone is this machine's own affair (RFC 4007 §11.2)


@frozen
class Reference:
    """A repository on a registry and, where given, a tag, a digest or both."""

    registry: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str, default_registry: str = DEFAULT_REGISTRY) -> Reference:
        """Read a reference as people write it.

        The first component is the registry when it has a dot, a colon, a bracket or is `localhost`; otherwise
        `default_registry` is meant. Hosts are lower-cased (RFC 3986 §6.2.2.1), so that a registry has one name.
        On Docker Hub a name of one component is in `library/`.
        Raises InvalidReference.
        """
        if len(text) > MOST_CHARACTERS:
            raise InvalidReference(f"a reference of {len(text)} characters; at most {MOST_CHARACTERS} are read")
        registry, rest = _split_registry(text.removeprefix("docker://"), default_registry)
        name, _, digest = rest.partition("@")
        repository, colon, tag = name.partition(":")
        if registry in DOCKER_HUB:
            registry = DEFAULT_REGISTRY
            repository = repository if "/" in repository else f"library/{repository}"
        if not is_repository(repository):
            raise InvalidReference(f"{text!r}: {repository!r} is not a repository name", advice=_advice(repository))
        if colon and not is_tag(tag):
            raise InvalidReference(
                f"{text!r}: {tag!r} is not a tag", advice="a tag has at most 128 letters, digits, '_', '.' and '-'"
            )
        return cls(registry, repository, tag or None, _digest(text, digest) if "@" in rest else None)

    def at(self, name: str | Digest) -> Reference:
        """The same repository at another tag or digest. Raises InvalidReference for neither."""
        if isinstance(name, Digest):
            return replace(self, tag=None, digest=name)
        if ":" in name:
            return replace(self, tag=None, digest=_digest(name, name))
        if not is_tag(name):
            raise InvalidReference(f"{name!r} is not a tag")
        return replace(self, tag=name, digest=None)

    @property
    def name(self) -> str:
        """What to ask the registry for: the digest where there is one, else the tag, else `latest`."""
        return str(self.digest) if self.digest else self.tag or DEFAULT_TAG

    @property
    def place(self) -> str:
        """`registry/repository`, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    @property
    def endpoint(self) -> str:
        """The host and port that serve the registry's API; only Docker Hub's differs from its name."""
        return endpoint_of(self.registry)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.place}{tag}{digest}"


def endpoint_of(registry: str) -> str:
    """The `host[:port]` that serves a registry's API."""
    return DOCKER_HUB_ENDPOINT if registry in DOCKER_HUB else registry


def parse_registry(text: str) -> str:
    """Read `[docker://]host[:port]`; Docker Hub's aliases become `docker.io`. Raises InvalidReference."""
    registry = text.removeprefix("docker://").removesuffix("/").lower()
    if len(registry) > MOST_CHARACTERS or not is_registry(registry):
        raise InvalidReference(f"{text[:80]!r} is not a registry", advice="a registry looks like host or host:port")
    return DEFAULT_REGISTRY if registry in DOCKER_HUB else registry


def _split_registry(text: str, default_registry: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    if not slash or not _looks_like_registry(first):
        return default_registry, text
    if not is_registry(first):
        raise InvalidReference(
            f"{text!r}: {first!r} is not a registry", advice="a registry looks like host or host:port"
        )
    return first.lower(), rest


def _looks_like_registry(component: str) -> bool:
    # Upper case is not allowed in repository names, so a component that has some can only be a host.
    return component == "localhost" or component != component.lower() or any(mark in component for mark in ".:[")


def _digest(text: str, digest: str) -> Digest:
    try:
        return Digest.parse(digest)
    except InvalidDigest as error:
        raise InvalidReference(f"{text!r}: {error}", advice=error.advice()) from None


def _advice(repository: str) -> str:
    if repository != repository.lower():
        return "repository names are lower-case"
    return "a repository name has lower-case letters, digits, and '.', '_', '-' or '/' between them"
