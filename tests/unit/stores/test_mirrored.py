"""Mirrors and what they mirror as one source: who is asked, in which order, and what an error tells."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import ContentMismatch, Error, InvalidInput, NotFound, Unauthorized, Unreachable
from pratique.http.events import Event, Warned
from pratique.http.message import Stream
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.spec.manifest import Manifest
from pratique.stores.content import Vouches
from pratique.stores.events import PassedOver
from pratique.stores.mirrored import Mirrored
from tests.registries import sample

SAMPLE = sample()
ROOT = SAMPLE.root.descriptor
CONTENTS = {part.descriptor.digest: part.raw for part in (*SAMPLE.below, SAMPLE.root)}
BLOB = next(part for part in SAMPLE.below if not part.descriptor.is_manifest).descriptor
RAW = CONTENTS[BLOB.digest]


class Cut:
    """A stream that fails after its content with `error`."""

    def __init__(self, content: bytes, error: Error | None) -> None:
        self._stream = io.BytesIO(content)
        self._error = error

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        count = self._stream.readinto(buffer)
        if not count and len(buffer) and self._error:
            raise self._error
        return count

    def read(self, size: int = -1, /) -> bytes:
        buffer = bytearray(size if size >= 0 else 1 << 20)
        return bytes(buffer[: self.readinto(buffer)])

    def close(self) -> None:
        self._stream.close()


class Place:
    """A repository that has some of the sample, and remembers what it was asked."""

    def __init__(self, name: str, *, has: object = True, error: Error | None = None) -> None:
        self.name = name
        self.contents = dict(CONTENTS) if has is True else {}
        self.error = error
        self.cut: tuple[int, Error] | None = None  # after so many bytes of any content it ends with this
        self.asked: list[str] = []

    def __str__(self) -> str:
        return self.name

    def _raw(self, what: str, digest: Digest) -> bytes:
        self.asked.append(f"{what} {digest.encoded[:4]}")
        if self.error:
            raise self.error
        if digest not in self.contents:
            raise NotFound(f"GET {self.name}: 404 Not Found")
        return self.contents[digest]

    def _digest(self, name: str | Digest) -> Digest:
        return name if isinstance(name, Digest) else Digest.find(name) or ROOT.digest

    def resolve(self, name: str | Digest) -> Descriptor:
        raw = self._raw("resolve", self._digest(name))
        return Descriptor(ROOT.media_type, Digest.of(raw), len(raw))

    def manifest(self, name: str | Digest) -> Manifest:
        digest = self._digest(name)
        return Manifest.parse(digest.verify(self._raw("manifest", digest)))

    def blob(self, digest: Digest) -> Descriptor:
        return Descriptor("application/octet-stream", digest, len(self._raw("blob", digest)))

    def open(self, descriptor: Descriptor, *, offset: int = 0) -> AbstractContextManager[Stream]:
        raw = self._raw(f"open@{offset}", descriptor.digest)
        end, error = self.cut or (None, None)
        return closing(Cut(raw[offset:end], error))

    def tags(self, *, limit: int | None = None) -> Iterator[str]:
        return iter([f"{self.name}-{limit}"])

    def referrers(self, subject: Digest, artifact_type: str = "") -> Iterator[Descriptor]:
        self.asked.append("referrers")
        return iter([])


def read(source: Mirrored, descriptor: Descriptor = BLOB, offset: int = 0) -> bytes:
    with source.open(descriptor, offset=offset) as stream:
        return b"".join(iter(lambda: stream.read(7), b""))


def notes(error: BaseException) -> list[str]:
    return getattr(error, "__notes__", [])


DOWN = Unreachable("GET https://m.test/v2/: nobody answers")


# --- Order


def test_the_first_that_has_it_is_enough() -> None:
    mirror, origin = Place("m"), Place("o")
    source = Mirrored([mirror, origin])
    assert source.resolve("1").digest == ROOT.digest
    assert source.manifest("1").digest == ROOT.digest
    assert source.blob(BLOB.digest).size == BLOB.size
    assert read(source) == RAW
    assert read(source, ROOT) == CONTENTS[ROOT.digest]
    assert origin.asked == []
    assert str(source) == "o"


@pytest.mark.parametrize(
    "error",
    [DOWN, NotFound("no"), Unauthorized("who?"), ContentMismatch("wrong", expected="a", actual="b")],
    ids=lambda error: type(error).__name__,
)
def test_who_fails_is_passed_over(error: Error) -> None:
    events: list[Event] = []
    source = Mirrored([Place("m", error=error), Place("n"), Place("o")], events.append)
    assert source.manifest("1").digest == ROOT.digest
    assert read(source) == RAW
    assert events[0] == PassedOver("m", str(error), "n")


def test_what_a_manifest_names_is_looked_for_where_the_manifest_was() -> None:
    empty, mirror, origin = Place("m", has=False), Place("n"), Place("o")
    source = Mirrored([empty, mirror, origin])
    manifest = source.manifest("1")
    for below in manifest.manifests:
        for blob in source.manifest(below.digest).successors():
            read(source, blob)
    assert len(empty.asked) == 1
    assert origin.asked == []


def test_the_same_holds_for_manifests_that_are_read_as_content() -> None:
    empty, origin = Place("m", has=False), Place("o")
    source = Mirrored([empty, origin])
    root = source.resolve("1")
    read(source, Manifest.parse(read(source, root)).manifests[0])
    assert len(empty.asked) == 1


def test_another_name_begins_with_the_first_again() -> None:
    mirror, origin = Place("m", has=False), Place("o")
    source = Mirrored([mirror, origin])
    source.resolve("1")
    source.resolve("2")
    assert len(mirror.asked) == 2


def test_who_does_not_answer_is_not_asked_again() -> None:
    mirror = Place("m", error=DOWN)
    source = Mirrored([mirror, Place("o")])
    for name in ("1", "2"):
        source.resolve(name)
    assert len(mirror.asked) == 1


def test_lists_are_the_last_one_s() -> None:
    mirror, origin = Place("m"), Place("o")
    source = Mirrored([mirror, origin])
    assert list(source.tags(limit=3)) == ["o-3"]
    list(source.referrers(ROOT.digest))
    assert (mirror.asked, origin.asked) == ([], ["referrers"])


# --- Errors


def test_the_error_is_the_last_one_s_and_tells_of_all_before() -> None:
    source = Mirrored([Place("m", error=DOWN), Place("n", error=Unauthorized("401, no key")), Place("o", has=False)])
    with pytest.raises(NotFound) as caught:
        source.manifest("1")
    assert notes(caught.value) == [f"before that m: {DOWN}", "before that n: 401, no key"]


def test_what_whoever_asks_is_to_blame_for_is_an_error_at_once() -> None:
    origin = Place("o")
    with pytest.raises(InvalidInput):
        Mirrored([Place("m", error=InvalidInput("no tag")), origin]).resolve("…")
    assert origin.asked == []


# --- Content that breaks off, or is wrong


@pytest.mark.parametrize("at", [0, 1, len(RAW) - 1, len(RAW)])
def test_where_a_mirror_breaks_off_the_next_goes_on(at: int) -> None:
    mirror, origin = Place("m"), Place("o")
    mirror.cut = (at, DOWN)
    assert read(Mirrored([mirror, origin])) == RAW
    assert origin.asked == [f"open@{at} {BLOB.digest.encoded[:4]}"]


def test_it_goes_on_from_where_it_was_to_begin() -> None:
    mirror, origin = Place("m"), Place("o")
    mirror.cut = (10, DOWN)
    assert read(Mirrored([mirror, origin]), offset=5) == RAW[5:]
    assert mirror.asked == [f"open@5 {BLOB.digest.encoded[:4]}"]
    assert origin.asked == [f"open@10 {BLOB.digest.encoded[:4]}"]


def test_where_all_break_off_the_error_tells_of_each() -> None:
    places = [Place("m"), Place("n"), Place("o")]
    for number, place in enumerate(places):
        place.cut = (10 * (number + 1), Unreachable(f"{place} fell silent"))
    with pytest.raises(Unreachable, match="o fell silent") as caught:
        read(Mirrored(places))
    assert notes(caught.value) == ["before that m: m fell silent", "before that n: n fell silent"]


def test_where_the_next_does_not_have_it_the_error_tells_of_both() -> None:
    mirror = Place("m")
    mirror.cut = (10, DOWN)
    with pytest.raises(NotFound) as caught:
        read(Mirrored([mirror, Place("o", has=False)]))
    assert notes(caught.value) == [f"before that m: {DOWN}"]


def test_what_several_gave_is_verified_as_a_whole() -> None:
    mirror, origin = Place("m"), Place("o")
    mirror.contents[BLOB.digest] = b"X" * len(RAW)
    mirror.cut = (10, DOWN)
    source = Mirrored([mirror, origin])
    with pytest.raises(ContentMismatch):
        read(source)
    assert read(source) == RAW, "the mirror is not asked again"


def test_a_mirror_that_gives_other_bytes_is_not_asked_again() -> None:
    mirror, origin, events = Place("m"), Place("o"), list[Event]()
    mirror.contents[BLOB.digest] = b"X" * len(RAW)
    source = Mirrored([mirror, origin], events.append)
    with pytest.raises(ContentMismatch):
        read(source)
    assert origin.asked == []
    assert read(source) == RAW
    source.resolve("1")
    assert len(mirror.asked) == 1
    assert events == [Warned("m gave other content than was asked for; it is not asked again")]


def test_a_manifest_is_never_half_a_wrong_one() -> None:
    mirror = Place("m")
    mirror.contents[ROOT.digest] = b"{}"
    assert read(Mirrored([mirror, Place("o")]), ROOT) == CONTENTS[ROOT.digest]


def test_the_last_is_asked_again_whatever_it_gave() -> None:
    origin = Place("o")
    origin.contents[BLOB.digest] = b"X" * len(RAW)
    source = Mirrored([Place("m", has=False), origin])
    for _ in range(2):
        with pytest.raises(ContentMismatch):
            read(source)


def test_a_stream_vouches_for_what_it_verifies() -> None:
    source = Mirrored([Place("m"), Place("o")])
    for offset, vouched in ((0, BLOB.digest), (1, None)):
        with source.open(BLOB, offset=offset) as stream:
            assert isinstance(stream, Vouches)
            assert stream.vouched == vouched


@given(st.lists(st.integers(0, len(RAW)), max_size=4), st.integers(0, len(RAW)), st.integers(1, 50))
def test_wherever_it_breaks_off_the_content_is_whole(cuts: list[int], offset: int, size: int) -> None:
    places = [Place(str(number)) for number in range(len(cuts) + 1)]
    for place, cut in zip(places, cuts, strict=False):
        place.cut = (cut, DOWN)
    with Mirrored(places).open(BLOB, offset=offset) as stream:
        assert b"".join(iter(lambda: stream.read(size), b"")) == RAW[offset:]
