"""The manners of redirects, content networks, HEAD and content types."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from pratique.errors import Denied, Misbehaved, NotFound, Unsupported
from pratique.http.message import Request, Response
from pratique.server.faults.manners import reading, redirects
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.stores.registry import Repository

from .animal import (
    DIGEST,
    MANIFEST,
    Animal,
    Client,
    Seen,
    Ticketed,
    basic,
    bearer,
    challenge,
    error,
    given,
    manifest,
    ok,
)

CONTENT = b"a layer" * 1000
LAYER = Descriptor(media.OCI_LAYER_GZIP, Digest.of(CONTENT), len(CONTENT))


def to(location: str, status: int = 307) -> Response:
    return Response.of(status, b"", ("Location", location))


def pulled(repository: Repository, descriptor: Descriptor = LAYER) -> bytes:
    with repository.open(descriptor) as stream:
        return stream.read()


class StorageElsewhere(Animal):
    """`redirect-strips-authorization`: content by signed URL; the storage wants no other permission (opa#6580, 2024)."""

    def __init__(self, line: str, good: str, status: int) -> None:
        super().__init__(partial(redirects.ContentElsewhere, to="https://cdn.test", status=status))
        self._line, self._good = line, good

    def answer(self, seen: Seen) -> Response:
        if seen.host == "auth.test":
            return ok(b'{"token":"T"}')
        return ok(CONTENT) if seen.authorization == self._good else challenge(401, self._line)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("line", "good"),
    [('Basic realm="r"', basic("foo", "bar")), (bearer("repository:foo:pull"), "Bearer T")],
    ids=["Basic", "Bearer"],
)
def test_no_permission_follows_to_the_storage(line: str, good: str, status: int, clean_environment: Path) -> None:
    (clean_environment / ".netrc").write_text("machine cdn.test login ambient password secret\n")
    animal = StorageElsewhere(line, good, status)
    client = Client(animal, given())
    for _ in range(2):
        assert pulled(client.repository()) == CONTENT
    assert [seen.authorization for seen in animal.at("cdn.test")] == [None, None]
    assert animal.at("cdn.test")[0].query["X-Amz-Signature"] == ["5ec3e7"]
    assert [seen.authorization for seen in animal.at("r.test")] == [None, good, good]


def test_a_signature_is_not_told() -> None:
    client = Client(StorageElsewhere('Basic realm="r"', basic("foo", "bar"), 307), given())
    pulled(client.repository())
    assert "5ec3e7" not in repr(client.events)


class Upstream(Animal):
    """`redirect-same-host-keeps-auth`: A sends to B, which has a token service of its own (registry.k8s.io#336, 2025)."""

    def __init__(self) -> None:
        super().__init__(partial(redirects.Mirrored, to="https://b.test", prefix="mirror/"))

    def answer(self, seen: Seen) -> Response:
        if seen.host in ("auth.a.test", "auth.b.test"):
            return ok(json.dumps({"token": f"of {seen.host}".replace(" ", "-")}).encode())
        if seen.host == "r.test":
            if seen.authorization != "Bearer of-auth.a.test":
                return challenge(401, bearer("repository:foo:pull", realm="https://auth.a.test/token"))
            return manifest(seen) if "manifests" in seen.path else ok(CONTENT)
        if seen.authorization != "Bearer of-auth.b.test":
            return challenge(401, bearer("repository:mirror/foo:pull", realm="https://auth.b.test/token", service="b"))
        return manifest(seen) if "manifests" in seen.path else ok(CONTENT)


def test_each_hop_is_asked_and_answered_for_itself() -> None:
    animal = Upstream()
    client = Client(animal, given())
    assert client.repository().resolve("latest").digest == DIGEST
    assert animal.lines == [
        "HEAD r.test/v2/foo/manifests/latest -",
        "GET auth.a.test/token Basic",
        "HEAD r.test/v2/foo/manifests/latest Bearer",
        "HEAD b.test/v2/mirror/foo/manifests/latest -",
        "GET auth.b.test/token -",
        "HEAD b.test/v2/mirror/foo/manifests/latest Bearer",
    ]
    assert animal.at("auth.b.test")[0].query["scope"] == ["repository:mirror/foo:pull"]
    assert pulled(client.repository()) == CONTENT
    assert {seen.authorization for seen in animal.at("b.test")} == {None, "Bearer of-auth.b.test"}
    assert len(animal.at("auth.b.test")) == 1, "the token of B was good for B's next request"


class WithinTheHost(Ticketed):
    """`redirect-same-host-keeps-auth`: content is at another path of the registry itself, which wants the same token."""

    manner = partial(redirects.ContentElsewhere, to="", status=302)

    def serve(self, seen: Seen) -> Response:
        return (
            ok(CONTENT) if self.permits(seen, "repository:foo:pull") else challenge(401, bearer("repository:foo:pull"))
        )


def test_within_the_host_the_permission_is_shown_again() -> None:
    animal = WithinTheHost()
    assert pulled(Client(animal, given()).repository()) == CONTENT
    assert animal.at("r.test")[-1].path == f"/storage/v2/foo/blobs/{LAYER.digest}"
    assert animal.at("r.test")[-1].authorization == "Bearer T1"


