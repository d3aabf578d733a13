"""Manners of tokens and passwords that end before their time."""

from __future__ import annotations

from ....http.message import Request, Response, Transport
from ....spec.endpoints import DENIED, TAGS
from ..effects import refuse
from .base import BEARER_ACCESS, Manner, endpoint_of, named, token_of


@named(
    "token-expired-401-same-token",
    "a token is good for three requests; the next meets 401 with `invalid_token`",
    "openai/tart#55",
    BEARER_ACCESS,
)
@named(
    "expired-token-400-no-challenge",
    "a token is good for three requests; the next meets 400 and no challenge",
    "aws/containers-roadmap#2835, apple/containerization#711",
    BEARER_ACCESS,
    status=400,
    silent=True,
)
@named(
    "long-pagination-token-expiry",
    "a token is good for two pages of a list",
    "a registry of long lists",
    BEARER_ACCESS,
    uses=(2,),
    ids=(TAGS.id,),
)
@named(
    "token-expires-mid-upload",
    "a token is good for three requests that write, also in the middle of an upload",
    "moby/moby#33558, docker/buildx#324, cesanta/docker_auth#240",
    BEARER_ACCESS,
    methods=("POST", "PATCH", "PUT"),
)
class Expires(Manner):
    """The tokens, in the order in which they are first shown, are good for so many requests; the last number stands for
    all that follow. Requests with other `methods`, or to other end-points than `ids`, do not count.

    What has expired meets `status` and `error`, or, `silent`, no challenge at all.
    """

    def __init__(
        self,
        registry: Transport,
        *,
        uses: tuple[int, ...] = (3,),
        status: int = 401,
        error: str = "invalid_token",
        silent: bool = False,
        methods: tuple[str, ...] = (),
        ids: tuple[str, ...] = (),
    ) -> None:
        super().__init__(registry)
        self._lives = list(uses)
        self._status, self._error, self._silent = status, error, silent
        self._methods, self._ids = methods, ids
        self.left: dict[str, int] = {}  # requests that each token is still good for

    def serve(self, request: Request) -> Response:
        token = token_of(request)
        if not token or not self._counts(request) or self._take(token):
            return self.ask(request)
        return self.expired(request)

    def expired(self, request: Request) -> Response:
        """What a request meets whose token has been used up."""
        if self._silent:
            return refuse(self._status, DENIED.code, "Your Authorization Token is invalid.")
        return refuse(self._status, "", "", self.challenge(request, self._error))

    def _counts(self, request: Request) -> bool:
        endpoint = endpoint_of(request)
        return (not self._methods or request.method in self._methods) and (
            not self._ids or (endpoint is not None and endpoint.id in self._ids)
        )

    def _take(self, token: str) -> bool:
        with self.lock:
            if token not in self.left:
                self.left[token] = self._lives.pop(0) if len(self._lives) > 1 else self._lives[0]
            self.left[token] -= 1
            return self.left[token] >= 0
