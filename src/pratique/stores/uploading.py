"""Blobs into a repository (distribution specification, §Pushing blobs, §Mounting a blob): the driver of `upload.py`."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ..auth.scopes import ScopeSet, repository_scopes
from ..errors import ContentMismatch, Error, Misbehaved, NotFound, Refused, Unreachable
from ..http.events import Observer
from ..http.message import Headers, Interrupted, Request, Response, Unanswered
from ..http.origin import Origin, is_private_address
from ..http.problem import MOST_BYTES, Problem, failure
from ..http.session import Session
from ..spec import endpoints, media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..values import field, frozen, record, replace
from .base import Content
from .cursor import ContentFailed, Cursor
from .referrers import Url
from .sessions import Claim, Kept, KeptSessions
from .upload import Answer, Kind, Manner, Place, Step, Upload, Way, resolve

if TYPE_CHECKING:
    from .advance import Advance

# Of the request that begins an upload, before it is asked whether there is a repository.
RESETS_OF_A_MISSING_REPOSITORY: Final = 2

# Codes by which a server says that the content was not what was announced.
_CONTENT_CODES: Final = frozenset({"DIGEST_INVALID", "SIZE_INVALID"})


@frozen
class UploadOptions:
    """How blobs are uploaded: in chunks of so many bytes where that is wished, and with sessions kept for later runs."""

    chunk: int | None = None
    kept: KeptSessions | None = None


@record
class Begun:
    """Where an upload stands at first, and whether its registry is on the public network."""

    place: Place | None = None
    public: bool = False
    earlier: bool = False


@record
class Uploader:
    """Uploads and mounts blobs of one repository; what is learnt of the registry's manner serves the next. Shared by threads."""

    session: Session[ScopeSet]
    registry: str
    repository: str
    url: Url
    kept: KeptSessions | None
    manner: Manner
    entrusts: bool = True  # the registry with the verifying of content, as long as it says what it stored
    unmountable: set[str] = field(default_factory=set)
    begun: dict[Digest, Begun] = field(default_factory=dict)
    advances: dict[Digest, Advance] = field(default_factory=dict)  # of what was sent while it was made
    takes_unfinished: bool = True  # the registry content that is still being made, as far as is known

    @property
    def scopes(self) -> ScopeSet:
        return repository_scopes(self.repository, "pull", "push")

    @property
    def origin(self) -> Origin:
        """The registry's own; an upload may lead elsewhere."""
        return Origin.of(self.url(endpoints.UPLOADS))

    def advance(self, content: Content, tell: Observer) -> Advance | None:
        """Send content that is still being made; None where the registry takes less than all at once, or is busy enough."""
        whole = self.manner.chunk is None and Way.STREAM not in self.manner.refused
        give_back = self.session.reserve(self.origin) if whole and self.takes_unfinished else None
        if give_back is None:
            return None
        from .advance import Advance

        return Advance(self, content, tell, give_back)

    def push(self, descriptor: Descriptor, content: Content) -> None:
        """Upload a blob; a session that an earlier run left is gone on with.

        Raises ContentMismatch, with what was expected and found; Refused, Unreachable, NotFound, Misbehaved, and what
        reading the content raises.
        """
        if self.kept is None:
            self._push(descriptor, content, Claim(None, {}, lambda: 0.0))
            return
        with self.kept.claim(self.registry, self.repository, descriptor.digest, descriptor.size) as claim:
            self._push(descriptor, content, claim)

    def mount(self, digest: Digest, source: str) -> bool:
        """Take a blob from another repository of the registry.

        False where it has to be uploaded; a session that the registry began for that is used then. Where the registry
        refuses, `source` is among the `unmountable` from then on.
        """
        url = f"{self.url(endpoints.UPLOADS)}?mount={digest}&from={quote(source, safe='/')}"
        try:
            response = self.session.send(Request("POST", url), self.scopes | repository_scopes(source, "pull"))
        except (Refused, NotFound, Misbehaved):
            self.unmountable.add(source)
            return False
        except Unanswered as error:
            if not error.transient:
                raise
            self.unmountable.add(source)
            return False
        with response:
            return self._is_mounted(response, digest, source)

    def _is_mounted(self, response: Response, digest: Digest, source: str) -> bool:
        if response.status == 201:
            return Digest.find(response.headers.get("Docker-Content-Digest")) in (None, digest)
        location = response.headers.get("Location")
        if response.status == 202 and location:
            least = Answer(202, response.headers).least_chunk
            place = Place(resolve(response.url, location, self.url(endpoints.UPLOADS)), least_chunk=least or 0)
            self.begun[digest] = Begun(place, _is_public(response))
        elif response.status >= 400:
            self.unmountable.add(source)
        return False

    def _push(self, descriptor: Descriptor, content: Content, claim: Claim) -> None:
        advance = self.advances.pop(descriptor.digest, None)
        sent = advance.take(descriptor, content) if advance else None
        begun = Begun(sent) if sent else self.begun.pop(descriptor.digest, None)
        if begun is None:
            earlier = claim.load()
            begun = Begun(earlier.place, earlier.public_only, earlier=True) if earlier else Begun()
        upload = Upload(
            self.url(endpoints.UPLOADS),
            self.url(endpoints.BLOB, digest=str(descriptor.digest)),
            descriptor.digest,
            descriptor.size,
            self.manner,
            begun.place,
            earlier=begun.earlier,
        )
        with Cursor(content, descriptor, entrusts=self.entrusts) as cursor:
            _Transfer(self, upload, descriptor, cursor, claim, public=begun.public).run()
        claim.forget()
        self.manner = upload.manner


