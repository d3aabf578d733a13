"""Manners of lists, of deleting and of referrers."""

from __future__ import annotations

import re

from ....http.message import Request, Response, Transport
from ....spec.endpoints import (
    BLOB_DELETE,
    MANIFEST,
    MANIFEST_DELETE,
    MANIFEST_INVALID,
    MANIFEST_PUT,
    REFERRERS,
    REPOSITORIES,
    TAGS,
)
from ..effects import refuse
from .base import Manner, asked_of, asking, at, endpoint_of, last_of, named, repository_of

_TAG_OF_DIGEST = re.compile(r"(sha\d+)-([0-9a-f]{32,128})")


@named(
    "page-size-limits",
    "a page of more than 1,000 names is refused with 405",
    "google/go-containerregistry#681, renovatebot/renovate#16822",
)
class PageSize(Manner):
    """`n` above `most` is refused with `status`; or, where that is 0, made smaller without a word, as no `n` is."""

    def __init__(self, registry: Transport, *, most: int = 1000, status: int = 405) -> None:
        super().__init__(registry)
        self._most, self._status = most, status

    def serve(self, request: Request) -> Response:
        if endpoint_of(request) not in (TAGS, REPOSITORIES):
            return self.ask(request)
        asked = asked_of(request, "n")
        size = int(asked) if asked.isascii() and asked.isdigit() else None
        if self._status:
            refuses = size is not None and size > self._most
            return (
                refuse(self._status, "UNSUPPORTED", "Invalid parameter at 'maxResults'")
                if refuses
                else self.ask(request)
            )
        if size is None or size > self._most:
            request = asking(request, n=str(self._most))
        return self.ask(request)


@named(
    "delete-by-tag-vs-digest",
    "a tag is not deleted, only a manifest with all its tags",
    "google/go-containerregistry#724",
)
class DeletesDigests(Manner):
    """DELETE of a tag is answered with `status`; what was deleted is answered with `done`."""

    def __init__(self, registry: Transport, *, status: int = 405, done: int = 202) -> None:
        super().__init__(registry)
        self._status, self._done = status, done

    def serve(self, request: Request) -> Response:
        endpoint = endpoint_of(request)
        if endpoint is MANIFEST_DELETE and ":" not in last_of(request) and self._status >= 300:
            return refuse(self._status, "UNSUPPORTED", "not by tag")
        response = self.ask(request)
        if endpoint in (MANIFEST_DELETE, BLOB_DELETE) and response.status == 202:
            response.status = self._done
        return response


class WithoutReferrers(Manner):
    """There is no referrers API: it is answered with `status` and `body`; `OCI-Subject` is not said unless it `lies`."""

    def __init__(
        self, registry: Transport, *, status: int = 404, body: str = "", content_type: str = "", lies: bool = False
    ) -> None:
        super().__init__(registry)
        self._status, self._body, self._content_type, self._lies = status, body, content_type, lies

    def serve(self, request: Request) -> Response:
        endpoint = endpoint_of(request)
        if endpoint is REFERRERS:
            return self._referrers()
        response = self.ask(request)
        if endpoint is MANIFEST_PUT and not self._lies:
            response.headers = response.headers.without("OCI-Subject")
        return response

    def _referrers(self) -> Response:
        if not self._body and not self._content_type:
            return refuse(self._status, "" if self._status == 404 else "UNSUPPORTED")
        return Response.of(self._status, self._body.encode(), ("Content-Type", self._content_type or "text/plain"))


named(
    "referrers-404-fallback",
    "there is no referrers API",
    "google/go-containerregistry#1647, sigstore/sigstore-js#1187, NVIDIA/aicr#1957",
)(WithoutReferrers)
named(
    "oci-subject-lies",
    "`OCI-Subject` is said, and there is no referrers API",
    "sigstore/sigstore-js#1183, notaryproject/notation#1222",
    lies=True,
)(WithoutReferrers)


@named(
    "referrers-unknown-subject",
    "referrers of a subject that is not there are refused with 400",
    "sigstore/sigstore-js#1187",
)
class UnknownSubject(Manner):
    """The referrers API answers `status` for a subject that is not there."""

    def __init__(self, registry: Transport, *, status: int = 400) -> None:
        super().__init__(registry)
        self._status = status

    def serve(self, request: Request) -> Response:
        if endpoint_of(request) is not REFERRERS or self._is_there(request):
            return self.ask(request)
        return refuse(self._status, MANIFEST_INVALID.code)

    def _is_there(self, request: Request) -> bool:
        path = MANIFEST.path(name=repository_of(request), reference=last_of(request))
        with self.ask(at(Request("HEAD", asking(request).url, request.headers), path)) as answered:
            return answered.status != 404


@named(
    "referrers-tag-resolves-to-subject",
    "the tag that stands in for the referrers API is taken for the digest of the subject",
    "oras-project/oras-go#1396, oras-project/oras#2148",
)
class DashIsColon(WithoutReferrers):
    """A tag `sha256-…` is the digest `sha256:…`."""

    def serve(self, request: Request) -> Response:
        found = _TAG_OF_DIGEST.fullmatch(last_of(request))
        if endpoint_of(request) is not MANIFEST or found is None:
            return super().serve(request)
        return self.ask(at(request, MANIFEST.path(name=repository_of(request), reference=f"{found[1]}:{found[2]}")))


@named(
    "referrers-filter",
    "the filter of the referrers API is ignored, and not said to be applied",
    "NVIDIA/aicr#1957",
)
class FiltersNothing(Manner):
    """`artifactType` is not looked at."""

    def serve(self, request: Request) -> Response:
        if endpoint_of(request) is REFERRERS:
            request = asking(request, artifactType=None)
        return self.ask(request)
