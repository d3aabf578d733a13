"""Blobs: reading, ranges, deletion, and every way to upload."""

from __future__ import annotations

import base64
import email
import io
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from pratique.auth.secret import Secret
from pratique.http.message import Body, Stream
from pratique.server.access.rules import Access, Rule
from pratique.spec.digest import Digest

from ..asking import LAYER, ROOT, Answer, Asking

UPLOADS = "/v2/foo/bar/blobs/uploads/"


def blob(digest: Digest) -> str:
    return f"/v2/foo/bar/blobs/{digest}"


def begin(ask: Asking, query: str = "") -> str:
    answer = ask("POST", UPLOADS + query, b"")
    assert (answer.status, answer.field("Range")) == (202, "0-0")
    return answer.field("Location")


def chunk(ask: Asking, location: str, content: bytes, start: int) -> Answer:
    return ask("PATCH", location, content, Content_Range=f"{start}-{start + len(content) - 1}")


def test_a_blob_comes_back(ask: Asking) -> None:
    digest = ask.push_blob("foo/bar", LAYER)
    answer = ask("GET", blob(digest))
    assert (answer.status, answer.content) == (200, LAYER)
    assert answer.field("Docker-Content-Digest") == str(digest)
    assert answer.field("Content-Length") == str(len(LAYER))
    assert answer.field("Content-Type") == "application/octet-stream"


def test_head_says_what_get_says_without_content(ask: Asking) -> None:
    digest = ask.push_blob("foo/bar", LAYER)
    get, head = ask("GET", blob(digest)), ask("HEAD", blob(digest))
    assert list(head.headers) == list(get.headers)
    assert head.content == b""


def test_a_blob_belongs_to_its_repository(ask: Asking) -> None:
    digest = ask.push_blob("foo/bar", LAYER)
    answer = ask("GET", f"/v2/foo/baz/blobs/{digest}")
    assert (answer.status, answer.code) == (404, "BLOB_UNKNOWN")


@pytest.mark.parametrize(
    ("wanted", "content", "range_"),
    [
        ("bytes=2-6", b"layer", "bytes 2-6/21"),
        ("bytes=16-", b"bytes", "bytes 16-20/21"),
        ("bytes=16-999", b"bytes", "bytes 16-20/21"),
        ("bytes=-5", b"bytes", "bytes 16-20/21"),
        ("bytes=-999", LAYER, "bytes 0-20/21"),
    ],
)
def test_one_range_of_a_blob(ask: Asking, wanted: str, content: bytes, range_: str) -> None:
    answer = ask("GET", blob(ask.push_blob("foo/bar", LAYER)), Range=wanted)
    assert (answer.status, answer.content, answer.field("Content-Range")) == (206, content, range_)
    assert answer.field("Content-Length") == str(len(content))


@pytest.mark.parametrize("wanted", ["bytes=21-", "bytes=-0", "bytes=5-4", "bytes=99-100"])
def test_a_range_outside_of_the_blob(ask: Asking, wanted: str) -> None:
    answer = ask("GET", blob(ask.push_blob("foo/bar", LAYER)), Range=wanted)
    assert (answer.status, answer.field("Content-Range")) == (416, "bytes */21")


@pytest.mark.parametrize("wanted", ["lines=1-2", "bytes=-", "bytes=a-b", ""])
def test_ranges_that_are_not_understood_are_not_there(ask: Asking, wanted: str) -> None:
    answer = ask("GET", blob(ask.push_blob("foo/bar", LAYER)), Range=wanted)
    assert (answer.status, answer.content) == (200, LAYER)


def test_if_range_of_something_else_brings_everything(ask: Asking) -> None:
    digest = ask.push_blob("foo/bar", LAYER)
    assert ask("GET", blob(digest), Range="bytes=0-0", If_Range='"other"').status == 200
    assert ask("GET", blob(digest), Range="bytes=0-0", If_Range=f'"{digest}"').status == 206


