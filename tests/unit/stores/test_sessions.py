"""Upload sessions in the cache directory: what is kept, for whom, how long, and what is not believed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pratique.spec.digest import Digest
from pratique.stores.sessions import KEPT_SECONDS, LEAST_BYTES, Kept, KeptSessions, default_folder
from pratique.stores.upload import Place

DIGEST = Digest.of(b"blob")
KEPT = Kept(Place("https://r.test/v2/foo/blobs/uploads/1?sig=secret", 42, 7), public_only=True)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def load(
    sessions: KeptSessions, registry: str = "r.test", repository: str = "foo", digest: Digest = DIGEST
) -> Kept | None:
    with sessions.claim(registry, repository, digest, LEAST_BYTES) as claim:
        return claim.load()


def save(sessions: KeptSessions, kept: Kept = KEPT) -> None:
    with sessions.claim("r.test", "foo", DIGEST, LEAST_BYTES) as claim:
        claim.save(kept)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json"))


def test_what_is_kept_is_found_by_another_run(tmp_path: Path) -> None:
    save(KeptSessions(tmp_path))
    assert load(KeptSessions(tmp_path)) == KEPT


def test_it_is_of_one_registry_repository_and_digest(tmp_path: Path) -> None:
    sessions = KeptSessions(tmp_path)
    save(sessions)
    assert load(sessions, registry="other.test") is None
    assert load(sessions, repository="foo/bar") is None
    assert load(sessions, digest=Digest.of(b"other")) is None


def test_the_last_position_counts(tmp_path: Path) -> None:
    sessions = KeptSessions(tmp_path)
    with sessions.claim("r.test", "foo", DIGEST, LEAST_BYTES) as claim:
        claim.save(KEPT)
        claim.save(Kept(Place(KEPT.place.url, 50), public_only=False))
    assert load(sessions) == Kept(Place(KEPT.place.url, 50), public_only=False)


def test_what_is_done_is_forgotten(tmp_path: Path) -> None:
    sessions = KeptSessions(tmp_path)
    with sessions.claim("r.test", "foo", DIGEST, LEAST_BYTES) as claim:
        claim.forget()
        claim.save(KEPT)
        claim.forget()
        claim.forget()
    assert files(tmp_path) == []
    assert load(sessions) is None


@pytest.mark.parametrize(("age", "found"), [(KEPT_SECONDS, True), (KEPT_SECONDS + 1, False), (-1, False)])
def test_it_is_kept_for_hours(tmp_path: Path, age: float, found: bool) -> None:
    clock = Clock()
    sessions = KeptSessions(tmp_path, clock=clock)
    save(sessions)
    clock.now += age
    assert (load(sessions) is not None) == found


def test_what_is_old_is_removed(tmp_path: Path) -> None:
    sessions = KeptSessions(tmp_path)
    save(sessions)
    old = files(tmp_path)[0].stat().st_mtime - KEPT_SECONDS - 10
    for path in tmp_path.iterdir():
        os.utime(path, (old, old))
    load(sessions, repository="bar")
    assert files(tmp_path) == []


def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "uploads"
    save(KeptSessions(folder))
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert not any("secret" in path.name or "foo" in path.name for path in folder.iterdir())


def test_a_small_blob_is_not_worth_a_file(tmp_path: Path) -> None:
    with KeptSessions(tmp_path / "uploads").claim("r.test", "foo", DIGEST, LEAST_BYTES - 1) as claim:
        claim.save(KEPT)
        assert claim.load() is None
        claim.forget()
    assert list(tmp_path.iterdir()) == []


def test_two_at_once_do_not_go_on_with_the_same_session(tmp_path: Path) -> None:
    sessions = KeptSessions(tmp_path)
    with sessions.claim("r.test", "foo", DIGEST, LEAST_BYTES) as first:
        first.save(KEPT)
        with KeptSessions(tmp_path).claim("r.test", "foo", DIGEST, LEAST_BYTES) as second:
            assert second.load() is None
            second.save(Kept(Place("https://r.test/2"), public_only=False))
            second.forget()
        assert first.load() == KEPT
    assert load(sessions) == KEPT


CHANGES: list[tuple[str, Any]] = [
    ("form", 2),
    ("registry", "evil.test"),
    ("repository", "bar"),
    ("digest", str(Digest.of(b"other"))),
    ("location", "file:///etc/passwd"),
    ("location", None),
    ("location", 3),
    ("position", -1),
    ("position", "1"),
    ("position", True),
    ("position", None),
    ("least_chunk", 1.5),
    ("saved", "yesterday"),
    ("saved", None),
    ("saved", float("nan")),
]


@pytest.mark.parametrize(("field", "value"), CHANGES)
@pytest.mark.parametrize("removed", [False, True])
def test_what_makes_no_sense_is_not_kept(tmp_path: Path, field: str, value: Any, removed: bool) -> None:
    sessions = KeptSessions(tmp_path)
    save(sessions)
    [path] = files(tmp_path)
    document = json.loads(path.read_text())
    document[field] = value
    if removed:
        del document[field]
    path.write_text(json.dumps(document))
    assert load(sessions) is None


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b"null"])
def test_a_file_that_is_broken_is_not_kept(tmp_path: Path, raw: bytes) -> None:
    sessions = KeptSessions(tmp_path)
    save(sessions)
    files(tmp_path)[0].write_bytes(raw)
    assert load(sessions) is None
    save(sessions)
    assert load(sessions) == KEPT


def test_a_folder_that_cannot_be_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sessions = KeptSessions(tmp_path / "file" / "uploads")
    save(sessions)
    assert load(sessions) is None


def test_a_file_that_cannot_be_written_is_no_trouble(tmp_path: Path) -> None:
    sessions = KeptSessions(tmp_path)
    save(sessions)
    [path] = files(tmp_path)
    path.unlink()
    path.mkdir()
    save(sessions)
    assert load(sessions) is None


def test_what_is_kept_does_not_show_itself() -> None:
    assert "secret" not in repr(KEPT)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/pratique/uploads"),
        ({"HOME": "/h"}, "/h/.cache/pratique/uploads"),
        ({"XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache/pratique/uploads"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/pratique/uploads"),
    ],
)
def test_where_it_is(environment: dict[str, str], expected: str) -> None:
    assert default_folder(environment) == Path(expected)
