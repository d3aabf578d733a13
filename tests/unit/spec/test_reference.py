"""References as people write them, and the grammar of the distribution specification."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import InvalidReference
from pratique.spec.digest import Digest
from pratique.spec.reference import (
    DOCKER_HUB,
    MOST_CHARACTERS,
    MOST_REPOSITORY_CHARACTERS,
    Reference,
    endpoint_of,
    is_registry,
    is_repository,
    is_tag,
    parse_registry,
)

DIGEST = "sha256:" + "a" * 64
DIGEST_512 = "sha512:" + "b" * 128

WELL_KNOWN = [
    # text, registry, repository, tag, digest
    ("nginx", "docker.io", "library/nginx", None, None),
    ("nginx:1.27", "docker.io", "library/nginx", "1.27", None),
    ("library/nginx", "docker.io", "library/nginx", None, None),
    ("grafana/grafana", "docker.io", "grafana/grafana", None, None),
    ("docker.io/nginx", "docker.io", "library/nginx", None, None),
    ("docker.io/library/nginx:latest", "docker.io", "library/nginx", "latest", None),
    ("index.docker.io/nginx", "docker.io", "library/nginx", None, None),
    ("registry-1.docker.io/grafana/loki", "docker.io", "grafana/loki", None, None),
    ("registry.hub.docker.com/nginx", "docker.io", "library/nginx", None, None),
    ("docker://nginx", "docker.io", "library/nginx", None, None),
    ("docker://quay.io/a/b:c", "quay.io", "a/b", "c", None),
    ("quay.io/nginx", "quay.io", "nginx", None, None),
    ("ghcr.io/a/b/c/d/e", "ghcr.io", "a/b/c/d/e", None, None),
    ("localhost/foo", "localhost", "foo", None, None),
    ("localhost:5000/foo", "localhost:5000", "foo", None, None),
    ("host:5000/foo:1", "host:5000", "foo", "1", None),
    ("127.0.0.1/foo", "127.0.0.1", "foo", None, None),
    ("127.0.0.1:5000/foo/bar:t", "127.0.0.1:5000", "foo/bar", "t", None),
    ("[::1]/foo", "[::1]", "foo", None, None),
    ("[::1]:5000/foo:t", "[::1]:5000", "foo", "t", None),
    ("[2001:db8::1]:5000/a/b", "[2001:db8::1]:5000", "a/b", None, None),
    ("[2001:DB8::A]/a", "[2001:db8::a]", "a", None, None),
    ("example.com.:443/a", "example.com.:443", "a", None, None),
    # What Docker reads as a name and a tag, though it looks like a host and a port
    ("localhost:5000", "docker.io", "library/localhost", "5000", None),
    ("localhost", "docker.io", "library/localhost", None, None),
    ("example.com:80", "docker.io", "library/example.com", "80", None),
    # Upper case is a host's, and a host has one name
    ("EXAMPLE/foo", "example", "foo", None, None),
    ("Example.COM:5000/foo", "example.com:5000", "foo", None, None),
    ("Docker.IO/nginx", "docker.io", "library/nginx", None, None),
    ("LocalHost/foo", "localhost", "foo", None, None),
    # Tags and digests
    ("q.io/a:T_a-g.1", "q.io", "a", "T_a-g.1", None),
    ("q.io/a:" + "t" * 128, "q.io", "a", "t" * 128, None),
    ("q.io/a:sha256-" + "a" * 64 + ".sig", "q.io", "a", "sha256-" + "a" * 64 + ".sig", None),
    (f"q.io/a@{DIGEST}", "q.io", "a", None, DIGEST),
    (f"q.io/a@{DIGEST_512}", "q.io", "a", None, DIGEST_512),
    (f"q.io/a:tag@{DIGEST}", "q.io", "a", "tag", DIGEST),
    (f"host:5000/a:tag@{DIGEST}", "host:5000", "a", "tag", DIGEST),
    (f"nginx@{DIGEST}", "docker.io", "library/nginx", None, DIGEST),
    # Separators
    ("q.io/a.b/c_d/e__f/g-h/i--j", "q.io", "a.b/c_d/e__f/g-h/i--j", None, None),
    ("q.io/a---------b", "q.io", "a---------b", None, None),
    ("xn--bcher-kva.example/a", "xn--bcher-kva.example", "a", None, None),
    ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/a", "123456789012.dkr.ecr.eu-west-1.amazonaws.com", "a", None, None),
]


def complaint(read: Callable[[str], object], text: str) -> str:
    """What the error says; nothing where there is none."""
    try:
        read(text)
    except InvalidReference as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("text", "registry", "repository", "tag", "digest"), WELL_KNOWN)
def test_well_known_cases(text: str, registry: str, repository: str, tag: str | None, digest: str | None) -> None:
    assert Reference.parse(text) == Reference(registry, repository, tag, Digest.parse(digest) if digest else None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "/",
        ":",
        "@",
        "docker://",
        "docker://docker://a",
        "https://q.io/a",
        "q.io/",
        "q.io/:t",
        "q.io//a",
        "q.io/a/",
        "/a",
        "a//b",
        "q.io/A",
        "Nginx",
        "q.io/a/B",
        "q.io/-a",
        "q.io/a-",
        "q.io/a___b",
        "q.io/a..b",
        "q.io/a._b",
        "q.io/.",
        "q.io/..",
        "q.io/../a",
        "q.io/a b",
        "q.io/ä",
        "q.io/a:",
        "q.io/a:.t",
        "q.io/a:-t",
        "q.io/a:" + "t" * 129,
        "q.io/a:t:u",
        "q.io/a:t/u",
        "q.io/a:t\n",
        "q.io/a\n",
        " q.io/a",
        "q.io/a@",
        "q.io/a@sha256:abc",
        "q.io/a@md5:" + "a" * 32,
        f"q.io/a@{DIGEST}:t",
        f"q.io/a@{DIGEST}@{DIGEST}",
        f"q.io/a@{DIGEST.upper()}",
        "q.io:/a",
        "q.io:x/a",
        "q.io:65536/a",
        "q.io:123456/a",
        "q.io:\N{ARABIC-INDIC DIGIT ONE}/a",
        "-q.io/a",
        "q..io/a",
        ".q.io/a",
        "q_q.io/a",
        "user@q.io/a",
        "user:pass@q.io/a",
        "bücher.example/a",
        "[::1/a",
        "r-.test/a",
        "-r.test/a",
        "r..test/a",
        "r.test..:80/a",
        f"{'r' * 64}.test/a",
        "r.test:/a",
        "r.test:٣/a",
        "r_.test/a",
        "::1/a",
        "[::g]/a",
        "[1.2.3.4]/a",
        "[::1%25eth0]/a",
        "[]/a",
        "q.io%2fa/b",
        "x" * 64 + ".io/a",
        ".".join(["x" * 60] * 5) + "/a",
        "q.io/" + "a" * 256,
        "a" * (MOST_CHARACTERS + 1),
    ],
)
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        Reference.parse(text)
    assert str(caught.value)


def test_the_longest_repository() -> None:
    assert Reference.parse("q.io/" + "a" * 255).repository == "a" * 255


def test_advice_names_what_is_wrong() -> None:
    with pytest.raises(InvalidReference) as caught:
        Reference.parse("q.io/Foo")
    assert caught.value.advice() == "repository names are lower-case"


def test_another_registry_may_be_meant() -> None:
    assert str(Reference.parse("a:1", default_registry="q.io")) == "q.io/a:1"
    assert str(Reference.parse("ghcr.io/a", default_registry="q.io")) == "ghcr.io/a"
    assert str(Reference.parse("a", default_registry="index.docker.io")) == "docker.io/library/a"


@pytest.mark.parametrize(
    ("text", "name"), [("a", "latest"), ("a:t", "t"), (f"a@{DIGEST}", DIGEST), (f"a:t@{DIGEST}", DIGEST)]
)
def test_what_the_registry_is_asked_for(text: str, name: str) -> None:
    assert Reference.parse(text).name == name


def test_docker_hub_is_served_elsewhere() -> None:
    assert Reference.parse("nginx").endpoint == "registry-1.docker.io"
    assert Reference.parse("q.io:5000/a").endpoint == "q.io:5000"
    assert {endpoint_of(alias) for alias in DOCKER_HUB} == {"registry-1.docker.io"}


def test_another_name_in_the_same_repository() -> None:
    here = Reference.parse(f"q.io/a:t@{DIGEST}")
    assert str(here.at("u")) == "q.io/a:u"
    assert str(here.at(DIGEST)) == f"q.io/a@{DIGEST}"
    assert here.at(Digest.parse(DIGEST)) == here.at(DIGEST)
    assert here.place == here.at("u").place == "q.io/a"


@pytest.mark.parametrize("name", ["", "a/b", "-", "sha256:abc", "a:b", "t\n"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(InvalidReference):
        Reference.parse("a").at(name)


@pytest.mark.parametrize(
    ("text", "registry"),
    [
        ("q.io", "q.io"),
        ("docker://q.io/", "q.io"),
        ("Q.io:443", "q.io:443"),
        ("index.docker.io", "docker.io"),
        ("registry", "registry"),
        ("[::1]:1", "[::1]:1"),
    ],
)
def test_registries(text: str, registry: str) -> None:
    assert parse_registry(text) == registry


@pytest.mark.parametrize(
    "text", ["", "/", "q.io/a", "https://q.io", "q.io:", "q io", "q.io//", "q" * 5000, "q.io:99999"]
)
def test_what_is_no_registry(text: str) -> None:
    with pytest.raises(InvalidReference):
        parse_registry(text)


# Grammars

component = st.from_regex(r"[a-z0-9]{1,5}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}", fullmatch=True)
repositories = st.lists(component, min_size=1, max_size=5).map("/".join)
tags = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", fullmatch=True)
label = st.from_regex(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,8}[a-zA-Z0-9])?", fullmatch=True)
names = st.lists(label, min_size=2, max_size=4).map(".".join)
hosts = names | st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map("[{}]".format) | st.just("localhost")
registries = st.builds("{}{}".format, hosts, st.just("") | st.integers(1, 65535).map(":{}".format))
digests = st.binary(max_size=4).map(Digest.of)
references = st.builds(
    lambda registry, repository, tag, digest: (
        f"{registry}/{repository}{f':{tag}' if tag else ''}{f'@{digest}' if digest else ''}"
    ),
    registries,
    repositories,
    st.none() | tags,
    st.none() | digests,
).map(Reference.parse)


@given(references)
def test_a_reference_is_read_as_it_is_written(reference: Reference) -> None:
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(f"docker://{reference}") == reference


@given(st.builds("a{}".format, repositories.filter(lambda name: "." not in name)), st.none() | tags)
def test_a_short_name_is_read_as_it_is_written(repository: str, tag: str | None) -> None:
    reference = Reference.parse(repository + (f":{tag}" if tag else ""))
    assert Reference.parse(str(reference)) == reference
    assert reference.tag == tag


@given(st.text(max_size=60) | st.text(alphabet="aA0.:/@[]-_%\n ", max_size=40))
def test_arbitrary_text_is_a_reference_or_an_error(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except InvalidReference:
        return
    assert Reference.parse(str(reference)) == reference
    assert is_registry(reference.registry)
    assert is_repository(reference.repository)
    assert reference.tag is None or is_tag(reference.tag)


@given(references, st.text(max_size=30) | tags | digests.map(str))
def test_at_is_a_reference_or_an_error(reference: Reference, name: str) -> None:
    try:
        other = reference.at(name)
    except InvalidReference:
        return
    assert other.name == name
    assert other.place == reference.place


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a-",
        "a_",
        "a.",
        "a/",
        "a__",
        "-",
        ".",
        "/",
        ":",
        "@",
        "[",
        "a:a",
        "A.",
        "a-a.",
        "0",
        "sha256:a",
        "[:",
        "::",
    ],
)
@pytest.mark.parametrize("end", ["", "!", "-", "/", "\n"])
def test_text_of_any_length_is_read_in_linear_time(piece: str, end: str) -> None:
    """A grammar that tried all ways to divide the text would not come back from this."""
    for length in (MOST_REPOSITORY_CHARACTERS - 1, MOST_CHARACTERS - 1, 1_000_000):
        text = piece * (length // len(piece)) + end
        for read in (Reference.parse, parse_registry):
            assert len(complaint(read, text)) < 4 * MOST_CHARACTERS
    long = (piece * 20_000) + end
    assert not is_repository(long)
    assert not is_tag(long)
    assert not is_registry(long)
