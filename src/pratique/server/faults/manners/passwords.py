"""Manners of Basic: how it is asked for, and what a wrong password meets."""

from __future__ import annotations

from ....auth.challenge import BASIC, Challenge
from ....http.message import Request, Response, Transport
from ....values import replace
from ..effects import refuse
from .base import BASIC_ACCESS, BEARER_ACCESS, READABLE, Manner, challenging, is_basic, is_refusal, named


@named(
    "basic-preemptive-leak",
    "a name and a password that were not asked for are refused, without a challenge",
    "renovatebot/renovate#11446",
    BEARER_ACCESS,
)
class OffendedByBasic(Manner):
    """Whoever shows a name and a password is refused; with `challenge`, he is told what is wanted."""

    def __init__(self, registry: Transport, *, challenge: bool = False) -> None:
        super().__init__(registry)
        self._tells = challenge

    def serve(self, request: Request) -> Response:
        if not is_basic(request):
            return self.ask(request)
        return refuse(401, "DENIED", "", self.challenge(request)) if self._tells else refuse(403)


@named(
    "ecr-basic-no-bearer",
    "the challenge of Basic has a `service` beside its realm",
    "renovatebot/renovate#11967",
    BASIC_ACCESS,
    parameter="service=registry.example",
)
@named(
    "basic-non-ascii-and-colon",
    "the challenge of Basic wants UTF-8, and names and passwords have any letters",
    "RFC 7617 §2.1",
    '[users]\nalice = "secret"\n"ü" = "a:b:ç"\n',
    parameter="charset=UTF-8",
)
class Parameter(Manner):
    """Challenges of Basic have one more parameter."""

    def __init__(self, registry: Transport, *, parameter: str) -> None:
        super().__init__(registry)
        name, _, value = parameter.partition("=")
        self._parameter = (name, value)

    def serve(self, request: Request) -> Response:
        return challenging(self.ask(request), lambda challenge: [str(self._more(challenge))])

    def _more(self, challenge: Challenge) -> Challenge:
        if challenge.scheme != BASIC:
            return challenge
        return replace(challenge, parameters=(*challenge.parameters, self._parameter))


@named(
    "expired-password-403",
    "an expired password meets 403 and no challenge",
    "argoproj/argo-cd#12554, fluxcd/source-controller#787",
    BASIC_ACCESS,
)
@named(
    "stale-public-ecr",
    "an expired password keeps its owner from what is public",
    "aws/containers-roadmap#1296, awslabs/eksdemo#68",
    f"{BASIC_ACCESS}{READABLE}",
)
class ExpiredPassword(Manner):
    """A wrong password meets `status`, words, and no challenge."""

    def __init__(self, registry: Transport, *, status: int = 403) -> None:
        super().__init__(registry)
        self._status = status

    def serve(self, request: Request) -> Response:
        response = self.ask(request)
        if not is_basic(request) or not is_refusal(response):
            return response
        response.close()
        text = "Your authorization token has expired. Reauthenticate and try again."
        return refuse(self._status, "DENIED", text)
