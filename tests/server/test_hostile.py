"""Input that nobody means well with, over real sockets: the right status and code, and the registry goes on.

What is no HTTP, and what could be read as two requests, is in test_listen.py and test_loop.py; full disks are in test_full.py.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from pratique.server.api.manifests import MOST_BYTES
from pratique.server.app import RegistryApp
from pratique.server.listen.listener import Listener
from pratique.server.storage.collection import Collector
from pratique.server.storage.repositories import Storage
from pratique.spec import media
from pratique.spec.digest import Digest
from tests.unit.server.asking import CONFIG, LAYER, describe, image
from tests.unit.server.many import make_tags

from .asking import PATIENCE, Asking, asking
from .test_serving import serve

UPLOADS = "/v2/foo/blobs/uploads/"
DIGEST, OTHER = Digest.of(LAYER), Digest.of(b"something else")
UNFINISHED = 40  # uploads
MANY = 1_000_000 if os.environ.get("CI") == "true" else 100_000  # tags; a million take ten seconds and more
MOST_KIB = 150 << 10  # of memory


@pytest.fixture
def storage(quick_folder: Path) -> Storage:
    return Storage(quick_folder / "registry")


@pytest.fixture
def listener(storage: Storage, caplog: pytest.LogCaptureFixture) -> Iterator[Listener]:
    """A registry with an image, which is there unharmed at the end; and nothing was worth a line of the log."""
    app = RegistryApp(storage)
    with Listener(app.handle, is_quick=app.is_quick) as listening:
        with asking(listening.address) as ask:
            for content in (CONFIG, LAYER):
                ask.push_blob("foo", content)
            assert put(ask, "v1", image()) == (201, "")
        yield listening
        with asking(listening.address) as ask:
            assert ask("GET", "/v2/foo/manifests/v1").content == image()
            assert ask("GET", f"/v2/foo/blobs/{DIGEST}").content == LAYER
            assert ask("GET", "/v2/_catalog").json == {"repositories": ["foo"]}
            assert ask("GET", "/v2/foo/tags/list").json["tags"] == ["v1"]
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.fixture
def ask(listener: Listener) -> Iterator[Asking]:
    with asking(listener.address) as found:
        yield found


def said(ask: Asking, method: str, target: str, content: bytes | None = None, **fields: str) -> tuple[int, str]:
    """Status and code of an answer."""
    answer = ask(method, target, content, **fields)
    return answer.status, answer.code if answer.status >= 400 else ""


def put(ask: Asking, reference: str, manifest: bytes, **fields: str) -> tuple[int, str]:
    return said(ask, "PUT", f"/v2/foo/manifests/{reference}", manifest, Content_Type=media.OCI_MANIFEST, **fields)


def raw(listener: Listener, sent: bytes) -> bytes:
    """What comes back for some bytes from a client that then says no more."""
    host, _, port = listener.address.rpartition(":")
    with socket.create_connection((host, int(port)), PATIENCE) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(1 << 16), b""))


# --- Names


@pytest.mark.parametrize(
    "name",
    [
        "..", "../..", "foo/..", "foo/../foo", ".", "foo/./bar", "%2e%2e", "foo/%2e%2e/%2e%2e", "foo%2F..%2F..", "foo%2fbar",
        "foo%5c..", "foo%00", "Foo", "foo//bar", "_uploads", "foo/_layers", "a" * 256, "/".join(["a"] * 200), "%ff",
    ],
)  # fmt: skip
def test_a_name_that_is_none(ask: Asking, name: str) -> None:
    for method, rest in (
        ("GET", "tags/list"),
        ("GET", f"blobs/{DIGEST}"),
        ("PUT", "manifests/v1"),
        ("POST", f"blobs/uploads/?digest={DIGEST}"),
        ("DELETE", "manifests/v1"),
    ):
        assert said(ask, method, f"/v2/{name}/{rest}", b"x" if method in {"PUT", "POST"} else None) == (
            400,
            "NAME_INVALID",
        )
    if "/" not in unquote(name.replace("/", "")):  # in a query an encoded slash is one
        assert said(ask, "POST", f"{UPLOADS}?mount={OTHER}&from={name}", b"") == (400, "NAME_INVALID")


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/v2/foo/manifests/" + "a" * 129, (400, "MANIFEST_INVALID")),
        ("/v2/foo/manifests/.hidden", (400, "MANIFEST_INVALID")),
        (f"/v2/foo/blobs/uploads/{'a' * 2000}", (404, "BLOB_UPLOAD_UNKNOWN")),
        ("/v2/foo/blobs/uploads/..", (404, "BLOB_UPLOAD_UNKNOWN")),
        ("/v2/" + "a" * 9000 + "/tags/list", (414, "UNSUPPORTED")),
        ("/v2/foo/tags/list?last=" + "a" * 9000, (414, "UNSUPPORTED")),
    ],
)
def test_other_names_that_are_none(ask: Asking, target: str, expected: tuple[int, str]) -> None:
    method = "PUT" if "manifests" in target else "GET"
    assert said(ask, method, target, image() if method == "PUT" else None) == expected


# --- Digests


@pytest.mark.parametrize(
    "digest",
    [
        OTHER, "sha256:", "sha256:0", f"sha256:{'0' * 65}", f"sha256:{'G' * 64}", f"md5:{'0' * 32}", f"SHA256:{'0' * 64}",
        "", "../../x", "sha256:" + "../" * 21 + "a", f"sha512:{'0' * 64}", "a" * 5000,
    ],
)  # fmt: skip
def test_a_digest_that_is_none_or_another_contents(ask: Asking, storage: Storage, digest: object) -> None:
    before = sorted(path for path in storage.folder.rglob("*") if path.is_file())
    target = f"?digest={digest}"
    if digest:
        assert said(ask, "POST", UPLOADS + target, LAYER) == (400, "DIGEST_INVALID")
    location = ask("POST", UPLOADS, b"").location
    assert said(ask, "PUT", location + target, LAYER) == (400, "DIGEST_INVALID")
    ask("DELETE", location)
    assert sorted(path for path in storage.folder.rglob("*") if path.is_file()) == before


def test_a_manifest_under_another_digest(ask: Asking) -> None:
    assert put(ask, str(OTHER), image()) == (400, "DIGEST_INVALID")
    assert said(ask, "GET", f"/v2/foo/manifests/{OTHER}") == (404, "MANIFEST_UNKNOWN")


# --- Lengths


@pytest.mark.parametrize("length", [len(LAYER) + 1, 1 << 20, 10**18 - 1])
def test_more_is_announced_than_comes(listener: Listener, storage: Storage, length: int) -> None:
    for method, target in (("POST", f"{UPLOADS}?digest={OTHER}"), ("PUT", "/v2/foo/manifests/v2")):
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
        answer = raw(listener, head.encode() + LAYER)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 413 ")
    assert not [path for path in storage.folder.rglob("_uploads/*/data") if path.stat().st_size > len(LAYER)]


def test_more_comes_than_is_announced(listener: Listener) -> None:
    """What is too much is no request, and ends the connection."""
    head = f"POST {UPLOADS}?digest={DIGEST} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(LAYER)}\r\n\r\n"
    answers = raw(listener, head.encode() + LAYER + b"too much\r\n\r\n")
    assert (answers.count(b"HTTP/1.1 201 "), answers.count(b"HTTP/1.1 400 "), answers.count(b"HTTP/1.1 ")) == (1, 1, 2)


@pytest.mark.parametrize(
    ("said_range", "expected"),
    [
        ("0-99", (400, "SIZE_INVALID")), ("0-3", (400, "SIZE_INVALID")), ("5-0", (400, "SIZE_INVALID")),
        ("7-27", (416, "BLOB_UPLOAD_INVALID")), ("x", (400, "BLOB_UPLOAD_INVALID")), ("-", (400, "BLOB_UPLOAD_INVALID")),
        (f"{10**18}-{10**18 + 20}", (416, "BLOB_UPLOAD_INVALID")),
    ],
)  # fmt: skip
def test_a_chunk_that_is_not_what_its_range_says(ask: Asking, said_range: str, expected: tuple[int, str]) -> None:
    location = ask("POST", UPLOADS, b"").location
    assert said(ask, "PATCH", location, LAYER, Content_Range=said_range) == expected
    assert said(ask, "PUT", f"{location}?digest={DIGEST}", LAYER) == (201, "")


def test_a_manifest_without_end_is_not_read(listener: Listener) -> None:
    head = f"PUT /v2/foo/manifests/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: {10**17}\r\n\r\n"
    answer = raw(listener, head.encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"MANIFEST_INVALID"' in answer or b'"SIZE_INVALID"' in answer


# --- Documents


def long_list() -> bytes:
    entry = describe(b"x", media.OCI_LAYER)
    return json.dumps({"schemaVersion": 2, "mediaType": media.OCI_MANIFEST, "layers": [entry] * 25_000}).encode()


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"[" * MOST_BYTES,
        lambda: b'{"a":' * (MOST_BYTES // 5),
        lambda: b'{"config":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        lambda: b'{"schemaVersion":' + b"9" * (MOST_BYTES - 100) + b"}",
        lambda: b'"' + b"\\u0000" * (MOST_BYTES // 8) + b'"',
        lambda: b"\xff\xfe" * 1000,
        lambda: b"",
        lambda: b"null",
        lambda: b'{"schemaVersion":2,"layers":[' + b"{}," * 500_000 + b"{}]}",
        long_list,
    ],
    ids=["lists", "tables", "deep", "digits", "escapes", "no text", "empty", "null", "entries", "layers"],
)
def test_documents_that_are_bombs(ask: Asking, make: Callable[[], bytes]) -> None:
    bomb = make()
    assert len(bomb) <= MOST_BYTES
    status, code = put(ask, "v1", bomb)
    assert (status, code) in {(400, "MANIFEST_INVALID"), (404, "MANIFEST_BLOB_UNKNOWN")}


def test_one_byte_more_than_a_manifest_has(ask: Asking) -> None:
    assert ask("PUT", "/v2/foo/manifests/v1", b"[" * (MOST_BYTES + 1)).status == 413


# --- Uploads without end


def test_uploads_that_are_never_finished(listener: Listener, storage: Storage) -> None:
    """They hold nobody up while they last, and are collected when they are old."""
    host, _, port = listener.address.rpartition(":")
    with ExitStack() as stack, asking(listener.address) as ask:
        locations = [ask("POST", UPLOADS, b"").location for _ in range(UNFINISHED)]
        for location in locations:
            client = stack.enter_context(socket.create_connection((host, int(port)), PATIENCE))
            client.sendall(f"PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc".encode())
        assert ask.push_blob("foo", LAYER) == DIGEST
        left = list(storage.folder.rglob("_uploads/*/startedat"))
        assert len(left) == UNFINISHED
        assert [each for each in Collector(storage).collect() if each.kind == "upload"] == []
    for path in storage.folder.rglob("_uploads/**/*"):
        os.utime(path, (1_000_000, 1_000_000))
    collected: list[Any] = [each for each in Collector(storage).collect() if each.kind == "upload"]
    assert len(collected) == UNFINISHED
    with asking(listener.address) as ask:
        assert said(ask, "GET", locations[0]) == (404, "BLOB_UPLOAD_UNKNOWN")


# --- Long lists


def test_very_many_tags(quick_folder: Path) -> None:
    """They are listed in pages and without many times their memory."""
    names = make_tags(quick_folder, "foo", MANY)
    with serve("--address", "127.0.0.1:0", "--storage", str(quick_folder)) as served:
        with closing(HTTPConnection(served.said["address"], timeout=100)) as connection:
            ask = Asking(connection)
            for start in (0, MANY // 2, MANY - 1000):
                last = f"&last={names[start - 1]}" if start else ""
                page = ask("GET", f"/v2/foo/tags/list?n=1000{last}")
                assert page.json["tags"] == names[start : start + 1000]
                assert ("Link" in page.headers) == (start + 1000 < MANY)
        status = Path(f"/proc/{served.process.pid}/status").read_text()
    subprocess.run(["rm", "-rf", quick_folder / "docker"], check=True)  # in a fifth of Python's time
    assert int(status.partition("VmHWM:")[2].split()[0]) < MOST_KIB


# --- A full disk


def test_a_disk_that_fills_under_a_registry(disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = RegistryApp(Storage(disk / "registry"))
    large = os.urandom(3 << 20)  # more than the disk
    with Listener(app.handle, is_quick=app.is_quick) as listening, asking(listening.address) as ask:
        assert ask.push_blob("foo", LAYER) == DIGEST
        for content in (large, iter([large[:1000], large[1000:]])):
            answer = ask("POST", f"{UPLOADS}?digest={Digest.of(large)}", content)
            assert (answer.status, answer.json["errors"][0]["message"]) == (507, "the registry has no space left")
        assert ask("GET", f"/v2/foo/blobs/{DIGEST}").content == LAYER
        assert ask.push_blob("foo", CONFIG) == Digest.of(CONFIG)  # nothing of what did not fit is left
    assert "Traceback" not in caplog.text
