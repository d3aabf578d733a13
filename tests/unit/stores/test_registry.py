"""A repository as a store, against registries that are functions."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest

from pratique.errors import (
    ContentMismatch,
    Denied,
    Error,
    InvalidDigest,
    Misbehaved,
    NotFound,
    Unreachable,
    Unsupported,
)
from pratique.http.message import Headers, Request, Response, Unanswered
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.stores.base import Deletes, Lists, Refers, Source, Target

from .asking import DIGEST, MANIFEST, Asked, served

RESOLVED = Descriptor(media.OCI_MANIFEST, DIGEST, len(MANIFEST))
BLOB = b"content of a blob"
BLOB_DIGEST = Digest.of(BLOB)
HEAD, GET = "HEAD /v2/foo/manifests/latest", "GET /v2/foo/manifests/latest"


def test_a_repository_is_what_its_protocols_say() -> None:
    repository = Asked(lambda _: Response.of(500)).repository
    for protocol in (Source, Target, Lists, Refers, Deletes):
        assert isinstance(repository, protocol)


# Resolving


def test_one_head_resolves() -> None:
    asked = Asked(served)
    assert asked.repository.resolve("latest") == RESOLVED
    assert asked.lines == [HEAD]
    assert asked.requests[0].headers.get("Accept") == ", ".join(media.ACCEPT)


@pytest.mark.parametrize("content_type", [f"{media.OCI_MANIFEST}; charset=utf-8", media.OCI_MANIFEST.upper()])
def test_a_type_is_known_whatever_its_dress(content_type: str) -> None:
    asked = Asked(lambda request: served(request, Content_Type=content_type))
    assert asked.repository.resolve("latest") == RESOLVED
    assert asked.lines == [HEAD]


@pytest.mark.parametrize(
    "fields",
    [
        {"Docker_Content_Digest": None},
        {"Docker_Content_Digest": "latest"},
        {"Docker_Content_Digest": "md5:d41d8cd98f00b204e9800998ecf8427e"},
        {"Content_Type": None},
        {"Content_Type": "application/json"},
        {"Content_Type": "text/plain; charset=utf-8"},
        {"Content_Type": "text/html"},
        {"Content_Length": None},
        {"Content_Length": "0"},
        {"Content_Length": "many"},
    ],
    ids=str,
)
def test_a_head_that_does_not_tell_enough_is_followed_by_a_get(fields: dict[str, str | None]) -> None:
    def answer(request: Request) -> Response:
        return served(request, MANIFEST, **fields) if request.method == "HEAD" else served(request)

    asked = Asked(answer)
    assert asked.repository.resolve("latest") == RESOLVED
    assert asked.lines == [HEAD, GET]


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
def test_a_head_that_is_refused_is_followed_by_a_get(status: int) -> None:
    asked = Asked(lambda request: Response.of(status) if request.method == "HEAD" else served(request))
    assert asked.repository.resolve("latest") == RESOLVED
    assert [line for line in asked.lines if "manifests" in line] == [HEAD, GET]


@pytest.mark.parametrize(
    ("status", "kind"), [(400, Misbehaved), (403, Denied), (404, NotFound), (405, Unsupported), (501, Unsupported)]
)
def test_the_words_of_the_get_are_the_error(status: int, kind: type[Error]) -> None:
    words = b'{"errors":[{"code":"SOME_CODE","message":"because"}]}'
    asked = Asked(lambda request: Response.of(status, b"" if request.method == "HEAD" else words))
    with pytest.raises(kind, match="because"):
        asked.repository.resolve("latest")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_in_trouble_is_not_asked_twice(status: int) -> None:
    asked = Asked(lambda _: Response.of(status))
    with pytest.raises(Unreachable):
        asked.repository.resolve("latest")
    assert asked.lines == [HEAD]


def test_the_digest_of_the_content_counts_for_a_tag() -> None:
    lying = str(Digest.of(b"something else"))
    asked = Asked(
        lambda request: Response.of(404) if request.method == "HEAD" else served(request, Docker_Content_Digest=lying)
    )
    assert asked.repository.resolve("latest") == RESOLVED


def test_a_head_that_names_another_digest_is_not_believed() -> None:
    def answer(request: Request) -> Response:
        return served(request, Docker_Content_Digest=str(Digest.of(b"x")) if request.method == "HEAD" else None)

    asked = Asked(answer)
    for name in (DIGEST, str(DIGEST)):
        assert asked.repository.resolve(name) == RESOLVED


def test_content_that_is_not_what_was_asked_for_is_refused() -> None:
    asked = Asked(lambda request: Response.of(404) if request.method == "HEAD" else served(request))
    wanted = Digest.of(b"something else")
    for name in (wanted, str(wanted)):
        with pytest.raises(ContentMismatch) as caught:
            asked.repository.resolve(name)
        assert (caught.value.expected, caught.value.actual) == (str(wanted), str(DIGEST))


def test_a_longer_digest_stays_one() -> None:
    longer = Digest.of(MANIFEST, "sha512")
    asked = Asked(lambda request: served(request, Docker_Content_Digest=str(longer)))
    assert asked.repository.resolve("latest").digest == longer
    assert asked.repository.manifest("latest").digest == longer
    assert asked.repository.manifest(longer).digest == longer
    assert asked.repository.manifest(DIGEST).digest == DIGEST


def test_a_digest_that_is_none_is_the_callers_mistake() -> None:
    with pytest.raises(InvalidDigest):
        Asked(lambda request: served(request, Docker_Content_Digest=None)).repository.resolve("sha256:abc")


# Manifests


@pytest.mark.parametrize(
    "content_type", [None, "application/json", "text/plain; charset=utf-8", "application/octet-stream"]
)
def test_a_manifest_says_what_it_is(content_type: str | None) -> None:
    manifest = Asked(lambda request: served(request, Content_Type=content_type)).repository.manifest("latest")
    assert (manifest.media_type, manifest.digest, manifest.raw) == (media.OCI_MANIFEST, DIGEST, MANIFEST)


def test_a_manifest_that_nests_itself_is_only_its_bytes() -> None:
    """Nobody can name a digest within the content that has it; a server that claims so is found out on the way down."""
    claimed = Digest.of(b"myself")
    entry = {"mediaType": media.OCI_INDEX, "digest": str(claimed), "size": 100}
    raw = json.dumps({"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": [entry]}).encode()
    repository = Asked(
        lambda request: served(request, raw, Content_Type=media.OCI_INDEX, Docker_Content_Digest=str(claimed))
    ).repository
    manifest = repository.manifest("latest")
    assert manifest.digest == Digest.of(raw) != claimed
    with pytest.raises(ContentMismatch):
        repository.manifest(manifest.manifests[0].digest)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b"null", b"<html>", b"{" * 4000, b"[" * 4000, b'{"config":' * 400, b"9" * 4000, b'{"layers":[{}]}',
        json.dumps({"mediaType": media.OCI_INDEX, "manifests": [], "layers": []}).encode(),
    ],
    ids=lambda raw: repr(raw[:20]),
)  # fmt: skip
def test_what_is_no_manifest_is_the_servers_mistake(raw: bytes) -> None:
    with pytest.raises(Misbehaved):
        Asked(lambda request: served(request, raw, Content_Type=None)).repository.manifest("latest")


def test_docker_schema_1_is_explained() -> None:
    repository = Asked(lambda request: served(request, b"{}", Content_Type=media.DOCKER_SCHEMA_1_SIGNED)).repository
    with pytest.raises(Unsupported, match="schema 1"):
        repository.manifest("latest")


def test_a_manifest_over_the_limit_is_not_read() -> None:
    class Unread(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError

    stream = Unread()
    asked = Asked(lambda _: Response(200, Headers([("Content-Length", "2000000000")]), stream))
    with pytest.raises(Misbehaved, match=r"the manifest r\.test/foo:latest has 2000000000 bytes; at most 4096"):
        asked.repository.manifest("latest")
    assert stream.closed


# Content


def content(request: Request, raw: bytes = BLOB) -> Response:
    return Response.of(200, b"" if request.method == "HEAD" else raw)


def test_content_is_verified_at_its_end() -> None:
    described = Descriptor("application/octet-stream", BLOB_DIGEST, len(BLOB))
    asked = Asked(content)
    with asked.repository.open(described) as stream:
        assert stream.read() == BLOB
    assert asked.lines == [f"GET /v2/foo/blobs/{BLOB_DIGEST}"]
    with Asked(lambda _: Response.of(200, b"x" * len(BLOB))).repository.open(described) as stream:
        assert stream.read(len(BLOB)) == b"x" * len(BLOB)
        with pytest.raises(ContentMismatch):
            stream.read(1)


def test_manifests_are_opened_where_manifests_live() -> None:
    asked = Asked(served)
    with asked.repository.open(RESOLVED) as stream:
        assert stream.read() == MANIFEST
    assert asked.lines == [f"GET /v2/foo/manifests/{DIGEST}"]
    assert asked.requests[0].headers.get("Accept") == ", ".join(media.ACCEPT)


@pytest.mark.parametrize(
    ("answers", "lines"),
    [
        ({"HEAD": lambda: sized(200, "17")}, ["HEAD"]),
        ({"HEAD": lambda: sized(200, None), "GET": lambda: sized(200, "17")}, ["HEAD", "GET"]),
        ({"HEAD": lambda: sized(405, "0"), "GET": lambda: sized(206, "1", "bytes 0-0/17")}, ["HEAD", "GET"]),
        ({"HEAD": lambda: sized(403, "0"), "GET": lambda: sized(206, "1", "bytes 0-0/17")}, ["HEAD", "GET"]),
        ({"HEAD": lambda: sized(404, "0"), "GET": lambda: sized(200, "17", "bytes 0-0/99")}, ["HEAD", "GET"]),
    ],
)  # fmt: skip
def test_the_size_of_a_blob(answers: dict[str, Callable[[], Response]], lines: list[str]) -> None:
    asked = Asked(lambda request: answers[request.method]() if "blobs" in request.path else Response.of(200))
    assert asked.repository.blob(BLOB_DIGEST) == Descriptor("application/octet-stream", BLOB_DIGEST, 17)
    blobs = [request for request in asked.requests if "blobs" in request.path]
    assert [request.method for request in blobs] == lines
    assert [request.headers.get("Range") for request in blobs] == [None, "bytes=0-0"][: len(blobs)]


def sized(status: int, length: str | None, content_range: str | None = None) -> Response:
    lines = [("Content-Length", length), ("Content-Range", content_range)]
    return Response(status, Headers((name, value) for name, value in lines if value is not None))


def test_the_size_of_an_empty_blob() -> None:
    asked = Asked(lambda request: sized(405, "0") if request.method == "HEAD" else sized(416, "5", "bytes */0"))
    assert asked.repository.blob(Digest.of(b"")).size == 0


@pytest.mark.parametrize(
    "answer",
    [
        sized(206, "1", "bytes 0-0/*"), sized(206, "1", None), sized(206, "1", "bytes 0-0/" + "9" * 5000),
        sized(200, None), sized(416, "5", None),
    ],
    ids=repr,
)  # fmt: skip
def test_a_size_that_is_not_told_is_the_servers_mistake(answer: Response) -> None:
    asked = Asked(lambda request: sized(200, None) if request.method == "HEAD" else answer)
    with pytest.raises(Misbehaved, match="how long the blob is"):
        asked.repository.blob(BLOB_DIGEST)


def test_a_blob_that_is_not_there() -> None:
    with pytest.raises(NotFound):
        Asked(lambda _: Response.of(404)).repository.blob(BLOB_DIGEST)


def test_what_exists() -> None:
    described = Descriptor("application/octet-stream", BLOB_DIGEST, len(BLOB))
    assert Asked(lambda _: sized(200, str(len(BLOB)))).repository.exists(described)
    assert not Asked(lambda _: sized(200, "1")).repository.exists(described)
    assert not Asked(lambda _: sized(404, "0")).repository.exists(described)
    assert Asked(served).repository.exists(RESOLVED)
    assert not Asked(lambda _: sized(404, "0")).repository.exists(RESOLVED)


# Deleting


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_tag_is_deleted_as_a_tag(status: int) -> None:
    asked = Asked(lambda _: Response.of(status))
    asked.repository.delete("latest")
    assert asked.lines == ["DELETE /v2/foo/manifests/latest"]


@pytest.mark.parametrize("name", [DIGEST, str(DIGEST)], ids=["digest", "text"])
def test_a_manifest_is_deleted_by_its_digest(name: str | Digest) -> None:
    asked = Asked(lambda _: Response.of(202))
    asked.repository.delete(name)
    assert asked.lines == [f"DELETE /v2/foo/manifests/{DIGEST}"]


def test_a_blob_is_deleted_by_its_digest() -> None:
    asked = Asked(lambda _: Response.of(202))
    asked.repository.delete_blob(BLOB_DIGEST)
    assert asked.lines == [f"DELETE /v2/foo/blobs/{BLOB_DIGEST}"]


@pytest.mark.parametrize("status", [400, 405, 501])
def test_a_tag_that_cannot_be_deleted_is_never_deleted_by_its_digest(status: int) -> None:
    asked = Asked(
        lambda request: served(request) if request.method != "DELETE" else Response.of(status, b'{"message":"no tags"}')
    )
    with pytest.raises(Unsupported, match=r"r\.test does not delete a tag: .*no tags"):
        asked.repository.delete("latest")
    assert asked.lines == ["DELETE /v2/foo/manifests/latest"]


@pytest.mark.parametrize(
    ("status", "kind"), [(403, Denied), (404, NotFound), (302, Misbehaved), (409, Misbehaved), (500, Unreachable)]
)
def test_other_answers_to_a_delete_are_errors(status: int, kind: type[Error]) -> None:
    asked = Asked(lambda _: Response.of(status))
    with pytest.raises(kind):
        asked.repository.delete(DIGEST)


def test_a_delete_without_an_answer_is_unreachable() -> None:
    def answer(request: Request) -> Response:
        raise Unanswered(f"{request}: cut", transient=True)

    with pytest.raises(Unreachable):
        Asked(answer).repository.delete("latest")


# Referrers


def listed(*entries: Descriptor, content_type: str = media.OCI_INDEX) -> Response:
    raw = json.dumps({"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": [e.to_json() for e in entries]})
    return Response.of(200, raw.encode(), ("Content-Type", content_type))


def test_an_error_on_a_later_page_of_referrers_is_told() -> None:
    """What the first page listed must not give way to what a tag of the schema lists."""
    first = listed(RESOLVED)
    first.headers = first.headers.having("Link", '<?last=1>; rel="next"')
    asked = Asked(lambda request: first if "last" not in request.url else Response.of(200, b"<html>"))
    with pytest.raises(Misbehaved):
        list(asked.repository.referrers(DIGEST))
    assert len(asked.lines) == 2
