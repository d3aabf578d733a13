"""Where something new may be put, and what it is called there."""

from __future__ import annotations

import pytest

from pratique.client.places import checked, names_at, vacant
from pratique.errors import InvalidInput
from pratique.stores.base import NAMELESS
from pratique.stores.locations import Location

DIGEST = f"sha256:{'0' * 64}"


def test_a_digest_is_that_of_what_is_there() -> None:
    assert vacant("localhost:5000/app:1") == Location.parse("localhost:5000/app:1")
    with pytest.raises(InvalidInput, match="gets its own"):
        vacant(f"localhost:5000/app@{DIGEST}")


@pytest.mark.parametrize(
    ("place", "tags", "names"),
    [
        ("localhost:5000/app:1", ["2", "1"], ("1", "2")),
        ("localhost:5000/app", ["2"], ("2",)),
        ("localhost:5000/app", [], (NAMELESS,)),
        ("oci:folder:1", ["2"], ("1", "2")),
        ("oci:folder", [], (NAMELESS,)),
    ],
)
def test_each_name_is_given_once(place: str, tags: list[str], names: tuple[str, ...]) -> None:
    assert names_at(Location.parse(place), tags) == names


@pytest.mark.parametrize("tag", ["", DIGEST])
def test_what_is_no_tag_names_nothing_new(tag: str) -> None:
    with pytest.raises(InvalidInput, match="is no name"):
        checked(["1", tag])
    with pytest.raises(InvalidInput, match="is no name"):
        names_at(Location.parse("oci:folder:1"), [tag])
