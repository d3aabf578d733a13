"""The manners of servers that are busy or in trouble."""

from __future__ import annotations

from functools import partial
from io import BytesIO

import pytest

from pratique.errors import Denied, RateLimited, Unreachable
from pratique.http.events import Retried
from pratique.http.message import Headers, Request, Response, Transport, Unanswered
from pratique.server.faults.effects import Cuts
from pratique.server.faults.manners.trouble import Troubled as Trouble
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest

from .animal import Animal, Client, Seen, bearer, challenge, error, given, manifest, ok, tags

QUOTA = error("TOOMANYREQUESTS", "You have reached your pull rate limit")


class Busy(Animal):
    """`retry-after-429`: 429 so many times, then an answer (containers/container-libs#42, 2025; docker/hub-feedback#1907)."""

    def __init__(self, *lines: tuple[str, str], times: int = 1) -> None:
        fields = tuple(f"{name}: {value}" for name, value in lines)
        super().__init__(partial(Trouble, status=429, body=QUOTA.decode(), fields=fields, times=times))

    def answer(self, seen: Seen) -> Response:
        return tags("latest")


DATE = ("Date", "Sat, 31 Jan 2026 23:59:30 GMT")


@pytest.mark.parametrize(
    ("lines", "slept"),
    [
        ([("Retry-After", "2")], 2),
        ([("Retry-After", "60")], 60),
        ([("Retry-After", "0")], 0),
        ([DATE, ("Retry-After", "Sun, 01 Feb 2026 00:00:00 GMT")], 30),
        ([DATE, ("Retry-After", "Sat, 31 Jan 2026 00:00:00 GMT")], 0),
        ([("Retry-After", "-1")], 0.5),
        ([("retry-after", "880.092\xb5s")], 0.5),
        ([("Retry-After", "soon")], 0.5),
        ([], 0.5),
    ],
    ids=str,
)
def test_a_wait_that_is_asked_for_is_kept(lines: list[tuple[str, str]], slept: float) -> None:
    client = Client(Busy(*lines))
    assert list(client.repository().tags()) == ["latest"]
    assert client.slept == [slept]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "POST", "PATCH"])
def test_whatever_was_declined_is_sent_again(method: str) -> None:
    animal = Busy(("Retry-After", "1"))
    client = Client(animal)
    assert client.send(method, "/v2/foo/manifests/latest", content=b"{}" if method[0] == "P" else None) == 200
    assert [seen.content for seen in animal.seen] == [b"{}" if method[0] == "P" else b""] * 2


@pytest.mark.parametrize(
    ("lines", "retry_after"),
    [
        ([("Retry-After", "7200")], 7200),
        ([DATE, ("Retry-After", "Mon, 02 Feb 2026 00:00:00 GMT")], 86430),
        ([("RateLimit-Limit", "100;w=21600"), ("RateLimit-Remaining", "0;w=21600"), ("Retry-After", "5")], 5),
        ([("RateLimit-Remaining", "0")], None),
    ],
    ids=str,
)
def test_a_quota_that_is_used_up_is_told_at_once(lines: list[tuple[str, str]], retry_after: float | None) -> None:
    animal = Busy(*lines)
    client = Client(animal)
    with pytest.raises(RateLimited, match="You have reached your pull rate limit") as caught:
        list(client.repository().tags())
    assert (client.slept, len(animal.seen)) == ([], 1)
    assert caught.value.retry_after == retry_after
    for name, value in lines:
        assert not name.startswith("RateLimit") or f"{name.lower()}: {value}" in str(caught.value)


def test_patience_ends() -> None:
    animal = Busy(("Retry-After", "10"), times=100)
    client = Client(animal)
    with pytest.raises(RateLimited):
        client.repository().resolve("latest")
    assert (client.slept, len(animal.seen)) == ([10, 10, 10], 4)


class Troubled(Animal):
    """`retry-5xx-and-unknown-body`: 5xx with any body, and connections that break (docker/hub-feedback#1907, 2019)."""

    def __init__(self, status: int, body: bytes, times: int = 2) -> None:
        super().__init__(partial(Trouble, status=status, body=body.decode("utf-8", "surrogateescape"), times=times))

    def answer(self, seen: Seen) -> Response:
        return Response.of(202) if seen.method == "DELETE" else manifest(seen)


BODIES = [
    (b"<html><head><title>502 Bad Gateway</title></head><body><h1>nginx</h1></body></html>", "502 Bad Gateway nginx"),
    (error("UNKNOWN", "unknown error"), "UNKNOWN: unknown error"),
    (error("UNAVAILABLE"), "UNAVAILABLE"),
    (b'{"detail":"upstream is away"}', "upstream is away"),
    (b'{"errors":null}', "502 Bad Gateway"),
    (b"", "502 Bad Gateway"),
    (b"\xff\xfe" + b"x" * 1_000_000, "xxx"),
]


