"""Events as records of `logging`."""

from __future__ import annotations

import importlib
import logging
import pkgutil
import subprocess
import sys

import pytest

import pratique
from pratique.auth.events import (
    ChallengeIgnored,
    CredentialSought,
    TokenAsked,
    TokenDenied,
    TokenGranted,
    TokenReused,
)
from pratique.http import events
from pratique.http.events import Event, Redirected, Retried, Sent, Warned
from pratique.http.log import logged, logger
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.transfer.events import Arrival, Done, Moved, Started

REFUSED = Sent("GET", "https://registry.test/v2/", "Bearer", 401, 0.01, ('Bearer realm="https://auth.test"',))


def kinds() -> set[type[Event]]:
    """Every kind of event that there is."""
    for module in pkgutil.walk_packages(pratique.__path__, "pratique."):
        if module.name.endswith(".events"):
            importlib.import_module(module.name)
    return set(Event.__subclasses__())


def test_an_event_is_a_record_of_its_module(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    heard: list[Event] = []
    tell = logged(heard.append)
    told = [REFUSED, Retried("GET x", "503", 1.5), TokenAsked("https://auth.test", None, ("a",), None), Warned("old")]
    for event in told:
        tell(event)
    assert heard == told
    assert caplog.record_tuples == [
        (
            "pratique.http.events",
            logging.DEBUG,
            "GET https://registry.test/v2/ [Bearer] -> 401 Unauthorized (10 ms)"
            ' | WWW-Authenticate: Bearer realm="https://auth.test"',
        ),
        ("pratique.http.events", logging.INFO, "GET x: 503; again in 1.5 s"),
        ("pratique.auth.events", logging.DEBUG, "a token was asked of https://auth.test for a as anybody"),
        ("pratique.http.events", logging.WARNING, "warning: old"),
    ]


def test_what_is_not_wanted_is_not_put_into_words(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    asked: list[Sent] = []

    def words(event: Sent) -> str:
        asked.append(event)
        return event.url

    monkeypatch.setattr(Sent, "__str__", words)
    logged()(REFUSED)
    assert (asked, caplog.records) == ([], [])
    caplog.set_level(logging.DEBUG)
    logged()(REFUSED)
    assert (asked, len(caplog.records)) == ([REFUSED], 1)


def test_a_server_forges_no_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    logged()(Warned("one\nERROR two \x1b[2J"))
    assert caplog.messages == ["warning: one\\nERROR two \\x1b[2J"]


def test_levels_are_those_of_logging() -> None:
    assert (events.DEBUG, events.INFO, events.WARNING) == (logging.DEBUG, logging.INFO, logging.WARNING)
    assert Moved.level < logging.DEBUG  # one a block of content


def test_every_event_describes_itself() -> None:
    assert len(kinds()) > 10
    assert [kind for kind in kinds() if "__str__" not in vars(kind)] == []


def test_every_event_has_a_name_of_its_own() -> None:
    names = [kind.kind for kind in kinds()]
    assert "note" not in names
    assert len(names) == len(set(names))


def test_events_say_by_themselves_what_happened(caplog: pytest.LogCaptureFixture) -> None:
    blob = Descriptor("application/octet-stream", Digest.of(b""), 0)
    told = {
        CredentialSought("r.test", "app", ("r.test",), (), "password of 'ada' from --creds"): (
            "the credential for r.test/app is the password of 'ada' from --creds (keys: r.test)"
        ),
        CredentialSought("r.test", None, ("r.test",), ("config.json",), None): (
            "the credential for r.test is none in config.json (keys: r.test)"
        ),
        TokenGranted((), "", 60.0): "a token was granted for 60 s",
        TokenReused(("repository:app:pull",)): "a token was reused for repository:app:pull",
        TokenDenied("auth.test answered 403"): "no token was granted: auth.test answered 403",
        ChallengeIgnored("Negotiate", "unknown"): "a challenge was not answered: Negotiate: unknown",
        Redirected("https://r.test/a", "https://s.test/b"): "https://r.test/a was redirected to https://s.test/b",
        Started(blob): f"{blob.digest}, of 0 bytes, begins to move",
        Moved(blob, -5): f"-5 bytes of {blob.digest} were read",
        Done(blob, Arrival.MOUNTED): f"{blob.digest} is at its target: mounted",
    }
    assert {event: str(event) for event in told} == told


def test_loggers_are_silent_until_somebody_listens() -> None:
    assert logger("pratique.somewhere") is logging.getLogger("pratique.somewhere")
    script = "from pratique.http import log, events; import logging; log.logged()(events.Warned('old'))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_program_without_logging_stays_without() -> None:
    script = "import sys; from pratique.http import log, events; log.logged()(events.Warned('')); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
    )
    assert "logging" not in done.stdout.split()
