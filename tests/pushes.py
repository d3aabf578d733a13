"""Pushes over sockets that every registry has to stand, ours and others': a suite that a file of tests takes over whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from random import Random

import pytest

from pratique.errors import ContentMismatch, Unreachable
from pratique.http.message import Stream
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.stores.registry import Repository
from tests.cutting import Cutting, pushing

MIB = 1 << 20
CONTENT = Random(11).randbytes(9 * MIB + 17)  # noqa: S311 - nothing is kept secret with it
BLOB = Descriptor("application/octet-stream", Digest.of(CONTENT), len(CONTENT))

# What a run does that ends in the middle: it pushes, and kills itself when so much of the content was read.
DYING = """
import os, signal, sys
from contextlib import closing
from io import BytesIO
from pathlib import Path
from tests.cutting import pushing
from tests.pushes import BLOB, CONTENT

class Dying(BytesIO):
    def readinto(self, buffer):
        if self.tell() >= int(sys.argv[4]):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().readinto(buffer)

    def seekable(self):
        return False

chunk = int(sys.argv[3]) or None
with pushing(sys.argv[1], chunk=chunk, cache=Path(sys.argv[2])) as (target, _):
    target.push(BLOB, lambda: closing(Dying(CONTENT)))
"""


def content() -> closing[BytesIO]:
    return closing(BytesIO(CONTENT))


def read(target: Repository) -> bytes:
    with target.open(BLOB) as stream:
        return b"".join(iter(lambda: stream.read(MIB), b""))


class Pushes:
    """Subclasses say in the fixture `address` where a registry is that lets everybody push.

    `keeps_parts` says whether it lets an upload go on in the middle of a request's content, not only after it.
    """

    keeps_parts = True

    @pytest.mark.parametrize("chunk", [None, 4 * MIB, 1 * MIB, len(CONTENT), 10_000_000])
    def test_a_blob_arrives_whatever_the_chunks(self, address: str, chunk: int | None) -> None:
        with pushing(address, chunk=chunk) as (target, requests):
            assert not target.exists(BLOB)
            target.push(BLOB, content)
            assert target.exists(BLOB)
            assert read(target) == CONTENT
        pieces = -(-len(CONTENT) // chunk) if chunk and chunk < len(CONTENT) else 0
        assert requests == ["HEAD 404", "POST 202", *["PATCH 202"] * pieces, "PUT 201", "HEAD 200", "GET 200"]

    @pytest.mark.parametrize("raw", [b"", b"{}"])
    def test_short_blobs_are_blobs(self, address: str, raw: bytes) -> None:
        blob = Descriptor("application/octet-stream", Digest.of(raw), len(raw))
        with pushing(address) as (target, _):
            target.push(blob, lambda: closing(BytesIO(raw)))
            assert target.exists(blob) or not raw

    @pytest.mark.parametrize("chunk", [None, 2 * MIB])
    @pytest.mark.parametrize("seed", range(4))
    def test_cut_connections_are_gone_on_with(self, address: str, chunk: int | None, seed: int) -> None:
        random = Random(seed)  # noqa: S311 - nothing is kept secret with it
        cuts = [random.randrange(1000, 4 * MIB) for _ in range(5)]
        with Cutting(address, cuts) as proxy:
            with pushing(proxy.address, chunk=chunk) as (target, requests):
                target.push(BLOB, content)
            assert len(proxy.cuts) < len(cuts)
        with pushing(address) as (target, _):
            assert read(target) == CONTENT
        assert ("GET 204" if self.keeps_parts else "POST 202") in requests[1:]

    @pytest.mark.parametrize("chunk", [None, 2 * MIB])
    def test_a_later_run_goes_on_where_one_was_cut(self, address: str, chunk: int | None, tmp_path: Path) -> None:
        cache = tmp_path / "uploads"
        with Cutting(address, [6 * MIB]) as proxy:
            with pushing(proxy.address, chunk=chunk, cache=cache, retries=0) as (target, requests):
                with pytest.raises(Unreachable):
                    target.push(BLOB, content)
                assert requests[0] == "POST 202"
                assert not target.exists(BLOB)
            with pushing(proxy.address, chunk=chunk, cache=cache) as (target, requests):
                target.push(BLOB, content)
                assert read(target) == CONTENT
        if self.keeps_parts:  # how much had arrived is known only to the registry
            assert requests[0] == "GET 204"
            assert "POST 202" not in requests
        else:
            assert requests[:2] == ["GET 404", "POST 202"]
        assert list(cache.glob("*.json")) == []

    @pytest.mark.parametrize(("chunk", "after"), [(None, 5 * MIB), (2 * MIB, 5 * MIB), (2 * MIB, 4 * MIB)])
    def test_a_later_run_goes_on_where_one_was_killed(
        self, address: str, chunk: int | None, after: int, tmp_path: Path
    ) -> None:
        cache = tmp_path / "uploads"
        arguments = [address, str(cache), str(chunk or 0), str(after)]
        here = {"PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path)}
        died = subprocess.run([sys.executable, "-c", DYING, *arguments], env=here, check=False, capture_output=True)
        assert died.returncode == -signal.SIGKILL, died.stderr.decode()
        assert len(list(cache.glob("*.json"))) == 1
        with pushing(address, chunk=chunk, cache=cache) as (target, requests):
            assert not target.exists(BLOB)
            target.push(BLOB, content)
            assert read(target) == CONTENT
        if self.keeps_parts or after == 4 * MIB:
            assert requests[:2] == ["HEAD 404", "GET 204"]
            assert "POST 202" not in requests
        assert list(cache.glob("*.json")) == []

    def test_a_session_that_the_registry_forgot_is_no_trouble(self, address: str, tmp_path: Path) -> None:
        cache = tmp_path / "uploads"
        with Cutting(address, [3 * MIB]) as proxy, pushing(proxy.address, cache=cache, retries=0) as (target, _):
            with pytest.raises(Unreachable):
                target.push(BLOB, content)
            [kept] = cache.glob("*.json")
            kept.write_text(kept.read_text().replace("/blobs/uploads/", "/blobs/uploads/0"))
            target.push(BLOB, content)
            assert read(target) == CONTENT

    @pytest.mark.parametrize("chunk", [None, 2 * MIB])
    def test_what_is_not_what_its_digest_says_is_never_there(self, address: str, chunk: int | None) -> None:
        damaged = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])

        @contextmanager
        def opened() -> Iterator[Stream]:
            yield BytesIO(damaged)

        with pushing(address, chunk=chunk) as (target, _):
            with pytest.raises(ContentMismatch) as caught:
                target.push(BLOB, opened)
            assert not target.exists(BLOB)
        assert (caught.value.expected, caught.value.actual) == (str(BLOB.digest), str(Digest.of(damaged)))

    def test_a_blob_of_another_repository_is_mounted(self, address: str) -> None:
        with pushing(address, "source") as (source, requests):
            source.push(BLOB, content)
            target = Repository(source._session, address, "target")
            requests.clear()
            assert target.mounts_from(source)
            assert target.mount(BLOB, source)
            assert requests == ["POST 201"]
            assert read(target) == CONTENT

    def test_a_blob_that_cannot_be_mounted_is_sent(self, address: str) -> None:
        with pushing(address, "source") as (source, requests):
            target = Repository(source._session, address, "target")
            assert not target.mount(BLOB, source)
            target.push(BLOB, content)
            assert requests == ["POST 202", "PUT 201"]
            assert read(target) == CONTENT
