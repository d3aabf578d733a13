"""A folder that pulled files are put into."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique import InvalidInput
from pratique.client.artifacts import landing
from pratique.client.artifacts.landing import Landing


def test_what_is_known_of_folders_is_bounded_and_links_are_found_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "MOST_KNOWN", 3)
    found = Landing(tmp_path)
    for number in range(10):
        found.enter((str(number), "below"))
        assert len(found._known) <= 3
    (tmp_path / "link").symlink_to("0")
    with pytest.raises(InvalidInput, match="links are not followed"):
        found.enter(("link", "below"))
    assert {path.name for path in tmp_path.iterdir()} == {*map(str, range(10)), "link"}
