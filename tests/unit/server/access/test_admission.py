"""An access that changes while the registry runs, and what is never shown of it."""

from __future__ import annotations

import logging
from pathlib import Path
from urllib.parse import urlencode

import bcrypt
import pytest

from pratique.http.message import Headers, Request
from pratique.server.access.admission import Admissions, watched
from pratique.server.access.attempts import FREE_FAILURES
from pratique.server.access.file import load as load_access
from pratique.server.access.rules import Access
from pratique.server.access.watch import LOOK_SECONDS
from pratique.server.app import RegistryApp

from ..asking import ROOT, Answer, Asking, Clock
from .test_guard import basic

OLD, NEW = (bcrypt.hashpw(word, bcrypt.gensalt(4)).decode() for word in (b"old", b"new"))


class Served:
    """A registry whose access stands in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "access.toml"
        self.looks = Clock()

    def write(self, text: str, users: str = f"alice:{OLD}\n") -> None:
        (self.folder / "users").write_text(users)
        self.file.write_text(text)

    def start(self) -> Asking:
        return Asking(self.folder / "storage", watched(load_access, self.file, clock=self.looks))

    def settle(self, ask: Asking) -> None:
        """Let the files be looked at until they stood still."""
        for _ in range(4):
            self.looks.now += LOOK_SECONDS
            assert ask("GET", "/v2/").status in (200, 401)


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return Served(tmp_path)


def status(ask: Asking, user: str, password: str, target: str = "/v2/", method: str = "GET") -> int:
    return ask(method, target, Authorization=basic(user, password)).status


def test_a_changed_password_counts_without_a_restart(served: Served) -> None:
    served.write('htpasswd = "users"')
    ask = served.start()
    assert (status(ask, "alice", "old"), status(ask, "alice", "new")) == (200, 401)
    served.write('htpasswd = "users"', f"alice:{NEW}\n")
    served.settle(ask)
    assert (status(ask, "alice", "old"), status(ask, "alice", "new")) == (401, 200)


def test_changed_rules_count_without_a_restart(served: Served) -> None:
    rule = '[[repositories]]\npattern = "foo"\nallow = { alice = ["pull"] }'
    served.write('htpasswd = "users"\n' + rule)
    ask = served.start()
    assert status(ask, "alice", "old", "/v2/bar/tags/list") == 403
    served.write('htpasswd = "users"\n' + rule.replace("foo", "*"))
    served.settle(ask)
    assert status(ask, "alice", "old", "/v2/bar/tags/list") == 404


def test_another_scheme_counts_without_a_restart(served: Served) -> None:
    served.write('htpasswd = "users"')
    ask = served.start()
    assert ask("GET", "/token").status == 404
    served.write('htpasswd = "users"\nscheme = "bearer"')
    served.settle(ask)
    token = ask("GET", "/token", Authorization=basic("alice", "old")).json["token"]
    assert ask("GET", "/v2/", Authorization=f"Bearer {token}").status == 200


def test_a_broken_file_keeps_the_old_rules_and_says_where(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    served.write('htpasswd = "users"')
    ask = served.start()
    served.write('htpasswd = "users"', f"alice:{NEW}\nbob:secret\n")
    served.settle(ask)
    assert status(ask, "alice", "old") == 200
    [warning] = caplog.messages
    assert f"{served.folder / 'users'}, line 2: the password of 'bob' is not hashed by bcrypt" in warning
    served.write("users = {\n")
    served.settle(ask)
    assert status(ask, "alice", "old") == 200
    assert f"{served.file} is not TOML: " in caplog.messages[-1]
    assert "line 1" in caplog.messages[-1]


@pytest.mark.parametrize("text", ["", 'ping = "open"', 'htpasswd = "users"'])
def test_a_file_that_lost_its_end_opens_nothing(served: Served, text: str, caplog: pytest.LogCaptureFixture) -> None:
    """As a full disk leaves it, or an editor for a moment; without rules every user could do everything."""
    served.write('htpasswd = "users"\n[[repositories]]\npattern = "foo"\nallow = { alice = ["pull"] }')
    ask = served.start()
    served.write(text)
    served.settle(ask)
    assert ask("GET", "/v2/foo/tags/list").status == 401
    assert status(ask, "alice", "old", "/v2/bar/tags/list") == 403
    assert "any more" in caplog.text


def test_keys_that_cannot_be_read_keep_the_old_scheme(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    served.write('htpasswd = "users"')
    ask = served.start()
    (ask.storage.private / "keys").mkdir(parents=True)
    (ask.storage.private / "keys" / "mine.pem").write_text("nothing")
    served.write('htpasswd = "users"\nscheme = "bearer"')
    served.settle(ask)
    assert status(ask, "alice", "old") == 200
    assert "mine.pem: not a key" in caplog.text


def test_a_refresh_token_ends_with_the_hash(served: Served) -> None:
    served.write('htpasswd = "users"\nscheme = "bearer"')
    ask = served.start()
    refresh = ask("GET", "/token?offline_token=true", Authorization=basic("alice", "old")).json["refresh_token"]
    form = urlencode({"grant_type": "refresh_token", "refresh_token": refresh, "service": "pratique"}).encode()
    assert ask("POST", "/token", form).status == 200
    served.write('htpasswd = "users"\nscheme = "bearer"', f"alice:{NEW}\n")
    served.settle(ask)
    assert ask("POST", "/token", form).status == 401


def test_failures_are_counted_over_changes(served: Served) -> None:
    served.write('htpasswd = "users"')
    ask = served.start()
    for _ in range(FREE_FAILURES):
        status(ask, "alice", "wrong")
    served.write('htpasswd = "users"', f"alice:{NEW}\n")
    served.settle(ask)
    assert status(ask, "alice", "new") == 429


def test_what_is_slow(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text(f"alice:{OLD}\n")
    admission = Admissions(Access.of_htpasswd(path), tmp_path, Clock())()

    def is_slow(login: str | None) -> bool:
        return admission.is_slow(Request("GET", f"{ROOT}/v2/", Headers([("Authorization", login)] if login else [])))

    for login in (basic("alice", "old"), basic("alice", "wrong"), basic("bob", "old")):
        assert is_slow(login)
    for other in (None, "Basic !", "Bearer x"):
        assert not is_slow(other)
    admission.passwords.check("alice", "old")
    assert not is_slow(basic("alice", "old"))


def test_nothing_secret_is_logged_or_shown(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Passwords, hashes, tokens and keys, through everything that goes well or wrong."""
    caplog.set_level(logging.DEBUG)
    text = 'htpasswd = "users"\nscheme = "bearer"\nusers = { bob = "plain-password" }\n'
    served.write(text)
    ask = served.start()
    secrets = ["plain-password", "wrong-password", OLD, NEW, "half-a-pass"]
    answers: list[Answer] = []

    def post(**form: str) -> Answer:
        answers.append(ask("POST", "/token", urlencode({"service": "pratique", **form}).encode()))
        return answers[-1]

    for user, password in (
        ("bob", "plain-password"),
        ("alice", "wrong-password"),
        ("plain-password", "wrong-password"),
    ):
        for _ in range(FREE_FAILURES + 1):
            answers.append(ask("GET", "/token?offline_token=true", Authorization=basic(user, password)))
            post(grant_type="password", username=user, password=password, access_type="offline")
    granted = [answer.json for answer in answers if answer.status == 200]
    tokens = [content[name] for content in granted for name in ("token", "refresh_token")]
    for token in tokens:
        for bad in (token, token[:-4], f"{token}.x"):
            answers.append(ask("GET", "/v2/foo/tags/list", Authorization=f"Bearer {bad}"))
            post(grant_type="refresh_token", refresh_token=bad)
    served.write(text, "alice:half-a-pass\n")
    served.settle(ask)
    served.write('users = { bob = "half-a-pass')
    served.settle(ask)
    secrets += [part for token in tokens for part in token.split(".")[1:]]
    [key] = (ask.storage.private / "keys").iterdir()
    secrets += key.read_text().splitlines()[1:3]
    shown = [caplog.text, *(f"{part} {part!r}" for part in _parts(ask.app))]
    shown += [answer.content.decode() for answer in answers if answer.status != 200]
    shown += [repr(answer.headers) for answer in answers]
    assert len(tokens) > 10
    assert "line 1" in caplog.text
    for secret in secrets:
        assert not [text for text in shown if secret in text]


def _parts(app: RegistryApp) -> list[object]:
    """What the registry decides with."""
    admission = app._admissions()
    return [app, app._admissions, admission, admission.access, admission.passwords, admission.guard, admission.tokens]