@pytest.mark.parametrize("known", ['"{}"', '"other", W/"{}"', "*", "{}"])
def test_a_blob_that_the_reader_has(ask: Asking, known: str) -> None:
    digest = ask.push_blob("foo/bar", LAYER)
    for method in ("GET", "HEAD"):
        answer = ask(method, blob(digest), If_None_Match=known.format(digest), Range="bytes=0-1")
        assert (answer.status, answer.content, answer.field("ETag")) == (304, b"", f'"{digest}"')
        assert "Content-Length" not in answer.headers
    assert ask("GET", blob(digest), If_None_Match='"other"').content == LAYER
    assert ask("GET", blob(Digest.of(b"x")), If_None_Match=known.format(digest)).status == 404


def test_a_blob_that_the_reader_wants_only_as_it_was(ask: Asking) -> None:
    digest = ask.push_blob("foo/bar", LAYER)
    assert ask("GET", blob(digest), If_Match=f'"{digest}"').content == LAYER
    answer = ask("GET", blob(digest), If_Match=f'W/"{digest}"')
    assert (answer.status, answer.code) == (412, "UNSUPPORTED")


def test_head_has_no_ranges(ask: Asking) -> None:
    """RFC 9110 §14.2: GET is the only method for which they are defined."""
    answer = ask("HEAD", blob(ask.push_blob("foo/bar", LAYER)), Range="bytes=0-0")
    assert (answer.status, answer.field("Content-Length")) == (200, str(len(LAYER)))


def test_several_ranges_of_a_blob(ask: Asking) -> None:
    answer = ask("GET", blob(ask.push_blob("foo/bar", LAYER)), Range="bytes=2-6, -5, 99-")
    assert answer.status == 206
    assert answer.field("Content-Length") == str(len(answer.content))
    message = email.message_from_bytes(
        b"Content-Type: " + answer.field("Content-Type").encode() + b"\r\n" + answer.content
    )
    parts = [
        (part["Content-Range"], part.get_payload(decode=True)) for part in message.walk() if not part.is_multipart()
    ]
    assert parts == [("bytes 2-6/21", b"layer"), ("bytes 16-20/21", b"bytes")]


@pytest.mark.parametrize("wanted", ["", "bytes=-5"])
def test_an_empty_blob(ask: Asking, wanted: str) -> None:
    digest = ask.push_blob("foo/bar", b"")
    answer = ask("GET", blob(digest), Range=wanted)
    assert (answer.status, answer.field("Content-Length"), answer.content) == (200, "0", b"")
    assert ask("GET", blob(digest), Range="bytes=0-").status == 416


def test_a_deleted_blob_is_gone_from_one_repository(ask: Asking) -> None:
    digest = ask.push_blob("foo/bar", LAYER)
    ask.push_blob("other", LAYER)
    assert ask("DELETE", blob(digest)).status == 202
    assert ask("GET", blob(digest)).code == "BLOB_UNKNOWN"
    assert ask("DELETE", blob(digest)).code == "BLOB_UNKNOWN"
    assert ask("GET", f"/v2/other/blobs/{digest}").content == LAYER


@pytest.mark.parametrize("digest", ["sha256:abc", "sha256:" + "A" * 64, "md5:" + "0" * 32, "..", "nothing"])
def test_a_text_that_is_no_digest(ask: Asking, digest: str) -> None:
    assert ask("GET", f"/v2/foo/bar/blobs/{digest}").code == "DIGEST_INVALID"


def test_a_percent_encoded_digest_is_a_digest(ask: Asking) -> None:
    digest = ask.push_blob("foo/bar", LAYER)
    assert ask("GET", blob(digest).replace(":", "%3A")).content == LAYER


# --- Uploads


