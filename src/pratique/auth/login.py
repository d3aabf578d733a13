"""Finding out whether a credential is good, by the conversation that a real request has."""

from __future__ import annotations

from ..errors import Unauthorized
from ..http.events import Event, Sent
from ..http.message import Request
from ..http.origin import Origin
from ..http.problem import failure
from ..http.session import Session
from ..spec import endpoints
from ..values import frozen
from .credentials import Credential, Kind
from .events import TokenAsked
from .scopes import ScopeSet, repository_scopes


@frozen
class Verification:
    """What came of it: whether the server checked the credential at all, and in words what was asked and answered.

    `token_service` is the origin of the token service that took the credential, if one did.
    """

    verified: bool
    explanation: str
    token_service: str | None = None


class Witness:
    """An observer that notes which permission was shown and taken."""

    def __init__(self) -> None:
        self.token_service: str | None = None
        self.taken = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, TokenAsked) and event.credential:
            self.token_service = str(Origin.of(event.realm))
        if isinstance(event, Sent) and event.authorization and event.status is not None:
            self.taken = event.status < 400


def verify(
    session: Session[ScopeSet], base_url: str, credential: Credential, witness: Witness, repository: str | None
) -> Verification:
    """Ask `/v2/`, or the tags of `repository`, with a session that has the credential and tells `witness`.

    Where nothing is asked for, the credential is shown unasked, once, to see whether it is looked at.
    Raises Unauthorized for a credential that is refused, and what the session raises.
    """
    path = endpoints.TAGS.path(name=repository) if repository else endpoints.VERSION.path()
    scopes = repository_scopes(repository, "pull") if repository else None
    asked = f"{path} of {Origin.of(base_url).netloc}"
    request = Request("GET", base_url + path)
    with session.send(request, scopes) as response:
        status = response.status
    if witness.taken:
        return Verification(True, f"{asked} asked for it and took it", witness.token_service)
    if status >= 400:
        return Verification(False, f"{asked} was answered {status}, which says nothing about it")
    if credential.kind is not Kind.PASSWORD:
        return Verification(False, f"{asked} is open to everybody")
    shown = request.having("Authorization", credential.basic().reveal())
    with session.deliver(shown) as response:
        if response.status in (401, 403):
            raise Unauthorized(f"{failure(shown, response)}", credential=str(credential))
    return Verification(False, f"{asked} is open to everybody and does not look at credentials")
