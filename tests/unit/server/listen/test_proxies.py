"""What a proxy says of a request is believed only where somebody said so."""

from __future__ import annotations

import pytest

from pratique.errors import InvalidInput
from pratique.http.message import Headers, Request
from pratique.server.listen.proxies import Proxies

URL = "http://inside:5000/v2/foo/tags/list?n=1"
SAID = (("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "registry.example"))


def see(trusted: list[str], peer: str | None, *fields: tuple[str, str]) -> tuple[str, str | None]:
    seen = Proxies(trusted).see(Request("GET", URL, Headers(fields), peer=peer))
    return seen.url, seen.peer


@pytest.mark.parametrize(
    ("trusted", "peer"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.0/8", "10.9.8.7"),
        ("2001:db8::/32", "2001:db8::1"),
        ("fe80::1", "fe80::1%eth0"),
        ("unix", None),
    ],
)
def test_a_trusted_proxy(trusted: str, peer: str | None) -> None:
    assert see([trusted], peer, *SAID) == ("https://registry.example/v2/foo/tags/list?n=1", "203.0.113.9")


@pytest.mark.parametrize(
    ("trusted", "peer"), [("10.0.0.1", "10.0.0.2"), ("10.0.0.1", None), ("unix", "10.0.0.1"), ("10.0.0.0/8", "::1")]
)
def test_anybody_else(trusted: str, peer: str | None) -> None:
    assert see([trusted], peer, *SAID) == (URL, peer)


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("203.0.113.9, 198.51.100.4", "198.51.100.4"),  # the first may be the client's invention
        ("203.0.113.9, 10.0.0.2", "203.0.113.9"),  # through two trusted proxies
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("203.0.113.9, nonsense, 10.0.0.2", "10.0.0.2"),
        ("", "10.0.0.1"),
        ("nonsense", "10.0.0.1"),
    ],
)
def test_who_the_client_is(forwarded: str, client: str) -> None:
    assert see(["10.0.0.0/8"], "10.0.0.1", ("X-Forwarded-For", forwarded))[1] == client


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ([("X-Forwarded-Proto", "https")], URL.replace("http:", "https:")),
        ([("X-Forwarded-Host", "a, b:443")], "http://b:443/v2/foo/tags/list?n=1"),
        ([("X-Forwarded-Host", "a"), ("X-Forwarded-Host", "b")], "http://b/v2/foo/tags/list?n=1"),
        ([("X-Forwarded-Proto", "gopher")], URL),
        ([("X-Forwarded-Host", "a/../b")], URL),
        ([("X-Forwarded-Host", "u:p@a")], URL),
        ([], URL),
    ],
)
def test_how_the_client_found_it(fields: list[tuple[str, str]], url: str) -> None:
    assert see(["10.0.0.1"], "10.0.0.1", *fields)[0] == url


@pytest.mark.parametrize("word", ["proxy.example", "10.0.0.1/8", "10.0.0.0/33", ""])
def test_what_is_no_address(word: str) -> None:
    with pytest.raises(InvalidInput, match="not the address or network of a proxy"):
        Proxies([word])
