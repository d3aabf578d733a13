"""An upload as a state machine without I/O (distribution specification, §Pushing blobs): answers in, the next request out.

Content goes in one PUT, which every registry is to take. Where one refuses that, it goes in one PATCH, and where that is
too much, in chunks; the way round that the user asks for comes first. After any trouble the session is asked where it
stands. What a server says of its position is believed only as far as it can be true.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final
from urllib.parse import urldefrag, urljoin

from ..errors import Misbehaved
from ..expressions import expression
from ..http.message import Headers
from ..http.origin import DEFAULT_PORTS, Origin, redact, split
from ..http.retry import DECLINED, TROUBLED
from ..spec.digest import Digest
from ..values import field, frozen, record

MOST_SESSIONS: Final = 10  # begun for one upload
MOST_FAILURES: Final = 8  # in a row, without a byte more at the server than ever before
FIRST_CHUNK_BYTES: Final = 16 << 20  # tried first where a server does not take the content in one piece
LEAST_CHUNK_BYTES: Final = 1 << 20  # a server that takes no more than this at a time takes nothing

NO_ANSWER: Final = 0  # the status of an answer that did not come

_GONE: Final = frozenset({404, 410})
_TOO_LARGE: Final = 413
_OUT_OF_ORDER: Final = 416
_REFUSING_THE_WAY: Final = frozenset({400, 405, 411, 415, 501})
_ENDED: Final = frozenset({200, 201, 204})

# `0-1023`, `bytes=0-1023`, `bytes 0-1023/*`; and `bytes=0--1` of an empty upload.
_RANGE = expression(r"(?:bytes[ =])?(\d{1,19})-(-?\d{1,19})(?:/.*)?", re.ASCII)
_NUMBER = expression(r"\d{1,15}", re.ASCII)


class Way(Enum):
    """How content goes to a server."""

    WHOLE = "one PUT"
    STREAM = "one PATCH, and a PUT"
    CHUNKS = "several PATCHes, and a PUT"


class Kind(Enum):
    """What a step is for."""

    BEGIN = "begin a session"
    ASK = "ask where the session stands"
    SEND = "send a part"
    END = "send what is left, and name it"
    CHECK = "see whether it ended after all"


@frozen
class Step:
    """The next request. Its body are the bytes from `first` up to, but not including, `last` of the content."""

    kind: Kind
    method: str
    url: str
    first: int = 0
    last: int = 0
    is_chunk: bool = False

    @property
    def size(self) -> int:
        """How long the body is, in bytes; a request with 0 has none."""
        return self.last - self.first

    @property
    def content_range(self) -> str | None:
        """`Content-Range` as the specification has it for chunks."""
        return f"{self.first}-{self.last - 1}" if self.is_chunk and self.size else None


@frozen
class Answer:
    """What came of a step: `status` and `headers`, from `url`; NO_ANSWER where nothing came."""

    status: int = NO_ANSWER
    headers: Headers = field(default_factory=Headers)
    url: str = ""

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_trouble(self) -> bool:
        """Whether it says nothing of the request itself: a moment later all may be well."""
        return self.status == NO_ANSWER or self.status in DECLINED or self.status in TROUBLED

    @property
    def least_chunk(self) -> int | None:
        """`OCI-Chunk-Min-Length` in bytes (§Pushing a blob in chunks)."""
        value = (self.headers.get("OCI-Chunk-Min-Length") or "").strip()
        return int(value) if _NUMBER.fullmatch(value) else None


@frozen
class Manner:
    """What is known of a registry before an upload, or wished for: bytes a request at most, and ways that it refused."""

    chunk: int | None = None
    refused: frozenset[Way] = frozenset()


@frozen
class Place:
    """Where an upload goes on: the session's own URL, which may be a secret, and the bytes that it has."""

    url: str = field(repr=False)
    position: int = 0
    least_chunk: int = 0


@record
class _Session:
    """What is known of one session at the server."""

    location: str | None = None
    offset: int = 0  # bytes that it has, as far as we know
    least_chunk: int = 0
    reach: int = 0  # bytes that were ever sent to it
    refused_size: int = 0  # of the body that was refused last
    unfit: int | None = None  # where a chunk may not begin, or not be as long as it was
    is_guess: bool = False  # whether `offset` is the server's word alone
    is_doubtful: bool = False  # whether it has to be asked where it stands
    is_ending: bool = False  # whether the request that ends it may have been carried out
    is_lost: bool = False  # and whether that is now to be found out


