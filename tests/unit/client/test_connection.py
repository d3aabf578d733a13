"""`connect`: what is meant for few registries is for these alone, and nothing global is read or changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import pratique
from pratique import ANONYMOUS, Event, InvalidInput, Machine, Trust, Unauthorized, Unreachable
from pratique.http.events import Sent
from pratique.http.message import Transport
from pratique.http.reach import Reaches
from pratique.testing import Embedded

from .conftest import CREDS, Connects


def test_a_credential_goes_to_the_registries_that_are_named_and_to_no_other(
    harbour: Embedded, connect: Connects
) -> None:
    named = connect(harbour.address, credentials=CREDS)
    assert [*named.repository(f"{harbour.address}/app").tags()] == ["1.0"]
    with pytest.raises(Unauthorized):
        [*named.repository("other.test/app").tags()]


def test_a_mapping_says_whose_each_credential_is(harbour: Embedded, connect: Connects) -> None:
    registries = connect(credentials={harbour.address: "captain:wrong", f"{harbour.address}/app": CREDS})
    assert [*registries.repository(f"{harbour.address}/app").tags()] == ["1.0"]
    with pytest.raises(Unauthorized):
        [*registries.repository(f"{harbour.address}/other").tags()]


def test_registries_of_a_mapping_are_named_as_everywhere(harbour: Embedded, connect: Connects) -> None:
    registries = connect(credentials={"REGISTRY.test": CREDS})
    assert [*registries.repository(f"{harbour.address}/app").tags()] == ["1.0"]
    with pytest.raises(InvalidInput, match="is not a registry"):
        connect(credentials={"https://r.test": CREDS})


def test_a_file_has_them(harbour: Embedded, connect: Connects) -> None:
    registries = connect(credentials=harbour.authfile(CREDS))
    assert [*registries.repository(f"{harbour.address}/app").tags()] == ["1.0"]


def test_nobody_is_somebody_as_well(harbour: Embedded, connect: Connects) -> None:
    registries = connect(credentials=ANONYMOUS)
    assert [*registries.repository(f"{harbour.address}/open/app").tags()] == ["1.0"]
    with pytest.raises(Unauthorized):
        [*registries.repository(f"{harbour.address}/app").tags()]


def test_a_credential_without_registries_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="none is") as raised:
        pratique.connect(credentials=CREDS, machine=Machine({}))
    assert CREDS not in f"{raised.value} {raised.value.advice()}"
    with pytest.raises(InvalidInput, match="there is no such file"):
        pratique.connect(credentials=tmp_path / "nothing.json", machine=Machine({}))


@pytest.mark.parametrize("options", [{"plain_http": True}, {"trust": Trust(cert="client.pem")}])
def test_what_is_for_few_wants_their_names(options: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="is for registries that are named, and none is"):
        pratique.connect(machine=Machine({}), **options)  # type: ignore[arg-type]


def test_plain_http_is_spoken_to_the_registries_that_are_named(connect: Connects) -> None:
    registries = connect("r.test", credentials=ANONYMOUS, plain_http=True)
    assert registries.session.base_url("r.test") == "http://r.test"
    assert registries.session.base_url("other.test") == "https://other.test"


def test_the_machine_is_an_argument(harbour: Embedded, connect: Connects, monkeypatch: pytest.MonkeyPatch) -> None:
    file = harbour.authfile(CREDS)
    found = connect(credentials=None, machine=Machine({"REGISTRY_AUTH_FILE": str(file)}))
    assert [*found.repository(f"{harbour.address}/app").tags()] == ["1.0"]
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(file))
    before = dict(os.environ)
    with pytest.raises(Unauthorized):
        [*connect(credentials=None, machine=Machine({})).repository(f"{harbour.address}/app").tags()]
    assert dict(os.environ) == before


def test_an_empty_machine_has_nobody_s_home(harbour: Embedded, connect: Connects, clean_environment: Path) -> None:
    """Whoever runs the program has a login, a setting and unfinished uploads, and nothing of it counts."""
    pratique.login(harbour.address, CREDS, registries=connect(credentials=None, machine=Machine()), repository="app")
    settings = clean_environment / ".config" / "pratique" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("this is nothing that can be read")
    with pytest.raises(InvalidInput):
        connect(credentials=None, machine=Machine())
    empty = connect(credentials=None, machine=Machine({}))
    with pytest.raises(Unauthorized):
        [*empty.repository(f"{harbour.address}/app").tags()]
    with pytest.raises(InvalidInput, match="has no place for a login"):
        pratique.login(harbour.address, CREDS, registries=empty)
    before = {*clean_environment.rglob("*")}
    connect().repository(f"{harbour.address}/app").push_blob(b"x" * (2 << 20))
    assert {*clean_environment.rglob("*")} == before
    assert not Path("/nonexistent").exists()


def test_the_observer_hears_of_every_request(harbour: Embedded, connect: Connects, events: list[Event]) -> None:
    connect().repository(f"{harbour.address}/app").resolve("1.0")
    assert [event.status for event in events if isinstance(event, Sent)] == [401, 200]


def test_the_clock_is_an_argument(harbour: Embedded, connect: Connects, events: list[Event]) -> None:
    ticks = iter(range(1000))
    connect(clock=lambda: float(next(ticks))).repository(f"{harbour.address}/open/app").resolve("1.0")
    assert {event.seconds for event in events if isinstance(event, Sent)} == {1.0}


def test_what_is_cancelled_fails_at_once(harbour: Embedded, connect: Connects) -> None:
    registries = connect(transport=None)
    registries.cancel("enough")
    with pytest.raises(Unreachable, match="enough"):
        [*registries.repository(f"{harbour.address}/app").tags()]


def test_an_exception_cancels_what_is_under_way() -> None:
    with pytest.raises(KeyError), pratique.connect(machine=Machine({}), retries=0) as registries:
        raise KeyError
    with pytest.raises(Unreachable, match="the program is ending"):
        registries.repository("r.test/app").resolve("1.0")


def test_rules_that_cannot_be_read_are_told_before_any_request(tmp_path: Path) -> None:
    file = tmp_path / "registries.conf"
    file.write_text("[[registry]]\nblocekd = true")
    with pytest.raises(InvalidInput, match=r"registry\[0\]\.blocekd is not known"):
        pratique.connect(machine=Machine({}, registries_conf=file))


def test_no_secret_is_in_what_is_shown(connect: Connects) -> None:
    registries = connect()
    assert "aye" not in f"{registries!r} {registries.settings!r} {registries.credentials!r}"


def test_each_that_is_made_alike_has_a_carrier_of_its_own(harbour: Embedded, connect: Connects) -> None:
    made: list[object] = []

    def carrier(reaches: Reaches, _: Callable[[], float]) -> Transport:
        made.append(reaches)
        return harbour.transport

    with connect(transport=None).alike(carrier=carrier) as registries:
        assert registries.explain(f"{harbour.address}/app:1.0").permitted
    assert len({*map(id, made)}) == 2


def test_a_text_without_a_colon_is_no_credential_and_is_not_shown() -> None:
    with pytest.raises(InvalidInput, match="has no colon") as raised:
        pratique.connect("r.test", credentials="hunter2", machine=Machine({}))
    assert "hunter2" not in f"{raised.value} {raised.value.advice()}"


def test_a_pair_is_no_credential() -> None:
    with pytest.raises(InvalidInput, match="not to be found by a tuple"):
        pratique.connect("r.test", credentials=("user", "hunter2"), machine=Machine({}))  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"timeout": 0}, {"timeout": -1.0}, {"retries": -1}, {"chunk_size": 0}])
def test_numbers_that_make_no_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match=f"{next(iter(wrong))} is (more than 0|not negative), and .* was given"):
        pratique.connect(machine=Machine({}), **wrong)  # type: ignore[arg-type]


def test_what_was_closed_asks_nobody(harbour: Embedded, connect: Connects) -> None:
    with connect() as registries:
        app = registries.repository(f"{harbour.address}/app")
        app.resolve("1.0")
    asked = len(harbour.requests)
    with pytest.raises(Unreachable, match="the connections were closed before"):
        app.resolve("1.0")
    registries.close()
    assert len(harbour.requests) == asked
