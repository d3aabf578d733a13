"""The folders of certs.d."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pratique.config import certs
from pratique.config.certs import complete, default_folders, find
from pratique.config.hosts import Hosts
from pratique.errors import InvalidInput
from pratique.http.origin import Origin
from pratique.http.reach import Plain, Proxy
from pratique.http.trust import Trust


def fill(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_the_folders_of_the_user_and_of_the_system() -> None:
    assert [str(folder) for folder in default_folders({"HOME": "/home/foo"})] == [
        "/home/foo/.config/containers/certs.d",
        "/home/foo/.config/docker/certs.d",
        "/etc/containers/certs.d",
        "/etc/docker/certs.d",
    ]
    assert default_folders({}) == certs.OF_THE_SYSTEM
    moved = default_folders({"HOME": "/home/foo", "XDG_CONFIG_HOME": "/conf"})
    assert [str(folder) for folder in moved[:2]] == ["/home/foo/.config/containers/certs.d", "/conf/docker/certs.d"]


@pytest.mark.parametrize(
    ("name", "url", "found"),
    [
        ("r.test:5000", "https://r.test:5000", True),
        ("r.test:5000", "https://r.test", False),
        ("r.test:5000", "https://r.test:5001", False),
        ("r.test:5000", "https://sub.r.test:5000", False),
        ("r.test", "https://r.test", True),
        ("r.test", "https://r.test:5000", False),
        ("r.test:443", "https://r.test", True),
        ("r.test", "https://r.test:443", True),
        ("[::1]:5000", "https://[::1]:5000", True),
        ("docker.io", "https://registry-1.docker.io", True),
        ("registry-1.docker.io", "https://registry-1.docker.io", True),
        ("docker.io", "https://auth.docker.io", False),
    ],
)
def test_the_name_of_the_folder_is_host_and_port(tmp_path: Path, name: str, url: str, found: bool) -> None:
    folder = fill(tmp_path / name, "ca.crt")
    expected = Trust(authorities=(str(folder / "ca.crt"),)) if found else Trust()
    assert find([tmp_path], Origin.of(url)) == expected


def test_what_is_in_a_folder(tmp_path: Path) -> None:
    folder = fill(tmp_path / "r.test", "b.crt", "a.crt", "z.cert", "z.key", "y.cert", "y.key", "README", "x.pem")
    found = find([tmp_path], Origin.of("https://r.test"))
    assert found.authorities == (str(folder / "a.crt"), str(folder / "b.crt"))
    assert (found.cert, found.key) == (str(folder / "y.cert"), str(folder / "y.key"))


def test_the_first_folder_is_used_alone(tmp_path: Path) -> None:
    first = fill(tmp_path / "user" / "r.test", "ca.crt")
    fill(tmp_path / "system" / "r.test", "ca.crt", "client.cert", "client.key")
    folders = [tmp_path / "none", tmp_path / "user", tmp_path / "system"]
    assert find(folders, Origin.of("https://r.test")) == Trust(authorities=(str(first / "ca.crt"),))


def test_what_cannot_be_looked_into_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "r.test").touch()
    folder = fill(tmp_path / "r.test", "ca.crt")
    folders = [tmp_path / ("x" * 300), tmp_path / "file", tmp_path]
    assert find(folders, Origin.of("https://r.test")) == Trust(authorities=(str(folder / "ca.crt"),))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into everything")
def test_the_folder_of_another_user_is_passed_over(tmp_path: Path) -> None:
    fill(tmp_path / "r.test", "client.key").chmod(0)
    assert find([tmp_path], Origin.of("https://r.test")) == Trust()


@pytest.mark.parametrize(("there", "missing"), [("client.cert", "client.key"), ("client.key", "client.cert")])
def test_half_a_pair_is_an_error_that_names_both(tmp_path: Path, there: str, missing: str) -> None:
    folder = fill(tmp_path / "r.test", there, "other.cert", "other.key")
    with pytest.raises(InvalidInput) as caught:
        find([tmp_path], Origin.of("https://r.test"))
    assert str(caught.value) == f"{folder} has {there} and no {missing}"


def test_what_is_given_stands_before_what_is_found() -> None:
    found = Trust(cert="client.cert", key="client.key", authorities=("ca.crt",))
    assert complete(Trust(), found) == Trust(cert="client.cert", key="client.key", authorities=("ca.crt",))
    assert complete(Trust(ca_file="x"), found) == Trust(ca_file="x", cert="client.cert", key="client.key")
    assert complete(Trust(cert="x", key="y"), found) == Trust(cert="x", key="y", authorities=("ca.crt",))
    assert complete(Trust(verify=False), found).verify is False


def test_a_client_certificate_that_was_given_is_for_the_named_hosts() -> None:
    given = Trust(ca_file="ca.pem", cert="client.cert", key="client.key")
    hosts = Hosts(frozenset({"r.test:5000"}), given)
    assert hosts(Origin.of("https://r.test:5000")).trust == given
    for url in ("https://r.test", "https://auth.test", "https://localhost:5000"):
        assert hosts(Origin.of(url)).trust == Trust(ca_file="ca.pem"), url


def test_certificates_of_a_host_are_for_that_host_alone(tmp_path: Path) -> None:
    folder = fill(tmp_path / "r.test:5000", "ca.crt", "client.cert", "client.key")
    hosts = Hosts(folders=[tmp_path])
    assert hosts(Origin.of("https://r.test:5000")).trust == Trust(
        cert=str(folder / "client.cert"), key=str(folder / "client.key"), authorities=(str(folder / "ca.crt"),)
    )
    assert hosts(Origin.of("https://r.test")).trust == Trust()
    assert hosts(Origin.of("https://auth.test:5000")).trust == Trust()


def test_plain_http_is_for_the_named_hosts() -> None:
    hosts = Hosts(frozenset({"r.test"}), plain_http=True)
    assert hosts(Origin.of("https://r.test")).plain is Plain.ALWAYS
    assert hosts(Origin.of("https://mirror.test")).plain is Plain.NEVER
    assert hosts(Origin.of("https://localhost:5000")).plain is Plain.FALLBACK


def test_a_marked_host_is_insecure_and_no_other() -> None:
    hosts = Hosts(insecure=lambda origin: origin.netloc == "old.test:5000")
    assert hosts(Origin.of("https://old.test:5000")).plain is Plain.FALLBACK
    assert not hosts(Origin.of("https://old.test:5000")).trust.verify
    assert hosts(Origin.of("https://old.test")).plain is Plain.NEVER
    assert hosts(Origin.of("https://old.test")).trust.verify


def test_no_client_certificate_is_shown_to_a_proxy() -> None:
    proxy = Proxy.parse("https://proxy.test", "the test")
    given = Trust(ca_file="ca.pem", cert="client.cert", key="client.key")
    found = Hosts(frozenset({"r.test"}), given, proxy=lambda _: proxy)(Origin.of("https://r.test")).proxy
    assert found is not None
    assert found.trust == Trust(ca_file="ca.pem")
