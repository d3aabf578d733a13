"""Which registries a reference is read from and written to, as `registries.conf` says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config.hosts import origin_of
from ..errors import InvalidInput
from ..http.events import Observer
from ..http.origin import Origin
from ..spec.reference import Reference
from ..stores.events import Routed

if TYPE_CHECKING:
    from ..config.rules import Endpoint
    from .machine import Machine


class Routes:
    """The ways of one program, and the hosts that the rules mark as insecure as far as it goes to them."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._insecure: dict[str, bool] = {}

    def is_insecure(self, origin: Origin) -> bool:
        """Whether the program goes to this host only where that is marked as insecure."""
        return self._insecure.get(origin.netloc, False)

    def reading(self, reference: Reference, beside: Reference | None, tell: Observer) -> tuple[Reference, ...]:
        """Where the content of a reference is read, in order.

        Where it goes to a repository `beside` it, on the same registry, no mirror is asked: content is had there without moving
        it. Raises Refused where the reference is blocked, InvalidInput.
        """
        conf = self._machine.rules()
        if conf is None:
            return (reference,)
        endpoints = conf.routes.endpoints(reference)
        if beside is not None and endpoints[-1].reference.endpoint == beside.endpoint:
            endpoints = endpoints[-1:]
        rule = conf.routes.find(reference)
        if rule is not None:
            places = tuple(_described(endpoint) for endpoint in endpoints)
            tell(Routed(reference.place, places, str(rule)))
        return tuple(self._going_to(endpoint) for endpoint in endpoints)

    def writing(self, reference: Reference) -> Reference:
        """Where a reference is written: the very registry that it names. Raises Refused, InvalidInput."""
        conf = self._machine.rules()
        return reference if conf is None else self._going_to(conf.routes.named(reference))

    def _going_to(self, endpoint: Endpoint) -> Reference:
        """The reference of an endpoint, whose host is from now on reached as it says. Raises InvalidInput."""
        origin = origin_of(endpoint.reference.registry)
        known = self._insecure.setdefault(origin.netloc, endpoint.insecure)
        if known != endpoint.insecure and not origin.is_loopback:
            raise InvalidInput(
                f"{origin.netloc} is insecure for one part of this command and not for another",
                advice="mark the whole host in registries.conf, or divide the command",
            )
        return endpoint.reference


def _described(endpoint: Endpoint) -> str:
    words = [word for word, holds in (("mirror", endpoint.is_mirror), ("insecure", endpoint.insecure)) if holds]
    return f"{endpoint.reference.place} ({', '.join(words)})" if words else endpoint.reference.place
