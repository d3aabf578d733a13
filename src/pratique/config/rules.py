"""Rules of `registries.conf`: which registries content is read from, and how (containers-registries.conf(5))."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

from ..errors import InvalidInput, InvalidReference, Refused
from ..spec.reference import Reference, is_registry, is_repository, parse_registry
from ..values import frozen, replace

WILDCARD: Final = "*."  # at the beginning of a prefix: any number of subdomains
_USUAL_PORT: Final = ":443"


class Pulls(Enum):
    """For which references a mirror is asked."""

    ALL = "all"
    DIGEST = "digest-only"
    TAG = "tag-only"

    def include(self, reference: Reference) -> bool:
        """Whether a mirror is asked for this one: a reference with a digest is never one by tag."""
        return self is Pulls.ALL or (reference.digest is not None) == (self is Pulls.DIGEST)


@frozen
class Mirror:
    """A namespace that has what another has, or some of it."""

    location: str
    insecure: bool = False
    pulls: Pulls = Pulls.ALL


@frozen
class Rule:
    """What holds for the references in a namespace.

    `prefix` is `host[:port][/path]` or `*.domain`; `location` is where its content really is, empty for the same names.
    `source` is the file that says so.
    """

    prefix: str
    location: str
    source: str
    insecure: bool = False
    blocked: bool = False
    mirrors: tuple[Mirror, ...] = ()

    def matches(self, reference: Reference) -> bool:
        """Whether the reference is in the namespace; a name ends at a slash, and a host has one port."""
        if self.prefix.startswith(WILDCARD):
            return _host(reference.registry).endswith(self.prefix[1:])
        place = _place(reference)
        return place == self.prefix or place.startswith(f"{self.prefix}/")

    def moved(self, reference: Reference, location: str) -> Reference:
        """The reference with `location` in place of the prefix. Raises InvalidInput where that names no repository."""
        if not location:
            return reference
        whole = reference.registry if self.prefix.startswith(WILDCARD) else self.prefix
        rest = reference.place if self.prefix.startswith(WILDCARD) else _place(reference)
        place = location + rest[len(whole) :]
        try:
            found = Reference.parse(place) if "/" in place else None
        except InvalidReference:
            found = None
        if found is None:
            raise InvalidInput(
                f"{self}: {place!r} in place of {reference.place} is not a repository", advice=f"see {self.source}"
            )
        return replace(found, tag=reference.tag, digest=reference.digest)

    def __str__(self) -> str:
        return f"the rule {self.prefix!r} of {self.source}"


@frozen
class Endpoint:
    """Where content may be read: the reference there, and whether its host need not prove who it is."""

    reference: Reference
    insecure: bool = False
    is_mirror: bool = False


@frozen
class Rules:
    """The rules of all files. The one with the longest prefix counts, and no other."""

    rules: Sequence[Rule] = ()

    def find(self, reference: Reference) -> Rule | None:
        """The rule for a reference, if there is one."""
        return _longest(rule for rule in self.rules if rule.matches(reference))

    def blocking(self, reference: Reference) -> Rule | None:
        """The rule that forbids a reference. One for a host forbids all its ports that have no rule of their own."""
        portless = replace(reference, registry=_host(reference.registry))
        rule = _longest(rule for rule in self.rules if rule.matches(reference) or rule.matches(portless))
        return rule if rule is not None and rule.blocked else None

    def check(self, reference: Reference) -> None:
        """Raise Refused for a reference that is blocked."""
        rule = self.blocking(reference)
        if rule is not None:
            raise Refused(
                f"{reference.place} is blocked by {rule}; nothing was asked of it", advice=f"see {rule.source}"
            )

    def endpoints(self, reference: Reference) -> tuple[Endpoint, ...]:
        """Where the content of a reference is read: mirrors in their order, then its location.

        A mirror's own rule is not followed further, but a mirror that is blocked is left out. Raises Refused where the
        reference or its location is blocked, and InvalidInput where a rule makes no repository of it.
        """
        self.check(reference)
        rule = self.find(reference)
        if rule is None:
            return (Endpoint(reference),)
        origin = rule.moved(reference, rule.location)
        self.check(origin)
        mirrors = (
            Endpoint(rule.moved(reference, mirror.location), mirror.insecure, is_mirror=True)
            for mirror in rule.mirrors
            if mirror.pulls.include(reference)
        )
        asked = (mirror for mirror in mirrors if self.blocking(mirror.reference) is None)
        return (*asked, Endpoint(origin, rule.insecure))

    def named(self, reference: Reference) -> Endpoint:
        """Where a reference is written: the very registry that it names. Raises Refused where it is blocked."""
        self.check(reference)
        rule = self.find(reference)
        return Endpoint(reference, rule is not None and rule.insecure)


def _longest(rules: Iterable[Rule]) -> Rule | None:
    return max(rules, key=lambda rule: (len(rule.prefix), not rule.prefix.startswith(WILDCARD)), default=None)


def merged(earlier: Iterable[Rule], later: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rules of two files: one of the later takes the place of the earlier with the same prefix."""
    return tuple(({rule.prefix: rule for rule in earlier} | {rule.prefix: rule for rule in later}).values())


def parse_location(text: str) -> str:
    """Read `host[:port][/path]`, without a tag; hosts are lower-cased, Docker Hub has one name. Raises InvalidInput."""
    host, slash, path = text.rstrip("/").partition("/")
    if "://" in text:
        raise InvalidInput("is a URL", advice="write host[:port][/path]; insecure = true permits http")
    if not any(mark in host for mark in ".:[") and host.lower() != "localhost":
        raise InvalidInput(f"does not begin with a host: {host[:80]!r}", advice="Docker Hub's is docker.io")
    if not is_registry(host):
        raise InvalidInput(f"does not begin with a host: {host[:80]!r}", advice="a host looks like name or name:port")
    if slash and not is_repository(path):
        raise InvalidInput(
            f"has no name of a repository after the host: {path[:80]!r}", advice="without tag and digest"
        )
    return parse_registry(host).removesuffix(_USUAL_PORT) + slash + path


def parse_prefix(text: str) -> str:
    """Read what `parse_location` reads, or `*.domain`. Raises InvalidInput."""
    if "*" not in text:
        return parse_location(text)
    domain = text.removeprefix(WILDCARD)
    if not text.startswith(WILDCARD) or ":" in domain or not is_registry(domain):
        raise InvalidInput(f"has a wildcard in the wrong place: {text[:80]!r}", advice="write *.example.com")
    return text.lower()


def _place(reference: Reference) -> str:
    return f"{reference.registry.removesuffix(_USUAL_PORT)}/{reference.repository}"


def _host(registry: str) -> str:
    """The host without its port; an IPv6 address keeps its brackets."""
    return registry if registry.endswith("]") else registry.rsplit(":", 1)[0]
