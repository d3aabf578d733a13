"""The registry as a function from requests to responses."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from ..auth.challenge import BEARER
from ..errors import Misbehaved
from ..http.message import Request, Response
from ..spec import endpoints
from ..spec.endpoints import Endpoint
from .access import Access
from .answers import NOT_AN_ENDPOINT, UNKNOWN, Rejected, document
from .blobs import Blobs
from .call import BodyFailed, Call
from .guard import TOKEN_PATH, BasicGuard, BearerGuard, Guard, Refusal, need_of
from .lists import Lists
from .manifests import Manifests
from .storage import Storage
from .uploads import Uploads

if TYPE_CHECKING:
    from .tokens import TokenService

log = logging.getLogger(__name__)

# Fields of every answer: what Docker's clients look for, and what keeps browsers from guessing types.
ALWAYS: Final = (("Docker-Distribution-API-Version", "registry/2.0"), ("X-Content-Type-Options", "nosniff"))

Route = Callable[[Call], Response]


class RegistryApp:
    """A registry over a storage. `handle` has the shape of a client's transport, so it can be used without sockets.

    Without `access` everybody may do everything. `tokens` is the built-in token service, with the scheme "bearer" only;
    its key is kept in the storage's folder. `clock` gives seconds since the epoch.
    """

    def __init__(
        self, storage: Storage, access: Access | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        access = access or Access()
        self._routes = _routes(storage, clock)
        self.tokens = _token_service(storage, access, clock) if access.scheme == BEARER else None
        self._guard: Guard = BearerGuard(access, self.tokens) if self.tokens else BasicGuard(access)

    def handle(self, request: Request) -> Response:
        """Answer a request. Raises only what reading the request's own content raises."""
        try:
            response = self._answer(request)
        except Rejected as rejected:
            response = rejected.response()
        except BodyFailed as failed:
            raise (failed.__cause__ or failed) from None
        except Exception:
            log.exception("%s failed", request)
            response = Rejected(UNKNOWN).response()
        return _completed(request, response)

    def _answer(self, request: Request) -> Response:
        path = _path(request)
        if path == TOKEN_PATH and self.tokens:
            return self.tokens.handle(request)
        call = _call(request, path)
        call.check()
        decision = self._guard.decide(request, need_of(call.endpoint, call.parameters, call.asked("from")))
        if isinstance(decision, Refusal):
            raise decision.rejected()
        return self._routes[call.endpoint](replace(call, may_mount=decision.wish))


def _token_service(storage: Storage, access: Access, clock: Callable[[], float]) -> TokenService:
    # Signing takes a tenth of a second to import, and only this scheme needs it.
    from .keys import SigningKey
    from .tokens import TokenService

    return TokenService(access, SigningKey.kept(storage.private, access.tokens.issuer), clock)


def _routes(storage: Storage, clock: Callable[[], float]) -> Mapping[Endpoint, Route]:
    blobs, manifests, lists = Blobs(storage, Uploads(storage, clock)), Manifests(storage), Lists(storage)
    return {
        endpoints.VERSION: _version,
        endpoints.BLOB: blobs.read,
        endpoints.BLOB_DELETE: blobs.delete,
        endpoints.UPLOADS: blobs.begin,
        endpoints.UPLOAD_CHUNK: blobs.append,
        endpoints.UPLOAD_END: blobs.end,
        endpoints.UPLOAD_STATUS: blobs.status,
        endpoints.UPLOAD_CANCEL: blobs.cancel,
        endpoints.MANIFEST: manifests.read,
        endpoints.MANIFEST_PUT: manifests.put,
        endpoints.MANIFEST_DELETE: manifests.delete,
        endpoints.TAGS: lists.tags,
        endpoints.REPOSITORIES: lists.repositories,
        endpoints.REFERRERS: lists.referrers,
    }


def _version(_: Call) -> Response:
    return document(200, {})


def _path(request: Request) -> str:
    try:
        return unquote(request.path)
    except Misbehaved as error:
        raise Rejected(UNKNOWN, str(error), status=400) from None


def _call(request: Request, path: str) -> Call:
    found = endpoints.find(request.method, path)
    if found is not None:
        return Call(request, *found)
    methods = ", ".join(dict.fromkeys(endpoints.methods_of(path)))
    if methods:
        raise Rejected(endpoints.UNSUPPORTED, request.method, headers=(("Allow", methods),))
    raise Rejected(NOT_AN_ENDPOINT)


def _completed(request: Request, response: Response) -> Response:
    for name, value in ALWAYS:
        response.headers = response.headers.having(name, value)
    response.url = request.url
    if request.method == "HEAD":
        response.close()
        response.stream = io.BytesIO()
    return response
