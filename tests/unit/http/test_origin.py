"""Where a URL leads, and what of it people may see."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import Misbehaved
from pratique.http.origin import Origin, is_private_address, redact, split


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://r.test/v2/", Origin("https", "r.test", 443)),
        ("https://r.test:443/v2/", Origin("https", "r.test", 443)),
        ("https://r.test:/v2/", Origin("https", "r.test", 443)),
        ("HTTPS://R.Test/v2/", Origin("https", "r.test", 443)),
        ("http://r.test", Origin("http", "r.test", 80)),
        ("http://r.test:5000?n=1", Origin("http", "r.test", 5000)),
        ("https://[::1]:5000/", Origin("https", "::1", 5000)),
    ],
)
def test_the_origin_is_scheme_host_and_port(url: str, origin: Origin) -> None:
    assert Origin.of(url) == origin
    assert Origin.of(str(origin)) == origin


@pytest.mark.parametrize(
    "other", ["http://r.test/", "https://r.test:8443/", "https://www.r.test/", "https://r.test./", "http://r.test:443/"]
)
def test_one_difference_makes_another_origin(other: str) -> None:
    assert Origin.of(other) != Origin.of("https://r.test/")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "r.test/v2/",
        "//r.test/v2/",
        "/v2/",
        "ftp://r.test/",
        "file:///etc/passwd",
        "https://",
        "https:///v2/",
        "https://user:secret@r.test/",
        "https://user@r.test/",
        "https://r.test:99999/",
        "https://r.test:x/",
        "https://[::1/",
        "https://r.test/a b",
        "https://r.test/\x1b[2J",
        "https://r.test/\x7f",
        "https://r.tést/",
    ],
)
def test_what_is_not_an_absolute_http_url_is_refused(url: str) -> None:
    with pytest.raises(Misbehaved) as caught:
        Origin.of(url)
    assert "secret" not in str(caught.value)
    assert str(caught.value).isprintable()


@given(st.text())
def test_any_text_is_an_origin_or_misbehaved(text: str) -> None:
    for url in (text, f"https://{text}", f"https://r.test/{text}"):
        try:
            assert Origin.of(url).port == (split(url).port or 443)
        except Misbehaved as error:
            assert_printable(str(error))


PIECES = (
    "r.test", "[::1]", "[fe80::1%25eth0]", "127.0.0.1", "user", "[", "]", ":", "@", "/", "//", "?", "#", "80", "99999", "0x1",
    "%25", "\\", ".", "&n=1", ";", "A",
)  # fmt: skip


@given(st.sampled_from(["https://", "http://", "HTTP://"]), st.lists(st.sampled_from(PIECES), max_size=6))
def test_what_is_accepted_is_read_as_everybody_reads_it(scheme: str, pieces: list[str]) -> None:
    url = scheme + "".join(pieces)
    try:
        found = split(url)
    except Misbehaved:
        return
    parts = urlsplit(url)
    assert parts.username is None
    assert (found.scheme, found.host, found.port) == (parts.scheme, (parts.hostname or "").lower(), parts.port)
    assert (found.path, found.query) == (parts.path, parts.query)


@pytest.mark.parametrize(
    "host", ["r.test[", "]r.test", "[::1]r.test", "r[::1]", "[r.test]", "[127.0.0.1]", "[r::test]", "r.test\\", "[::1"]
)
def test_brackets_are_for_addresses_of_the_sixth_version(host: str) -> None:
    with pytest.raises(Misbehaved):
        Origin.of(f"https://{host}/")


@pytest.mark.parametrize("url", ["https://r.test/v2/app/tags/list", "https://[::1]:5000/v2/", "no url"])
def test_what_has_nothing_to_hide_is_shown_as_it_is(url: str) -> None:
    assert redact(url) == url


def assert_printable(text: str) -> None:
    assert text.isprintable()


@pytest.mark.parametrize(("port", "netloc"), [(443, "r.test"), (80, "r.test:80"), (5000, "r.test:5000")])
def test_the_port_is_shown_where_it_is_not_the_schemes_own(port: int, netloc: str) -> None:
    assert Origin("https", "r.test", port).netloc == netloc


@pytest.mark.parametrize("host", ["localhost", "r.localhost", "127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1"])
def test_this_machine(host: str) -> None:
    assert Origin("https", host, 443).is_loopback
    assert Origin("https", host, 443).is_private


@pytest.mark.parametrize("host", ["localhost.test", "notlocalhost", "128.0.0.1", "10.0.0.1", "r.test", "fe80::1"])
def test_not_this_machine(host: str) -> None:
    assert not Origin("https", host, 443).is_loopback


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.1",
        "::1", "[::1]", "fe80::1", "fe80::1%eth0", "fd00::1", "::", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert is_private_address(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "2606:4700::1", "[2606:4700::1]", "r.test", "", "127.1x"])
def test_addresses_that_are_public_and_names(address: str) -> None:
    assert not is_private_address(address)


def test_secrets_in_a_url_are_not_shown() -> None:
    url = "https://user:password@r.test/v2/?digest=sha256:1&X-Amz-Signature=secret&sig=&n=5#fragment"
    assert redact(url) == "https://r.test/v2/?digest=sha256:1&X-Amz-Signature=…&sig=…&n=5"


@given(st.text())
def test_redacting_never_fails_and_shows_no_unknown_parameter(text: str) -> None:
    redact(text)
    assert "hunter2" not in redact(f"https://r.test/?{text}&token=hunter2")


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "0x7f000001", "1.2.3.4.5", "017700000001", "a.0x1"])
def test_an_address_in_disguise_is_no_host(host: str) -> None:
    with pytest.raises(Misbehaved):
        Origin.of(f"https://{host}/token")


@pytest.mark.parametrize("host", ["localhost.", "LOCALHOST", "x.localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"])
def test_this_machine_by_any_name(host: str) -> None:
    assert Origin.of(f"https://{host}/").is_loopback
