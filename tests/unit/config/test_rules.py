"""Rules: which one counts for a reference, and where it leads (containers-registries.conf(5))."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.config.rules import Mirror, Pulls, Rule, Rules, merged, parse_location, parse_prefix
from pratique.errors import InvalidInput, Refused
from pratique.spec.reference import Reference

DIGEST = "sha256:" + "a" * 64


def rule(prefix: str, location: str | None = None, **more: object) -> Rule:
    return Rule(prefix, prefix if location is None else location, "a.conf", **more)  # type: ignore[arg-type]


def asked(rules: Rules, text: str) -> list[str]:
    return [str(endpoint.reference) for endpoint in rules.endpoints(Reference.parse(text))]


# --- Which rule counts


@pytest.mark.parametrize(
    ("prefix", "text", "matches"),
    [
        ("r.test", "r.test/a", True),
        ("r.test", "r.test/a/b:1", True),
        ("r.test/a", "r.test/a", True),
        ("r.test/a", "r.test/a/b", True),
        ("r.test/a", "r.test/ab", False),
        ("r.test/a", "r.test/b", False),
        ("r.test", "r.test.evil/a", False),
        ("r.test", "r.test:5000/a", False),
        ("r.test:5000", "r.test:5000/a", True),
        ("r.test:5000", "r.test:50001/a", False),
        ("r.test", "r.test:443/a", True),
        ("*.r.test", "a.r.test/x", True),
        ("*.r.test", "a.b.r.test/x", True),
        ("*.r.test", "a.r.test:5000/x", True),
        ("*.r.test", "r.test/x", False),
        ("*.r.test", "ar.test/x", False),
        ("*.r.test", "evil.example/a.r.test/x", False),
        ("docker.io/library/debian", "debian", True),
        ("docker.io/debian", "debian", False),
        ("docker.io", "index.docker.io/a/b", True),
        ("[::1]:5000", "[::1]:5000/a", True),
    ],
)
def test_a_prefix_ends_where_a_name_ends(prefix: str, text: str, matches: bool) -> None:
    assert rule(prefix).matches(Reference.parse(text)) is matches


def test_the_longest_prefix_counts_and_no_other() -> None:
    rules = Rules([rule("r.test", "a.test"), rule("r.test/x/y", "c.test"), rule("r.test/x", "b.test")])
    assert asked(rules, "r.test/x/y/z") == ["c.test/z"]
    assert asked(rules, "r.test/x/z") == ["b.test/z"]
    assert asked(rules, "r.test/z") == ["a.test/z"]


def test_an_exact_host_counts_before_a_wildcard_as_long() -> None:
    rules = Rules([rule("*.r.test", "", blocked=True), rule("a.r.test")])
    assert asked(rules, "a.r.test/x") == ["a.r.test/x"]


def test_without_a_rule_the_name_is_the_place() -> None:
    assert asked(Rules(), "r.test/a:1") == ["r.test/a:1"]


def test_a_later_file_replaces_the_whole_rule_of_the_same_prefix() -> None:
    earlier = [rule("r.test", blocked=True, mirrors=(Mirror("m.test"),)), rule("s.test")]
    assert merged(earlier, [rule("r.test", insecure=True)]) == (rule("r.test", insecure=True), rule("s.test"))


# --- Where it leads


@pytest.mark.parametrize(
    ("prefix", "location", "text", "place"),
    [
        ("example.com/foo", "internal.test/bar", "example.com/foo/image:latest", "internal.test/bar/image:latest"),
        ("example.com/foo", "internal.test/bar", "example.com/foo:1", "internal.test/bar:1"),
        ("example.com", "internal.test:5000", f"example.com/a@{DIGEST}", f"internal.test:5000/a@{DIGEST}"),
        ("example.com", "internal.test", "example.com:443/a", "internal.test/a"),
        ("docker.io", "mirror.test/hub", "debian:12", "mirror.test/hub/library/debian:12"),
        ("mirror.test/hub", "docker.io", "mirror.test/hub/library/debian", "docker.io/library/debian"),
        ("*.r.test", "", "a.r.test/x:1", "a.r.test/x:1"),
        ("*.r.test", "b.test/all", "a.r.test:5000/x:1", "b.test/all/x:1"),
    ],
)
def test_the_location_takes_the_place_of_the_prefix(prefix: str, location: str, text: str, place: str) -> None:
    assert asked(Rules([rule(prefix, location)]), text) == [place]


def test_a_rule_that_leaves_no_repository_is_an_error() -> None:
    rules = Rules([rule("r.test/a", "s.test")])
    with pytest.raises(InvalidInput, match=r"the rule 'r\.test/a' of a\.conf: 's\.test' in place of r\.test/a"):
        rules.endpoints(Reference.parse("r.test/a"))


# The example of the manual: two mirrors in order, then the location.
MANUAL = Rules(
    [
        rule(
            "example.com/foo",
            "internal-registry-for-example.com/bar",
            mirrors=(
                Mirror("example-mirror-0.local/mirror-for-foo"),
                Mirror("example-mirror-1.local/mirrors/foo", insecure=True),
            ),
        ),
        rule("registry.com", mirrors=(Mirror("mirror.registry.com"),)),
    ]
)


def test_mirrors_are_asked_in_order_and_then_the_location() -> None:
    endpoints = MANUAL.endpoints(Reference.parse("example.com/foo/image:latest"))
    assert [str(endpoint.reference) for endpoint in endpoints] == [
        "example-mirror-0.local/mirror-for-foo/image:latest",
        "example-mirror-1.local/mirrors/foo/image:latest",
        "internal-registry-for-example.com/bar/image:latest",
    ]
    assert [endpoint.insecure for endpoint in endpoints] == [False, True, False]
    assert [endpoint.is_mirror for endpoint in endpoints] == [True, True, False]
    assert asked(MANUAL, "registry.com/image:latest") == [
        "mirror.registry.com/image:latest",
        "registry.com/image:latest",
    ]


def test_what_is_written_goes_to_the_registry_that_is_named() -> None:
    named = MANUAL.named(Reference.parse("example.com/foo/image:latest"))
    assert str(named.reference) == "example.com/foo/image:latest"
    assert not named.is_mirror


def test_a_mirror_of_a_mirror_is_not_followed() -> None:
    rules = Rules([rule("a.test", mirrors=(Mirror("b.test"),)), rule("b.test", mirrors=(Mirror("a.test"),))])
    assert asked(rules, "a.test/x") == ["b.test/x", "a.test/x"]
    assert asked(rules, "b.test/x") == ["a.test/x", "b.test/x"]


@pytest.mark.parametrize(
    ("pulls", "by_tag", "by_digest"), [(Pulls.ALL, True, True), (Pulls.DIGEST, False, True), (Pulls.TAG, True, False)]
)
def test_a_mirror_may_be_for_tags_or_digests_only(pulls: Pulls, by_tag: bool, by_digest: bool) -> None:
    rules = Rules([rule("r.test", mirrors=(Mirror("m.test", pulls=pulls),))])
    assert ("m.test/a:1" in asked(rules, "r.test/a:1")) is by_tag
    assert ("m.test/a" in asked(rules, "r.test/a")) is by_tag
    assert (f"m.test/a@{DIGEST}" in asked(rules, f"r.test/a@{DIGEST}")) is by_digest
    assert (f"m.test/a:1@{DIGEST}" in asked(rules, f"r.test/a:1@{DIGEST}")) is by_digest


# --- Blocked


@pytest.mark.parametrize("text", ["r.test/a/b", "r.test/a:1", "r.test:5000/a", "r.test:443/a"])
def test_what_is_blocked_is_refused_for_reading_and_writing(text: str) -> None:
    rules = Rules([rule("r.test/a", blocked=True)])
    with pytest.raises(Refused, match=r"is blocked by the rule 'r\.test/a' of a\.conf"):
        rules.endpoints(Reference.parse(text))
    with pytest.raises(Refused):
        rules.named(Reference.parse(text))


def test_a_port_with_a_rule_of_its_own_is_not_blocked_with_its_host() -> None:
    rules = Rules([rule("r.test", blocked=True), rule("r.test:5000")])
    assert asked(rules, "r.test:5000/a") == ["r.test:5000/a"]


def test_a_rule_cannot_lead_to_a_location_that_is_blocked() -> None:
    rules = Rules([rule("r.test", "s.test"), rule("s.test", blocked=True)])
    with pytest.raises(Refused, match=r"s\.test/a is blocked"):
        rules.endpoints(Reference.parse("r.test/a"))


def test_a_blocked_rule_holds_whatever_its_location_is() -> None:
    with pytest.raises(Refused):
        Rules([rule("r.test", "s.test", blocked=True)]).endpoints(Reference.parse("r.test/a"))


def test_a_blocked_mirror_is_left_out() -> None:
    rules = Rules([rule("r.test", mirrors=(Mirror("m.test"), Mirror("n.test"))), rule("m.test", blocked=True)])
    assert asked(rules, "r.test/a") == ["n.test/a", "r.test/a"]


# --- Insecure


def test_insecure_is_said_of_each_place_by_itself() -> None:
    rules = Rules([rule("r.test", insecure=True, mirrors=(Mirror("m.test"),)), rule("m.test", insecure=True)])
    assert [endpoint.insecure for endpoint in rules.endpoints(Reference.parse("r.test/a"))] == [False, True]
    assert rules.named(Reference.parse("r.test/a")).insecure
    assert not rules.named(Reference.parse("s.test/a")).insecure


# --- The grammar


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("R.Test", "r.test"),
        ("r.test/", "r.test"),
        ("r.test:5000/a/b", "r.test:5000/a/b"),
        ("r.test:443/a", "r.test/a"),
        ("registry-1.docker.io/library", "docker.io/library"),
        ("localhost", "localhost"),
        ("[::1]:5000/a", "[::1]:5000/a"),
    ],
)
def test_a_location_is_a_host_and_a_path(text: str, read: str) -> None:
    assert parse_location(text) == parse_prefix(text) == read


@pytest.mark.parametrize(
    "text",
    [
        "",
        "debian",
        "library/debian",
        "https://r.test",
        "r.test/a:1",
        f"r.test/a@{DIGEST}",
        "r.test//a",
        "r.test/A",
        "r.test:99999",
        "user@r.test/a",
        "*.r.test",
        "r .test",
    ],
)
def test_what_is_no_location_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_location(text)


@pytest.mark.parametrize(
    "text", ["*", "*.", "example.*.com", "*.example.com/foo", "*.example.com:5000", "a*.test", "**.test"]
)
def test_a_wildcard_stands_at_the_beginning_of_a_domain(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_prefix(text)


@given(st.text(alphabet="*.:/@[]aA1-_ \n\x00é", max_size=30) | st.text(max_size=30))
def test_reading_a_prefix_raises_nothing_else(text: str) -> None:
    try:
        read = parse_prefix(text)
    except InvalidInput:
        return
    assert parse_prefix(read) == read


HOSTS = st.sampled_from(["r.test", "r.test:5000", "a.r.test", "docker.io"])
PATHS = st.lists(st.sampled_from(["a", "b", "ab"]), max_size=3).map("/".join)


@given(st.lists(st.tuples(HOSTS, PATHS), max_size=8), HOSTS, PATHS.filter(bool))
def test_the_rule_that_counts_is_the_longest_that_matches(places: list[tuple[str, str]], host: str, path: str) -> None:
    rules = [rule(f"{prefix}/{below}".rstrip("/")) for prefix, below in places]
    reference = Reference.parse(f"{host}/{path}")
    found = Rules(rules).find(reference)
    whole = f"{reference.registry}/{reference.repository}/"
    matching = [each for each in rules if whole.startswith(f"{each.prefix}/")]
    assert (found.prefix if found else None) == max((each.prefix for each in matching), key=len, default=None)
