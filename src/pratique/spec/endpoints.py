"""The end-points and error codes of the distribution specification as data, shared by client and server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..expressions import expression
from ..values import frozen

PULL: Final = ("pull",)
PUSH: Final = ("pull", "push")
# Which action a DELETE needs differs among registries. These are tried in turn where a challenge names none.
DELETE: Final = ("delete",)
ALL: Final = ("*",)

REPOSITORY: Final = "repository:{name}"
CATALOG: Final = "registry:catalog"


# A name is the only parameter that has slashes of its own; in any other they would lead to another end-point.
_SAFE: Final = {"name": "/"}
# What needs no encoding anywhere (RFC 3986 §2.3).
_UNRESERVED: Final = frozenset("-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


@frozen
class Endpoint:
    """One end-point: its id in the specification, methods and path.

    `resource` and `actions` make the conventional scope of a token for it (distribution's token scope documentation);
    where several sets of actions are usual, they stand in the order in which to try them. An empty set stands for
    a token without a scope.
    """

    id: str
    methods: tuple[str, ...]
    template: str
    resource: str = REPOSITORY
    actions: tuple[tuple[str, ...], ...] = ()

    def path(self, **parameters: str) -> str:
        """The path with its parameters filled in, percent-encoded where they must be."""
        return self.template.format_map(
            {key: _encoded(value, _SAFE.get(key, ":")) for key, value in parameters.items()}
        )

    def match(self, path: str) -> Mapping[str, str] | None:
        """The parameters of `path`, or None where it is not this end-point's."""
        found = _PATTERNS[self.template].fullmatch(path)
        return found.groupdict() if found else None


def _encoded(text: str, safe: str) -> str:
    if (_UNRESERVED | {safe}).issuperset(text):  # as nearly every name, tag and digest is
        return text
    from urllib.parse import quote

    return quote(text, safe=safe)


VERSION: Final = Endpoint("end-1", ("GET", "HEAD"), "/v2/", resource="")
BLOB: Final = Endpoint("end-2", ("GET", "HEAD"), "/v2/{name}/blobs/{digest}", actions=(PULL,))
MANIFEST: Final = Endpoint("end-3", ("GET", "HEAD"), "/v2/{name}/manifests/{reference}", actions=(PULL,))
UPLOADS: Final = Endpoint("end-4", ("POST",), "/v2/{name}/blobs/uploads/", actions=(PUSH,))
UPLOAD_CHUNK: Final = Endpoint("end-5", ("PATCH",), "/v2/{name}/blobs/uploads/{session}", actions=(PUSH,))
UPLOAD_END: Final = Endpoint("end-6", ("PUT",), "/v2/{name}/blobs/uploads/{session}", actions=(PUSH,))
MANIFEST_PUT: Final = Endpoint("end-7", ("PUT",), "/v2/{name}/manifests/{reference}", actions=(PUSH,))
TAGS: Final = Endpoint("end-8", ("GET", "HEAD"), "/v2/{name}/tags/list", actions=(PULL,))
MANIFEST_DELETE: Final = Endpoint("end-9", ("DELETE",), "/v2/{name}/manifests/{reference}", actions=(DELETE, PUSH, ALL))
BLOB_DELETE: Final = Endpoint("end-10", ("DELETE",), "/v2/{name}/blobs/{digest}", actions=(DELETE, PUSH, ALL))
REFERRERS: Final = Endpoint("end-12", ("GET", "HEAD"), "/v2/{name}/referrers/{digest}", actions=(PULL,))
UPLOAD_STATUS: Final = Endpoint("end-13", ("GET", "HEAD"), "/v2/{name}/blobs/uploads/{session}", actions=(PUSH,))
UPLOAD_CANCEL: Final = Endpoint("end-14", ("DELETE",), "/v2/{name}/blobs/uploads/{session}", actions=(PUSH,))
REPOSITORIES: Final = Endpoint("catalog", ("GET", "HEAD"), "/v2/_catalog", CATALOG, actions=(ALL, ()))

# Paths with more literal text come first: `blobs/uploads/` would match as a blob's digest, too.
ENDPOINTS: Final = (
    VERSION, REPOSITORIES, UPLOADS, UPLOAD_CHUNK, UPLOAD_END, UPLOAD_STATUS, UPLOAD_CANCEL,
    BLOB, MANIFEST, MANIFEST_PUT, TAGS, MANIFEST_DELETE, BLOB_DELETE, REFERRERS,
)  # fmt: skip

_PARAMETERS: Final = {
    "name": "(?P<name>.+)",
    "digest": "(?P<digest>[^/]+)",
    "reference": "(?P<reference>[^/]+)",
    "session": "(?P<session>[^/]+)",
}
_PATTERNS: Final = {endpoint.template: expression(endpoint.template.format_map(_PARAMETERS)) for endpoint in ENDPOINTS}


def find(method: str, path: str) -> tuple[Endpoint, Mapping[str, str]] | None:
    """The end-point that a request is for and the parameters of its path; None for any other request."""
    for endpoint in ENDPOINTS:
        if method in endpoint.methods and (parameters := endpoint.match(path)) is not None:
            return endpoint, parameters
    return None


def methods_of(path: str) -> tuple[str, ...]:
    """The methods that some end-point has for `path`; none where no end-point has it."""
    return tuple(method for endpoint in ENDPOINTS if endpoint.match(path) is not None for method in endpoint.methods)


def repository_of(path: str) -> str | None:
    """The repository that a path of the API is about; None for `/v2/`, the catalogue and paths outside of the API."""
    for endpoint in ENDPOINTS:
        parameters = endpoint.match(path)
        if parameters and "name" in parameters:
            return parameters["name"]
    return None


@frozen
class ErrorCode:
    """An error code of the specification, the status it usually comes with and what it means."""

    code: str
    status: int
    message: str


BLOB_UNKNOWN: Final = ErrorCode("BLOB_UNKNOWN", 404, "blob unknown to registry")
BLOB_UPLOAD_INVALID: Final = ErrorCode("BLOB_UPLOAD_INVALID", 400, "blob upload invalid")
BLOB_UPLOAD_UNKNOWN: Final = ErrorCode("BLOB_UPLOAD_UNKNOWN", 404, "blob upload unknown to registry")
DIGEST_INVALID: Final = ErrorCode("DIGEST_INVALID", 400, "provided digest did not match uploaded content")
MANIFEST_BLOB_UNKNOWN: Final = ErrorCode(
    "MANIFEST_BLOB_UNKNOWN", 404, "manifest references a manifest or blob unknown to registry"
)
MANIFEST_INVALID: Final = ErrorCode("MANIFEST_INVALID", 400, "manifest invalid")
MANIFEST_UNKNOWN: Final = ErrorCode("MANIFEST_UNKNOWN", 404, "manifest unknown to registry")
NAME_INVALID: Final = ErrorCode("NAME_INVALID", 400, "invalid repository name")
NAME_UNKNOWN: Final = ErrorCode("NAME_UNKNOWN", 404, "repository name not known to registry")
SIZE_INVALID: Final = ErrorCode("SIZE_INVALID", 400, "provided length did not match content length")
UNAUTHORIZED: Final = ErrorCode("UNAUTHORIZED", 401, "authentication required")
DENIED: Final = ErrorCode("DENIED", 403, "requested access to the resource is denied")
UNSUPPORTED: Final = ErrorCode("UNSUPPORTED", 405, "the operation is unsupported")
TOOMANYREQUESTS: Final = ErrorCode("TOOMANYREQUESTS", 429, "too many requests")
