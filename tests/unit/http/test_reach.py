"""How origins are reached, as values."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import InvalidInput, Unsupported
from pratique.http.origin import Origin
from pratique.http.reach import Plain, Proxy, Reach, everywhere, usual
from pratique.http.trust import Trust

ELSEWHERE = Origin("https", "r.test", 443)
HERE = Origin("https", "localhost", 5000)


def test_only_this_machine_may_speak_http_by_itself() -> None:
    assert usual(ELSEWHERE) == Reach()
    assert usual(ELSEWHERE).plain is Plain.NEVER
    assert usual(HERE).plain is Plain.FALLBACK


def test_what_holds_everywhere_leaves_the_rest_as_usual() -> None:
    reaches = everywhere(trust=Trust(verify=False))
    assert reaches(ELSEWHERE) == Reach(Trust(verify=False))
    assert reaches(HERE) == Reach(Trust(verify=False), Plain.FALLBACK)


def test_an_insecure_host_is_unverified_and_may_speak_http() -> None:
    reach = Reach(Trust(ca_file="ca.pem")).insecure()
    assert reach == Reach(Trust(verify=False, ca_file="ca.pem"), Plain.FALLBACK)
    assert Reach(plain=Plain.ALWAYS).insecure().plain is Plain.ALWAYS


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://proxy.test:3128", "http://proxy.test:3128"),
        ("http://proxy.test:3128/", "http://proxy.test:3128"),
        ("HTTP://Proxy.test", "http://proxy.test"),
        ("proxy.test:3128", "http://proxy.test:3128"),
        ("proxy.test", "http://proxy.test"),
        ("10.0.0.1:8080", "http://10.0.0.1:8080"),
        ("http://[::1]:3128", "http://[::1]:3128"),
        ("https://proxy.test", "https://proxy.test"),
        ("https://proxy.test:8443", "https://proxy.test:8443"),
    ],
)
def test_the_forms_of_a_proxy(text: str, origin: str) -> None:
    proxy = Proxy.parse(text, "HTTPS_PROXY")
    assert (str(proxy), proxy.authorization, proxy.source) == (origin, None, "HTTPS_PROXY")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://",
        "http://:3128",
        "http://foo:SECRET@",
        "http://foo:SECRET@proxy.test:port",
        "http://foo:SECRET@proxy.test:99999",
        "http://foo:SECRET@proxy.test/path",
        "http://foo:SECRET@proxy.test?query",
        "http://foo:SECRET@proxy.test#fragment",
        "http://foo:SECRET#x@proxy.test",
        "http://foo:SECRET @proxy.test",
        "http://foo:SECRET\n@proxy.test",
        "http://foo:SECRETé@proxy.test",
        "http://foo:SECRET@[::1",
        "ftp://foo:SECRET@proxy.test",
        "quic://foo:SECRET@proxy.test",
    ],
)
def test_what_is_no_proxy_is_refused_by_the_name_of_its_source(text: str) -> None:
    with pytest.raises(InvalidInput, match="HTTPS_PROXY is not the URL of a proxy") as caught:
        Proxy.parse(text, "HTTPS_PROXY")
    assert "SECRET" not in f"{caught.value} {caught.value.advice()}"


@pytest.mark.parametrize("scheme", ["socks", "socks4", "socks4a", "socks5", "SOCKS5", "socks5h"])
def test_a_socks_proxy_is_refused_by_name(scheme: str) -> None:
    with pytest.raises(Unsupported, match=f"ALL_PROXY names a proxy that speaks {scheme.lower()}") as caught:
        Proxy.parse(f"{scheme}://foo:SECRET@proxy.test:1080", "ALL_PROXY")
    assert "SECRET" not in str(caught.value)


def test_user_and_password_are_for_the_proxy_and_not_for_people() -> None:
    proxy = Proxy.parse("http://foo:b%40r@proxy.test:3128", "HTTPS_PROXY")
    assert proxy.authorization == f"Basic {base64.b64encode(b'foo:b@r').decode()}"
    assert str(proxy) == "http://proxy.test:3128"
    shown = f"{proxy} {proxy!r} {Reach(proxy=proxy)!r}"
    assert not any(secret in shown for secret in ("b@r", "b%40r", "Basic", base64.b64encode(b"foo:b@r").decode()))


@given(st.text(min_size=1), st.text())
def test_every_user_and_password_can_be_written(user: str, password: str) -> None:
    try:
        raw = f"{user}:{password}".encode()
    except UnicodeEncodeError:
        return
    proxy = Proxy.parse(f"http://{quote(user, safe='')}:{quote(password, safe='')}@proxy.test", "the test")
    assert proxy.authorization is not None
    assert base64.b64decode(proxy.authorization.removeprefix("Basic ")) == raw


@given(st.text())
def test_any_text_is_a_proxy_or_the_callers_mistake(text: str) -> None:
    try:
        proxy = Proxy.parse(text, "the test")
    except (InvalidInput, Unsupported):
        return
    assert Proxy.parse(str(proxy), "the test").origin == proxy.origin