def test_post_then_put(ask: Asking) -> None:
    digest = Digest.of(LAYER)
    answer = ask("PUT", f"{begin(ask)}?digest={digest}", LAYER)
    assert (answer.status, answer.field("Location")) == (201, ROOT + blob(digest))
    assert ask("GET", blob(digest)).content == LAYER


def test_sha512(ask: Asking) -> None:
    digest = Digest.of(LAYER, "sha512")
    assert ask("PUT", f"{begin(ask)}?digest={digest}", LAYER).status == 201
    assert ask("PUT", f"{begin(ask, '?digest-algorithm=sha512')}?digest={digest}", LAYER).status == 201
    assert ask("GET", blob(digest)).content == LAYER


def test_chunks_in_order(ask: Asking) -> None:
    location = begin(ask)
    first = chunk(ask, location, LAYER[:7], 0)
    assert (first.status, first.field("Range")) == (202, "0-6")
    status = ask("GET", first.field("Location"))
    assert (status.status, status.field("Range")) == (204, "0-6")
    second = chunk(ask, status.field("Location"), LAYER[7:15], 7)
    assert second.field("Range") == "0-14"
    digest = Digest.of(LAYER)
    last = ask("PUT", f"{second.field('Location')}?digest={digest}", LAYER[15:], Content_Range="15-20")
    assert last.status == 201
    assert ask("GET", blob(digest)).content == LAYER


def test_a_stream_without_content_range_is_appended(ask: Asking) -> None:
    location = begin(ask)
    for part in (LAYER[:3], LAYER[3:]):
        assert ask("PATCH", location, part).status == 202
    assert ask("PUT", f"{location}?digest={Digest.of(LAYER)}").status == 201


def test_a_chunk_out_of_order(ask: Asking) -> None:
    location = begin(ask)
    chunk(ask, location, LAYER[:7], 0)
    for start in (0, 6, 8):
        answer = chunk(ask, location, b"xyz", start)
        assert (answer.status, answer.field("Range"), answer.code) == (416, "0-6", "BLOB_UPLOAD_INVALID")
    assert ask("PUT", f"{location}?digest={Digest.of(LAYER)}", b"z", Content_Range="9-9").status == 416
    assert chunk(ask, location, LAYER[7:], 7).status == 202


@pytest.mark.parametrize(
    ("value", "code"), [("0-6", "SIZE_INVALID"), ("x", "BLOB_UPLOAD_INVALID"), ("5-1", "SIZE_INVALID")]
)
def test_a_content_range_that_does_not_fit(ask: Asking, value: str, code: str) -> None:
    answer = ask("PATCH", begin(ask), b"abc", Content_Range=value)
    assert (answer.status, answer.code) == (400, code)


@pytest.mark.parametrize("content", [LAYER[:6], LAYER[:8]])
def test_a_chunk_whose_length_shows_only_at_its_end(ask: Asking, content: bytes) -> None:
    location, body = begin(ask), Body(lambda: closing(io.BytesIO(content)), None)
    answer = ask("PATCH", location, body, Content_Range="0-6")
    assert (answer.status, answer.code) == (400, "SIZE_INVALID")
    assert answer.field("Range") == f"0-{len(content) - 1}"
    assert chunk(ask, location, LAYER[len(content) :], len(content)).status == 202
    assert ask("PUT", f"{location}?digest={Digest.of(LAYER)}").status == 201


def test_a_wrong_digest_ends_the_upload(ask: Asking) -> None:
    location, other = begin(ask), Digest.of(b"other")
    answer = ask("PUT", f"{location}?digest={other}", LAYER)
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert ask("GET", location).code == "BLOB_UPLOAD_UNKNOWN"
    for digest in (other, Digest.of(LAYER)):
        assert ask("GET", blob(digest)).code == "BLOB_UNKNOWN"
        assert not ask.storage.blob_path(digest).exists()


def test_a_wrong_digest_of_a_single_post(ask: Asking) -> None:
    assert ask("POST", f"{UPLOADS}?digest={Digest.of(b'other')}", LAYER).code == "DIGEST_INVALID"


