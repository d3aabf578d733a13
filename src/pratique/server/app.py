"""The registry as a function from requests to responses."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import unquote

from ..errors import Misbehaved
from ..http.message import Request, Response
from ..spec import endpoints
from ..spec.endpoints import Endpoint
from .answers import NOT_AN_ENDPOINT, UNKNOWN, Rejected, document
from .blobs import Blobs
from .call import BodyFailed, Call
from .lists import Lists
from .manifests import Manifests
from .storage import Storage
from .uploads import Uploads

log = logging.getLogger(__name__)

# Fields of every answer: what Docker's clients look for, and what keeps browsers from guessing types.
ALWAYS: Final = (("Docker-Distribution-API-Version", "registry/2.0"), ("X-Content-Type-Options", "nosniff"))

Route = Callable[[Call], Response]


class RegistryApp:
    """A registry over a storage. `handle` has the shape of a client's transport, so it can be used without sockets.

    `clock` gives seconds since the epoch.
    """

    def __init__(self, storage: Storage, *, clock: Callable[[], float] = time.time) -> None:
        self._routes = _routes(storage, clock)

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
        call = _call(request)
        call.check()
        return self._routes[call.endpoint](call)


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


def _call(request: Request) -> Call:
    try:
        path = unquote(request.path)
    except Misbehaved as error:
        raise Rejected(UNKNOWN, str(error), status=400) from None
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
