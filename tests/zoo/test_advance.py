"""Content that is sent while it is still being made: it arrives whole, and nobody leaves it behind."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import pytest

from pratique.errors import Denied
from pratique.http.events import Event
from pratique.http.gate import MOST_UNFINISHED
from pratique.http.message import Request, Response
from pratique.stores.base import Advances
from pratique.stores.events import Advanced
from pratique.stores.registry import Repository
from pratique.transfer.copy import Abandoned

from .animal import Client, Seen, error, given
from .storing import Storing, blob_of, content_of, cut, recipe
from .test_upload import LeastChunk, SendsElsewhere, ShortTokens, target

CONTENT = content_of(50_000)
BLOB = blob_of(CONTENT)


class Growing:
    """Content whose second half comes when it is told to."""

    def __init__(self) -> None:
        self.goes_on = threading.Event()
        self.is_over = False

    @contextmanager
    def open(self) -> Iterator[Growing]:
        self._at = 0
        yield self

    def read(self, size: int = -1, /) -> bytes:
        if size < 0:
            return b"".join(iter(lambda: self.read(len(CONTENT)), b""))
        buffer = bytearray(size)
        return bytes(buffer[: self.readinto(buffer)])

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        if self._at:
            self.goes_on.wait()
        if self.is_over:
            raise ZeroDivisionError
        part = CONTENT[self._at :][: min(len(buffer), len(CONTENT) // 2)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def close(self) -> None: ...


def advanced(animal: Storing, client: Client | None = None) -> Repository:
    """A repository that was sent content in advance, and then asked to store it."""
    repository, growing = target(client or Client(animal, given())), Growing()
    early = repository.advance(growing.open)
    assert early
    growing.goes_on.set()
    early.finish(BLOB)
    repository.push(BLOB, recipe(CONTENT))
    early.drop()
    return repository


def test_what_was_sent_is_only_named() -> None:
    animal = Storing()
    repository = advanced(animal)
    assert isinstance(repository, Advances)
    assert animal.writes("DELETE") == ["POST uploads", "PATCH 1 50000 bytes", "PUT 1"]
    assert animal.blobs["foo", str(BLOB.digest)] == CONTENT
    assert animal.seen[1].headers.get("Content-Range") is None
    again = repository.advance(recipe(CONTENT))
    assert again, "what went well is done again"
    again.drop()


class NoStreams(Storing):
    """Answers what is sent in advance in some way of its own."""

    def __init__(self, answer: Callable[[Seen], Response]) -> None:
        super().__init__()
        self.answered = answer

    def upload(self, seen: Seen, repository: str, session: str) -> Response:
        return self.answered(seen) if seen.method == "PATCH" else super().upload(seen, repository, session)


def breaks(_: Seen) -> Response:
    raise cut()


@pytest.mark.parametrize(
    "animal",
    [
        NoStreams(lambda _: Response.of(405, error("UNSUPPORTED"))),
        NoStreams(lambda _: Response.of(411)),
        NoStreams(lambda _: Response.of(413)),
        NoStreams(lambda _: Response.of(429)),
        NoStreams(lambda _: Response.of(503)),
        NoStreams(lambda _: Response.of(202, b"", ("Location", "gopher://x"))),
        NoStreams(breaks),
        SendsElsewhere(),
        ShortTokens(1),
    ],
    ids=["405", "411", "413", "429", "503", "nowhere", "cut", "elsewhere", "expires"],
)
def test_whatever_goes_wrong_the_blob_arrives_and_it_is_not_tried_again(animal: Storing) -> None:
    repository = advanced(animal)
    assert animal.blobs["foo", str(BLOB.digest)] == CONTENT
    assert repository.advance(Growing().open) is None


def test_who_wants_large_chunks_takes_the_largest() -> None:
    animal = LeastChunk()
    advanced(animal)
    assert animal.blobs["foo", str(BLOB.digest)] == CONTENT


def test_somebody_elses_storage_is_sent_nothing_early() -> None:
    """It takes no more than one PUT, and has no business with a secret."""
    animal = SendsElsewhere()
    advanced(animal)
    [put] = animal.at("storage.test")
    assert (put.method, put.authorization, put.content) == ("PUT", None, CONTENT)


class Redirects(Storing):
    """`PATCH` is answered 307 and goes to a storage."""

    def serve(self, seen: Seen) -> Response:
        if seen.method != "PATCH" or seen.host == "storage.test":
            return super().serve(seen)
        return Response.of(307, b"", ("Location", f"https://storage.test{seen.path}"))


def test_a_redirect_takes_the_content_and_no_secret_along() -> None:
    animal = Redirects()
    advanced(animal)
    [patch] = animal.at("storage.test")
    assert (patch.method, patch.authorization, patch.content) == ("PATCH", None, CONTENT)
    assert animal.blobs["foo", str(BLOB.digest)] == CONTENT


class Forgets(Storing):
    """Takes everything, and knows the session no longer when it is to be named."""

    def upload(self, seen: Seen, repository: str, session: str) -> Response:
        if seen.method == "PUT" and session == "1":
            self.sessions.pop("1", None)
        return super().upload(seen, repository, session)


def test_a_session_that_was_forgotten_is_begun_anew() -> None:
    animal = Forgets()
    advanced(animal)
    assert animal.writes()[-2:] == ["POST uploads", "PUT 2 50000 bytes"]
    assert animal.blobs["foo", str(BLOB.digest)] == CONTENT


class Hasty(Storing):
    """Is content with a part before it has all of it."""

    def __call__(self, request: Request) -> Response:
        if request.method == "PATCH":
            return self.standing(202, "foo", "1")
        return super().__call__(request)


def test_what_was_not_sent_to_its_end_is_sent_again() -> None:
    animal = Hasty()
    advanced(animal)
    assert animal.writes()[-2:] == ["POST uploads", "PUT 2 50000 bytes"]


class Refuses(Storing):
    """Nobody may push."""

    def begin(self, seen: Seen, repository: str) -> Response:
        return Response.of(403, error("DENIED"))


def test_a_refusal_is_told_by_the_push() -> None:
    with pytest.raises(Denied):
        advanced(Refuses())


@pytest.mark.parametrize("is_over", [True, False], ids=["failed", "not wanted"])
def test_what_nobody_wants_is_deleted(is_over: bool) -> None:
    animal, growing = Storing(), Growing()
    early = target(Client(animal, given())).advance(growing.open)
    assert early
    growing.is_over = is_over
    growing.goes_on.set()
    early.drop()
    assert animal.writes("DELETE")[-1] == "DELETE 1"
    assert not animal.blobs


class ReadsBit(Storing):
    """Takes what is sent byte by byte, as sockets do in larger pieces."""

    def __call__(self, request: Request) -> Response:
        if request.method == "PATCH" and request.body:
            with request.body.open() as stream:
                while stream.readinto(bytearray(1)):
                    self.arrived += 1
        return super().__call__(request)


def test_what_is_given_up_is_not_sent_to_its_end() -> None:
    animal, left = ReadsBit(), iter(range(1, 2_000_000))

    class Long(Growing):
        def readinto(self, buffer: bytearray | memoryview, /) -> int:
            return min(next(left, 0), len(buffer))

    early = target(Client(animal, given())).advance(Long().open)
    assert early
    early.drop()
    assert next(left, 0)
    assert animal.writes("DELETE") in (["POST uploads", "DELETE 1"], [])


def test_little_is_under_way_at_once() -> None:
    """The others of a host's places are for whoever makes the content, which may come from there."""
    animal = Storing()
    repository = target(Client(animal, given()))
    growing = [Growing() for _ in range(MOST_UNFINISHED + 1)]
    early = [repository.advance(each.open) for each in growing]
    assert [bool(each) for each in early] == [True] * MOST_UNFINISHED + [False]
    for each in growing:
        each.goes_on.set()
    for found in early:
        if found:
            found.drop()
    assert target(Client(animal, given()), chunk=1000).advance(Growing().open) is None


