"""Credentials: how they are given, what is sent of them, and whom they are for."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.auth.credentials import (
    ANONYMOUS,
    DOCKER_HUB_KEY,
    Chain,
    Credential,
    Given,
    Kind,
    aliases,
    lookup_keys,
    password_credential,
)
from pratique.auth.secret import Secret
from pratique.errors import InvalidInput
from pratique.spec.reference import DOCKER_HUB, Reference

ADA = Credential.parse("ada:lovelace", "--creds")


@pytest.mark.parametrize(
    ("text", "username", "password"),
    [
        ("ada:lovelace", "ada", "lovelace"),
        ("ada", "ada", ""),
        ("ada:", "ada", ""),
        (":lovelace", "", "lovelace"),
        ("", "", ""),
        ("ada:a:b", "ada", "a:b"),
        ("ada::", "ada", ":"),
        ("ü:a:b:ç", "ü", "a:b:ç"),
        ("robot$a+b:p w", "robot$a+b", "p w"),
        ("AWS:eyJ=", "AWS", "eyJ="),
    ],
)
def test_the_first_colon_divides(text: str, username: str, password: str) -> None:
    credential = Credential.parse(text, "--creds")
    assert (credential.username, credential.secret) == (username, Secret(password))
    assert (credential.kind, credential.source, credential.given) == (Kind.PASSWORD, "--creds", True)


def test_an_identity_token() -> None:
    credential = Credential.parse("<token>:eyJ:x", "--creds")
    assert (credential.username, credential.secret, credential.kind) == ("", Secret("eyJ:x"), Kind.IDENTITY)
    assert credential.given
    stored = password_credential("<token>", "eyJ", "a helper", refreshable=True)
    assert (stored.kind, stored.given, stored.refreshable) == (Kind.IDENTITY, False, True)


@pytest.mark.parametrize("bad", ["\n", "\r", "\x00", "\t", "\x1f", "\x7f", "\udcff"])
@pytest.mark.parametrize("text", ["{}ada:x", "ada{}:x", "ada:x{}", "ada:x{}y", "<token>:x{}"])
def test_characters_that_cannot_be_sent(bad: str, text: str) -> None:
    with pytest.raises(InvalidInput, match="the credential from --creds") as caught:
        Credential.parse(text.format(bad), "--creds")
    assert "ada" not in str(caught.value)


def test_a_colon_in_a_user_name_cannot_be_carried() -> None:
    with pytest.raises(InvalidInput, match="colon") as caught:
        password_credential("a:b", "hunter2", "a helper")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("foo:bar", "Basic Zm9vOmJhcg=="),
        ("Aladdin:open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),  # RFC 7617 §2
        ("test:123£", "Basic dGVzdDoxMjPCow=="),  # RFC 7617 §2.1
        ("ü:a:b:ç", "Basic w7w6YTpiOsOn"),
        (":", "Basic Og=="),
        ("ada:", "Basic YWRhOg=="),
    ],
)
def test_the_header_of_basic(text: str, header: str) -> None:
    assert Credential.parse(text, "--creds").basic() == Secret(header)


sendable = st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), max_size=12)


@pytest.mark.tells_secrets("a user may be called like the password")
@given(sendable.filter(lambda name: ":" not in name and name != "<token>"), sendable)
def test_any_pair_arrives_as_it_was_given(username: str, password: str) -> None:
    scheme, _, encoded = Credential.parse(f"{username}:{password}", "x").basic().reveal().partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(encoded, validate=True).decode() == f"{username}:{password}"


@given(st.text(max_size=20))
def test_any_text_is_a_credential_or_an_error(text: str) -> None:
    try:
        credential = Credential.parse(text, "x")
    except InvalidInput:
        return
    assert credential.basic().reveal().isascii()


@pytest.mark.parametrize(
    ("credential", "text"),
    [
        (ADA, "password of 'ada' from --creds"),
        (password_credential("<token>", "x", "~/.docker/config.json"), "identity token from ~/.docker/config.json"),
        (Credential("", Secret("x"), Kind.BEARER, "a file"), "registry token from a file"),
    ],
)
def test_what_people_are_told(credential: Credential, text: str) -> None:
    assert str(credential) == text


def test_credentials_are_values() -> None:
    assert Credential.parse("ada:lovelace", "--creds") == ADA
    assert Credential.parse("ada:byron", "--creds") != ADA
    assert len({ADA, Credential.parse("ada:lovelace", "--creds")}) == 1


# Whom they are for


@pytest.mark.parametrize(
    ("mine", "asked"),
    [
        ("r.test", "r.test"),
        ("r.test:443", "r.test"),
        ("r.test", "r.test:443"),
        ("r.test:5000", "r.test:5000"),
        ("[::1]:443", "[::1]"),
        ("docker.io", "registry-1.docker.io"),
        ("registry-1.docker.io", "docker.io"),
        ("index.docker.io", "registry.hub.docker.com"),
    ],
)
def test_given_for_the_registry_that_is_named(mine: str, asked: str) -> None:
    assert Given(ADA, frozenset({mine})).find(asked, "a/b") is ADA
    assert Given(ADA, frozenset({"other.test", mine})).find(asked, None) is ADA


@pytest.mark.parametrize(
    ("mine", "asked"),
    [
        ("r.test", "other.test"),
        ("r.test", "sub.r.test"),
        ("sub.r.test", "r.test"),
        ("r.test", "r.test:5000"),
        ("r.test:5000", "r.test"),
        ("r.test:80", "r.test"),
        ("docker.io", "auth.docker.io"),
        ("docker.io", "docker.io.evil.test"),
        ("docker.io", "evil.test/docker.io"),
    ],
)
def test_given_for_no_other(mine: str, asked: str) -> None:
    assert Given(ADA, frozenset({mine})).find(asked, "a/b") is None
    assert Given(ADA, frozenset()).find(asked, "a/b") is None


def test_a_registry_written_in_capitals_is_the_same() -> None:
    registry = Reference.parse("R.Test/a").endpoint
    assert Given(ADA, frozenset({registry})).find("r.test", "a") is ADA


def test_a_chain_takes_the_first_that_has_something() -> None:
    first = Given(ADA, frozenset({"r.test"}))
    bob = Credential.parse("bob:x", "a file")
    chain = Chain([first, Given(bob, frozenset({"r.test", "q.test"}))])
    assert chain.find("r.test", None) is ADA
    assert chain.find("q.test", None) is bob
    assert chain.find("s.test", None) is None
    assert chain.places("r.test") == ("--creds", "a file")


def test_anonymous_has_nothing() -> None:
    assert ANONYMOUS.find("r.test", "a") is None
    assert ANONYMOUS.places("r.test") == ()


# Keys


@pytest.mark.parametrize(
    ("registry", "repository", "keys"),
    [
        ("r.test", None, ("r.test", "r.test:443")),
        ("r.test", "", ("r.test", "r.test:443")),
        ("r.test:443", None, ("r.test:443", "r.test")),
        ("r.test:5000", "a", ("r.test:5000/a", "r.test:5000")),
        (
            "r.test",
            "a/b/c",
            (
                "r.test/a/b/c",
                "r.test:443/a/b/c",
                "r.test/a/b",
                "r.test:443/a/b",
                "r.test/a",
                "r.test:443/a",
                "r.test",
                "r.test:443",
            ),
        ),
    ],
)
def test_keys_from_the_most_specific(registry: str, repository: str | None, keys: tuple[str, ...]) -> None:
    assert lookup_keys(registry, repository) == keys


@pytest.mark.parametrize("alias", sorted(DOCKER_HUB))
def test_docker_hub_has_many_names(alias: str) -> None:
    assert aliases(alias) == (
        "docker.io",
        DOCKER_HUB_KEY,
        "index.docker.io",
        "registry-1.docker.io",
        "registry.hub.docker.com",
    )
    keys = lookup_keys(alias, "library/nginx")
    assert keys[:2] == ("docker.io/library/nginx", "index.docker.io/library/nginx")
    assert keys[4:6] == ("docker.io/library", "index.docker.io/library")
    assert keys[-5:] == aliases(alias)
    assert not any(key.startswith(f"{DOCKER_HUB_KEY}library") for key in keys)


names = st.lists(st.from_regex(r"[a-z]{1,3}", fullmatch=True), min_size=1, max_size=5).map("/".join)


@given(names)
def test_keys_never_leave_the_repositorys_own_path(repository: str) -> None:
    keys = [key for key in lookup_keys("r.test", repository) if not key.startswith("r.test:")]
    assert keys[0] == f"r.test/{repository}"
    assert keys[-1] == "r.test"
    assert all(f"r.test/{repository}/".startswith(f"{key}/") for key in keys)
    assert [len(key) for key in keys] == sorted({len(key) for key in keys}, reverse=True)
