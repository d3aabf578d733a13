"""Locations as people write them."""

from __future__ import annotations

import pytest

from pratique.errors import InvalidInput
from pratique.spec.digest import Digest
from pratique.stores.locations import Location

DIGEST = str(Digest.of(b""))


@pytest.mark.parametrize(
    ("text", "place", "name"),
    [
        ("oci:layout", "oci:layout", ""),
        ("oci:layout:1.0", "oci:layout", "1.0"),
        ("oci:some/layout:1.0", "oci:some/layout", "1.0"),
        (f"oci:layout@{DIGEST}", "oci:layout", DIGEST),
        ("oci-archive:app.tar:team/app:1", "oci-archive:app.tar", "team/app:1"),
        ("docker-archive:app.tar:@0", "docker-archive:app.tar", "@0"),
        ("dir:flat", "dir:flat", ""),
        ("dir:with:colon", "dir:with:colon", ""),
        (f"dir:flat@{DIGEST}", "dir:flat", DIGEST),
        ("dir:user@host", "dir:user@host", ""),
        ("r.test/app:1.0", "r.test/app", "1.0"),
        (f"r.test/app@{DIGEST}", "r.test/app", DIGEST),
    ],
)
def test_a_location_is_a_store_and_a_name_in_it(text: str, place: str, name: str) -> None:
    found = Location.parse(text)
    assert (found.place, found.name, str(found)) == (place, name, text)


@pytest.mark.parametrize("text", ["oci:", "dir:", f"dir:@{DIGEST}", "oci:-", "dir:-", "containers-storage:app"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(InvalidInput):
        Location.parse(text)
