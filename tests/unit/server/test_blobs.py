"""Blobs: reading, ranges, deletion, and every way to upload."""

from __future__ import annotations

import io
from contextlib import AbstractContextManager, closing

import pytest

from pratique.http.message import Body, Stream
from pratique.spec.digest import Digest

from .asking import LAYER, ROOT, Answer, Asking

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


@pytest.mark.parametrize("wanted", ["bytes=0-1,3-4", "lines=1-2", "bytes=-", "bytes=a-b", ""])
def test_ranges_that_are_not_understood_are_not_there(ask: Asking, wanted: str) -> None:
    answer = ask("GET", blob(ask.push_blob("foo/bar", LAYER)), Range=wanted)
    assert (answer.status, answer.content) == (200, LAYER)


def test_if_range_of_something_else_brings_everything(ask: Asking) -> None:
    digest = ask.push_blob("foo/bar", LAYER)
    assert ask("GET", blob(digest), Range="bytes=0-0", If_Range='"other"').status == 200
    assert ask("GET", blob(digest), Range="bytes=0-0", If_Range=f'"{digest}"').status == 206


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


def test_a_put_without_digest_keeps_the_upload(ask: Asking) -> None:
    location = begin(ask)
    assert ask("PUT", location, LAYER).code == "DIGEST_INVALID"
    assert ask("GET", location).field("Range") == "0-0"


def test_a_cancelled_upload(ask: Asking) -> None:
    location = begin(ask)
    assert ask("DELETE", location).status == 204
    assert ask("PATCH", location, b"x").code == "BLOB_UPLOAD_UNKNOWN"


@pytest.mark.parametrize("session", ["nothing", "..", "%2e%2e", "00000000-0000-0000-0000-000000000000", "%2Fetc"])
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


@pytest.mark.parametrize("query", [f"?mount={Digest.of(b'x')}&from=origin", f"?mount={Digest.of(LAYER)}"])
def test_a_mount_that_cannot_be_opens_an_upload(ask: Asking, query: str) -> None:
    ask.push_blob("origin", LAYER)
    assert ask("PATCH", begin(ask, query), b"x").status == 202


def test_a_mount_from_a_name_that_is_none(ask: Asking) -> None:
    answer = ask("POST", f"{UPLOADS}?mount={Digest.of(LAYER)}&from=../../etc", b"")
    assert (answer.status, answer.code) == (400, "NAME_INVALID")