class _Transfer:
    """One upload under way."""

    def __init__(
        self, home: Uploader, upload: Upload, descriptor: Descriptor, cursor: Cursor, claim: Claim, *, public: bool
    ) -> None:
        self._home = home
        self._upload = upload
        self._descriptor = descriptor
        self._cursor = cursor
        self._claim = claim
        self._public = public
        self._was_refused = False  # since content was taken last
        self._trouble: Error | None = None  # the last of a request with content

    def run(self) -> None:
        """Do whatever is next until nothing is. Raises the error that stands."""
        try:
            while (step := self._upload.next()) is not None:
                self._take(step)
        except ContentFailed as failed:
            raise failed.cause from None

    def _take(self, step: Step) -> None:
        request = self._request(step)
        try:
            response = self._home.session.send(request, self.scopes_at(request))
        except Interrupted as interrupted:
            self._was_refused = True
            self._trouble = interrupted.refusal
            if not self._upload.take(step, Answer()):
                raise interrupted.refusal from None
        except Unanswered as error:
            self._lost(step, request, error)
        except Refused:
            # A session need not tell everybody where it stands.
            if step.kind is not Kind.ASK or not self._upload.take(step, Answer(403)):
                raise
        else:
            with response:
                self._answered(step, request, response)

    def _request(self, step: Step) -> Request:
        lines = [("Content-Type", media.OCTETS)] if step.kind in (Kind.SEND, Kind.END) else []
        if step.content_range:
            lines.append(("Content-Range", step.content_range))
        body = self._cursor.part(step.first, step.last)
        # After a refusal that the session outlived, content that is refused can be sent again without asking first.
        once = step.kind not in (Kind.ASK, Kind.CHECK) and not self._was_refused
        request = Request(step.method, step.url, Headers(lines), body, once=once)
        return replace(request, public_only=self._public and request.origin != self._home.origin)

    def scopes_at(self, request: Request) -> ScopeSet | None:
        """What the operation needs, at the registry; somebody else who takes its uploads is told nothing."""
        return self._home.scopes if request.origin == self._home.origin else None

    # What came of a request

    def _answered(self, step: Step, request: Request, response: Response) -> None:
        answer = Answer(response.status, response.headers, response.url)
        if answer.is_good:
            self._good(step, request, response, answer)
            return
        raw = response.excerpt(MOST_BYTES)
        if not _CONTENT_CODES.isdisjoint(Problem.parse(raw).codes):
            self._cursor.check()  # whose fault it is
        response.stream = io.BytesIO(raw)
        error = failure(request, response)
        if not answer.is_trouble:
            self._cursor.entrusts = False  # it may be the content's fault, which the next attempt finds out
        goes_on = self._upload.take(step, answer)
        if step.kind in (Kind.ASK, Kind.CHECK):
            error = self._trouble or error  # only because of that it was asked
        elif answer.is_trouble:
            goes_on = goes_on and self._home.session.wait(request, response, self._attempt)
            self._trouble = error
        if not goes_on:
            raise error
        self._keep()

    def _good(self, step: Step, request: Request, response: Response, answer: Answer) -> None:
        if step.kind is Kind.BEGIN:
            self._public = _is_public(response)
        if not self._upload.take(step, answer):
            raise failure(request, response)
        self._was_refused = self._was_refused and step.kind not in (Kind.SEND, Kind.END)
        if step.kind is Kind.END:
            self._verify(request, response)
        self._keep()

    def _lost(self, step: Step, request: Request, error: Unanswered) -> None:
        self._trouble = error
        goes_on = self._upload.take(step, Answer())
        if step.kind is Kind.BEGIN and error.transient and self._upload.failures == RESETS_OF_A_MISSING_REPOSITORY:
            self._look_for_repository(error)
        if not (goes_on and self._home.session.wait(request, error, self._attempt)):
            raise error

    @property
    def _attempt(self) -> int:
        return max(self._upload.failures - 1, 0)

    def _look_for_repository(self, error: Unanswered) -> None:
        """Raises NotFound where a registry closes the connection because the repository is missing, as some do."""
        home = self._home
        with suppress(Unreachable, Refused):
            with home.session.send(Request("GET", home.url(endpoints.TAGS)), home.scopes) as response:
                missing = response.status == 404
            if missing:
                raise NotFound(
                    f"{error}; {home.registry} has no repository {home.repository}",
                    advice="create the repository first: this registry does not do so by itself",
                )

    def _keep(self) -> None:
        place = self._upload.place
        if place is None or self._upload.done:
            self._claim.forget()
        else:
            self._claim.save(Kept(place, self._public))

    def _verify(self, request: Request, response: Response) -> None:
        """Compare what the server says that it stored; where it does not say, verify the content ourselves.

        Whether somebody else has stored it for the registry, the registry is asked then, too.
        """
        said, expected = Digest.find(response.headers.get("Docker-Content-Digest")), self._descriptor.digest
        if said is None or said.algorithm != expected.algorithm:
            self._verify_content()
        elif said != expected:
            raise ContentMismatch(
                f"{request}: {expected} was sent, and the server stored {said}",
                expected=str(expected),
                actual=str(said),
            )
        if said is None and request.origin != self._home.origin:
            check = Request("HEAD", self._home.url(endpoints.BLOB, digest=str(expected)))
            with self._home.session.send(check, self._home.scopes) as found:
                if found.status == 404:
                    raise Misbehaved(
                        f"{request} was answered {response.status}, and the registry does not have {expected}"
                    )

    def _verify_content(self) -> None:
        """Verify what was sent, if that was left to a server that turns out not to say what it stored; it is the last time."""
        if self._cursor.entrusts:
            self._home.entrusts = False
            self._cursor.check()


def _is_public(response: Response) -> bool:
    return response.peer is not None and not is_private_address(response.peer)
