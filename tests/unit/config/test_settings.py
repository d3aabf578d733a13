"""Our own file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pratique.config.own import default_path, load
from pratique.config.settings import KEYS, READERS, OwnFile, Settings
from pratique.errors import Error, InvalidInput

WHOLE = """
[default]
retries = 5
requests-at-once = 8

[hosts."registry.example:5000"]
proxy = "http://user:swordfish@proxy.example:3128"
plain-http = true
ca-file = "ca.pem"
retries = 0
requests-at-once = 4
requests-a-second = 10
chunk-size = 8388608
credentials = "file:logins.json"

[hosts."docker.io"]
credentials = "none"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def test_without_a_file_nothing_is_said(tmp_path: Path) -> None:
    assert OwnFile.load(tmp_path / "config.toml")("registry.example") == Settings()


def test_a_host_stands_over_the_default(tmp_path: Path) -> None:
    path = written(tmp_path, WHOLE)
    assert OwnFile.load(path)("registry.example:5000") == Settings(
        proxy="http://user:swordfish@proxy.example:3128",
        plain_http=True,
        ca_file=str(tmp_path / "ca.pem"),
        retries=0,
        requests_at_once=4,
        requests_a_second=10,
        chunk_size=8 << 20,
        credentials=f"file:{tmp_path / 'logins.json'}",
        sources=dict.fromkeys(KEYS.values(), f'{path} [hosts."registry.example:5000"]'),
    )


def test_others_have_the_default(tmp_path: Path) -> None:
    path = written(tmp_path, WHOLE)
    found = OwnFile.load(path)("other.example")
    assert (found.retries, found.requests_at_once, found.proxy, found.credentials) == (5, 8, None, None)
    assert found.sources == {"retries": f"{path} [default]", "requests_at_once": f"{path} [default]"}


@pytest.mark.parametrize("host", ["docker.io", "index.docker.io", "registry-1.docker.io"])
def test_docker_hub_is_one_host(tmp_path: Path, host: str) -> None:
    assert OwnFile.load(written(tmp_path, WHOLE))(host).credentials == "none"


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    assert "swordfish" not in repr(OwnFile.load(written(tmp_path, WHOLE))("registry.example:5000"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("retries = 1", "retries is not known"),
        ("[default]\nretry = 1", "default.retry is not known"),
        ("[default]\nretries = -1", "default.retries is not a whole number from 0 to 100"),
        ("[default]\nretries = true", "default.retries is not a whole number from 0 to 100"),
        ("[default]\nretries = '3'", "default.retries is not a whole number"),
        ("[default]\nrequests-at-once = 0", "default.requests-at-once is not a whole number from 1 to 1000"),
        ("[default]\nrequests-a-second = 0.5", "default.requests-a-second is not a whole number"),
        ("[default]\nchunk-size = 1", "default.chunk-size is not a whole number from 1024"),
        ("[default]\nplain-http = 1", "default.plain-http is not true or false"),
        ("[default]\ncredentials = 'vault'", "default.credentials is none of helper:NAME, file:PATH, none"),
        ("[default]\nproxy = 'socks5://proxy.example'", "default.proxy names a proxy that speaks socks5"),
        ("[default]\nproxy = 'http://user:sword fish@proxy.example'", "default.proxy is not the URL of a proxy"),
        ("[hosts.'a/b']\nretries = 1", "hosts.a/b is not HOST[:PORT]"),
        ("hosts = 3", "hosts is not a table"),
        ("[default", "is not TOML"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(tmp_path: Path, text: str, problem: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(Error) as caught:
        OwnFile.load(path)
    assert str(caught.value).startswith(str(path))
    assert problem in str(caught.value)
    assert "fish" not in str(caught.value)


def test_every_key_has_a_reader() -> None:
    assert list(READERS) == list(KEYS)


@given(st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_or_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    try:
        OwnFile.load(path)
    except InvalidInput:
        return


def test_where_the_file_is() -> None:
    assert default_path({"HOME": "/home/x"}) == "/home/x/.config/pratique/config.toml"
    assert default_path({"HOME": "/home/x", "XDG_CONFIG_HOME": "/c"}) == "/c/pratique/config.toml"
    assert default_path({"HOME": "/home/x", "PRATIQUE_CONFIG": "/d/e.toml"}) == "/d/e.toml"


def test_the_file_is_found(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert load(environment)("registry.example") is None
    (tmp_path / "pratique").mkdir()
    written(tmp_path / "pratique", "[default]\nretries = 9")
    found = load(environment)("registry.example")
    assert found is not None
    assert found.retries == 9


def test_a_file_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"PRATIQUE_CONFIG: .*config\.toml cannot be read"):
        load({"PRATIQUE_CONFIG": str(tmp_path / "config.toml")})


def test_a_change_is_seen(tmp_path: Path) -> None:
    environment = {"PRATIQUE_CONFIG": str(written(tmp_path, "[default]\nretries = 9"))}
    load(environment)
    written(tmp_path, "[default]\nretries = 8")
    os.utime(tmp_path / "config.toml", ns=(1, 1))
    found = load(environment)("registry.example")
    assert found is not None
    assert found.retries == 8


def test_the_port_that_everybody_means_is_the_same_host(tmp_path: Path) -> None:
    path = written(tmp_path, '[hosts."registry.example:443"]\nretries = 9')
    assert OwnFile.load(path)("registry.example").retries == 9
