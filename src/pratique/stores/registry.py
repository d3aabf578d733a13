"""A registry as a store (distribution specification): one repository of it, and the list of its repositories."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING, Final, TypeGuard, TypeVar

from ..auth.scopes import NO_SCOPES, ScopeSet, repository_scopes
from ..errors import Denied, InvalidReference, Misbehaved, NotFound, Unauthorized, Unsupported
from ..http.events import Observer, ignore
from ..http.message import Body, Headers, Request, Response, Stream
from ..http.problem import failure
from ..http.session import Session
from ..spec import endpoints, media
from ..spec.descriptor import Descriptor
from ..spec.digest import ALGORITHMS, Digest
from ..spec.endpoints import Endpoint
from ..spec.manifest import MOST_MANIFEST_BYTES, Manifest
from ..spec.reference import Reference, endpoint_of, is_repository, is_tag
from ..values import frozen
from .base import NAMELESS, Content, Source
from .pages import names
from .referrers import Referrers
from .resuming import ResumingStream, content_range
from .revision import Condition, revise
from .subjects import SubjectTags

if TYPE_CHECKING:
    from .content import Early
    from .uploading import Uploader, UploadOptions

T = TypeVar("T")


USUAL_ALGORITHM: Final = "sha256"

PUT: Final = frozenset({200, 201, 202, 204})
PRECONDITION_FAILED: Final = 412
DELETED: Final = frozenset({200, 202, 204})
_ACCEPTING: Final = Headers([("Accept", ", ".join(media.ACCEPT))])
_ACCEPTING_ANYTHING: Final = Headers([("Accept", "*/*")])
_UNDELETABLE: Final = frozenset({400, 405, 501})


@frozen
class Registry:
    """A registry: `name` as people write it, and how its repositories are uploaded to."""

    session: Session[ScopeSet]
    name: str
    uploads: UploadOptions | None = None

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
        return Repository(self.session, self.name, name, uploads=self.uploads)


class Repository:
    """A repository: a source and a target; it mounts, lists, refers and deletes. Safe to share among threads.

    What is pushed to it comes from `beside`, if that is said: a token that both need is then asked for at once.
    """

    def __init__(
        self,
        session: Session[ScopeSet],
        registry: str,
        repository: str,
        *,
        most_manifest_bytes: int = MOST_MANIFEST_BYTES,
        uploads: UploadOptions | None = None,
        beside: Source | None = None,
    ) -> None:
        self.registry = registry
        self.name = repository
        self._session = session
        self._most_manifest_bytes = most_manifest_bytes
        self._pull = repository_scopes(repository, "pull")
        self._push = repository_scopes(repository, "pull", "push")
        self._asking = self._push | self._scopes_of(beside)
        self._referrers = Referrers(session, self._pull, self.url, self._fallback_index)
        self._subjects = SubjectTags(self._tagged, self._put_manifest, session.pause)
        self._uploads = uploads
        self._made: Uploader | None = None
        self._lock = threading.Lock()  # of the making

    @classmethod
    def at(
        cls,
        session: Session[ScopeSet],
        reference: Reference,
        *,
        most_manifest_bytes: int = MOST_MANIFEST_BYTES,
        uploads: UploadOptions | None = None,
        beside: Source | None = None,
    ) -> Repository:
        """The repository that a reference is in."""
        registry, name = reference.registry, reference.repository
        return cls(session, registry, name, most_manifest_bytes=most_manifest_bytes, uploads=uploads, beside=beside)

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
        return self._get_manifest(name, self._pull)[0]

    def _get_manifest(self, name: str | Digest, scopes: ScopeSet) -> tuple[Manifest, Response]:
        request = self._manifest_request("GET", str(name))
        response = self._session.send(request, scopes)
        if response.status != 200:
            raise failure(
                request, response, missing=f"list its tags with: pratique tags {self}" if _is_tag(name) else None
            )
        said = response.headers.get("Docker-Content-Digest")
        content_type = response.headers.get("Content-Type") or ""
        raw = response.read(self._most_manifest_bytes, f"the manifest {self}{_at(name)}")
        wanted = name if isinstance(name, Digest) else (Digest.parse(name) if ":" in name else None)
        if wanted is not None:
            wanted.verify(raw, f"the manifest {self}@{wanted}")
        algorithm = wanted.algorithm if wanted else _algorithm(said)
        return Manifest.parse(raw, content_type, algorithm), response

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]:
        """The content of a descriptor from byte `offset` on; a cut connection is taken up again where it was cut.

        Read from the beginning to the end it is verified; from elsewhere only its length is. Raises NotFound, Refused,
        Unreachable; reading raises ContentMismatch.
        """
        kind = endpoints.MANIFEST if descriptor.is_manifest else endpoints.BLOB
        parameter = "reference" if descriptor.is_manifest else "digest"
        accepting = _ACCEPTING if descriptor.is_manifest else _ACCEPTING_ANYTHING
        request = Request("GET", self.url(kind, **{parameter: str(descriptor.digest)}), accepting)
        return closing(ResumingStream(lambda part: self._session.send(part, self._pull), request, descriptor, offset))

    def blob(self, digest: Digest) -> Descriptor:
        """The descriptor of a blob; its size is what the server says of it. Raises NotFound, Refused, Misbehaved."""
        size = self._size_by_head(digest)
        if size is not None:
            return Descriptor(media.OCTETS, digest, size)
        # The server does not answer HEAD, or not in full: the first byte of a GET tells as much.
        request = Request("GET", self.url(endpoints.BLOB, digest=str(digest)), Headers([("Range", "bytes=0-0")]))
        with self._session.send(request, self._pull) as response:
            if response.status not in (200, 206, 416):
                raise failure(request, response)
            return Descriptor(media.OCTETS, digest, _whole_length(request, response))

    def tags(self, *, limit: int | None = None) -> Iterator[str]:
        """The tags, page by page as they are wanted, `limit` a page where the server takes that.

        Raises NotFound, Refused, Misbehaved.
        """
        missing = f"check the name, or list the repositories with: pratique repos {self.registry}"
        return names(self._session, self.url(endpoints.TAGS), self._pull, "tags", limit, missing)

    def referrers(self, subject: Digest, artifact_type: str = "") -> Iterator[Descriptor]:
        """What refers to a manifest, by the referrers API or, where there is none, by the tag schema.

        Raises Unauthorized, Misbehaved.
        """
        return self._referrers.of(subject, artifact_type)

    # Writing

    def exists(self, descriptor: Descriptor) -> bool:
        """Whether the content is there for sure, to whoever is about to push it.

        Where the registry does not tell (it may refuse to, of a repository that is made by the first push), it is not.
        Raises Unauthorized where that is for want of a credential, or the credential is not accepted.
        """
        if descriptor.is_manifest:
            return self._ask(lambda: self._resolve_by_head(str(descriptor.digest), self._asking)) is not None
        return self._ask(lambda: self._size_by_head(descriptor.digest, self._asking)) == descriptor.size

    def find(self, name: str) -> Descriptor | None:
        """What a tag stands for, by one HEAD, to whoever is about to push under it. Raises Unauthorized as `exists` does."""
        return self._ask(lambda: self._resolve_by_head(name, self._asking))

    def mounts_from(self, source: Source) -> bool:
        """Whether a source is another repository of this registry, and has not been refused.

        Whoever reads the source: it is mounted as whom the target is written, if the registry lets that one read it.
        """
        return self._is_beside(source) and source.name not in self._uploader.unmountable

    def mount(self, descriptor: Descriptor, source: Source) -> bool:
        """Take a blob from another repository of the registry (§Mounting a blob from another repository).

        False where it has to be pushed, whatever the reason; if the registry has begun an upload then, that is used.
        """
        if descriptor.is_manifest or not isinstance(source, Repository) or not self.mounts_from(source):
            return False
        return self._uploader.mount(descriptor.digest, source.name)

    def push(self, descriptor: Descriptor, content: Content, *, tags: Sequence[str] = ()) -> None:
        """Put content under its digest, and a manifest under names as well (§Pushing).

        A manifest that refers to another is found by that, also where the registry does not see to it itself.
        Raises ContentMismatch, Refused, NotFound, Unreachable, Misbehaved.
        """
        if descriptor.is_manifest:
            self._push_manifest(descriptor, content, tags)
        else:
            self._uploader.push(descriptor, content)

    def advance(self, content: Content, tell: Observer = ignore) -> Early | None:
        """Begin to send a blob while it is still being made; a push of it then only names it. `tell` is told `Advanced`."""
        return self._uploader.advance(content, tell)

    def revise(self, name: str, change: Callable[[Manifest], Manifest]) -> Manifest:
        """Put what `change` makes of a tag's manifest under the tag, whoever else does the same: `revision.revise`.

        Raises NotFound, Refused, Unreachable, Misbehaved.
        """

        def changed(found: Manifest | None) -> Manifest:
            if found is None:
                raise NotFound(f"{self} has no tag {name}")
            new = change(found)
            if new.digest != found.digest and (new.subject or new.digest.algorithm != USUAL_ALGORITHM):
                self.push(new.descriptor, Body.of(new.raw).open)
            return new

        return revise(name, changed, self._tagged, self._put_manifest)

    def delete(self, name: str | Digest) -> None:
        """Remove a tag, and only that; or a manifest by its digest, under all its tags.

        Raises NotFound, Refused, and Unsupported where the server cannot: a tag's manifest is never removed in its place.
        """
        self._delete(
            self.url(endpoints.MANIFEST_DELETE, reference=_checked(str(name))), "tag" if _is_tag(name) else "manifest"
        )

    def delete_blob(self, digest: Digest) -> None:
        """Remove a blob. Raises NotFound, Refused, Unsupported."""
        self._delete(self.url(endpoints.BLOB_DELETE, digest=str(digest)), "blob")

    # How

    @property
    def _uploader(self) -> Uploader:
        """Made when the first blob is pushed: who only reads need not know how to upload."""
        from . import upload, uploading

        with self._lock:
            if self._made is None:
                uploads = self._uploads or uploading.UploadOptions()
                manner = upload.Manner(uploads.chunk)
                self._made = uploading.Uploader(self._session, self.registry, self.name, self.url, uploads.kept, manner)
            return self._made

    def _is_beside(self, source: Source | None) -> TypeGuard[Repository]:
        """Whether a source is another repository of this registry."""
        return (
            isinstance(source, Repository)
            and endpoint_of(source.registry) == endpoint_of(self.registry)
            and source.name != self.name
        )

    def _scopes_of(self, source: Source | None) -> ScopeSet:
        """What it takes to mount from a source that the same session reads, and so most likely as the same one."""
        return source._pull if self._is_beside(source) and source._session is self._session else NO_SCOPES

    def _ask(self, question: Callable[[], T | None]) -> T | None:
        """The answer, or None where the registry does not tell it to somebody whose token is not for that."""
        try:
            return question()
        except Unauthorized as error:
            if error.asked:  # there was a token, and not for this
                return None
            raise

    def _manifest_request(self, method: str, name: str) -> Request:
        url = self.url(endpoints.MANIFEST, reference=_checked(name))
        return Request(method, url, _ACCEPTING)

    def _resolve_by_head(self, name: str, scopes: ScopeSet | None = None) -> Descriptor | None:
        """What HEAD tells; None where only a GET can."""
        request = self._manifest_request("HEAD", name)
        try:
            response = self._session.send(request, scopes or self._pull)
        except Denied:
            return None  # some refuse HEAD and allow GET; and the answer to GET has the reason in its body
        with response:
            if response.status == 429 or (response.status >= 500 and response.status != 501):
                raise failure(request, response)
            media_type = media.essence(response.headers.get("Content-Type") or "")
            digest = Digest.find(response.headers.get("Docker-Content-Digest"))
            complete = response.status == 200 and digest and response.length and media.is_manifest(media_type)
            if not complete or digest is None or response.length is None or (":" in name and name != str(digest)):
                return None
            return Descriptor(media_type, digest, response.length)

    def _size_by_head(self, digest: Digest, scopes: ScopeSet | None = None) -> int | None:
        request = Request("HEAD", self.url(endpoints.BLOB, digest=str(digest)))
        try:
            with self._session.send(request, scopes or self._pull) as response:
                return response.length if response.status == 200 else None
        except Denied:
            return None

    def _tagged(self, tag: str) -> tuple[Manifest | None, str | None]:
        """What is under a tag, to be written anew, and its ETag; only what is not there is none."""
        try:
            manifest, response = self._get_manifest(tag, self._push)
        except NotFound:
            return None, None
        return manifest, response.headers.get("ETag")

    def _fallback_index(self, tag: str) -> Manifest | None:
        try:
            return self.manifest(tag)
        except (NotFound, Denied, Unsupported):
            return None

    def _push_manifest(self, descriptor: Descriptor, content: Content, tags: Sequence[str]) -> None:
        if descriptor.size > self._most_manifest_bytes:
            raise Unsupported(
                f"the manifest {descriptor.digest} has {descriptor.size} bytes: more than registries take"
            )
        from .content import pour

        pieces = bytearray()
        pour(content, descriptor, pieces.extend)
        raw = bytes(pieces)
        names = [tag for tag in tags if tag != NAMELESS]
        if not names or NAMELESS in tags or descriptor.digest.algorithm != USUAL_ALGORITHM:
            names.insert(0, str(descriptor.digest))  # under a tag alone, a registry takes its own algorithm's
        answers = [self._put_manifest(name, descriptor.media_type, raw) for name in names]
        told = all("OCI-Subject" in answer.headers for answer in answers) and self._referrers.has_api
        if told or descriptor.media_type not in media.MANIFESTS:
            return
        manifest = Manifest.parse(raw, descriptor.media_type, descriptor.digest.algorithm)
        if manifest.subject:
            self._subjects.add(manifest.subject.digest, manifest.descriptor)

    def _put_manifest(self, name: str, media_type: str, raw: bytes, condition: Condition | None = None) -> Response:
        """The answer to putting a manifest under a name; 412 where the condition does not hold.

        Raises ContentMismatch where the registry stored something else.
        """
        fields = [("Content-Type", media_type), *([condition] if condition else [])]
        request = Request(
            "PUT", self.url(endpoints.MANIFEST_PUT, reference=_checked(name)), Headers(fields), Body.of(raw)
        )
        with self._session.send(request, self._push) as response:
            if condition and response.status == PRECONDITION_FAILED:
                return response
            if response.status not in PUT:
                raise failure(request, response)
            said = Digest.find(response.headers.get("Docker-Content-Digest"))
            if said is not None:
                said.verify(raw, f"what {self.registry} says it stored as {name}")
            return response

    def _delete(self, url: str, what: str) -> None:
        request = Request("DELETE", url)
        with self._session.send(request) as response:
            if response.status in DELETED:
                return
            error = failure(request, response)
        if response.status in _UNDELETABLE:
            raise Unsupported(f"{self.registry} does not delete a {what}: {error}")
        raise error


def _checked(name: str) -> str:
    """A tag or digest, and nothing else: names of other stores come here as well. Raises InvalidReference."""
    if ":" in name:
        Digest.parse(name)
    elif not is_tag(name):
        raise InvalidReference(
            f"{name[:80]!r} is not a tag", advice="a registry's tags have letters, digits, '_', '.' and '-'"
        )
    return name


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
    length = response.length if response.status == 200 else content_range(response)[1]
    if length is None:
        raise Misbehaved(f"{request}: the server does not say how long the blob is")
    return length
