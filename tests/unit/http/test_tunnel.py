"""Who is behind a proxy, and why it refuses."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from pratique.errors import ProxyRefused
from pratique.http.message import Headers, Unanswered
from pratique.http.reach import Proxy
from pratique.http.tunnel import behind, refuse

KNOWN = {"registry.corp": "10.1.2.3", "r.test": "8.8.8.8", "both.test": "8.8.8.8 fd00::1", "8.8.8.8": "8.8.8.8"}


def look_up(host: str, _: object) -> list[Any]:
    """The resolver of this machine."""
    if host not in KNOWN:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return [(0, 0, 0, "", (address, 0)) for address in KNOWN[host].split()]


@pytest.mark.parametrize(
    ("host", "who"),
    [
        ("r.test", "r.test"),
        ("8.8.8.8", "8.8.8.8"),
        ("registry.corp", "10.1.2.3"),
        ("both.test", "fd00::1"),
        ("known.to.the.proxy.test", "known.to.the.proxy.test"),
        ("vault", None),
        ("vault.", None),
        ("metadata.google.internal", None),
        ("metadata.google.internal.", None),
        ("printer.local", None),
        ("nas.home.arpa", None),
        ("x.localhost", None),
    ],
)
def test_who_is_behind_a_proxy(host: str, who: str | None) -> None:
    assert behind(host, look_up) == who


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1"])
def test_an_address_is_itself(host: str) -> None:
    assert behind(host) == host


def refused(url: str, status: int, *challenges: str) -> ProxyRefused:
    headers = Headers(("Proxy-Authenticate", line) for line in challenges)
    with pytest.raises(ProxyRefused) as caught:
        refuse(Proxy.parse(url, "HTTPS_PROXY"), "GET https://r.test/v2/", status, headers, "r.test:443")
    assert "SECRET" not in f"{caught.value!r} {caught.value.advice()}"
    assert caught.value.exit_code == 6
    return caught.value


@pytest.mark.parametrize(
    ("challenges", "schemes"),
    [
        ((), ()),
        (('Basic realm="p"',), ("Basic",)),
        (("Negotiate",), ("Negotiate",)),
        (("Negotiate", "NTLM", 'Basic realm="a, b c"'), ("Negotiate", "NTLM", "Basic")),
        (('Digest realm="x", nonce="y, Basic z", qop=auth, Basic realm="b"',), ("Digest", "Basic")),
        (("Negotiate, NTLM, Negotiate",), ("Negotiate", "NTLM")),
    ],
)
def test_the_schemes_that_a_proxy_takes(challenges: tuple[str, ...], schemes: tuple[str, ...]) -> None:
    assert refused("http://proxy.test:3128", 407, *challenges).schemes == schemes


def test_a_proxy_that_wants_to_know_who_asks() -> None:
    error = refused("http://proxy.test:3128", 407, 'Basic realm="p"')
    assert str(error) == (
        "GET https://r.test/v2/: the proxy http://proxy.test:3128 (HTTPS_PROXY) wants to know who asks "
        "(407 Proxy Authentication Required; it takes Basic)"
    )
    assert error.advice() == "give a user and password in its URL: http://USER:PASSWORD@proxy.test:3128"
    assert error.proxy == "http://proxy.test:3128"


def test_a_proxy_that_does_not_take_the_password() -> None:
    error = refused("http://foo:SECRET@proxy.test:3128", 407, 'Basic realm="p"')
    assert error.advice() == "the user and password in HTTPS_PROXY are not the right ones"


def test_a_proxy_that_does_not_speak_basic() -> None:
    error = refused("http://foo:SECRET@proxy.test:3128", 407, "Negotiate", "NTLM")
    assert "it takes Negotiate, NTLM" in str(error)
    assert "only Basic is spoken to proxies" in str(error.advice())


def test_a_proxy_that_does_not_go_there() -> None:
    error = refused("http://proxy.test:3128", 403)
    assert "answered 403 Forbidden and does not connect to r.test:443" in str(error)
    assert error.schemes == ()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_proxy_that_does_not_get_there_may_do_so_later(status: int) -> None:
    with pytest.raises(Unanswered, match=f"answered {status}") as caught:
        refuse(Proxy.parse("proxy.test", "--proxy"), "GET https://r.test/v2/", status, Headers(), "r.test:443")
    assert caught.value.transient