@pytest.mark.parametrize(("body", "words"), BODIES, ids=[words for _, words in BODIES[:-1]] + ["huge"])
def test_trouble_is_waited_out_and_its_words_are_told(body: bytes, words: str) -> None:
    client = Client(Troubled(502, body))
    client.repository().manifest("latest")
    assert client.slept == [0.5, 1.0]
    assert [event.reason for event in client.events if isinstance(event, Retried)] == ["502 Bad Gateway"] * 2
    with pytest.raises(Unreachable, match="502 Bad Gateway") as caught:
        Client(Troubled(502, body, times=100)).repository().manifest("latest")
    assert words in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 0])
@pytest.mark.parametrize("method", ["HEAD", "GET", "DELETE"])
def test_what_may_be_repeated_is_repeated(method: str, status: int) -> None:
    animal = Troubled(status, b"")
    assert Client(animal).send(method, "/v2/foo/manifests/latest") in (200, 202)
    assert len(animal.seen) == 3


@pytest.mark.parametrize(("status", "requests"), [(503, 3), (502, 1), (500, 1), (0, 1)])
def test_a_post_is_repeated_only_where_nothing_was_done(status: int, requests: int) -> None:
    animal = Troubled(status, b"")
    client = Client(animal)
    if status:
        assert client.send("POST", "/v2/foo/blobs/uploads/") == (200 if status == 503 else status)
    else:
        with pytest.raises(Unreachable):
            client.send("POST", "/v2/foo/blobs/uploads/")
    assert len(animal.seen) == requests


class BusyTokenService(Animal):
    """`retry-after-429` at the token service: the registry is fine, its token service is busy."""

    def __init__(self, status: int) -> None:
        super().__init__(partial(self.busy, status=status))

    @staticmethod
    def busy(script: Transport, status: int) -> Transport:
        """The trouble is before the token service alone."""
        trouble = Trouble(script, status=status, fields=("Retry-After: 3",))
        return lambda request: (trouble if request.origin.host == "auth.test" else script)(request)

    def answer(self, seen: Seen) -> Response:
        if seen.host == "auth.test":
            return ok(b'{"token":"T"}')
        return tags("latest") if seen.authorization == "Bearer T" else challenge(401, bearer("repository:foo:pull"))


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_token_service_is_waited_for_as_well(status: int) -> None:
    animal = BusyTokenService(status)
    client = Client(animal, given())
    assert list(client.repository().tags()) == ["latest"]
    assert client.slept == [3]
    assert [seen.method for seen in animal.at("auth.test")] == ["GET", "GET"], "asked again, not in another way"


class CutBlob(Animal):
    """`retry-5xx-and-unknown-body`: content breaks off in the middle, over and over."""

    CONTENT = bytes(100_000)
    manner = partial(Cuts, at="answer", bytes=30_000)

    def answer(self, seen: Seen) -> Response:
        start = int((seen.headers.get("Range") or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        said = f"bytes {start}-{len(self.CONTENT) - 1}/{len(self.CONTENT)}"
        return Response(206 if start else 200, Headers([("Content-Range", said)]), BytesIO(self.CONTENT[start:]))


def test_a_blob_is_read_on_where_it_was_cut() -> None:
    animal = CutBlob()
    blob = Descriptor("application/octet-stream", Digest.of(CutBlob.CONTENT), len(CutBlob.CONTENT))
    with Client(animal).repository().open(blob) as stream:
        assert stream.read() == CutBlob.CONTENT
    assert [seen.headers.get("Range") for seen in animal.seen] == [None, *(f"bytes={n}0000-" for n in (3, 6, 9))]


def test_a_refusal_is_not_waited_out() -> None:
    class Refusing(Animal):
        """Says no, and when to come back."""

        def answer(self, seen: Seen) -> Response:
            return Response.of(403, error("DENIED"), ("Retry-After", "1"))

    client = Client(Refusing())
    with pytest.raises(Denied):
        list(client.repository().tags())
    assert client.slept == []


def test_a_request_that_cannot_be_delivered_is_told_with_its_url() -> None:
    def nowhere(request: Request) -> Response:
        raise Unanswered(f"{request}: no connection", transient=False)

    with pytest.raises(Unreachable, match=r"GET https://r\.test/v2/foo/tags/list: no connection"):
        list(Client(nowhere).repository().tags())
