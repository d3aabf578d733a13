"""Files that the kernel passes on to a socket: what comes in between, and what becomes of the file."""

from __future__ import annotations

import hashlib
import io
import os
import re
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pratique.errors import ContentMismatch, NotFound
from pratique.http.message import Body, Request, Response, Unanswered
from pratique.http.reach import Proxy, everywhere
from pratique.http.transport import HttpTransport, Timeouts
from pratique.http.trust import Trust
from pratique.image.sample import Sample, image
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.stores.content import VerifiedStream
from pratique.stores.cursor import ContentFailed, Cursor
from pratique.stores.files import FolderFiles
from pratique.stores.layout import Layout
from pratique.transfer.copy import copy
from pratique.transfer.events import Moved
from pratique.values import replace
from tests.registries import AMD64, repository, serving

from .forwarding import Forwarding
from .scripted import PATIENCE_SECONDS, Running, Script, Server, Wire

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere files are read")

SIZE = (20 << 20) + 1  # more than any buffer between two sockets holds
BRIEF = Timeouts(connect=0.2, read=0.2)  # where running out of time is the point


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "large"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    with closing(HttpTransport()) as transport:
        yield transport


class Watched(io.FileIO):
    """A file that counts how often it is passed on and how much of it is read, and does something when it is passed on."""

    def __init__(self, path: Path, meanwhile: Callable[[], object] = int) -> None:
        super().__init__(path)
        self._meanwhile = meanwhile
        self.passed = 0
        self.taken = 0

    def fileno(self) -> int:
        self.passed += 1
        if self.passed == 2:
            self._meanwhile()
        return super().fileno()

    def readinto(self, buffer: object, /) -> int:
        count = super().readinto(buffer)  # type: ignore[arg-type]
        self.taken += count or 0
        return count or 0


def put(
    transport: HttpTransport, url: str, file: Watched, first: int = 0, last: int = SIZE, *, entrusts: bool = True
) -> Response:
    """Send a part of a file as an upload does; the digest is nobody's affair here."""
    blob = Descriptor(media.OCI_LAYER, Digest("sha256", "0" * 64), SIZE)
    with Cursor(lambda: closing(VerifiedStream(file, blob)), blob, entrusts=entrusts) as cursor:
        return transport(Request("PUT", url, body=cursor.part(first, last)))


def length_of(head: str) -> int:
    return int(head.partition("Content-Length: ")[2].split()[0])


def storing(wire: Wire) -> None:
    """Answer each request with the hash of its content."""
    while head := wire.head():
        wire.answer(hashlib.sha256(wire.read(length_of(head))).hexdigest().encode())


def hashed(path: Path, first: int = 0, last: int = SIZE) -> bytes:
    return hashlib.sha256(path.read_bytes()[first:last]).hexdigest().encode()


@pytest.mark.parametrize(("first", "last"), [(0, SIZE), (0, SIZE - 1), (0, 1), (5_000_000, SIZE)])
def test_a_file_arrives_whole_without_being_read(transport: HttpTransport, large: Path, first: int, last: int) -> None:
    with Server(storing) as server, Watched(large) as file:
        assert put(transport, server.url(), file, first, last).read(100, "it") == hashed(large, first, last)
        assert file.passed
        assert file.taken == first  # what is before the part is passed over


def test_what_is_verified_is_read(transport: HttpTransport, large: Path) -> None:
    with Server(storing) as server, Watched(large) as file, pytest.raises(ContentFailed) as caught:
        put(transport, server.url(), file, entrusts=False)
    assert isinstance(caught.value.cause, ContentMismatch)  # nothing has the digest that is asked for here
    assert (file.passed, file.taken) == (0, SIZE)


def test_a_connection_is_used_again_after_a_file(transport: HttpTransport, large: Path) -> None:
    with Server(storing) as server:
        for _ in range(2):
            with Watched(large) as file:
                assert put(transport, server.url(), file).read(100, "it") == hashed(large)
        assert server.connections == 1