class Upload:
    """One blob on its way. `next()` says what to send; `take()` is told what came of it, until nothing is next.

    `uploads` and `blob` are the registry's URLs. `place` is where to begin instead of with a POST; when it comes from an
    `earlier` run, it is asked first where it stands.
    """

    def __init__(
        self,
        uploads: str,
        blob: str,
        digest: Digest,
        size: int,
        manner: Manner,
        place: Place | None = None,
        *,
        earlier: bool = False,
    ) -> None:
        self._uploads = uploads
        self._blob = blob
        self._digest = digest
        self._size = size
        self._chunk = manner.chunk
        self._refused = set(manner.refused)
        self.done = False
        self.failures = 0  # in a row, of requests that do something
        self._sessions = 1
        self._best = 0  # bytes that any session had
        self._was_gone = False
        self._session = _Session()
        if place is not None:
            reach = size if earlier else place.position
            self._session = _Session(place.url, place.position, place.least_chunk, reach, is_doubtful=earlier)

    @property
    def place(self) -> Place | None:
        """Where another run could go on."""
        session = self._session
        return Place(session.location, session.offset, session.least_chunk) if session.location else None

    @property
    def manner(self) -> Manner:
        """What was learnt of the registry."""
        return Manner(self._chunk, frozenset(self._refused))

    def next(self) -> Step | None:
        """The next request; None when the upload is done."""
        session, way = self._session, self._way
        if self.done:
            return None
        if session.is_lost:
            return Step(Kind.CHECK, "HEAD", self._blob)
        if session.location is None:
            return Step(Kind.BEGIN, "POST", self._uploads)
        if session.is_doubtful:
            return Step(Kind.ASK, "GET", session.location)
        if session.offset == self._size or (way is Way.WHOLE and not session.offset):
            return Step(Kind.END, "PUT", naming(session.location, self._digest), session.offset, self._size)
        is_chunk = way is Way.CHUNKS or session.offset > 0
        last = session.offset + self._chunk_size if way is Way.CHUNKS else self._size
        return Step(Kind.SEND, "PATCH", session.location, session.offset, min(last, self._size), is_chunk)

    def take(self, step: Step, answer: Answer) -> bool:
        """Learn what came of a step; False where that is the end of it, without the blob being there.

        Raises Misbehaved for a location of no use.
        """
        if answer.is_good:
            return self._take_good(step, answer)
        if step.kind is Kind.ASK:
            return self._take_silence(answer)
        if step.kind is Kind.CHECK:
            return self._begin()
        self.failures += 1
        if self.failures > MOST_FAILURES:
            return False
        return answer.is_trouble if step.kind is Kind.BEGIN else self._take_refusal(step, answer)

    # What went well

    def _take_good(self, step: Step, answer: Answer) -> bool:
        if step.kind in (Kind.END, Kind.CHECK):
            self.done = step.kind is Kind.CHECK or answer.status in _ENDED
            return self.done
        self._move(answer)
        if step.kind is Kind.BEGIN:
            return self._session.location is not None
        if step.kind is Kind.ASK:
            return self._go_on(position_of(answer, self._session.offset))
        # Some servers' Range lags behind or tells of the last chunk only: what was accepted counts.
        self._stand(step.last)
        return True

    def _move(self, answer: Answer) -> None:
        session = self._session
        location, least = answer.headers.get("Location"), answer.least_chunk
        session.location = session.location if location is None else resolve(answer.url, location, self._uploads)
        session.least_chunk = session.least_chunk if least is None else least

    def _stand(self, offset: int, *, is_guess: bool = False) -> None:
        session = self._session
        session.offset, session.is_guess, session.unfit = offset, is_guess, None
        session.reach = max(session.reach, offset)
        session.is_doubtful = session.is_ending = False
        if offset > self._best:
            self._best = offset
            self.failures = 0

    def _go_on(self, position: int | None) -> bool:
        """Go on from where the server says it stands."""
        session = self._session
        if position is None or (position and self._way is Way.WHOLE and Way.STREAM in self._refused):
            return self._begin()
        position = min(position, session.reach)  # nobody has more than was sent, though some count one too many
        if position != session.unfit:
            self._stand(position, is_guess=position not in (0, session.offset))
        elif session.is_guess:
            self._stand(position - 1)
        elif self._shrink():
            self._stand(position)
        else:
            return self._refuse()
        return True

    # What did not

    def _take_silence(self, answer: Answer) -> bool:
        """The session does not say where it stands; no answer at all is for another run to overcome."""
        if answer.status == NO_ANSWER:
            return False
        if self._session.is_ending:  # it may be gone because it ended well, and only the answer was lost
            self._session.is_lost = True
            return True
        return self._begin()

    def _take_refusal(self, step: Step, answer: Answer) -> bool:
        session = self._session
        session.reach = max(session.reach, step.last)
        session.refused_size = step.size
        if answer.is_trouble:
            session.is_doubtful, session.is_ending = True, step.kind is Kind.END
            return True
        if answer.status == _OUT_OF_ORDER:
            session.unfit = step.first
            reported = position_of(answer, session.offset)
            session.is_doubtful = reported is None
            return session.is_doubtful or self._go_on(reported)
        if answer.status == _TOO_LARGE:
            return self._shrink() or self._refuse()
        if answer.status in _GONE and not self._was_gone:
            self._was_gone = True
            return self._begin()
        return (answer.status in _REFUSING_THE_WAY or answer.status in _GONE) and self._refuse()

    def _shrink(self) -> bool:
        """Make the next chunk smaller than what was refused; False where that cannot be."""
        size = self._session.refused_size
        smaller = max(min(size // 2, FIRST_CHUNK_BYTES), LEAST_CHUNK_BYTES, self._session.least_chunk)
        if smaller >= size or Way.CHUNKS in self._refused:
            return False
        self._chunk = smaller
        return True

    def _refuse(self) -> bool:
        """Begin anew in another way; False where none is left."""
        way = self._way
        self._refused.add(Way.STREAM if way is Way.WHOLE and self._session.offset else way)
        return len(self._refused) < len(Way) and self._begin()

    def _begin(self) -> bool:
        """Forget the session; False where too many were begun."""
        self._sessions += 1
        self._session = _Session()
        return self._sessions <= MOST_SESSIONS

    # How

    @property
    def _way(self) -> Way:
        fits = self._chunk is None or self._size <= self._chunk
        order = (Way.WHOLE, Way.STREAM, Way.CHUNKS) if fits else (Way.CHUNKS, Way.WHOLE, Way.STREAM)
        return next((way for way in order if way not in self._refused), Way.WHOLE)

    @property
    def _chunk_size(self) -> int:
        return max(self._chunk or FIRST_CHUNK_BYTES, self._session.least_chunk)


def position_of(answer: Answer, own: int) -> int | None:
    """How many bytes a session has by its `Range`; None where it does not say.

    `own` is what we think. An empty upload and one of a single byte are both `0-0`, and some count one too many.
    """
    found = _RANGE.fullmatch((answer.headers.get("Range") or "").strip())
    if found is None:
        return None
    last = int(found[2])
    if last <= 0:
        return own if (last, own) == (0, 1) else 0
    return last if own == last else last + 1


def resolve(base: str, location: str, home: str) -> str:
    """A session's URL, whichever way `Location` has it; the query is kept (distribution specification, §Pushing blobs).

    Where it is the registry itself under plain http, because a proxy before it speaks its TLS, it is taken to be https.
    Raises Misbehaved for no usable URL, and for any other that would leave https.
    """
    try:
        target = urldefrag(urljoin(base, location.strip())).url
        parts = split(target)
    except (ValueError, Misbehaved):
        raise Misbehaved(f"the upload would go to {redact(location)[:200]!r}, which is no http or https URL") from None
    origin, registry = Origin.of(target), Origin.of(home)
    if (registry.scheme, origin.scheme) != ("https", "http"):
        return target
    if origin.host == registry.host and origin.port in (registry.port, DEFAULT_PORTS["http"]):
        return f"{registry}{parts.path}{f'?{parts.query}' if parts.query else ''}"
    raise Misbehaved(f"the upload would go to {redact(target)[:200]}, over plain http")


def naming(location: str, digest: Digest) -> str:
    """The URL that ends a session: its own, with the digest."""
    return f"{location}{'&' if split(location).query else '?'}digest={digest}"
