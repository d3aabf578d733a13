"""Credential helpers: what they are asked, what their answers mean, and that none can hold up or leak."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pratique.auth.credentials import DOCKER_HUB_KEY, Credential, Kind, password_credential
from pratique.auth.secret import Secret
from pratique.config.helper import MOST_BYTES, MOST_SHOWN_CHARACTERS, Helper, HelperFailed
from pratique.errors import InvalidInput, Unsupported
from tests.standins import NOT_FOUND, StandIns


@pytest.fixture
def standins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    return StandIns(tmp_path, monkeypatch)


def test_a_helper_is_asked_by_the_host_alone_and_once(standins: StandIns) -> None:
    standins.giving("x", {"r.test:5000": ("AWS", "P1")})
    helper = Helper("x", named_by="a file")
    for repository in ("foo/bar", None):
        found = helper.find("r.test:5000", repository)
        assert found == password_credential(
            "AWS", "P1", "docker-credential-x (r.test:5000), named by a file", refreshable=True
        )
    assert standins.asked("x") == ["get r.test:5000|"]


@pytest.mark.parametrize("kept", [DOCKER_HUB_KEY, "docker.io"])
@pytest.mark.parametrize("registry", ["docker.io", "registry-1.docker.io", "index.docker.io"])
def test_docker_hub_has_two_names_at_most(standins: StandIns, kept: str, registry: str) -> None:
    standins.giving("x", {kept: ("u", "p")})
    assert Helper("x").find(registry, "library/debian") is not None
    assert standins.asked("x") == [f"get {DOCKER_HUB_KEY}|", "get docker.io|"][: 1 if kept == DOCKER_HUB_KEY else 2]


def test_an_identity_token(standins: StandIns) -> None:
    standins.giving("acr-env", {"r.test": ("<token>", "R1")})
    found = Helper("acr-env").find("r.test", None)
    assert found is not None
    assert (found.username, found.secret, found.kind) == ("", Secret("R1"), Kind.IDENTITY)


@pytest.mark.parametrize(
    "body",
    [
        f'echo "{NOT_FOUND}"; exit 1',
        f'printf "{NOT_FOUND}"; echo trouble >&2; exit 3',
        """echo '{"ServerURL":"r.test","Username":"","Secret":""}'""",
        """echo '{"Username":"u"}'""",
        "echo '{}'",
    ],
)
def test_a_helper_that_has_nothing(standins: StandIns, body: str) -> None:
    standins.script("x", body)
    assert Helper("x").find("r.test", None) is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("exit 2", "it ended with 2"),
        ("kill -9 $$", "it ended with -9"),
        ('echo "no session; log in again"; exit 1', "it ended with 1: no session; log in again"),
        ('echo; echo "from the other side" >&2; echo more >&2; exit 1', "it ended with 1: from the other side"),
        (f'echo "{NOT_FOUND}"', "what it printed is not a JSON object"),
        ("", "what it printed is not a JSON object"),
        ("echo '[]'", "what it printed is not a JSON object"),
        ('echo \'{"Username":"u","Secret":[1]}\'', "its 'Username' or 'Secret' is not a string"),
        ("printf '\\377\\376'", "what it printed is not a JSON object"),
        ("head -c 2000000 /dev/zero", f"it printed more than {MOST_BYTES} bytes"),
        ("head -c 2000000 /dev/zero >&2", f"it printed more than {MOST_BYTES} bytes"),
        ("exec sleep 60", "it did not end within 0.2 s"),
        ("exec sleep 60 >&- 2>&-", "it did not end within 0.2 s"),
    ],
)
def test_a_helper_that_fails_is_named_in_one_line(standins: StandIns, body: str, said: str) -> None:
    standins.script("x", body)
    helper = Helper("x", named_by="/a/config.json", seconds=0.2 if "sleep" in body else 20)
    for _ in range(2):
        with pytest.raises(HelperFailed) as caught:
            helper.find("r.test", None)
        assert str(caught.value) == f"docker-credential-x get for r.test, named by /a/config.json: {said}"
    assert len(standins.asked("x")) == 1  # a failure is not waited for twice


def test_a_helper_that_is_not_there(standins: StandIns) -> None:
    with pytest.raises(HelperFailed, match=r"docker-credential-none get for r\.test: there is no such program"):
        Helper("none").find("r.test", None)


def test_a_program_that_cannot_be_run(standins: StandIns, tmp_path: Path) -> None:
    standins.script("x", "")
    (tmp_path / "helpers" / "docker-credential-x").write_text("#!/none/such\n")
    with pytest.raises(HelperFailed, match="it cannot be run: No such file"):
        Helper("x").find("r.test", None)


@pytest.mark.parametrize("name", ["", "a/b", "/bin/sh", "../x", "x y", "-x", ".", "x\n", "x;y", "ä"])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(InvalidInput, match="not the name of a credential helper"):
        Helper(name, named_by="a file")


@pytest.mark.parametrize(
    "body",
    [
        """echo '{"Username":"u","Secret":"word-of-honour and more"}'; exit 1""",
        "echo 'password: word-of-honour' >&2; exit 1",
        """echo 'got "Secret":"word-of-honour"' >&2; exit 1""",
        "echo 'TOKEN=word-of-honour' >&2; exit 1",
        "echo 'sent word-of-honour-which-is-long-enough0' >&2; exit 1",
        """printf '{"Username":"u","Secret":"word-of-honour\\\\n"}'""",
    ],
)
def test_what_may_be_a_secret_is_not_repeated(standins: StandIns, body: str) -> None:
    standins.script("x", body)
    with pytest.raises(InvalidInput) as caught:
        Helper("x").find("r.test", None)
    assert "honour" not in str(caught.value)
    assert "more" not in str(caught.value)


def test_a_long_complaint_is_cut(standins: StandIns) -> None:
    standins.script("x", "yes 'no such thing,' | head -c 100000 | tr -d '\\n' >&2; exit 1")
    with pytest.raises(HelperFailed) as caught:
        Helper("x").find("r.test", None)
    assert len(str(caught.value)) < MOST_SHOWN_CHARACTERS + 100


def test_the_environment_is_passed_on_with_a_sign(standins: StandIns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "blue")
    standins.script("x", """echo "{\\"Username\\":\\"$AWS_PROFILE$PRATIQUE_HELPER\\",\\"Secret\\":\\"p\\"}" """)
    found = Helper("x").find("r.test", None)
    assert found is not None
    assert found.username == "blue1"
    assert "PRATIQUE_HELPER" not in os.environ


def test_what_was_refused_is_asked_for_again_and_only_that(standins: StandIns) -> None:
    standins.script(
        "x", """echo "{\\"Username\\":\\"AWS\\",\\"Secret\\":\\"P$(wc -l < "$0.count")\\"}"; echo >> "$0.count" """
    )
    count = Path(os.environ["PATH"].split(os.pathsep)[0]) / "docker-credential-x.count"
    count.touch()
    helper = Helper("x")
    first = helper.find("r.test", None)
    assert first is not None
    helper.forget(first)
    second = helper.find("r.test", None)
    assert second is not None
    assert (first.secret, second.secret) == (Secret("P0"), Secret("P1"))
    helper.forget(first)  # by another thread, which was refused at the same time
    assert helper.find("r.test", None) == second


def test_threads_wait_for_one_start(standins: StandIns) -> None:
    standins.giving("x", {"r.test": ("u", "p")})
    helper = Helper("x")
    found: list[Credential | None] = []
    threads = [threading.Thread(target=lambda: found.append(helper.find("r.test", None))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert None not in found
    assert standins.asked("x") == ["get r.test|"]


def test_keeping_and_forgetting(standins: StandIns) -> None:
    standins.key_ring("x")
    helper = Helper("x")
    assert helper.get("r.test") is None
    helper.store("r.test", password_credential("u", 'p"\\ü', "a login"))
    helper.store("q.test", password_credential("<token>", "R1", "a login"))
    assert helper.list() == {"r.test": "u", "q.test": "<token>"}
    kept, token = helper.get("r.test"), helper.get("q.test")
    assert kept is not None
    assert token is not None
    assert (kept.username, kept.secret, token.kind) == ("u", Secret('p"\\ü'), Kind.IDENTITY)
    helper.erase("r.test")
    assert helper.get("r.test") is None
    with pytest.raises(Unsupported):
        helper.store("r.test", Credential("", Secret("T"), Kind.BEARER))


def test_a_secret_that_is_stored_is_not_repeated(standins: StandIns) -> None:
    standins.script("x", 'echo "cannot keep $given" >&2; exit 1')
    with pytest.raises(HelperFailed) as caught:
        Helper("x").store("r.test", password_credential("u", "short", "a login"))
    assert "short" not in str(caught.value)


def test_a_secret_larger_than_a_pipe(standins: StandIns) -> None:
    standins.key_ring("x")
    helper = Helper("x")
    helper.store("r.test", password_credential("u", "x" * 300_000, "a login"))
    kept = helper.get("r.test")
    assert kept is not None
    assert len(kept.secret.reveal()) == 300_000


def test_a_helper_that_does_not_read(standins: StandIns, tmp_path: Path) -> None:
    program = tmp_path / "helpers" / "docker-credential-deaf"
    program.write_text('#!/bin/sh\nexec <&-\necho \'{"Username":"u","Secret":"p"}\'\n')
    program.chmod(0o755)
    assert Helper("deaf").get("r.test") is not None
    Helper("deaf").store("r.test", password_credential("u", "x" * 300_000, "a login"))
