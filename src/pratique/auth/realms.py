"""Which token service a secret may go to (RFC 6750 §5.2): the realm is the server's word, and not to be trusted blindly."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from ..errors import Error, Misbehaved, Refused
from ..http.origin import Origin, redact
from ..values import field, frozen


class Reach(Enum):
    """How far from the registry a token service may be."""

    ANY = "any"
    SAME_HOST = "same-host"


@frozen
class RealmPolicy:
    """The rules for realms.

    `overrides` maps a registry (`host[:port]`) to the token service to ask instead of the one that it names. `pinned` maps a
    registry to the origin of the token service that it had when its login was stored.
    """

    reach: Reach = Reach.ANY
    overrides: Mapping[str, str] = field(default_factory=dict)
    pinned: Mapping[str, str] = field(default_factory=dict)

    def admit(self, registry: Origin, realm: str) -> str:
        """The realm to ask for a registry's challenge.

        Raises Misbehaved for a realm that no secret may be sent to, Refused for one that is not the one of the login.
        """
        override = self.overrides.get(registry.netloc)
        if override is not None:
            return override
        service = self._origin(registry, realm)
        if registry.scheme == "https" and service.scheme != "https":
            raise _refuse(
                registry,
                realm,
                "plain http, for a registry that is asked over https",
                "the server is configured wrongly",
            )
        if service.is_private and not registry.is_private:
            raise _refuse(
                registry, realm, "an address that is not public, for a registry that is", "the registry may be hostile"
            )
        if self.reach is Reach.SAME_HOST and service.host != registry.host:
            raise _refuse(registry, realm, "another host than the registry", "only its own is allowed here")
        pinned = self.pinned.get(registry.netloc)
        if pinned is not None and pinned != str(service):
            raise Refused(
                f"the token service of {registry.netloc} was {pinned} at login and is now {service}; nothing was sent there",
                advice=f"if the registry has moved its token service, log in to {registry.netloc} again",
            )
        return realm

    def _origin(self, registry: Origin, realm: str) -> Origin:
        try:
            return Origin.of(realm)
        except Misbehaved as error:
            message = (
                f"{registry} names a token service of no use: {error}"
                if realm
                else f"{registry} asks for a token and names no realm"
            )
            raise Misbehaved(message) from None


def _refuse(registry: Origin, realm: str, what: str, cause: str) -> Error:
    return Misbehaved(
        f"{registry} names the token service {redact(realm)}: {what}; nothing was sent there",
        advice=f"{cause}; if it is meant so, give the token service with --realm {registry.netloc}=URL",
    )
