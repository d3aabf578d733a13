"""The proxy for an origin: variables, NO_PROXY in its forms, and Docker's file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from pratique.config.proxies import Found, given, is_direct, of_docker, of_environment
from pratique.errors import InvalidInput, Unsupported
from pratique.http.origin import Origin

HTTPS = Origin.of("https://r.test")
HTTP = Origin.of("http://r.test")


def chosen(origin: Origin, **environment: str) -> str | None:
    proxy = of_environment(environment)(origin)
    return None if proxy is None else f"{proxy.origin.host} {proxy.source}"


@pytest.mark.parametrize(
    ("environment", "https", "http"),
    [
        ({}, None, None),
        ({"HTTPS_PROXY": "http://a"}, "a HTTPS_PROXY", None),
        ({"HTTP_PROXY": "http://a"}, None, "a HTTP_PROXY"),
        ({"https_proxy": "http://a"}, "a https_proxy", None),
        ({"http_proxy": "http://a"}, None, "a http_proxy"),
        ({"ALL_PROXY": "http://a"}, "a ALL_PROXY", "a ALL_PROXY"),
        ({"all_proxy": "http://a"}, "a all_proxy", "a all_proxy"),
        ({"ALL_PROXY": "http://a", "https_proxy": "http://b"}, "b https_proxy", "a ALL_PROXY"),
        ({"HTTPS_PROXY": "http://a", "https_proxy": "http://b"}, "a HTTPS_PROXY", None),
        ({"HTTPS_PROXY": " ", "https_proxy": " http://b "}, "b https_proxy", None),
        # A program that a web server runs: the variable is what a stranger sent as the header field `Proxy` (httpoxy, 2016).
        ({"REQUEST_METHOD": "GET", "HTTP_PROXY": "http://evil"}, None, None),
        ({"REQUEST_METHOD": "GET", "HTTP_PROXY": "http://evil", "http_proxy": "http://a"}, None, "a http_proxy"),
        ({"REQUEST_METHOD": "GET", "HTTPS_PROXY": "http://a"}, "a HTTPS_PROXY", None),
    ],
)
def test_the_variables(environment: dict[str, str], https: str | None, http: str | None) -> None:
    assert (chosen(HTTPS, **environment), chosen(HTTP, **environment)) == (https, http)


@pytest.mark.parametrize("host", ["localhost", "x.localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_this_machine_is_reached_without_a_proxy(host: str) -> None:
    assert chosen(Origin.of(f"https://{host}:5000"), ALL_PROXY="http://a") is None


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_no_proxy_is_for_every_variable(name: str) -> None:
    environment = {"ALL_PROXY": "http://a", "HTTPS_PROXY": "http://b", name: "x.test, r.test"}
    assert chosen(HTTPS, **environment) is chosen(HTTP, **environment) is None
    assert chosen(Origin.of("https://other.test"), **environment) == "b HTTPS_PROXY"


@pytest.mark.parametrize(
    ("entries", "url", "covered"),
    [
        ("", "https://r.test", False),
        ("*", "https://r.test", True),
        ("a.test,*", "https://r.test", True),
        ("r.test", "https://r.test", True),
        ("R.Test", "https://r.test", True),
        ("r.test", "https://r.test.:5000", True),
        ("r.test", "https://r.test:5000", True),
        ("r.test", "https://sub.r.test", True),
        ("r.test", "https://bar.test", False),
        ("r.test", "https://r.test.evil", False),
        (".r.test", "https://r.test", False),
        (".r.test", "https://sub.r.test", True),
        (".r.test", "https://xr.test", False),
        ("*.r.test", "https://sub.sub.r.test", True),
        ("*.r.test", "https://r.test", False),
        ("r.test:443", "https://r.test", True),
        ("r.test:443", "https://r.test:5000", False),
        ("r.test:5000", "https://sub.r.test:5000", True),
        (".r.test:5000", "https://r.test:5000", False),
        ("a.test r.test", "https://r.test", True),
        ("a.test ,\t r.test,", "https://r.test", True),
        (",, ,", "https://r.test", False),
        ("10.0.0.1", "https://10.0.0.1", True),
        ("10.0.0.1", "https://10.0.0.1:5000", True),
        ("10.0.0.1", "https://10.0.0.2", False),
        ("10.0.0.1:5000", "https://10.0.0.1:5000", True),
        ("10.0.0.1:5000", "https://10.0.0.1", False),
        ("10.0.0.0/8", "https://10.9.8.7:5000", True),
        ("10.0.0.1/8", "https://10.9.8.7", True),
        ("10.0.0.0/8", "https://11.0.0.1", False),
        ("10.0.0.0/8", "https://r.test", False),
        ("10.0.0.0/99", "https://10.0.0.1", False),
        ("0.1", "https://10.0.0.1", False),
        ("fd00::1", "https://[fd00::1]:5000", True),
        ("[fd00::1]", "https://[fd00::1]", True),
        ("[fd00::1]:5000", "https://[fd00::1]:5000", True),
        ("[fd00::1]:5000", "https://[fd00::1]", False),
        ("fd00::/8", "https://[fd12::3]", True),
        ("FD00:0::1", "https://[fd00::1]", True),
        ("fd00::1:443", "https://[fd00::1]", False),
        (":443", "https://r.test", False),
        ("r.test:", "https://r.test", False),
    ],
)
def test_the_forms_of_no_proxy(entries: str, url: str, covered: bool) -> None:
    assert is_direct(entries, Origin.of(url)) is covered


@examples(st.text())
def test_no_text_makes_no_proxy_fail(text: str) -> None:
    is_direct(text, HTTPS)
    is_direct(text, Origin("https", "fd00::1", 5000))


def test_what_is_no_proxy_matters_where_it_would_be_used() -> None:
    environment = {"HTTPS_PROXY": "socks5://foo:SECRET@a", "HTTP_PROXY": "http://", "NO_PROXY": "direct.test"}
    assert chosen(Origin.of("https://direct.test"), **environment) is None
    with pytest.raises(Unsupported, match="HTTPS_PROXY"):
        chosen(HTTPS, **environment)
    with pytest.raises(InvalidInput, match="HTTP_PROXY"):
        chosen(HTTP, **environment)


def write(path: Path, document: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path


def test_docker_has_proxies_by_daemon(tmp_path: Path) -> None:
    proxies = {
        "default": {"httpsProxy": "http://a", "allProxy": "http://b", "noProxy": "x.test"},
        "tcp://docker.test:2375": {"httpProxy": "http://c"},
    }
    path = write(tmp_path / "config.json", {"proxies": proxies})
    default, other = of_docker(path, {}), of_docker(path, {"DOCKER_HOST": "tcp://docker.test:2375"})
    https, http = default(HTTPS), default(HTTP)
    assert https is not None
    assert http is not None
    assert (str(https), https.source) == ("http://a", f"{path} (proxies, httpsProxy)")
    assert (str(http), http.source) == ("http://b", f"{path} (proxies, allProxy)")
    assert default(Origin.of("https://x.test")) is None
    assert (str(other(HTTP)), other(HTTPS)) == ("http://c", None)


@pytest.mark.parametrize(
    "proxies", [[], "x", {"default": "http://a"}, {"default": {"httpsProxy": 1}}, {"default": {"noProxy": ["x"]}}]
)
def test_proxies_of_a_wrong_type_are_named(tmp_path: Path, proxies: object) -> None:
    path = write(tmp_path / "config.json", {"proxies": proxies})
    if proxies == []:
        assert of_docker(path, {})(HTTPS) is None
        return
    with pytest.raises(InvalidInput, match=r"config\.json: 'proxies'"):
        of_docker(path, {})


def test_the_environment_comes_before_dockers_file(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write(
        home / ".docker" / "config.json",
        {"proxies": {"default": {"httpsProxy": "b", "httpProxy": "b", "noProxy": "n.test"}}},
    )
    found = Found({"HOME": str(home), "HTTPS_PROXY": "a"})
    assert (str(found(HTTPS)), str(found(HTTP))) == ("http://a", "http://b")
    assert found(Origin.of("https://n.test")) is None


def test_a_broken_file_is_passed_over_with_one_warning(tmp_path: Path) -> None:
    write(tmp_path / ".docker" / "config.json", "{")
    warned: list[str] = []
    found = Found({"HOME": str(tmp_path), "HTTP_PROXY": "a"}, warn=warned.append)
    assert found(Origin.of("https://localhost:5000")) is None
    assert warned == [], "the file is read when it is wanted"
    assert (found(HTTPS), str(found(HTTP))) == (None, "http://a")
    assert len(warned) == 1
    assert "config.json" in warned[0]
    assert "no proxy is taken from it" in warned[0]


def test_a_given_proxy_is_for_everything() -> None:
    for origin in (HTTPS, HTTP, Origin.of("https://localhost:5000")):
        assert str(given("a:3128", "--proxy")(origin)) == "http://a:3128"
        assert given("none", "--proxy")(origin) is None
    with pytest.raises(InvalidInput, match="--proxy is not"):
        given("http://", "--proxy")