class NoHead(Animal):
    """`head-unsupported`: HEAD is refused where GET is answered (containerd/containerd#6684, 2022; registry.centos.org)."""

    def __init__(self, status: int) -> None:
        super().__init__(partial(reading.NoHead, status=status))

    def answer(self, seen: Seen) -> Response:
        if seen.path == "/v2/":
            return ok()
        if "manifests" in seen.path:
            return manifest(seen)
        size = ("Content-Range", f"bytes 0-0/{len(CONTENT)}")
        return Response.of(206, CONTENT[:1], size) if seen.headers.get("Range") else ok(CONTENT)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
def test_get_answers_where_head_is_refused(status: int) -> None:
    animal = NoHead(status)
    repository = Client(animal).repository()
    assert repository.resolve("latest").digest == DIGEST
    assert repository.blob(LAYER.digest).size == LAYER.size
    asked = [seen for seen in animal.seen if seen.path != "/v2/"]
    assert [seen.method for seen in asked] == ["HEAD", "GET", "HEAD", "GET"]
    assert asked[-1].headers.get("Range") == "bytes=0-0"


class NoHeadBehindRedirect(NoHead):
    """`head-unsupported`: HEAD is redirected to a URL that is signed for GET."""

    def __call__(self, request: Request) -> Response:
        response = super().__call__(request)
        return response if request.origin.host == "cdn.test" else to(request.url.replace("r.test", "cdn.test"))


def test_get_answers_where_head_is_refused_by_the_storage() -> None:
    animal = NoHeadBehindRedirect(403)
    assert Client(animal).repository().blob(LAYER.digest).size == LAYER.size
    assert [line for line in animal.lines if "blobs" in line and "cdn" in line] == [
        f"HEAD cdn.test/v2/foo/blobs/{LAYER.digest} -",
        f"GET cdn.test/v2/foo/blobs/{LAYER.digest} -",
    ]


class RefusesBoth(Animal):
    """`head-unsupported`: HEAD has no body, so only GET says why."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self._status = status

    def answer(self, seen: Seen) -> Response:
        if seen.path == "/v2/":
            return ok()
        return Response.of(self._status, b"" if seen.method == "HEAD" else error("SOME_CODE", "the reason"))


@pytest.mark.parametrize(("status", "kind"), [(403, Denied), (404, NotFound), (405, Unsupported)])
def test_the_reason_is_the_one_of_the_get(status: int, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="the reason"):
        Client(RefusesBoth(status)).repository().resolve("latest")


class Particular(Animal):
    """`accept-header-and-content-type`: what is not accepted by name is not there (fossas/fossa-cli#1309, 2023; Docker Hub)."""

    def __init__(self, stored: str, content_type: str | None) -> None:
        super().__init__(partial(reading.Particular, content_type=content_type or ""))
        self._stored = stored
        document = {"schemaVersion": 2, "mediaType": stored}
        held: dict[str, object] = {"manifests": []} if stored in media.INDEXES else {"layers": []}
        self.raw = json.dumps(document | held).encode()

    def answer(self, seen: Seen) -> Response:
        return manifest(seen, self.raw, self._stored)


@pytest.mark.parametrize("stored", [media.OCI_MANIFEST, media.OCI_INDEX, media.DOCKER_MANIFEST, media.DOCKER_LIST])
@pytest.mark.parametrize(
    "content_type", [None, "application/json", "text/plain; charset=utf-8", "application/octet-stream", "itself"]
)
def test_every_type_is_accepted_and_known_whatever_it_is_called(stored: str, content_type: str | None) -> None:
    animal = Particular(stored, f"{stored}; charset=utf-8" if content_type == "itself" else content_type)
    resolved = Client(animal).repository().resolve("latest")
    assert resolved == Descriptor(stored, Digest.of(animal.raw), len(animal.raw))
    assert len(animal.seen) == (1 if content_type == "itself" else 2)


class Ambiguous(Animal):
    """`accept-header-and-content-type`: a document that is an image and an index at once (CVE-2021-41190)."""

    def answer(self, seen: Seen) -> Response:
        raw = json.dumps({**json.loads(MANIFEST), "mediaType": None, "manifests": []}).encode()
        return manifest(seen, raw, "application/json")


def test_a_document_that_is_two_things_is_refused() -> None:
    with pytest.raises(Misbehaved):
        Client(Ambiguous()).repository().manifest("latest")


class Schema1(Animal):
    """`accept-header-and-content-type`: a manifest of Docker's schema 1, whatever was asked for."""

    def answer(self, seen: Seen) -> Response:
        return manifest(seen, b'{"schemaVersion":1,"name":"foo","fsLayers":[]}', media.DOCKER_SCHEMA_1_SIGNED)


def test_schema_1_is_never_asked_for_and_explained() -> None:
    animal = Schema1()
    with pytest.raises(Unsupported, match="schema 1"):
        Client(animal).repository().manifest("latest")
    assert media.DOCKER_SCHEMA_1 not in str(animal.seen[0].headers.get("Accept"))
    assert media.DOCKER_SCHEMA_1_SIGNED not in str(animal.seen[0].headers.get("Accept"))


class Warning299(Ticketed):
    """`warning-headers`: every answer carries a warning (distribution specification, §Warnings)."""

    manner = reading.Warns

    def serve(self, seen: Seen) -> Response:
        return (
            manifest(seen)
            if self.permits(seen, "repository:foo:pull")
            else challenge(401, bearer("repository:foo:pull"))
        )


def test_a_warning_is_told_once_and_nothing_is_done_about_it() -> None:
    animal = Warning299()
    client = Client(animal)
    for _ in range(3):
        client.repository().resolve("latest")
    assert client.warnings == ["r.test says: Your auth token will expire in 30 seconds."]
    assert len(animal.at("auth.test")) == 1