@pytest.mark.parametrize("digest", ["sha256:abc", "md5:" + "0" * 32, "latest"])
def test_a_put_under_what_is_no_digest_keeps_the_upload(ask: Asking, digest: str) -> None:
    location = begin(ask)
    answer = ask("PUT", f"{location}?digest={digest}", LAYER)
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert ask("PUT", f"{location}?digest={Digest.of(LAYER)}", LAYER).status == 201


def test_an_unknown_algorithm(ask: Asking) -> None:
    answer = ask("POST", f"{UPLOADS}?digest-algorithm=md5", b"")
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")


def test_a_put_without_digest_keeps_the_upload(ask: Asking) -> None:
    location = begin(ask)
    assert ask("PUT", location, LAYER).code == "DIGEST_INVALID"
    assert ask("GET", location).field("Range") == "0-0"


def test_the_status_of_an_upload_has_no_content(ask: Asking) -> None:
    location = begin(ask)
    chunk(ask, location, LAYER[:7], 0)
    for method in ("GET", "HEAD"):
        answer = ask(method, location)
        assert (answer.status, answer.field("Range"), answer.field("Location")) == (204, "0-6", location)
        assert "Content-Length" not in answer.headers  # RFC 9110 §8.6


def test_a_cancelled_upload(ask: Asking) -> None:
    location = begin(ask)
    assert ask("DELETE", location).status == 204
    assert ask("PATCH", location, b"x").code == "BLOB_UPLOAD_UNKNOWN"