def test_the_places_of_a_host_are_shared_by_all_repositories() -> None:
    """Whoever changes several images at once would wait for ever, if what they send early had all places."""
    client, growing = Client(Storing(), given()), Growing()
    early = [client.repository(f"app{number}").advance(growing.open) for number in range(MOST_UNFINISHED + 1)]
    assert [bool(each) for each in early] == [True] * MOST_UNFINISHED + [False]
    growing.goes_on.set()
    for found in early:
        if found:
            found.drop()
    again = client.repository("app").advance(growing.open)
    assert again, "what is over gives its place back"
    again.drop()


class Counting(io.BytesIO):
    """Content whose reader may be told of what went another way."""

    def __init__(self) -> None:
        super().__init__(CONTENT)
        self.counted: list[int] = []

    def count(self, count: int) -> None:
        self.counted.append(count)


@pytest.mark.parametrize("takes", [True, False])
def test_what_is_sent_is_told_and_then_counts_for_the_blob(takes: bool) -> None:
    animal = Storing() if takes else NoStreams(lambda _: Response.of(413))
    repository, growing, told, moved = target(Client(animal, given())), Growing(), list[Event](), Counting()
    early = repository.advance(growing.open, told.append)
    assert early
    growing.goes_on.set()
    early.finish(BLOB)
    repository.push(BLOB, lambda: nullcontext(moved))
    advanced = [event.count for event in told if isinstance(event, Advanced)]
    assert len(advanced) == len(told)
    assert sum(advanced) == 0
    assert sum(moved.counted) == (BLOB.size if takes else 0), "what is pushed after all is read"


def test_what_is_dropped_does_not_count() -> None:
    growing, told = Growing(), list[Event]()
    early = target(Client(Storing(), given())).advance(growing.open, told.append)
    assert early
    growing.goes_on.set()
    early.finish(BLOB)
    early.drop()
    assert sum(event.count for event in told if isinstance(event, Advanced)) == 0


class Says(Storing):
    """Says when it has everything."""

    def __init__(self) -> None:
        super().__init__()
        self.has_all = threading.Event()

    def upload(self, seen: Seen, repository: str, session: str) -> Response:
        if seen.method == "PATCH":
            self.has_all.set()
        return super().upload(seen, repository, session)


def test_what_was_dropped_is_not_named() -> None:
    animal, growing = Says(), Growing()
    repository = target(Client(animal, given()))
    early = repository.advance(growing.open)
    assert early
    growing.goes_on.set()
    early.finish(BLOB)
    animal.has_all.wait()
    early.drop()
    repository.push(BLOB, recipe(CONTENT))
    assert animal.writes("DELETE")[-3:] == ["DELETE 1", "POST uploads", "PUT 2 50000 bytes"]


def test_who_is_told_may_end_it(capfd: pytest.CaptureFixture[str]) -> None:
    """As a copy that is over does: its threads end with whatever they tell next, and say nothing of that."""

    def tell(_: Event) -> None:
        raise Abandoned

    animal, growing = Storing(), Growing()
    early = target(Client(animal, given())).advance(growing.open, tell)
    assert early
    growing.goes_on.set()
    early.drop()
    assert (animal.writes(), capfd.readouterr().err) == (["POST uploads"], "")