def test_over_tls_a_file_is_read(ca_file: str, server_tls: ssl.SSLContext, large: Path) -> None:
    with (
        closing(HttpTransport(everywhere(trust=Trust(ca_file=ca_file)))) as transport,
        Server(storing, tls=server_tls) as server,
        Watched(large) as file,
    ):
        assert put(transport, server.url(), file).read(100, "it") == hashed(large)
    assert (file.passed, file.taken) == (0, SIZE)


@pytest.mark.parametrize("server_over_tls", [False, True])
@pytest.mark.parametrize("proxy_over_tls", [False, True])
def test_through_a_proxy_a_file_is_passed_on_where_there_is_no_tls(
    ca_file: str, server_tls: ssl.SSLContext, large: Path, proxy_over_tls: bool, server_over_tls: bool
) -> None:
    trust = Trust(ca_file=ca_file)
    with (
        Server(storing, tls=server_tls if server_over_tls else None) as server,
        Forwarding({f"127.0.0.1:{server.port}": server.port}, tls=server_tls if proxy_over_tls else None) as between,
        closing(
            HttpTransport(everywhere(trust=trust, proxy=replace(Proxy.parse(between.url(""), "the test"), trust=trust)))
        ) as transport,
        Watched(large) as file,
    ):
        assert put(transport, server.url(), file).read(100, "it") == hashed(large)
    assert bool(file.passed) is not (proxy_over_tls or server_over_tls)


