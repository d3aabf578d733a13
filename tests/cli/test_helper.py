"""auth get, store, erase and list, and docker-credential-pratique: the protocol of credential helpers, word by word."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable

import pytest

from pratique.auth.credentials import DOCKER_HUB_KEY
from pratique.cli import helper
from pratique.version import VERSION
from tests.commands import Ran, Run

Speak = Callable[..., Ran]

ADA = '{"ServerURL": "r.test", "Username": "ada", "Secret": "p"}\n'


@pytest.fixture(params=["pratique auth", "docker-credential-pratique"])
def speak(
    request: pytest.FixtureRequest,
    run: Run,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> Speak:
    """Does an action by either program."""

    def directly(action: str, stdin: str = "") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = helper.main([action])
        sys.stdout.flush()
        return Ran(code, *(text.decode() for text in capfdbinary.readouterr()))

    return directly if request.param != "pratique auth" else lambda action, stdin="": run("auth", action, stdin=stdin)


def test_the_conversation(speak: Speak) -> None:
    assert (speak("store", ADA).code, speak("list").json) == (0, {"r.test": "ada"})
    given = speak("get", "r.test\n")
    assert (given.code, given.json, given.err) == (0, {"ServerURL": "r.test", "Username": "ada", "Secret": "p"}, "")
    assert speak("erase", "r.test").code == 0
    assert speak("list").json == {}


@pytest.mark.parametrize("action", ["get", "erase"])
def test_not_found_is_said_on_standard_output(speak: Speak, action: str) -> None:
    told = speak(action, "r.test")
    assert (told.code, told.out, told.err) == (1, "credentials not found in native keychain\n", "")


@pytest.mark.parametrize(
    ("action", "stdin", "said"),
    [
        ("get", "", "no credentials server URL"),
        ("get", " \n", "no credentials server URL"),
        ("erase", "", "no credentials server URL"),
        ("store", "{}", "no credentials server URL"),
        ("store", '{"ServerURL": "r.test"}', "no credentials username"),
        ("store", '{"ServerURL": 1}', "'ServerURL', 'Username' and 'Secret' are strings"),
        ("store", "[]", "what is to be stored is not a JSON object"),
    ],
)
def test_what_is_missing_is_said_in_the_words_of_the_protocol(speak: Speak, action: str, stdin: str, said: str) -> None:
    told = speak(action, stdin)
    assert (told.code, told.out, told.err) == (1, f"{said}\n", "")


def test_the_server_is_given_as_it_was_asked_for(speak: Speak) -> None:
    speak("store", json.dumps({"ServerURL": DOCKER_HUB_KEY, "Username": "ada", "Secret": "p"}))
    for server in (DOCKER_HUB_KEY, "docker.io"):
        assert speak("get", server).json == {"ServerURL": server, "Username": "ada", "Secret": "p"}


@pytest.mark.parametrize(("words", "code"), [(["version"], 0), ([], 1), (["get", "x"], 1), (["fly"], 1)])
def test_the_program_s_own_words(capsys: pytest.CaptureFixture[str], words: list[str], code: int) -> None:
    assert helper.main(words) == code
    said = capsys.readouterr().out
    assert said.startswith(f"docker-credential-pratique {VERSION}" if code == 0 else ("usage: ", "there is no action"))


def test_a_command_finds_what_the_helper_keeps(run: Run, registry: str) -> None:
    entry = {"ServerURL": registry, "Username": "captain", "Secret": "secret-of-captain"}
    assert run("auth", "store", stdin=json.dumps(entry)).code == 0
    assert run("tags", f"{registry}/foo").code == 0
    assert run("login", "--get-login", registry).out == "captain\n"
    assert run("logout", registry).code == 0
    assert run("tags", f"{registry}/foo").code == 4
