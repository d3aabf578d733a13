"""The registry as a function from requests to responses."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from ..errors import Error, Misbehaved
from ..http.log import logger
from ..http.message import Headers, Request, Response
from ..spec import endpoints
from ..spec.endpoints import NAME_INVALID, Endpoint
from ..values import replace
from .access.admission import Admissions
from .access.guard import Refusal, need_of
from .access.rules import Access
from .answers import NO_SPACE, NOT_AN_ENDPOINT, UNKNOWN, Rejected, document
from .api.blobs import Blobs
from .api.call import BodyFailed, Call
from .api.lists import Lists
from .api.manifests import Manifests
from .storage.disk import is_full
from .storage.repositories import Storage
from .storage.uploads import Uploads

if TYPE_CHECKING:
    from .access.tokens import TokenService

log = logger(__name__)

# Fields of every answer: what Docker's clients look for, and what keeps browsers from guessing types.
ALWAYS: Final = (("Docker-Distribution-API-Version", "registry/2.0"), ("X-Content-Type-Options", "nosniff"))

READS: Final = ("GET", "HEAD")
# End-points that do little before their answer is there.
QUICK: Final = (endpoints.VERSION, endpoints.MANIFEST, endpoints.BLOB)
MOST_PATHS: Final = 4096  # whose end-point is remembered
MOST_PATH_CHARACTERS: Final = 512  # of one that is

Route = Callable[[Call], Response]

_remembered = lru_cache(MOST_PATHS)(endpoints.find)


class RegistryApp:
    """A registry over a storage. `handle` has the shape of a client's transport, so it can be used without sockets.

    Without `access` everybody may do everything; a function that gives it is asked for each request. `sparse`: manifests
    may need content that the repository lacks. `read_only`: nothing changes by a request.
    `max_blob` is the size in bytes of the largest blob that is taken, or None for any. `clock` gives seconds since the epoch.
    """

    def __init__(
        self,
        storage: Storage,
        access: Access | Callable[[], Access] | None = None,
        *,
        sparse: bool = False,
        read_only: bool = False,
        max_blob: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._routes = _routes(storage, Blobs(storage, Uploads(storage, clock), max_blob), sparse)
        self._read_only = read_only
        self._admissions = Admissions(access or Access(), storage.private, clock)

    @property
    def tokens(self) -> TokenService | None:
        """The built-in token service, with the scheme "bearer" only; its keys are kept in the storage's folder."""
        return self._admissions().tokens

    def handle(self, request: Request) -> Response:
        """Answer a request. Raises only what reading the request's own content raises."""
        notes: dict[str, str] = {}
        try:
            response = self._answer(request, notes)
        except Rejected as rejected:
            response = rejected.response()
        except BodyFailed as failed:
            raise (failed.__cause__ or failed) from None
        except Exception as error:
            response = _failed(request, error)
        response.notes = notes
        return _completed(request, response)

    def is_quick(self, request: Request) -> bool:
        """Whether a request without content is answered without waiting for anybody, or for anything long."""
        try:
            found = _find(request.method, request.path)
        except Misbehaved:
            return True
        return found is not None and found[0] in QUICK and not self._admissions().is_slow(request)

    def _answer(self, request: Request, notes: dict[str, str]) -> Response:
        path = _path(request)
        admission = self._admissions()
        if (response := admission.answer(request, path)) is not None:
            return response
        call = _call(request, path)
        notes["endpoint"] = call.endpoint.id
        call.check()
        if self._read_only and request.method not in READS:
            raise Rejected(endpoints.UNSUPPORTED, "this registry is read-only", headers=(("Allow", ", ".join(READS)),))
        decision = admission.guard.decide(request, need_of(call.endpoint, call.parameters, call.asked("from")))
        if isinstance(decision, Refusal):
            raise decision.rejected()
        notes["user"] = decision.user
        return self._routes[call.endpoint](replace(call, permits=decision.permits))


def _routes(storage: Storage, blobs: Blobs, sparse: bool) -> Mapping[Endpoint, Route]:
    manifests, lists = Manifests(storage, sparse=sparse), Lists(storage)
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


def _find(method: str, path: str) -> tuple[Endpoint, Mapping[str, str]] | None:
    # Looking is a sixth of what a small answer costs; long paths would fill the memory.
    return _remembered(method, path) if len(path) <= MOST_PATH_CHARACTERS else endpoints.find(method, path)


def _version(_: Call) -> Response:
    return document(200, {})


def _path(request: Request) -> str:
    try:
        path = request.path
    except Misbehaved as error:
        raise Rejected(NAME_INVALID, str(error)) from None
    # Whoever stands before the registry may read an encoded slash as another path than we would.
    if "%2f" in path.lower():
        raise Rejected(NAME_INVALID, "an encoded slash in the path")
    return unquote(path)


def _call(request: Request, path: str) -> Call:
    found = _find(request.method, path)
    if found is not None:
        return Call(request, *found)
    methods = ", ".join(dict.fromkeys(endpoints.methods_of(path)))
    if methods:
        raise Rejected(endpoints.UNSUPPORTED, request.method, headers=(("Allow", methods),))
    raise Rejected(NOT_AN_ENDPOINT)


def _failed(request: Request, error: Exception) -> Response:
    if isinstance(error, OSError) and is_full(error):
        log.warning("%s failed: no space is left", request)
        return Rejected(NO_SPACE).response()
    if isinstance(error, (OSError, Error)):  # the fault of the disk, or of whoever else wrote to it
        log.error("%s failed: %s", request, error)
    else:
        log.exception("%s failed", request)
    return Rejected(UNKNOWN).response()


def _completed(request: Request, response: Response) -> Response:
    response.headers = Headers((*response.headers, *ALWAYS))
    response.url = request.url
    if request.method == "HEAD":
        response.close()
        response.stream = io.BytesIO()
    return response
