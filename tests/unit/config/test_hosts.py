"""How each host is reached: the command over our own file over the machine."""

from __future__ import annotations

from pratique.config.hosts import Hosts
from pratique.config.own import Wanted
from pratique.config.settings import Settings
from pratique.http.gate import Pace
from pratique.http.origin import Origin
from pratique.http.reach import Plain, Reach
from pratique.http.trust import Trust

R = Origin("https", "r.test", 443)
LOOPBACK = Origin("https", "127.0.0.1", 5000)


def always(**said: object) -> Wanted:
    settings = Settings(**said)  # type: ignore[arg-type]
    return lambda _: settings


def test_without_a_word_a_host_is_reached_as_usual() -> None:
    assert Hosts()(R) == Reach()
    assert Hosts()(LOOPBACK) == Reach(plain=Plain.FALLBACK)


def test_our_own_file_is_followed() -> None:
    wanted = always(plain_http=True, ca_file="/ca.pem", retries=7, requests_at_once=2, requests_a_second=5)
    assert Hosts(wanted=wanted)(R) == Reach(Trust(ca_file="/ca.pem"), Plain.ALWAYS, None, Pace(2, 5), 7)


def test_a_host_on_this_machine_can_be_held_to_https() -> None:
    assert Hosts(wanted=always(plain_http=False))(LOOPBACK).plain is Plain.NEVER


def test_the_command_is_over_our_own_file() -> None:
    told = Hosts(
        named=frozenset(["r.test"]),
        trust=Trust(ca_file="/given.pem"),
        plain_http=True,
        retries=0,
        wanted=always(plain_http=False, ca_file="/ca.pem", retries=7),
    )
    assert told(R) == Reach(Trust(ca_file="/given.pem"), Plain.ALWAYS, retries=0)


def test_what_is_said_of_one_host_is_for_no_other() -> None:
    hosts = Hosts(wanted=lambda host: Settings(plain_http=True) if host == "r.test" else None)
    assert hosts(Origin("https", "other.test", 443)) == Reach()
