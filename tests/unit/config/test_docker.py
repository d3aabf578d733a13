"""Docker's config.json and documents of its form: which entry answers, and what is wrong with one, in one line."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.auth.credentials import DOCKER_HUB_KEY, Credential, Kind, Look
from pratique.auth.secret import Secret
from pratique.config.docker import DockerConfig, Withheld
from pratique.config.entries import NOBODY, Document, credential_of, entry_of, normalise
from pratique.config.helper import HelperFailed
from pratique.errors import InvalidInput
from pratique.spec.reference import DOCKER_HUB
from tests.standins import NOT_FOUND, StandIns


@pytest.fixture
def standins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    return StandIns(tmp_path, monkeypatch)


def pair(username: str, password: str = "p") -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def config(content: Mapping[str, Any]) -> DockerConfig:
    return DockerConfig.of(json.dumps(content), "a file")


def auths(*keys: str) -> DockerConfig:
    """Every key has a user of its own name."""
    return config({"auths": {key: pair(key.replace(":", "!")) for key in keys}})


def user(source: DockerConfig, registry: str, repository: str | None = None) -> str | None:
    found = source.find(registry, repository)
    return found.username.replace("!", ":") if found else None


# Keys


@pytest.mark.parametrize(
    ("repository", "key"),
    [
        ("foo/bar/image", "r.test/foo/bar/image"),
        ("foo/bar/other", "r.test/foo"),
        ("foo", "r.test/foo"),
        ("foo2", "r.test"),
        ("baz/x", "r.test"),
        (None, "r.test"),
    ],
)
def test_the_most_specific_key_wins(repository: str | None, key: str) -> None:
    """The example of containers-auth.json(5)."""
    source = auths("r.test", "r.test/foo", "r.test/foo/bar/image")
    assert user(source, "r.test", repository) == key
    found = source.find("r.test", repository)
    assert found is not None
    assert found.source == f"a file ({key})"


@pytest.mark.parametrize(
    ("key", "repository"),
    [
        ("r.test/foo", "bar/x"),
        ("r.test/foo", "fo"),
        ("r.test/foo/bar", "foo"),
        ("r.test/foo", None),
        ("r.test:5000", "a"),
    ],
)
def test_a_key_that_does_not_match(key: str, repository: str | None) -> None:
    assert auths(key).find("r.test", repository) is None


@pytest.mark.parametrize(
    "key",
    [
        "r.test",
        "https://r.test",
        "http://r.test",
        "https://r.test/",
        "https://r.test/v1/",
        "https://r.test/v2",
        "R.Test",
        "r.test:443",
    ],
)
def test_a_host_in_its_many_spellings(key: str) -> None:
    assert user(auths(key), "r.test", "foo") == key


def test_where_two_keys_mean_the_same_the_plain_one_counts() -> None:
    assert user(auths("https://r.test/v1/", "r.test", "http://r.test"), "r.test") == "r.test"


@pytest.mark.parametrize("registry", sorted(DOCKER_HUB))
@pytest.mark.parametrize(
    "key", [*sorted(DOCKER_HUB), DOCKER_HUB_KEY, "https://index.docker.io/v1", "https://index.docker.io"]
)
def test_docker_hub_under_each_name(registry: str, key: str) -> None:
    """`dockerhub-key-aliases` (helm/helm#30929, oras-project/oras-go#966)."""
    assert user(auths(key), registry, "library/debian") == key


def test_docker_hub_s_other_keys_are_no_logins() -> None:
    """Docker keeps the tokens of its web login beside the login."""
    assert (
        auths(f"{DOCKER_HUB_KEY}access-token", f"{DOCKER_HUB_KEY}refresh-token").find("docker.io", "library/x") is None
    )


names = st.lists(st.from_regex(r"[a-z]{1,3}", fullmatch=True), min_size=1, max_size=4).map("/".join)


@given(names, st.sets(names))
def test_whatever_is_found_is_a_prefix(repository: str, keys: set[str]) -> None:
    found = user(auths(*(f"r.test/{key}" for key in keys)), "r.test", repository)
    fitting = [key for key in keys if f"{repository}/".startswith(f"{key}/")]
    assert found == (f"r.test/{max(fitting, key=len)}" if fitting else None)


@given(st.text(max_size=30))
def test_a_normal_key_is_its_own(key: str) -> None:
    assert normalise(normalise(key)) == normalise(key) or "://" in normalise(key) or normalise(key).endswith("/")


# Fields


@pytest.mark.parametrize(
    ("entry", "credential"),
    [
        (pair("u", "p:q"), Credential("u", Secret("p:q"), source="x")),
        ({"username": "u", "password": "p"}, Credential("u", Secret("p"), source="x")),
        ({"auth": "", "username": "u", "password": "p"}, Credential("u", Secret("p"), source="x")),
        ({"auth": "dTpwAA==", "email": "e"}, Credential("u", Secret("p"), source="x")),
        ({"auth": "dTpw\n"}, Credential("u", Secret("p"), source="x")),
        (pair("", "deploy"), Credential("", Secret("deploy"), source="x")),
        (pair("<token>", "R"), Credential("", Secret("R"), Kind.IDENTITY, "x")),
        ({"identitytoken": "R"}, Credential("", Secret("R"), Kind.IDENTITY, "x")),
        (pair(NOBODY, "") | {"identitytoken": "R"}, Credential(NOBODY, Secret("R"), Kind.IDENTITY, "x")),
        (
            pair("u", "p") | {"identitytoken": "R"},
            Credential("u", Secret("R"), Kind.IDENTITY, "x", alternative=Credential("u", Secret("p"), source="x")),
        ),
        ({"registrytoken": "T"}, Credential("", Secret("T"), Kind.BEARER, "x")),
        ({}, None),
        ({"email": "e"}, None),
        (pair("", ""), None),
        ({"auth": None, "identitytoken": None}, None),
    ],
)
def test_an_entry(entry: dict[str, Any], credential: Credential | None) -> None:
    assert credential_of(entry, "x") == credential


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("dTpw", "x is not an object"),
        ([], "x is not an object"),
        (None, "x is not an object"),
        ({"auth": 1}, "x: 'auth' is not a string"),
        ({"identitytoken": {}}, "x: 'identitytoken' is not a string"),
        ({"username": "u", "password": 5}, "x: 'password' is not a string"),
        ({"auth": "?"}, "x: 'auth' is not base64 of USER:PASSWORD"),
        ({"auth": "dQ=="}, "x: 'auth' is not base64 of USER:PASSWORD"),
        ({"auth": "/zo="}, "x: 'auth' is not base64 of USER:PASSWORD"),
        ({"auth": "dTpwCg=="}, "the credential from x has a control character or is not UTF-8"),
    ],
)
def test_an_entry_that_cannot_be_understood(entry: object, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        credential_of(entry, "x")
    assert str(caught.value) == said


words = st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)