def test_a_file_system_that_passes_nothing_on_is_read(
    transport: HttpTransport, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sendfile, calls = os.sendfile, iter(range(1000))

    def unable_later(target: int, source: int, offset: None, size: int) -> int:
        if next(calls) > 1:
            raise OSError(22, "Invalid argument")
        return sendfile(target, source, offset, min(size, 100_000))

    monkeypatch.setattr(os, "sendfile", unable_later)
    with Server(storing) as server, Watched(large) as file:
        assert put(transport, server.url(), file).read(100, "it") == hashed(large)
    assert file.taken == SIZE - 200_000


# What a server does meanwhile


@pytest.mark.parametrize("status", ["401 Unauthorized", "413 Content Too Large", "429 Too Many Requests"])
def test_an_answer_is_read_while_the_rest_of_a_file_waits(transport: HttpTransport, large: Path, status: str) -> None:
    answered = threading.Event()

    def refusing(wire: Wire) -> None:
        wire.head()
        wire.read(100_000)
        wire.answer(b"no", status=status)
        assert answered.wait(PATIENCE_SECONDS)  # and nothing more is read

    with Server(refusing, storing) as server, Watched(large) as file:
        with put(transport, server.url(), file) as response:
            assert (response.status, response.excerpt(100)) == (int(status[:3]), b"no")
        answered.set()
        with Watched(large) as again:
            assert put(transport, server.url(), again).read(100, "it") == hashed(large)
        assert server.connections == 2, "a connection with half a request on it must not be used again"


def test_an_interim_answer_does_not_stop_a_file(transport: HttpTransport, large: Path) -> None:
    spoken = threading.Event()

    def script(wire: Wire) -> None:
        length = length_of(wire.head())
        wire.say("HTTP/1.1 100 Continue\r\n\r\n")
        spoken.set()
        wire.answer(b"%d" % len(wire.read(length)))

    with Server(script) as server, Watched(large, lambda: spoken.wait(PATIENCE_SECONDS)) as file:
        assert put(transport, server.url(), file).read(100, "it") == b"%d" % SIZE
    assert file.taken == 0


def test_a_server_that_goes_away_is_a_transient_failure(transport: HttpTransport, large: Path) -> None:
    def script(wire: Wire) -> None:
        wire.head()
        wire.read(100_000)
        wire.reset()

    with Server(script) as server, Watched(large) as file, pytest.raises(Unanswered) as caught:
        put(transport, server.url(), file)
    assert caught.value.transient


def test_a_server_that_answers_and_goes_away_is_heard(transport: HttpTransport, large: Path) -> None:
    gone = threading.Event()

    def script(wire: Wire) -> None:
        wire.head()
        wire.read(100_000)
        wire.answer(b"too much", "Connection: close", status="413 Content Too Large")
        wire.close()  # with content that nobody has read, which breaks the pipe
        gone.set()

    with (
        Server(script) as server,
        Watched(large, lambda: gone.wait(PATIENCE_SECONDS)) as file,
        put(transport, server.url(), file) as response,
    ):
        assert (response.status, response.excerpt(100)) == (413, b"too much")


def never_reading(done: threading.Event) -> Script:
    def script(wire: Wire) -> None:
        wire.head()
        assert done.wait(PATIENCE_SECONDS)

    return script


def test_a_server_that_takes_nothing_runs_out_of_time(large: Path) -> None:
    done = threading.Event()
    with (
        closing(HttpTransport(timeouts=BRIEF)) as transport,
        Server(never_reading(done)) as server,
        Watched(large) as file,
    ):
        with pytest.raises(Unanswered, match=r"no answer from .* in 0.2 s") as caught:
            put(transport, server.url(), file)
        done.set()
    assert caught.value.transient


def test_who_waits_for_room_is_freed_by_cancelling(transport: HttpTransport, large: Path) -> None:
    done, begun = threading.Event(), threading.Event()
    with Server(never_reading(done)) as server, Watched(large, begun.set) as file:
        running = Running(lambda: put(transport, server.url(), file))
        assert begun.wait(PATIENCE_SECONDS)
        transport.cancel("enough")
        with pytest.raises(Unanswered, match="enough"):
            running.outcome()
        done.set()


# What becomes of the file meanwhile


@pytest.mark.parametrize(("size", "actual"), [(1, r"\d+ bytes"), (SIZE + 1, f"more than {SIZE} bytes")])
def test_a_file_that_changes_its_length_is_an_error(
    transport: HttpTransport, large: Path, tmp_path: Path, size: int, actual: str
) -> None:
    path = tmp_path / "changing"
    path.write_bytes(large.read_bytes())
    with (
        Server(storing) as server,
        Watched(path, lambda: os.truncate(path, size)) as file,
        pytest.raises(ContentFailed) as caught,
    ):
        put(transport, server.url(), file)
    assert isinstance(caught.value.cause, ContentMismatch)
    assert caught.value.cause.expected == f"{SIZE} bytes"
    assert re.fullmatch(actual, caught.value.cause.actual)


# Copies from a layout


@pytest.fixture
def content() -> Sample:
    return image(AMD64, {"file": os.urandom(3_000_000)})


@pytest.fixture
def layout(tmp_path: Path, content: Sample) -> Layout:
    made = Layout(FolderFiles(tmp_path / "layout"))
    for part in (*content.below, content.root):
        made.push(part.descriptor, Body.of(part.raw).open, tags=("1",) if part is content.root else ())
    return made


def test_a_copy_of_a_layout_is_passed_on_and_counted(tmp_path: Path, content: Sample, layout: Layout) -> None:
    moved: list[int] = []

    def tell(event: object) -> None:
        if isinstance(event, Moved):
            moved.append(event.count)

    with serving(tmp_path) as registry, repository(registry.address, "app") as target:
        copy(layout, "1", target, ["1"], tell=tell)
        assert target.resolve("1").digest == content.root.descriptor.digest
        for part in content.below:
            with target.open(part.descriptor) as stream:
                assert stream.read() == part.raw
    assert sum(moved) == sum(part.descriptor.size for part in content.below)


def test_a_damaged_layout_is_refused_by_the_registry_and_told_with_both_digests(
    tmp_path: Path, content: Sample, layout: Layout
) -> None:
    layer = max((part.descriptor for part in content.below), key=lambda each: each.size)
    file = tmp_path / "layout/blobs/sha256" / layer.digest.encoded
    file.write_bytes(damaged := bytes([file.read_bytes()[0] ^ 1]) + file.read_bytes()[1:])
    with serving(tmp_path) as registry, repository(registry.address, "app") as target:
        with pytest.raises(ContentMismatch) as caught:
            copy(layout, "1", target, ["1"])
        assert (caught.value.expected, caught.value.actual) == (str(layer.digest), str(Digest.of(damaged)))
        assert not target.exists(layer)
        with pytest.raises(NotFound):
            target.resolve("1")
