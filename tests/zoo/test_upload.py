"""The manners of uploads: whatever a server refuses, forgets or miscounts, the blob arrives whole or an error says why not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest

from pratique.errors import ContentMismatch, Denied, Error, Misbehaved, NotFound, Unauthorized, Unreachable
from pratique.http.message import Request, Response, Stream, Transport
from pratique.image.sample import image
from pratique.server.faults.manners import uploads
from pratique.server.faults.manners.scopes import CreatesOnPush, GrantsPull
from pratique.server.faults.manners.tokens import Expires
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.spec.platform import Platform
from pratique.stores.content import VerifiedStream
from pratique.stores.files import FolderFiles
from pratique.stores.layout import Layout
from pratique.stores.registry import Repository
from pratique.stores.uploading import UploadOptions
from pratique.testing.scripted import Wrap
from pratique.transfer.copy import Options, copy
from tests.registries import push as push_all

from .animal import (
    DIGEST,
    MANIFEST,
    REGISTRY,
    Client,
    Seen,
    basic,
    bearer,
    challenge,
    error,
    given,
    token,
    wanted,
)
from .storing import Storing, blob_of, content_of, cut, recipe

MIB = 1 << 20

SMALL = content_of(1000)
LARGE = content_of(20 * MIB)


def target(client: Client, chunk: int | None = None, name: str = "foo") -> Repository:
    return Repository(client.session, "r.test", name, uploads=UploadOptions(chunk))


def push(animal: Storing, content: bytes = SMALL, chunk: int | None = None, client: Client | None = None) -> Client:
    """Push a blob and see that it is there as it was."""
    client = client or Client(animal, given())
    blob = blob_of(content)
    target(client, chunk).push(blob, recipe(content))
    assert animal.blobs["foo", str(blob.digest)] == content
    return client


def test_a_blob_goes_in_one_put() -> None:
    animal = Storing()
    push(animal)
    assert animal.writes() == ["POST uploads", "PUT 1 1000 bytes"]
    assert animal.arrived == 1000


def test_an_empty_blob_is_a_blob() -> None:
    animal = Storing()
    push(animal, b"")
    assert animal.writes() == ["POST uploads", "PUT 1"]


def test_chunks_are_as_long_as_wished() -> None:
    animal = Storing()
    push(animal, chunk=400)
    assert animal.writes() == [
        "POST uploads",
        "PATCH 1 400 bytes at 0-399",
        "PATCH 1 400 bytes at 400-799",
        "PATCH 1 200 bytes at 800-999",
        "PUT 1",
    ]


def test_what_fits_a_chunk_is_not_made_one() -> None:
    animal = Storing()
    push(animal, chunk=1000)
    assert animal.writes() == ["POST uploads", "PUT 1 1000 bytes"]


class LeastChunk(Storing):
    """Names the shortest chunk that it takes (distribution specification, §Pushing a blob in chunks)."""

    manner = partial(uploads.LeastChunk, least=600)


def test_chunks_are_not_shorter_than_the_registry_wants() -> None:
    animal = LeastChunk()
    push(animal, chunk=400)
    assert animal.writes()[1:3] == ["PATCH 1 600 bytes at 0-599", "PATCH 1 400 bytes at 600-999"]


# token-expires-mid-upload


class ShortTokens(Storing):
    """`token-expires-mid-upload`: a token is good for some requests, and the content is read first (moby/moby#33558)."""

    def __init__(self, *lives: int) -> None:
        super().__init__(lambda script: Eating(script, self, uses=(*lives, 100)))

    def serve(self, seen: Seen) -> Response:
        needed = "repository:foo:pull,push"
        return super().serve(seen) if self.permits(seen, needed) else challenge(401, bearer(needed))

    def eat(self, content: bytes) -> None:
        """What becomes of the content of a request that is refused."""


class Eating(Expires):
    """What comes with an expired token is the animal's to eat."""

    def __init__(self, registry: Transport, animal: ShortTokens, *, uses: tuple[int, ...]) -> None:
        super().__init__(registry, uses=uses)
        self._animal = animal

    def expired(self, request: Request) -> Response:
        if request.body is not None:
            with request.body.open() as stream:
                self._animal.eat(stream.read())
        return super().expired(request)


class ShortTokensAndHungry(ShortTokens):
    """The same; half of what came with the refused request was kept."""

    def eat(self, content: bytes) -> None:
        if content:
            self.take("1", content[: len(content) // 2])


def test_a_token_that_expires_before_the_last_request_is_renewed() -> None:
    animal = ShortTokens(4)  # one POST and three chunks
    push(animal, chunk=400)
    assert animal.writes()[-2:] == ["PUT 1", "PUT 1"]
    assert animal.asked == [["repository:foo:pull,push"]] * 2
    assert animal.arrived == 1000


@pytest.mark.parametrize("chunk", [None, 600])
def test_a_token_that_expires_while_content_is_sent(chunk: int | None) -> None:
    animal = ShortTokens(1)
    push(animal, chunk=chunk)
    first = "PATCH 1 600 bytes at 0-599" if chunk else "PUT 1 1000 bytes"
    assert animal.writes()[2:5] == [first, "GET 1", first]
    assert [seen.authorization for seen in animal.at("r.test")][2:5] == ["Bearer T1", "Bearer T2", "Bearer T2"]
    assert animal.arrived == 1000


@pytest.mark.parametrize(
    ("chunk", "following"),
    [(None, ["PATCH 1 500 bytes at 500-999", "PUT 1"]), (600, ["PATCH 1 600 bytes at 300-899"])],
)
def test_what_a_refused_request_brought_is_not_sent_again(chunk: int | None, following: list[str]) -> None:
    animal = ShortTokensAndHungry(1)
    push(animal, chunk=chunk)
    assert animal.writes()[3] == "GET 1"
    assert animal.writes()[4 : 4 + len(following)] == following
    assert animal.arrived == 1000


def test_tokens_that_live_for_one_request_are_enough() -> None:
    animal = ShortTokens(*[1] * 20)
    push(animal, chunk=400)
    assert animal.arrived == 1000


class NeverEnough(ShortTokens):
    """Takes a token for the beginning of an upload, and never for content."""

    def serve(self, seen: Seen) -> Response:
        if seen.content:
            return challenge(401, bearer("repository:foo:pull,push", problem="invalid_token"))
        return super().serve(seen)


def test_a_server_that_refuses_every_token_is_told_of() -> None:
    animal = NeverEnough()
    with pytest.raises((Unauthorized, Denied)) as caught:
        target(Client(animal, given())).push(blob_of(SMALL), recipe(SMALL))
    assert "PUT https://r.test/v2/foo/blobs/uploads/1" in str(caught.value)
    assert len(animal.seen) < 20


# upload-to-other-origin


class SendsElsewhere(Storing):
    """`upload-to-other-origin`: the session is a signed URL of a storage that takes one PUT and no permission but its own."""

    storage = "https://storage.test/put/{repository}/{session}?sig=a%2Fb&X-Amz-Expires=60"
    manner: Wrap | None = partial(uploads.UploadElsewhere, to=storage)

    def __init__(self, says_digest: bool = True, loses: bool = False) -> None:
        super().__init__()
        self.says_digest = says_digest
        self.loses = loses

    def end(self, seen: Seen, repository: str, session: str) -> Response:
        done = super().end(seen, repository, session)
        if self.loses:
            self.blobs.clear()
        return done if self.says_digest and done.status == 201 else Response.of(200)

    def serve(self, seen: Seen) -> Response:
        if seen.authorization != basic("foo", "bar"):
            return challenge(401, 'Basic realm="r"')
        return super().serve(seen)


def test_somebody_elses_storage_gets_no_secret_and_its_own_query() -> None:
    animal = SendsElsewhere()
    push(animal)
    [put] = animal.at("storage.test")
    assert put.authorization is None
    assert put.url.startswith("https://storage.test/put/foo/1?sig=a%2Fb&X-Amz-Expires=60&digest=sha256:")


@pytest.mark.parametrize("loses", [False, True])
def test_somebody_elses_word_is_checked_with_the_registry(loses: bool) -> None:
    animal = SendsElsewhere(says_digest=False, loses=loses)
    if loses:
        with pytest.raises(Misbehaved, match="does not have sha256:"):
            push(animal)
    else:
        push(animal)
    assert animal.lines[-1].startswith("HEAD r.test/v2/foo/blobs/sha256:")


def own_tickets(script: Transport) -> Transport:
    """The storage, behind a token service of its own."""
    behind = uploads.UploadElsewhere(script, to=SendsElsewhere.storage)

    def answer(request: Request) -> Response:
        if request.path == "/token":
            return token("theirs")
        if request.origin.host != "storage.test":
            return behind(request)
        if request.headers.get("Authorization") != "Bearer theirs":
            return challenge(401, bearer(realm="https://storage.test/token", service="storage.test"))
        return behind(request.without("Authorization"))

    return answer


class OwnTickets(SendsElsewhere):
    """The storage has a token service of its own, for whoever comes."""

    manner: Wrap | None = staticmethod(own_tickets)


def test_somebody_else_is_not_told_what_we_may_do() -> None:
    animal = OwnTickets()
    push(animal)
    asked = [seen.query for seen in animal.seen if seen.path == "/token"]
    assert asked
    assert all(query == {"service": ["storage.test"]} for query in asked)
    assert {seen.authorization for seen in animal.at("storage.test")} == {None, "Bearer theirs"}


class Peer(Storing):
    """Is on the public network itself; its uploads go to an address that is not."""

    place = "https://10.0.0.1/put/{session}"

    def __init__(self, peer: str) -> None:
        super().__init__()
        self.peer = peer
        self.guarded: list[bool] = []

    def __call__(self, request: Request) -> Response:
        if not request.url.startswith(REGISTRY):
            self.guarded.append(request.public_only)
            raise cut()
        answer = super().__call__(request)
        answer.peer = self.peer
        return answer


@pytest.mark.parametrize(("peer", "guarded"), [("93.184.215.14", True), ("10.0.0.2", False)])
def test_a_public_registry_cannot_name_an_address_at_home(peer: str, guarded: bool) -> None:
    animal = Peer(peer)
    with pytest.raises(Unreachable):
        target(Client(animal, given(), retries=0)).push(blob_of(SMALL), recipe(SMALL))
    assert set(animal.guarded) == {guarded}


class Places(Storing):
    """`Location` in a form of its own."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place


@pytest.mark.parametrize(
    "place",
    [
        "/v2/{repository}/blobs/uploads/{session}?_state=a%3Db",
        "{session}?_state=a%3Db",
        "//r.test/v2/{repository}/blobs/uploads/{session}?_state=a%3Db",
        "https://r.test:443/v2/{repository}/blobs/uploads/{session}?_state=a%3Db#part",
        "http://r.test/v2/{repository}/blobs/uploads/{session}?_state=a%3Db",  # a proxy speaks its TLS
        " /v2/{repository}/blobs/uploads/{session}?_state=a%3Db ",
    ],
)
def test_a_location_may_be_relative_and_has_its_query_kept(place: str) -> None:
    animal = Places(place)
    push(animal, chunk=600)
    assert animal.writes() == ["POST uploads", "PATCH 1 600 bytes at 0-599", "PATCH 1 400 bytes at 600-999", "PUT 1"]
    assert all("_state=a%3Db" in seen.url for seen in animal.seen[1:])
    assert animal.seen[-1].url.endswith(f"?_state=a%3Db&digest={blob_of(SMALL).digest}")
    assert {seen.url.partition("/v2/")[0] for seen in animal.seen} <= {REGISTRY, f"{REGISTRY}:443"}


@pytest.mark.parametrize("place", ["http://storage.test/x", "http://r.test:8080/x", "ftp://r.test/x", "https://["])
def test_a_location_of_no_use_is_the_servers_fault(place: str) -> None:
    animal = Places(place.replace("{", "{{"))
    with pytest.raises(Misbehaved, match="the upload would go to"):
        push(animal)
    assert len(animal.seen) == 1


# chunk-ecr-range-stuck, chunk-gar-unsupported, chunk-ghcr-4mib


class RangeIsStuck(Storing):
    """`chunk-ecr-range-stuck`: PATCH is answered 201, `Range` stays, there is no status (aws/containers-roadmap#2831)."""

    least = 5 * MIB
    manner = partial(uploads.RangeIsStuck, least=least)


@pytest.mark.parametrize("chunk", [None, 5 * MIB, 6 * MIB, 2 * MIB])
def test_a_range_that_lags_behind_is_not_believed(chunk: int | None) -> None:
    animal = RangeIsStuck()
    push(animal, LARGE, chunk)
    if chunk is None or chunk >= animal.least:
        assert animal.arrived == len(LARGE)
        assert animal.begun == 1
    assert not any(line.startswith("GET") for line in animal.writes())


class NoPatch(Storing):
    """`chunk-gar-unsupported`: one PUT is the only way (containers/skopeo#1101)."""

    manner = uploads.NoPatch


class OnlyPatch(Storing):
    """The reverse: content in a PUT is refused (containerd/containerd#3533)."""

    def __init__(self, status: int) -> None:
        super().__init__(partial(uploads.OnlyPatch, status=status))


class ForgetsPut(Storing):
    """Content in a PUT is not looked at, so that the digest is always wrong."""

    manner = partial(uploads.OnlyPatch, status=0)


def test_patch_refused_falls_back_to_put() -> None:
    animal = NoPatch()
    client = push(animal, chunk=400)
    assert animal.writes() == ["POST uploads", "PATCH 1 400 bytes at 0-399", "POST uploads", "PUT 2 1000 bytes"]
    push(animal, client=client)


@pytest.mark.parametrize("animal", [OnlyPatch(400), OnlyPatch(405), OnlyPatch(501), ForgetsPut()])
def test_put_refused_falls_back_to_patch(animal: Storing) -> None:
    push(animal)
    assert animal.writes() == ["POST uploads", "PUT 1 1000 bytes", "POST uploads", "PATCH 2 1000 bytes", "PUT 2"]


def test_what_was_learnt_serves_the_next_blob() -> None:
    animal = OnlyPatch(405)
    repository = target(Client(animal))
    for content in (SMALL, content_of(2000)):
        repository.push(blob_of(content), recipe(content))
    assert animal.writes()[5:] == ["POST uploads", "PATCH 3 2000 bytes", "PUT 3"]


class AtMost(Storing):
    """`chunk-ghcr-4mib`: no body of a request may be longer than this (ocx-sh/ocx#237); proxies answer 413."""

    def __init__(self, most: int, status: int, *, of_put: bool, speaks: bool = True) -> None:
        super().__init__(partial(uploads.AtMost, most=most, status=status, put=of_put, tells=speaks))


@pytest.mark.parametrize("status", [413, 416])
@pytest.mark.parametrize("speaks", [True, False])
def test_chunks_shrink_until_they_fit(status: int, speaks: bool) -> None:
    animal = AtMost(4 * MIB, status, of_put=False, speaks=speaks)
    push(animal, LARGE, chunk=16 * MIB)
    assert animal.arrived == len(LARGE)
    assert animal.begun == 1
    assert [line for line in animal.writes() if "PATCH" in line][3:] == [
        f"PATCH 1 {4 * MIB} bytes at {first}-{first + 4 * MIB - 1}" for first in range(4 * MIB, 20 * MIB, 4 * MIB)
    ]


def test_one_put_needs_no_chunks() -> None:
    animal = AtMost(4 * MIB, 416, of_put=False)
    push(animal, LARGE)
    assert animal.writes() == ["POST uploads", f"PUT 1 {len(LARGE)} bytes"]


@pytest.mark.parametrize("status", [413, 416])
@pytest.mark.parametrize("speaks", [True, False])
def test_a_put_that_is_too_long_becomes_chunks(status: int, speaks: bool) -> None:
    animal = AtMost(2 * MIB, status, of_put=True, speaks=speaks)
    client = push(animal, LARGE)
    assert animal.arrived == len(LARGE)
    repository = target(client)
    repository.push(blob_of(LARGE), recipe(LARGE))
    seen = len(animal.seen)
    repository.push(blob_of(SMALL), recipe(SMALL))
    assert len(animal.seen) - seen == 2  # and what is short goes as before


def test_a_server_that_takes_next_to_nothing_takes_nothing() -> None:
    animal = AtMost(1000, 413, of_put=True)
    with pytest.raises(Error, match="413"):
        push(animal, content_of(3 * MIB))
    assert len(animal.seen) < 10


# range-header-dialects


class Dialect(Storing):
    """`range-header-dialects`: what `Range` says of a session (regclient/regclient#627 and #961)."""

    def __init__(self, name: str) -> None:
        super().__init__(partial(uploads.Dialect, dialect=name))


DIALECTS = uploads.Dialect.WAYS


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("chunk", [None, 400])
def test_every_dialect_of_range_will_do(name: str, chunk: int | None) -> None:
    animal = Dialect(name)
    push(animal, chunk=chunk)
    assert animal.arrived == 1000
    assert not any(line.startswith("GET") for line in animal.writes())


class CutDialect(Dialect):
    """The same, and one connection breaks when some bytes of its content have arrived."""

    def __init__(self, name: str, after: int) -> None:
        super().__init__(name)
        self.after: int | None = after

    def upload(self, seen: Seen, repository: str, session: str) -> Response:
        if seen.content and self.after is not None:
            self.take(session, seen.content[: self.after])
            self.after = None
            raise cut()
        return super().upload(seen, repository, session)


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize("chunk", [None, 400])
@pytest.mark.parametrize("after", [0, 1, 399, 400])
def test_a_cut_upload_goes_on_in_every_dialect(name: str, chunk: int | None, after: int) -> None:
    animal = CutDialect(name, after)
    client = push(animal, chunk=chunk)
    assert client.slept == [0.5]
    tells = name not in ("odd", "absent")
    if tells and after > 1:
        assert animal.begun == 1
        assert animal.arrived == 1000  # nothing twice


class Forgets(Storing):
    """Stores something else than it was sent, and says so only at the end."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def take(self, session: str, content: bytes) -> None:
        self.times -= 1
        super().take(session, content if self.times < 0 else content[::-1])


def test_what_arrived_damaged_is_sent_again() -> None:
    animal = Forgets(1)
    push(animal)
    assert animal.begun == 2


def test_what_always_arrives_damaged_is_told_in_the_servers_words() -> None:
    animal = Forgets(100)
    with pytest.raises(Misbehaved, match="DIGEST_INVALID"):
        push(animal)
    assert len(animal.seen) < 12
    assert animal.blobs == {}


@pytest.mark.parametrize("chunk", [None, 400])
def test_content_that_is_not_what_it_should_be_is_told_with_both_digests(chunk: int | None) -> None:
    animal = Storing()
    blob = blob_of(SMALL)
    with pytest.raises(ContentMismatch) as caught:
        target(Client(animal), chunk).push(blob, recipe(SMALL[::-1]))
    assert caught.value.expected == str(blob.digest)
    assert caught.value.actual == str(Digest.of(SMALL[::-1]))
    assert animal.blobs == {}


@pytest.mark.parametrize("content", [SMALL[:-1], SMALL + b"!", b""])
@pytest.mark.parametrize("chunk", [None, 400])
def test_content_of_another_length_is_not_sent_to_its_end(content: bytes, chunk: int | None) -> None:
    animal = Storing()
    with pytest.raises(ContentMismatch) as caught:
        target(Client(animal), chunk).push(blob_of(SMALL), recipe(content))
    assert caught.value.expected == "1000 bytes"
    assert animal.blobs == {}
    assert animal.arrived < 1000


class SaysOther(Storing):
    """Says that it stored something else."""

    def end(self, seen: Seen, repository: str, session: str) -> Response:
        answer = super().end(seen, repository, session)
        answer.headers = answer.headers.having("Docker-Content-Digest", str(DIGEST))
        return answer


def test_a_server_that_stored_something_else_is_not_believed() -> None:
    with pytest.raises(ContentMismatch) as caught:
        push(SaysOther())
    assert (caught.value.expected, caught.value.actual) == (str(blob_of(SMALL).digest), str(DIGEST))


# Connections and servers that break


class Breaks(Storing):
    """Answers a request with content, or the one that ends an upload, as `ways` say in turn: a status, or not at all.

    `before` says whether that happens before the request is carried out.
    """

    def __init__(self, *ways: int | None, before: bool) -> None:
        super().__init__()
        self.ways = list(ways)
        self.before = before

    def upload(self, seen: Seen, repository: str, session: str) -> Response:
        if seen.method == "GET" or not self.ways:
            return super().upload(seen, repository, session)
        if not self.before:
            super().upload(seen, repository, session)
        status = self.ways.pop(0)
        if status is None:
            raise cut()
        return Response.of(status, b"", ("Retry-After", "3"))


@pytest.mark.parametrize("way", [None, 408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("chunk", [None, 400])
@pytest.mark.parametrize("before", [False, True])
def test_after_any_trouble_the_session_is_asked_where_it_stands(
    way: int | None, chunk: int | None, before: bool
) -> None:
    animal = Breaks(way, way, before=before)
    client = push(animal, chunk=chunk)
    assert animal.writes()[2] == "GET 1"
    assert animal.arrived == 1000
    assert animal.begun == 1
    assert client.slept[0] == (0.5 if way is None else 3.0)


def test_an_upload_whose_last_answer_was_lost_is_not_sent_twice() -> None:
    animal = Breaks(None, before=False)
    push(animal, client=Client(animal))
    assert animal.lines[-2:] == [
        "GET r.test/v2/foo/blobs/uploads/1 -",
        f"HEAD r.test/v2/foo/blobs/{blob_of(SMALL).digest} -",
    ]
    assert animal.arrived == 1000


def test_a_server_that_never_recovers_is_given_up() -> None:
    animal = Breaks(*[500] * 50, before=True)
    client = Client(animal, retries=3)
    with pytest.raises(Unreachable, match="500"):
        push(animal, client=client)
    assert len([line for line in animal.writes() if line.startswith("PUT")]) == 4
    assert client.slept == [3.0] * 3


def test_a_wait_that_is_too_long_is_not_begun() -> None:
    class Patient(Breaks):
        def upload(self, seen: Seen, repository: str, session: str) -> Response:
            answer = super().upload(seen, repository, session)
            answer.headers = answer.headers.having("Retry-After", "7200")
            return answer

    animal = Patient(429, before=True)
    client = Client(animal)
    with pytest.raises(Unreachable, match="429"):
        push(animal, client=client)
    assert client.slept == []


def test_progress_makes_patience_anew() -> None:
    class Drips(Storing):
        def upload(self, seen: Seen, repository: str, session: str) -> Response:
            if len(seen.content) > 100:
                self.take(session, seen.content[:100])
                raise cut()
            return super().upload(seen, repository, session)

    animal = Drips()
    client = push(animal)
    assert animal.arrived == 1000
    assert len(client.slept) == 9


class LosesSessions(Storing):
    """Does not know its own sessions any more, once."""

    def upload(self, seen: Seen, repository: str, session: str) -> Response:
        if session == "1" and seen.content:
            self.sessions.pop(session, None)
        return super().upload(seen, repository, session)


@pytest.mark.parametrize("chunk", [None, 400])
def test_a_session_that_is_gone_is_begun_anew(chunk: int | None) -> None:
    animal = LosesSessions()
    push(animal, chunk=chunk)
    assert animal.begun == 2
    assert animal.arrived == 1000


class ForgetsMoreAndMore(Storing):
    """Every session gets a chunk further than the one before, and is lost then."""

    def upload(self, seen: Seen, repository: str, session: str) -> Response:
        if len(self.sessions.get(session, b"")) == 10 * int(session):
            self.sessions.pop(session)
            raise cut()
        return super().upload(seen, repository, session)


def test_sessions_are_not_begun_for_ever() -> None:
    animal = ForgetsMoreAndMore()
    with pytest.raises(Unreachable, match="cut"):
        push(animal, chunk=10)
    assert animal.begun == 10


@pytest.mark.parametrize("status", [402, 409, 412, 422, 507])
def test_other_refusals_are_told_at_once(status: int) -> None:
    animal = Breaks(status, before=True)
    with pytest.raises(Error, match=str(status)):
        push(animal)
    assert len(animal.seen) == 2


def test_a_post_that_fails_is_sent_again() -> None:
    class Stumbles(Storing):
        def begin(self, seen: Seen, repository: str) -> Response:
            if len(self.seen) == 1:
                raise cut()
            return Response.of(502, b"<html>") if len(self.seen) == 2 else super().begin(seen, repository)

    animal = Stumbles()
    push(animal)
    assert animal.writes() == ["POST uploads"] * 3 + ["PUT 1 1000 bytes"]


# ecr-repo-missing-abort


class ClosesOnMissingRepository(Storing):
    """`ecr-repo-missing-abort`: POST to a repository that is missing closes the connection (dotnet/sdk-container-builds#279)."""

    manner = uploads.ClosesOnMissingRepository

    def serve(self, seen: Seen) -> Response:
        return Response.of(404, error("NAME_UNKNOWN"))


def test_a_missing_repository_is_told_of() -> None:
    animal = ClosesOnMissingRepository()
    with pytest.raises(NotFound, match="no repository foo") as caught:
        push(animal, client=Client(animal))
    assert animal.writes() == ["POST uploads", "POST uploads", "GET list"]
    assert "create" in (caught.value.advice() or "")


@pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (403, Denied)])
def test_a_repository_that_may_not_be_pushed_to_is_told_of_at_once(status: int, kind: type[Error]) -> None:
    class Missing(Storing):
        def serve(self, seen: Seen) -> Response:
            return Response.of(status, error("NAME_UNKNOWN" if status == 404 else "DENIED"))

    animal = Missing()
    with pytest.raises(kind):
        push(animal)
    assert [seen.method for seen in animal.seen if seen.path != "/v2/"] == ["POST"]


# ping-401-post-only-auth, challenge-scope-narrower-than-session


class OnlyWritesWantBasic(Storing):
    """`ping-401-post-only-auth`, with chunks: the POST alone meets a challenge (moby/moby#12972)."""

    def serve(self, seen: Seen) -> Response:
        if seen.method not in ("GET", "HEAD") and seen.authorization != basic("foo", "bar"):
            return challenge(401, 'Basic realm="writers"')
        return super().serve(seen)


def test_no_content_is_sent_before_the_challenge_was_answered() -> None:
    animal = OnlyWritesWantBasic()
    push(animal, chunk=600)
    assert [seen.authorization for seen in animal.seen] == [None, *[basic("foo", "bar")] * 4]
    assert not animal.seen[0].content


class OnlyContentWantsBasic(Storing):
    """POST is for everybody, content is not: the challenge comes when there is a body already."""

    def serve(self, seen: Seen) -> Response:
        if seen.content and seen.authorization != basic("foo", "bar"):
            return challenge(401, 'Basic realm="writers"')
        return super().serve(seen)


def test_content_is_sent_again_where_it_meets_the_challenge() -> None:
    animal = OnlyContentWantsBasic()
    push(animal)
    assert animal.lines == [
        "POST r.test/v2/foo/blobs/uploads/ -",
        "PUT r.test/v2/foo/blobs/uploads/1 -",
        "GET r.test/v2/foo/blobs/uploads/1 Basic",
        "PUT r.test/v2/foo/blobs/uploads/1 Basic",
    ]
    assert animal.arrived == 1000


class MakesRepositories(Storing):
    """`challenge-scope-narrower-than-session`: a token to push makes the repository (helm/helm#32144)."""

    manner = CreatesOnPush

    def serve(self, seen: Seen) -> Response:
        needed = "repository:foo:pull,push"
        return super().serve(seen) if self.permits(seen, needed) else challenge(401, bearer(needed))


def test_a_push_asks_for_all_that_it_needs_when_it_first_looks() -> None:
    animal = MakesRepositories()
    client = Client(animal, given())
    repository = target(client)
    assert not repository.exists(blob_of(SMALL))
    assert not repository.exists(Descriptor(media.OCI_MANIFEST, DIGEST, len(MANIFEST)))
    push(animal, client=client)
    repository.push(Descriptor(media.OCI_MANIFEST, DIGEST, len(MANIFEST)), recipe(MANIFEST), tags=["1"])
    assert animal.asked == [["repository:foo:pull,push"]]
    assert animal.manifests["foo", "1"] == MANIFEST
    assert len(animal.seen) == 7


class HidesWhatIsThere(Storing):
    """Answers every question whether something is there with a refusal, whatever is shown; writing is fine."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status

    def serve(self, seen: Seen) -> Response:
        if not self.permits(seen, "repository:foo:pull,push"):
            return challenge(401, bearer("repository:foo:pull"))
        if seen.method in ("HEAD", "GET"):
            return challenge(self.status, bearer("repository:foo:pull"), code="DENIED")
        return super().serve(seen)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_a_registry_does_not_tell_is_not_there(status: int) -> None:
    animal = HidesWhatIsThere(status)
    client = Client(animal, given())
    assert not target(client).exists(blob_of(SMALL))
    push(animal, client=client)


def test_a_wrong_password_is_no_news_of_a_blob() -> None:
    class WantsTickets(Storing):
        def issue(self, seen: Seen) -> Response:
            return token() if seen.authorization == basic("foo", "right") else challenge(401)

        def serve(self, seen: Seen) -> Response:
            return challenge(401, bearer("repository:foo:pull"))

    with pytest.raises(Unauthorized):
        target(Client(WantsTickets(), given("foo", "wrong"))).exists(blob_of(SMALL))


class TokensForLess(Storing):
    """`token-grants-less-than-asked`: a token is for reading, whatever was asked (digitalocean/doctl#1464)."""

    manner = GrantsPull

    def serve(self, seen: Seen) -> Response:
        needed = "repository:foo:pull,push"
        if self.permits(seen, needed):
            return super().serve(seen)
        return challenge(401, bearer(needed, problem="insufficient_scope" if seen.authorization else None))


def test_a_token_for_less_ends_the_push() -> None:
    animal = TokensForLess()
    with pytest.raises(Denied) as caught:
        push(animal)
    assert len(animal.at("r.test")) == 2
    assert caught.value.asked == "repository:foo:pull,push"
    assert all(wanted(seen) == ["repository:foo:pull,push"] for seen in animal.at("auth.test"))


# The source


class Opened:
    """A recipe that counts how often it was opened, whose streams cannot seek, and may break."""

    def __init__(self, content: bytes, *breaks: Exception) -> None:
        self.content = content
        self.breaks = list(breaks)
        self.times = 0
        self.read = 0

    @contextmanager
    def __call__(self) -> Iterator[Stream]:
        self.times += 1
        with closing(Unseekable(self)) as stream:
            yield stream


class Unseekable:
    def __init__(self, opened: Opened) -> None:
        self._opened = opened
        self._stream = BytesIO(opened.content)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        if self._opened.breaks and self._stream.tell() >= 100:
            raise self._opened.breaks.pop(0)
        count = self._stream.readinto(memoryview(buffer)[:100])
        self._opened.read += count
        return count

    def read(self, size: int = -1, /) -> bytes:
        buffer = bytearray(size if size >= 0 else len(self._opened.content))
        return bytes(buffer[: self.readinto(buffer)])

    def close(self) -> None:
        self._stream.close()


def test_chunks_are_read_from_one_opening() -> None:
    animal = Storing()
    content = Opened(SMALL)
    target(Client(animal), 130).push(blob_of(SMALL), content)
    assert animal.blobs["foo", str(blob_of(SMALL).digest)] == SMALL
    assert (content.times, content.read) == (1, 1000)


def test_what_cannot_seek_is_read_up_to_where_it_goes_on() -> None:
    animal = CutDialect("bytes", 500)
    content = Opened(SMALL)
    target(Client(animal)).push(blob_of(SMALL), content)
    assert animal.blobs["foo", str(blob_of(SMALL).digest)] == SMALL
    assert (content.times, animal.arrived) == (2, 1000)


@pytest.mark.parametrize(
    "broken", [OSError("the disk is gone"), ConnectionResetError(), ValueError(), NotFound("gone")]
)
def test_a_source_that_fails_is_not_the_targets_fault(broken: Exception) -> None:
    animal = Storing()
    with pytest.raises(type(broken)) as caught:
        target(Client(animal)).push(blob_of(SMALL), Opened(SMALL, broken))
    assert caught.value is broken
    assert animal.writes() == ["POST uploads"]


def test_a_recipe_that_cannot_be_opened_is_not_the_targets_fault() -> None:
    def missing() -> closing[BytesIO]:
        raise FileNotFoundError("layer.tar")

    with pytest.raises(FileNotFoundError):
        target(Client(Storing())).push(blob_of(SMALL), missing)


def test_a_source_that_verifies_can_refuse_before_the_last_byte_is_sent() -> None:
    animal = Storing()
    blob = blob_of(SMALL)

    @contextmanager
    def verified() -> Iterator[Stream]:
        reader = blob.digest.reader(BytesIO(SMALL[::-1]), blob.size)
        yield Closing(reader)

    with pytest.raises(ContentMismatch):
        target(Client(animal), 400).push(blob, verified)
    assert animal.arrived == 800
    assert not any(line.startswith("PUT") for line in animal.writes())


# Who verifies what is sent


class Verifying:
    """A source that verifies what is read unless it is entrusted; it counts its openings, and those that verify."""

    def __init__(self, content: bytes, blob: Descriptor) -> None:
        self._content = content
        self._blob = blob
        self.times = 0
        self.entrusted = 0

    @contextmanager
    def __call__(self) -> Iterator[Stream]:
        self.times += 1
        with closing(Entrusted(self, BytesIO(self._content), self._blob)) as stream:
            yield stream


class Entrusted(VerifiedStream):
    def __init__(self, source: Verifying, stream: Stream, blob: Descriptor) -> None:
        super().__init__(stream, blob)
        self._source = source

    def entrust(self) -> None:
        self._source.entrusted += 1
        super().entrust()


class SaysNothing(Storing):
    """Does not say what it stored, and takes whatever it gets."""

    def end(self, seen: Seen, repository: str, session: str) -> Response:
        [digest] = seen.query["digest"]
        self.blobs[repository, digest] = bytes(self.sessions.pop(session))
        return Response.of(201)


class SaysAnother(SaysNothing):
    """The same, with a digest of another algorithm, which says nothing of the one that was asked for."""

    def end(self, seen: Seen, repository: str, session: str) -> Response:
        answer = super().end(seen, repository, session)
        answer.headers = answer.headers.having("Docker-Content-Digest", str(Digest.of(SMALL, "sha512")))
        return answer


class OwnWords(Storing):
    """Refuses content that has another digest in words of its own."""

    def end(self, seen: Seen, repository: str, session: str) -> Response:
        answer = super().end(seen, repository, session)
        return answer if answer.status == 201 else Response.of(400, b"that is not what you said")


def wrong() -> Verifying:
    return Verifying(SMALL[::-1], blob_of(SMALL))


@pytest.mark.parametrize("chunk", [None, 400])
def test_a_registry_that_says_what_it_stored_verifies_alone(chunk: int | None) -> None:
    animal = Storing()
    content = Verifying(SMALL, blob_of(SMALL))
    target(Client(animal), chunk).push(blob_of(SMALL), content)
    assert animal.blobs["foo", str(blob_of(SMALL).digest)] == SMALL
    assert (content.times, content.entrusted) == (1, 1)


@pytest.mark.parametrize("chunk", [None, 400])
def test_what_a_registry_finds_wrong_is_told_with_both_digests(chunk: int | None) -> None:
    animal = Storing()
    with pytest.raises(ContentMismatch) as caught:
        target(Client(animal), chunk).push(blob_of(SMALL), wrong())
    assert caught.value.expected == str(blob_of(SMALL).digest)
    assert caught.value.actual == str(Digest.of(SMALL[::-1]))
    assert animal.blobs == {}


def test_a_refusal_in_other_words_may_be_the_contents_fault() -> None:
    animal = OwnWords()
    with pytest.raises(ContentMismatch) as caught:
        target(Client(animal)).push(blob_of(SMALL), wrong())
    assert caught.value.actual == str(Digest.of(SMALL[::-1]))
    assert animal.blobs == {}


@pytest.mark.parametrize("kind", [SaysNothing, SaysAnother])
def test_what_a_registry_does_not_vouch_for_is_verified_here(kind: type[Storing]) -> None:
    with pytest.raises(ContentMismatch) as caught:
        target(Client(kind())).push(blob_of(SMALL), wrong())
    assert caught.value.actual == str(Digest.of(SMALL[::-1]))


@pytest.mark.parametrize("kind", [SaysNothing, SaysAnother])
def test_a_registry_that_does_not_vouch_is_entrusted_with_nothing_more(kind: type[Storing]) -> None:
    repository = target(Client(kind()))
    contents = [Verifying(SMALL, blob_of(SMALL)) for _ in range(2)]
    for content in contents:
        repository.push(blob_of(SMALL), content)
    assert [(content.times, content.entrusted) for content in contents] == [(2, 1), (1, 0)]


class Credulous(SaysNothing):
    """Says that it stored what was named, whatever it got."""

    def end(self, seen: Seen, repository: str, session: str) -> Response:
        answer = super().end(seen, repository, session)
        answer.headers = answer.headers.having("Docker-Content-Digest", seen.query["digest"][0])
        return answer


@pytest.mark.parametrize("verify", [False, True])
def test_who_does_not_trust_the_destination_verifies_here_as_well(tmp_path: Path, *, verify: bool) -> None:
    layout, sample = Layout(FolderFiles(tmp_path)), image(Platform("linux", "amd64"), {"file": SMALL})
    push_all(layout, sample, "1")
    layer = sample.below[0].descriptor.digest
    path = tmp_path / "blobs" / "sha256" / layer.encoded
    path.write_bytes(path.read_bytes()[::-1])
    animal = Credulous()
    with pytest.raises(ContentMismatch) if verify else nullcontext():
        copy(layout, "1", target(Client(animal)), ["1"], options=Options(verify=verify))
    assert (("foo", str(layer)) in animal.blobs) is not verify


class Closing:
    def __init__(self, reader: object) -> None:
        self._reader = reader
        self.read: Callable[..., bytes] = reader.read  # type: ignore[attr-defined]
        self.readinto: Callable[..., int] = reader.readinto  # type: ignore[attr-defined]

    def close(self) -> None:
        """There is nothing to close."""


# Manifests


class Names(Storing):
    """Says of manifests what `says` says."""

    def __init__(self, says: str) -> None:
        super().__init__()
        self.says = says

    def manifest(self, seen: Seen, repository: str, name: str) -> Response:
        answer = super().manifest(seen, repository, name)
        answer.headers = answer.headers.having("Docker-Content-Digest", self.says)
        return answer


@pytest.mark.parametrize("says", ["", "sha256:nonsense", str(DIGEST), str(Digest.of(MANIFEST, "sha512"))])
def test_what_is_stored_as_it_was_sent_is_fine(says: str) -> None:
    animal = Names(says)
    target(Client(animal)).push(Descriptor(media.OCI_MANIFEST, DIGEST, len(MANIFEST)), recipe(MANIFEST), tags=["1"])
    assert animal.writes() == [f"PUT 1 {len(MANIFEST)} bytes"]


def test_a_manifest_that_is_stored_as_another_is_an_error() -> None:
    animal = Names(str(Digest.of(b"other")))
    with pytest.raises(ContentMismatch) as caught:
        target(Client(animal)).push(Descriptor(media.OCI_MANIFEST, DIGEST, len(MANIFEST)), recipe(MANIFEST), tags=["1"])
    assert (caught.value.expected, caught.value.actual) == (str(Digest.of(b"other")), str(DIGEST))


@pytest.mark.parametrize(
    ("tags", "names"),
    [((), [str(DIGEST)]), (("",), [str(DIGEST)]), (("1", "2"), ["1", "2"]), (("1", ""), [str(DIGEST), "1"])],
)
def test_a_manifest_goes_under_its_names(tags: tuple[str, ...], names: list[str]) -> None:
    animal = Storing()
    target(Client(animal)).push(Descriptor(media.OCI_MANIFEST, DIGEST, len(MANIFEST)), recipe(MANIFEST), tags=tags)
    assert animal.writes() == [f"PUT {name} {len(MANIFEST)} bytes" for name in names]


def test_a_manifest_with_another_algorithm_is_there_by_its_digest() -> None:
    animal = Storing()
    digest = Digest.of(MANIFEST, "sha512")
    target(Client(animal)).push(Descriptor(media.OCI_MANIFEST, digest, len(MANIFEST)), recipe(MANIFEST), tags=["1"])
    assert animal.writes() == [f"PUT {digest} {len(MANIFEST)} bytes", f"PUT 1 {len(MANIFEST)} bytes"]


def test_a_manifest_that_is_not_what_it_should_be_is_not_sent() -> None:
    animal = Storing()
    with pytest.raises(ContentMismatch):
        target(Client(animal)).push(Descriptor(media.OCI_MANIFEST, DIGEST, 3), recipe(b"{}!"), tags=["1"])
    assert animal.seen == []


def test_a_push_of_one_image_is_eight_requests_at_most() -> None:
    class WantsTickets(Storing):
        def serve(self, seen: Seen) -> Response:
            if not self.permits(seen, "repository:foo:pull,push"):
                return challenge(401, bearer("repository:foo:pull,push"))
            return super().serve(seen)

    animal = WantsTickets()
    client = Client(animal, given())
    for content in (SMALL, b"{}"):
        push(animal, content, client=client)
    target(client).push(Descriptor(media.OCI_MANIFEST, DIGEST, len(MANIFEST)), recipe(MANIFEST), tags=["1"])
    assert len(animal.seen) == 7
