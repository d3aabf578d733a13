"""A registry as a store (distribution specification): one repository of it, and the list of its repositories."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

from ..auth.scopes import ScopeSet, repository_scopes
from ..errors import Denied, InvalidDigest, Misbehaved, NotFound, Unsupported
from ..http.message import Body, Headers, Request, Response, Stream
from ..http.origin import Origin, redact, split
from ..http.problem import failure
from ..http.session import Session
from ..spec import endpoints, media
from ..spec.descriptor import Descriptor
from ..spec.digest import ALGORITHMS, Digest
from ..spec.endpoints import Endpoint
from ..spec.manifest import Manifest
from ..spec.reference import Reference, endpoint_of, is_repository
from .base import Content
from .pages import names
from .referrers import Referrers
from .resuming import ResumingStream

MOST_MANIFEST_BYTES: Final = 4 << 20  # what the specification asks registries to take at least

DELETED: Final = frozenset({200, 202, 204})
_UNDELETABLE: Final = frozenset({400, 405, 501})

_CONTENT_RANGE = re.compile(r"bytes\s+(?:\d{1,19}-\d{1,19}|\*)/(\d{1,19})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry: `name` as people write it."""

    session: Session[ScopeSet]
    name: str

    @property
    def base_url(self) -> str:
        return self.session.base_url(endpoint_of(self.name))

    def repositories(self, *, limit: int | None = None) -> Iterator[str]:
        """The names of its repositories, page by page, `limit` a page where the server takes that.

        Not in the specification; many registries have it as `/v2/_catalog`. Raises Refused, Unsupported, NotFound.
        """
        for name in names(self.session, self.base_url + endpoints.REPOSITORIES.path(), None, "repositories", limit):
            if not is_repository(name):
                raise Misbehaved(f"{self.name} lists {name[:80]!r}, which is not a repository name")
            yield name

    def repository(self, name: str) -> Repository:
        """One of its repositories."""
        return Repository(self.session, self.name, name)


