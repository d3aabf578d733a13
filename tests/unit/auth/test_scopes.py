"""Scopes: sets of opaque permissions, and how they are written."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.auth.scopes import NO_SCOPES, ScopeSet, repository_scopes


@pytest.mark.parametrize(
    ("text", "permissions"),
    [
        ("", set()),
        ("  \t ", set()),
        ("repository:a:pull", {("repository:a", "pull")}),
        ("repository:a/b:pull,push", {("repository:a/b", "pull"), ("repository:a/b", "push")}),
        ("repository:a:pull repository:b:pull", {("repository:a", "pull"), ("repository:b", "pull")}),
        ("repository:host:5000/a:pull", {("repository:host:5000/a", "pull")}),
        ("repository:[::1]:5000/a:pull", {("repository:[::1]:5000/a", "pull")}),
        ("repository(plugin):a/b:pull", {("repository(plugin):a/b", "pull")}),
        ("registry:catalog:*", {("registry:catalog", "*")}),
        ("repository:a:*", {("repository:a", "*")}),
        (
            "repository:a:metadata_read,metadata_write",
            {("repository:a", "metadata_read"), ("repository:a", "metadata_write")},
        ),
        ("repository:a:anonymous_first_pull", {("repository:a", "anonymous_first_pull")}),
        ("repository:a:pull,,push,", {("repository:a", "pull"), ("repository:a", "push")}),
        # Opaque ones are kept as they are
        ("*", {("*", "")}),
        ("aws", {("aws", "")}),
        ("a:b", {("a:b", "")}),
        ("https://example.com/scope", {("https://example.com/scope", "")}),
        ("repository:a:", {("repository:a:", "")}),
        ("a:b a:b:c", {("a:b", ""), ("a:b", "c")}),
    ],
)
def test_reading(text: str, permissions: set[tuple[str, str]]) -> None:
    found = ScopeSet.parse(text)
    assert found.permissions == permissions
    assert ScopeSet.parse(str(found)) == found
    assert bool(found) == bool(permissions)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("repository:a:push,pull", "repository:a:pull,push"),
        ("repository:a:delete,push,pull", "repository:a:pull,push,delete"),
        ("repository:a:zeta,*,alpha,pull", "repository:a:pull,*,alpha,zeta"),
        ("repository:a:pull repository:a:push", "repository:a:pull,push"),
        ("repository:a:pull repository:a:pull", "repository:a:pull"),
        ("repository:b:pull repository:a:pull", "repository:a:pull repository:b:pull"),
        # What is written to comes first: a mount's target
        ("repository:a:pull repository:b:push,pull", "repository:b:pull,push repository:a:pull"),
        ("*", "*"),
        ("a:b:c a:b", "a:b a:b:c"),
        ("", ""),
    ],
)
def test_the_canonical_form(text: str, canonical: str) -> None:
    assert str(ScopeSet.parse(text)) == canonical


def test_one_scope_is_one_item() -> None:
    assert ScopeSet.parse("repository:a:pull repository:b:pull,push").scopes() == (
        "repository:b:pull,push",
        "repository:a:pull",
    )
    assert ScopeSet.parse("a:b:c a:b").scopes() == ("a:b", "a:b:c")
    assert NO_SCOPES.scopes() == ()


def test_what_a_star_means_is_the_servers_affair() -> None:
    assert not ScopeSet.parse("repository:a:*").covers(ScopeSet.parse("repository:a:pull"))
    assert not ScopeSet.parse("repository:a:pull").covers(ScopeSet.parse("repository:A:pull"))


def test_covering() -> None:
    both = repository_scopes("a", "pull", "push")
    assert both.covers(repository_scopes("a", "pull"))
    assert not repository_scopes("a", "pull").covers(both)
    assert not both.covers(repository_scopes("b", "pull"))
    assert both.covers(NO_SCOPES)
    assert not NO_SCOPES.covers(both)


def test_actions() -> None:
    assert repository_scopes("a", "push", "pull").actions == {"pull", "push"}
    assert ScopeSet.of("registry:catalog", ()).actions == frozenset()


# Laws

printable = st.characters(min_codepoint=33, max_codepoint=126)
words = st.text(alphabet=printable, min_size=1, max_size=8)
actions = st.sampled_from(["pull", "push", "delete", "*"]) | st.text(
    alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":,"), min_size=1, max_size=5
)
names = st.sampled_from(["a", "a/b", "host:5000/a", "[::1]:80/a"]) | words
usual = st.builds(
    lambda kind, name, listed: f"{kind}:{name}:{','.join(listed)}",
    st.sampled_from(["repository", "registry", "repository(plugin)"]),
    names,
    st.lists(actions, min_size=1, max_size=4),
)
lists = st.lists(
    usual | words | st.sampled_from(["a:b", "a:b:pull", ":::", ",", "a:,", "::pull", "a::pull"]), max_size=5
)
sets = lists.map(" ".join).map(ScopeSet.parse)


@given(sets)
def test_scopes_are_read_as_they_are_written(scopes: ScopeSet) -> None:
    assert ScopeSet.parse(str(scopes)) == scopes
    assert not any(" " in scope for scope in scopes.scopes())


@given(st.text())
def test_arbitrary_text_is_read(text: str) -> None:
    scopes = ScopeSet.parse(text)
    assert ScopeSet.parse(str(scopes)) == scopes
    assert bool(scopes) == bool(text.split())


@given(lists, st.randoms())
def test_the_canonical_form_does_not_depend_on_the_order(items: list[str], random: Random) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)
    assert str(ScopeSet.parse(" ".join(shuffled))) == str(ScopeSet.parse(" ".join(items)))


@given(st.lists(actions, min_size=1, max_size=5, unique=True), st.randoms())
def test_nor_on_the_order_of_actions(items: list[str], random: Random) -> None:
    shuffled = list(items)
    random.shuffle(shuffled)
    assert str(repository_scopes("a", *shuffled)) == str(repository_scopes("a", *items))


@given(sets, sets, sets)
def test_covering_is_a_partial_order(a: ScopeSet, b: ScopeSet, c: ScopeSet) -> None:
    assert a.covers(a)
    if a.covers(b) and b.covers(a):
        assert a == b
        assert str(a) == str(b)
    if a.covers(b) and b.covers(c):
        assert a.covers(c)


@given(sets, sets, sets)
def test_the_union_is_the_least_that_covers_both(a: ScopeSet, b: ScopeSet, c: ScopeSet) -> None:
    union = a | b
    assert union.covers(a)
    assert union.covers(b)
    if c.covers(a) and c.covers(b):
        assert c.covers(union)
    assert a | b == b | a
    assert a | a == a
    assert a | NO_SCOPES == a
    assert (a | b) | c == a | (b | c)


@given(sets, sets)
def test_transitivity_where_it_is_not_trivial(a: ScopeSet, b: ScopeSet) -> None:
    assert ((a | b) | a).covers(a | b)
    assert a.covers(b) == (a | b == a)