@pytest.mark.parametrize("session", ["nothing", "..", "%2e%2e", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_upload(ask: Asking, session: str) -> None:
    begin(ask)
    assert ask("GET", UPLOADS + session).status == 404


def test_an_upload_belongs_to_its_repository(ask: Asking) -> None:
    elsewhere = begin(ask).replace("foo/bar", "foo/baz")
    assert ask("PATCH", elsewhere, b"x").code == "BLOB_UPLOAD_UNKNOWN"


def test_an_upload_goes_on_after_a_restart(ask: Asking) -> None:
    location = begin(ask)
    chunk(ask, location, LAYER[:7], 0)
    later = Asking(ask.storage.folder)
    assert later("GET", location).field("Range") == "0-6"
    assert chunk(later, location, LAYER[7:], 7).status == 202
    assert later("PUT", f"{location}?digest={Digest.of(LAYER)}").status == 201


class Broken(Exception):
    """What the sender of a content says went wrong."""


class Breaks(io.BytesIO):
    """A content that fails where it should end."""

    def readinto(self, buffer: object) -> int:
        count = super().readinto(buffer)  # type: ignore[arg-type]
        if not count:
            raise Broken
        return count


def broken(content: bytes) -> Body:
    def open_() -> AbstractContextManager[Stream]:
        return closing(Breaks(content))

    return Body(open_, None)


def test_what_came_before_a_failure_stays(ask: Asking) -> None:
    location = begin(ask)
    with pytest.raises(Broken):  # the sender hears its own error
        ask("PATCH", location, broken(LAYER[:7]))
    assert ask("GET", location).field("Range") == "0-6"
    assert chunk(ask, location, LAYER[7:], 7).status == 202
    assert ask("PUT", f"{location}?digest={Digest.of(LAYER)}").status == 201


def test_a_failed_single_post_leaves_nothing(ask: Asking) -> None:
    with pytest.raises(Broken):
        ask("POST", f"{UPLOADS}?digest={Digest.of(LAYER)}", broken(LAYER))
    uploads = ask.storage.repository("foo/bar") / "_uploads"
    assert list(uploads.iterdir()) == []


def test_the_newest_request_wins(ask: Asking) -> None:
    """A client resumes while the server still waits for its old, dead connection."""
    location = begin(ask)

    class Overtaken(io.BytesIO):
        def readinto(self, buffer: object) -> int:
            count = super().readinto(buffer)  # type: ignore[arg-type]
            if self.tell() == len(LAYER) and count:
                assert chunk(ask, location, LAYER, 0).status == 202
            return count

    answer = ask("PATCH", location, Body(lambda: closing(Overtaken(LAYER)), None))
    assert answer.status == 416
    assert ask("PUT", f"{location}?digest={Digest.of(LAYER)}").status == 201


# --- Mounts


def test_a_mounted_blob(ask: Asking) -> None:
    digest = ask.push_blob("origin", LAYER)
    answer = ask("POST", f"{UPLOADS}?mount={digest}&from=origin", b"")
    assert (answer.status, answer.field("Location")) == (201, ROOT + blob(digest))
    assert ask("GET", blob(digest)).content == LAYER


@pytest.mark.parametrize(
    "query",
    [f"?mount={Digest.of(b'x')}&from=origin", f"?mount={Digest.of(LAYER)}&from=other", f"?mount={Digest.of(b'x')}"],
)
def test_a_mount_that_cannot_be_opens_an_upload(ask: Asking, query: str) -> None:
    ask.push_blob("origin", LAYER)
    assert ask("PATCH", begin(ask, query), b"x").status == 202


@pytest.mark.parametrize("query", ["?mount=sha256:abc&from=origin", "?mount=md5:abc", "?digest=sha256:abc"])
def test_a_post_that_names_no_digest(ask: Asking, query: str) -> None:
    answer = ask("POST", UPLOADS + query, b"")
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")


def test_a_mount_without_a_source_finds_one(ask: Asking) -> None:
    digest = ask.push_blob("some/where/else", LAYER)
    answer = ask("POST", f"{UPLOADS}?mount={digest}", b"")
    assert (answer.status, answer.field("Location")) == (201, ROOT + blob(digest))
    assert ask("GET", blob(digest)).content == LAYER


def test_a_mount_of_what_is_there_already(ask: Asking) -> None:
    digest = ask.push_blob("foo/bar", LAYER)
    for query in (f"?mount={digest}", f"?mount={digest}&from=foo/bar"):
        assert ask("POST", UPLOADS + query, b"").status == 201


PRIVATE = Access(
    users={"alice": Secret("a"), "bob": Secret("b")},
    rules=(
        Rule("secret", {"alice": frozenset({"pull", "push"})}),
        Rule("shared", {"alice": frozenset({"push"}), "bob": frozenset({"pull"})}),
        Rule("foo/bar", {"alice": frozenset({"pull", "push"}), "bob": frozenset({"pull", "push"})}),
    ),
)


@pytest.mark.parametrize("source", ["", "&from=secret"])
def test_a_blob_is_mounted_only_from_where_it_may_be_pulled(tmp_path: Path, source: str) -> None:
    """Whoever knows a digest must not get the content by it."""
    Asking(tmp_path).push_blob("secret", LAYER)
    ask, query = Asking(tmp_path, PRIVATE), f"?mount={Digest.of(LAYER)}{source}"
    bob = f"Basic {base64.b64encode(b'bob:b').decode()}"
    assert ask("POST", UPLOADS + query, b"", Authorization=bob).status == 202
    assert ask("GET", blob(Digest.of(LAYER)), Authorization=bob).status == 404
    alice = f"Basic {base64.b64encode(b'alice:a').decode()}"
    assert ask("POST", UPLOADS + query, b"", Authorization=alice).status == 201
    assert ask("GET", blob(Digest.of(LAYER)), Authorization=bob).status == 200


def test_a_mount_from_a_name_that_is_none(ask: Asking) -> None:
    answer = ask("POST", f"{UPLOADS}?mount={Digest.of(LAYER)}&from=../../etc", b"")
    assert (answer.status, answer.code) == (400, "NAME_INVALID")
