"""Two documents compared."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pratique.image.comparison import Difference, compare

_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def test_fields_that_differ_are_told_by_their_place() -> None:
    before = {"config": {"Env": ["A=1"], "User": "x", "a/b~": 1}, "os": "linux"}
    after = {"config": {"Env": ["A=2"], "Labels": {}, "a/b~": True}, "os": "linux"}
    assert list(compare(before, after)) == [
        Difference("/config/Env", ["A=1"], ["A=2"]),
        Difference("/config/Labels", None, {}, is_added=True),
        Difference("/config/User", "x", None, is_removed=True),
        Difference("/config/a~1b~0", 1, True),
    ]


@given(_DOCUMENTS)
def test_nothing_differs_from_itself(document: object) -> None:
    assert list(compare(document, document)) == []


@given(
    st.dictionaries(st.text(max_size=3), _DOCUMENTS, max_size=3),
    st.dictionaries(st.text(max_size=3), _DOCUMENTS, max_size=3),
)
def test_the_other_way_round_is_the_mirror(one: dict[str, object], two: dict[str, object]) -> None:
    there = {(each.place, each.is_added, each.is_removed) for each in compare(one, two)}
    back = {(each.place, each.is_removed, each.is_added) for each in compare(two, one)}
    assert there == back