@pytest.mark.tells_secrets("users and secrets are the same words at times")
@given(words.filter(lambda name: ":" not in name and name != "<token>"), words, st.sampled_from(Kind))
def test_what_is_stored_is_read_again(username: str, secret: str, kind: Kind) -> None:
    credential = Credential("" if kind is Kind.BEARER else username, Secret(secret), kind, "x")
    assert credential_of(entry_of(credential), "x") == credential


def test_what_other_tools_could_not_read_is_not_stored() -> None:
    with pytest.raises(InvalidInput, match="without a user"):
        entry_of(Credential("", Secret("p")))
    assert entry_of(Credential("", Secret("R"), Kind.IDENTITY)) == pair(NOBODY, "") | {"identitytoken": "R"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "auths",
                        "credHelpers",
                        "credsStore",
                        "kind",
                        "data",
                        "r.test",
                        "auth",
                        ".dockerconfigjson",
                        "Secret",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_document_is_understood_or_refused(content: Any) -> None:
    source = DockerConfig.of(json.dumps(content), "a file", helpers=lambda name, by: None)
    with contextlib.suppress(InvalidInput):
        source.find("r.test", "foo")
    source.look("r.test", "foo")


# Documents


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "a file is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[]", "a file is not a JSON object"),
        ('"x"', "a file is not a JSON object"),
        ("[" * 100_000, "a file is not JSON that is read here: it is nested too deeply"),
        ('{"auths": []}', "a file: 'auths' is not an object"),
        ('{"credHelpers": "x"}', "a file: 'credHelpers' is not an object"),
        ('{"credHelpers": {"r.test": 1}}', "a file: credHelpers of 'r.test' is not the name of a helper"),
        ('{"credsStore": ["x"]}', "a file: 'credsStore' is not the name of a helper"),
        ('{"auths": {"r.test": "dTpw"}}', "a file (r.test) is not an object"),
        ('{"credsStore": "/bin/sh"}', "'/bin/sh', named by a file, is not the name of a credential helper"),
        ('{"kind": "Secret", "data": {}}', "a file is a secret of Kubernetes without .dockerconfigjson or .dockercfg"),
        ('{"kind": "Secret", "data": {".dockercfg": "?"}}', "a file (.dockercfg) is not base64"),
        (
            '{"kind": "Secret", "stringData": {".dockercfg": "?"}}',
            "a file (.dockercfg) is not JSON: Expecting value: line 1 column 1 (char 0)",
        ),
    ],
)
def test_a_document_that_cannot_be_understood(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        DockerConfig.of(text, "a file").find("r.test", None)
    assert str(caught.value) == said


@pytest.mark.parametrize("text", ["", " \n", "{}", '{"auths": null}', '{"auths": {}, "credsStore": ""}', "\ufeff{}"])
def test_an_empty_document(text: str) -> None:
    assert DockerConfig.of(text, "a file").find("r.test", None) is None


def kubernetes(name: str, content: object, *, plain: bool = False) -> dict[str, Any]:
    text = json.dumps(content)
    data = {"stringData": {name: text}} if plain else {"data": {name: base64.b64encode(text.encode()).decode()}}
    return {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson", **data}


@pytest.mark.parametrize(
    "content",
    [
        {"auths": {"r.test": pair("u")}},
        {"r.test": pair("u")},
        kubernetes(".dockerconfigjson", {"auths": {"r.test": pair("u")}}),
        kubernetes(".dockerconfigjson", {"auths": {"r.test": pair("u")}}, plain=True),
        kubernetes(".dockercfg", {"r.test": pair("u")}),
    ],
    ids=["config.json", ".dockercfg", "a secret", "a secret in plain", "an old secret"],
)
def test_each_form_of_document(content: dict[str, Any]) -> None:
    assert user(config(content), "r.test") == "u"


def test_a_file_is_read_when_it_is_wanted_and_once(tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    source = DockerConfig.at(path)
    assert source.look("r.test", None) == Look(str(path), there=False)
    path.write_text(json.dumps({"auths": {"r.test": pair("u")}}))
    path.chmod(0o600)
    assert user(source, "r.test") == "u"
    path.unlink()
    assert user(source, "r.test") == "u"


def test_a_file_that_goes_while_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    path.write_text(json.dumps({"auths": {"r.test": pair("u")}}))
    source = DockerConfig.at(path)
    assert source.look("r.test", None).matches == ("r.test",)
    path.unlink()
    assert user(source, "r.test") == "u"


@pytest.mark.parametrize(("mode", "warned"), [(0o600, 0), (0o640, 0), (0o644, 1), (0o604, 1)])
def test_a_file_that_everybody_can_read_is_warned_of(tmp_path: Path, mode: int, warned: int) -> None:
    path = tmp_path / "auth.json"
    path.write_text(json.dumps({"auths": {"r.test": pair("u")}}))
    path.chmod(mode)
    warnings: list[str] = []
    source = DockerConfig.at(path, warn=warnings.append)
    assert source.find("q.test", None) is None
    assert warnings == []
    assert source.find("r.test", None) is not None
    assert len(warnings) == warned
    assert all(f"chmod 600 {path}" in warning for warning in warnings)


def test_an_explicit_file_gives_what_is_given(tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    path.write_text(json.dumps({"auths": {"r.test": pair("u")}}))
    explicit, found = (DockerConfig.at(path, explicit=given).find("r.test", None) for given in (True, False))
    assert explicit is not None
    assert found is not None
    assert (explicit.given, found.given) == (True, False)


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to(path)])
def test_what_is_no_file(tmp_path: Path, make: Any) -> None:
    make(tmp_path / "auth.json")
    with pytest.raises(InvalidInput, match=r"auth\.json cannot be read: "):
        DockerConfig.at(tmp_path / "auth.json").find("r.test", None)


# Helpers


def helped(**more: Any) -> DockerConfig:
    return config({"auths": {"r.test": pair("file"), "r.test/foo": pair("path")}, **more})


def test_a_helper_for_the_host_comes_before_the_host_and_after_the_path(standins: StandIns) -> None:
    standins.giving("x", {"r.test": ("helper", "p")})
    source = helped(credHelpers={"r.test": "x"}, credsStore="y")
    assert user(source, "r.test", "foo/a") == "path"
    assert standins.asked("x") == []
    assert user(source, "r.test", "bar") == "helper"
    assert standins.asked("x") == ["get r.test|"]


def test_a_helper_for_all_comes_before_the_host(standins: StandIns) -> None:
    standins.giving("y", {"r.test": ("store", "p")})
    assert user(helped(credsStore="y"), "r.test", "bar") == "store"
    standins.giving("y", {})
    assert user(helped(credsStore="y"), "r.test", "bar") == "file"


def test_the_helper_for_the_host_alone_is_asked(standins: StandIns) -> None:
    standins.giving("x", {})
    standins.giving("y", {"r.test": ("store", "p")})
    assert user(config({"credHelpers": {"r.test": "x"}, "credsStore": "y"}), "r.test") is None
    assert standins.asked("y") == []


@pytest.mark.parametrize(
    ("key", "registry", "asked"),
    [
        ("r.test:5000", "r.test:5000", ["r.test:5000"]),
        ("https://r.test", "r.test", ["r.test", "https://r.test"]),
        (DOCKER_HUB_KEY, "docker.io", [DOCKER_HUB_KEY, "docker.io"]),
        ("docker.io", "registry-1.docker.io", [DOCKER_HUB_KEY, "docker.io"]),
    ],
)
def test_what_a_helper_is_asked_for(standins: StandIns, key: str, registry: str, asked: list[str]) -> None:
    """`helper-server-url-argument` (helm/helm#13228): the host, never the path."""
    standins.giving("x", {})
    assert config({"credHelpers": {key: "x"}}).find(registry, "some/path") is None
    assert standins.asked("x") == [f"get {server}|" for server in asked]


@pytest.mark.parametrize("body", ["exit 2", "echo garbage"])
def test_a_helper_for_the_host_that_fails_withholds(standins: StandIns, body: str) -> None:
    standins.script("x", body)
    source = helped(credHelpers={"r.test": "x", "q.test": "none"})
    for registry in ("r.test", "q.test"):
        with pytest.raises(Withheld):
            source.find(registry, "bar")
    assert user(source, "r.test", "foo") == "path"


@pytest.mark.parametrize("name", ["x", "none"])
def test_a_helper_for_all_that_fails_does_not_hide_an_entry(standins: StandIns, name: str) -> None:
    standins.script("x", "exit 2")
    source = helped(credsStore=name)
    assert user(source, "r.test", "bar") == "file"
    with pytest.raises(HelperFailed, match=f"docker-credential-{name} get for q.test, named by a file"):
        source.find("q.test", None)


def test_looking_asks_nobody(standins: StandIns) -> None:
    standins.giving("x", {"r.test": ("helper", "p")})
    source = helped(credHelpers={"r.test": "x"})
    assert source.look("r.test", "foo").matches == ("r.test/foo", "docker-credential-x (r.test)", "r.test")
    assert source.look("q.test", None).matches == ()
    assert helped(credsStore="x").look("q.test", None).matches == ("docker-credential-x",)
    assert config({"auths": {"r.test": {}}}).look("r.test", None).matches == ()
    assert standins.asked("x") == []


def test_what_a_helper_says_is_refreshable_and_may_be_forgotten(standins: StandIns) -> None:
    standins.script("x", """echo '{"Username":"AWS","Secret":"P1"}'""")
    source = config({"credHelpers": {"r.test": "x"}})
    found = source.find("r.test", None)
    assert found is not None
    assert found.refreshable
    assert found.source == "docker-credential-x (r.test), named by a file"
    source.forget(found)
    assert source.find("r.test", None) == found
    assert len(standins.asked("x")) == 2


def test_not_found_is_said_word_by_word() -> None:
    from pratique.config import helper

    assert helper.NOT_FOUND == NOT_FOUND


def test_the_keys_of_a_document_are_kept_as_they_are_written() -> None:
    document = Document.of({"auths": {"https://R.test/v1/": {}}}, "x")
    assert document.auths == {"r.test": ("https://R.test/v1/", {})}


# Keys that match nothing


@pytest.mark.parametrize(
    ("section", "key", "told"),
    [
        ("auths", "r.test/foo:1.0", True),
        ("auths", "r.test/foo@sha256:0", True),
        ("auths", "r.test/Foo", True),
        ("auths", "user@r.test", True),
        ("auths", "*.test", True),
        ("auths", "*.test/foo", True),
        ("auths", "q.test/foo:1.0", False),
        ("auths", "r.test/other", False),
        ("auths", "https://index.docker.io/v1/access-token", False),
        ("credHelpers", "r.test/foo", True),
        ("credHelpers", "*.test", True),
        ("credHelpers", "q.test", False),
    ],
)
def test_a_key_that_matches_nothing_is_told_of_where_it_may_have_been_meant(
    section: str, key: str, *, told: bool
) -> None:
    warnings: list[str] = []
    document = {section: {key: "x" if section == "credHelpers" else {"auth": "dTpw"}}}
    config = DockerConfig.of(json.dumps(document), "a file", warn=warnings.append)
    for _ in range(2):
        assert config.find("r.test", "foo") is None
    assert [warning.partition(" matches")[0] for warning in warnings] == (
        [f"a file: the key {key!r}" + (" of credHelpers" if section == "credHelpers" else "")] if told else []
    )


def test_who_finds_something_is_not_told_of_keys() -> None:
    warnings: list[str] = []
    document = {"auths": {"r.test": {"auth": "dTpw"}, "r.test/foo:1.0": {"auth": "dTpw"}}}
    assert DockerConfig.of(json.dumps(document), "a file", warn=warnings.append).find("r.test", "foo") is not None
    assert warnings == []