class Repository:
    """A repository: a source, and it lists, refers and deletes. Safe to share among threads."""

    def __init__(
        self,
        session: Session[ScopeSet],
        registry: str,
        repository: str,
        *,
        most_manifest_bytes: int = MOST_MANIFEST_BYTES,
    ) -> None:
        self.registry = registry
        self.name = repository
        self._session = session
        self._most_manifest_bytes = most_manifest_bytes
        self._pull = repository_scopes(repository, "pull")
        self._push = repository_scopes(repository, "pull", "push")
        self._referrers = Referrers(session, self._pull, self.url, self._fallback_index)

    @classmethod
    def at(
        cls, session: Session[ScopeSet], reference: Reference, *, most_manifest_bytes: int = MOST_MANIFEST_BYTES
    ) -> Repository:
        """The repository that a reference is in."""
        return cls(session, reference.registry, reference.repository, most_manifest_bytes=most_manifest_bytes)

    def url(self, endpoint: Endpoint, **parameters: str) -> str:
        """The URL of one of the repository's end-points."""
        return self._session.base_url(endpoint_of(self.registry)) + endpoint.path(name=self.name, **parameters)

    def __str__(self) -> str:
        return f"{self.registry}/{self.name}"

    # Reading

    def resolve(self, name: str | Digest) -> Descriptor:
        """The descriptor of the manifest that a tag or digest names, by HEAD where the server answers that well.

        Raises NotFound, Refused, Misbehaved, ContentMismatch.
        """
        found = self._resolve_by_head(str(name)) or self.manifest(name).descriptor
        return Descriptor(found.media_type, found.digest, found.size)  # the same whichever way it was found

    def manifest(self, name: str | Digest) -> Manifest:
        """The manifest that a tag or digest names. Raises NotFound, Refused, Misbehaved, ContentMismatch, Unsupported."""
        request = self._manifest_request("GET", str(name))
        response = self._session.send(request, self._pull)
        if response.status != 200:
            raise failure(request, response)
        said = response.headers.get("Docker-Content-Digest")
        content_type = response.headers.get("Content-Type") or ""
        raw = response.read(self._most_manifest_bytes, f"the manifest {self}{_at(name)}")
        wanted = name if isinstance(name, Digest) else (Digest.parse(name) if ":" in name else None)
        if wanted is not None:
            wanted.verify(raw, f"the manifest {self}@{wanted}")
        algorithm = wanted.algorithm if wanted else _algorithm(said)
        return Manifest.parse(raw, content_type, algorithm)

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]:
        """The content of a descriptor from byte `offset` on; a cut connection is taken up again where it was cut.

        Read from the beginning to the end it is verified; from elsewhere only its length is. Raises NotFound, Refused,
        Unreachable; reading raises ContentMismatch.
        """
        kind = endpoints.MANIFEST if descriptor.is_manifest else endpoints.BLOB
        parameter = "reference" if descriptor.is_manifest else "digest"
        accept = ", ".join(media.ACCEPT) if descriptor.is_manifest else "*/*"
        request = Request("GET", self.url(kind, **{parameter: str(descriptor.digest)}), Headers([("Accept", accept)]))
        return closing(ResumingStream(lambda part: self._session.send(part, self._pull), request, descriptor, offset))

    def blob(self, digest: Digest) -> Descriptor:
        """The descriptor of a blob; its size is what the server says of it. Raises NotFound, Refused, Misbehaved."""
        size = self._size_by_head(digest)
        if size is not None:
            return Descriptor("application/octet-stream", digest, size)
        # The server does not answer HEAD, or not in full: the first byte of a GET tells as much.
        request = Request("GET", self.url(endpoints.BLOB, digest=str(digest)), Headers([("Range", "bytes=0-0")]))
        with self._session.send(request, self._pull) as response:
            if response.status not in (200, 206, 416):
                raise failure(request, response)
            return Descriptor("application/octet-stream", digest, _whole_length(request, response))

    def tags(self, *, limit: int | None = None) -> Iterator[str]:
        """The tags, page by page as they are wanted, `limit` a page where the server takes that.

        Raises NotFound, Refused, Misbehaved.
        """
        return names(self._session, self.url(endpoints.TAGS), self._pull, "tags", limit)

    def referrers(self, subject: Digest, artifact_type: str = "") -> Iterator[Descriptor]:
        """What refers to a manifest, by the referrers API or, where there is none, by the tag schema.

        Raises Unauthorized, Misbehaved.
        """
        return self._referrers.of(subject, artifact_type)

    # Writing

    def exists(self, descriptor: Descriptor) -> bool:
        """Whether the content is there. Raises Refused."""
        if descriptor.is_manifest:
            return self._resolve_by_head(str(descriptor.digest)) is not None
        return self._size_by_head(descriptor.digest) == descriptor.size

    def push(self, descriptor: Descriptor, content: Content, *, tags: Sequence[str] = ()) -> None:
        """Put content under its digest, and a manifest under names as well (§Pushing). Raises Refused, Unreachable."""
        if not descriptor.is_manifest:
            self._push_blob(descriptor, content)
        for name in tags or ([str(descriptor.digest)] if descriptor.is_manifest else []):
            url = self.url(endpoints.MANIFEST_PUT, reference=name)
            headers = Headers([("Content-Type", descriptor.media_type)])
            self._put(Request("PUT", url, headers, Body(content, descriptor.size)))

    def delete(self, name: str | Digest) -> None:
        """Remove a tag, and only that; or a manifest by its digest, under all its tags.

        Raises NotFound, Refused, and Unsupported where the server cannot: a tag's manifest is never removed in its place.
        """
        self._delete(self.url(endpoints.MANIFEST_DELETE, reference=str(name)), "tag" if _is_tag(name) else "manifest")

    def delete_blob(self, digest: Digest) -> None:
        """Remove a blob. Raises NotFound, Refused, Unsupported."""
        self._delete(self.url(endpoints.BLOB_DELETE, digest=str(digest)), "blob")

    # How

    def _manifest_request(self, method: str, name: str) -> Request:
        url = self.url(endpoints.MANIFEST, reference=name)
        return Request(method, url, Headers([("Accept", ", ".join(media.ACCEPT))]))

    def _resolve_by_head(self, name: str) -> Descriptor | None:
        """What HEAD tells; None where only a GET can."""
        request = self._manifest_request("HEAD", name)
        try:
            response = self._session.send(request, self._pull)
        except Denied:
            return None  # some refuse HEAD and allow GET; and the answer to GET has the reason in its body
        with response:
            if response.status == 429 or (response.status >= 500 and response.status != 501):
                raise failure(request, response)
            media_type = media.essence(response.headers.get("Content-Type") or "")
            digest = _digest(response.headers.get("Docker-Content-Digest"))
            complete = response.status == 200 and digest and response.length and media.is_manifest(media_type)
            if not complete or digest is None or response.length is None or (":" in name and name != str(digest)):
                return None
            return Descriptor(media_type, digest, response.length)

    def _size_by_head(self, digest: Digest) -> int | None:
        request = Request("HEAD", self.url(endpoints.BLOB, digest=str(digest)))
        try:
            with self._session.send(request, self._pull) as response:
                return response.length if response.status == 200 else None
        except Denied:
            return None

    def _fallback_index(self, tag: str) -> Manifest | None:
        try:
            return self.manifest(tag)
        except (NotFound, Denied, Unsupported):
            return None

    def _push_blob(self, descriptor: Descriptor, content: Content) -> None:
        request = Request("POST", self.url(endpoints.UPLOADS))
        with self._session.send(request, self._push) as response:
            location = response.headers.get("Location")
            if response.status != 202 or location is None:
                raise failure(request, response)
        target = _upload_url(request, location)
        url = f"{target}{'&' if split(target).query else '?'}digest={descriptor.digest}"
        headers = Headers([("Content-Type", "application/octet-stream")])
        self._put(Request("PUT", url, headers, Body(content, descriptor.size)))

    def _put(self, request: Request) -> None:
        with self._session.send(request, self._push) as response:
            if response.status not in (201, 204):
                raise failure(request, response)

    def _delete(self, url: str, what: str) -> None:
        request = Request("DELETE", url)
        with self._session.send(request) as response:
            if response.status in DELETED:
                return
            error = failure(request, response)
        if response.status in _UNDELETABLE:
            raise Unsupported(f"{self.registry} does not delete a {what}: {error}")
        raise error


def _digest(text: str | None) -> Digest | None:
    try:
        return Digest.parse(text or "")
    except InvalidDigest:
        return None


def _algorithm(said: str | None) -> str:
    """The algorithm that a server names content by; its digest itself is computed, not believed."""
    name = (said or "").partition(":")[0]
    return name if name in ALGORITHMS else "sha256"


def _is_tag(name: str | Digest) -> bool:
    return not isinstance(name, Digest) and ":" not in name


def _at(name: str | Digest) -> str:
    return f":{name}" if _is_tag(name) else f"@{name}"


def _whole_length(request: Request, response: Response) -> int:
    """How long a blob is, by the answer to a request for its first byte; one of an empty blob cannot be had."""
    found = _CONTENT_RANGE.fullmatch((response.headers.get("Content-Range") or "").strip())
    length = response.length if response.status == 200 else int(found[1]) if found else None
    if length is None:
        raise Misbehaved(f"{request}: the server does not say how long the blob is")
    return length


def _upload_url(request: Request, location: str) -> str:
    target = urljoin(request.url, location)
    if Origin.of(target) != request.origin and request.origin.scheme == "https" and not target.startswith("https:"):
        raise Misbehaved(f"{request}: the upload would go to {redact(target)}, over plain http")
    return target
