"""What is remembered of folders, and how long it holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.server.storage.cache import SETTLED_NS, Cache, Names, Reading


@given(st.lists(st.text("abcäö", max_size=5)), st.slices(20))
def test_names_are_as_a_list_of_them(texts: list[str], part: slice) -> None:
    names = Names(texts)
    assert list(names) == texts
    assert names == texts
    assert len(names) == len(texts)
    assert names[part] == texts[part]
    for place in range(-len(texts), len(texts)):
        assert names[place] == texts[place]


def test_a_place_that_is_none() -> None:
    for place in (1, -2):
        with pytest.raises(IndexError):
            Names(["a"])[place]


def test_a_cache_keeps_what_was_asked_for_last() -> None:
    cache: Cache[str, int] = Cache(10)
    for place, key in enumerate("abc"):
        cache.put(key, place, 3)
    assert cache.get("a") == 0
    cache.put("d", 3, 4)
    assert [cache.get(key) for key in "abcd"] == [0, None, 2, 3]
    cache.put("e", 4, 11)  # heavier than everything may be
    assert [cache.get(key) for key in "abcde"] == [0, None, 2, 3, None]
    cache.put("a", 5, 10)
    assert [cache.get(key) for key in "acd"] == [5, None, None]


def age(folder: Path, seconds: float = 60) -> None:
    now = folder.stat().st_mtime - seconds
    os.utime(folder, (now, now))


def test_a_folder_that_nobody_changed_holds(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    age(tmp_path)
    reading = Reading()
    assert reading.names(str(tmp_path)) == ["a"]
    snapshot = reading.snapshot("value")
    assert snapshot.holds()
    (tmp_path / "b").touch()
    assert not snapshot.holds()


def test_a_folder_that_changed_just_now_may_change_again_unseen(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    reading = Reading()
    reading.names(str(tmp_path))
    assert not reading.snapshot("value").holds()
    settled = Reading(lambda: tmp_path.stat().st_mtime_ns + SETTLED_NS + 1)
    settled.names(str(tmp_path))
    assert settled.snapshot("value").holds()


def test_a_file_that_appears(tmp_path: Path) -> None:
    age(tmp_path)
    (tmp_path / "a").mkdir()
    age(tmp_path)
    reading = Reading()
    reading.names(str(tmp_path))
    reading.miss(str(tmp_path / "a" / "link"))
    snapshot = reading.snapshot("value")
    assert snapshot.holds()
    (tmp_path / "a" / "link").touch()  # the folder that was read has not changed
    assert not snapshot.holds()


def test_a_folder_that_appears(tmp_path: Path) -> None:
    reading = Reading()
    assert reading.names(str(tmp_path / "later")) == []
    snapshot = reading.snapshot("value")
    assert snapshot.holds()
    (tmp_path / "later").mkdir()
    assert not snapshot.holds()


def test_what_could_not_be_read_does_not_hold(tmp_path: Path) -> None:
    reading = Reading()
    reading.doubt()
    assert not reading.snapshot("value").holds()
