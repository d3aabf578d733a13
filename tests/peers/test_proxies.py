"""Through Debian's tinyproxy, which wants to know who asks, to Debian's docker-registry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.commands import Run

from .cargo import INDEX, NAME, digest, write_layout
from .conftest import StartsRegistry, find_program
from .servers import listening

SECRET = "S3CRET"


@dataclass(frozen=True)
class Tinyproxy:
    """A proxy that runs."""

    port: int
    log: Path

    def url(self, user: str = f"foo:{SECRET}") -> str:
        return f"http://{user}@127.0.0.1:{self.port}"

    @property
    def asked(self) -> list[str]:
        """What the proxy was asked for, by its log: method and target."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        requests = (line.partition("): ")[2] for line in lines if "Request (file descriptor" in line)
        return [request.rpartition(" ")[0] for request in requests]


@dataclass(frozen=True)
class Registry:
    """A registry, and the options by which it is reached."""

    address: str
    options: tuple[str, ...]


@pytest.fixture
def tinyproxy(tmp_path: Path) -> Iterator[Tinyproxy]:
    program = find_program("tinyproxy")
    folder = tmp_path / "tinyproxy"
    folder.mkdir()

    def command(port: int) -> list[str]:
        settings = (
            f"Port {port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\nLogLevel Connect\nBasicAuth foo {SECRET}\n"
        )
        (folder / "tinyproxy.conf").write_text(settings, encoding="utf-8")
        return [program, "-d", "-c", "tinyproxy.conf"]

    with listening(folder, command) as port:
        yield Tinyproxy(port, folder / "log")


@pytest.fixture(params=["http", "https"])
def registry(
    request: pytest.FixtureRequest, docker_registry: StartsRegistry, ca: trustme.CA, tmp_path: Path
) -> Registry:
    """An empty registry, over http or https."""
    if request.param == "http":
        return Registry(docker_registry().address, ("--plain-http",))
    file = tmp_path / "authority.pem"
    ca.cert_pem.write_to_path(str(file))
    return Registry(docker_registry(ca=ca).address, ("--ca-file", str(file)))


def test_an_image_goes_both_ways_through_the_proxy(
    run: Run, tinyproxy: Tinyproxy, registry: Registry, tmp_path: Path
) -> None:
    layout = write_layout(tmp_path / "layout", INDEX)
    options = ("--proxy", tinyproxy.url(), *registry.options)
    pushed = run("copy", *options, layout, f"{registry.address}/app:{NAME}")
    assert pushed.code == 0, pushed.err
    pulled = run("copy", *options, f"{registry.address}/app:{NAME}", f"oci:{tmp_path / 'back'}:{NAME}")
    assert pulled.code == 0, pulled.err
    assert run("digest", *options, f"{registry.address}/app:{NAME}").out.strip() == digest(INDEX)
    if "--plain-http" in registry.options:
        assert f"HEAD http://{registry.address}/v2/app/manifests/{NAME}" in tinyproxy.asked
    else:
        assert set(tinyproxy.asked) == {f"CONNECT {registry.address}"}


@pytest.mark.parametrize("user", ["foo:wrong", "nobody:x"])
@pytest.mark.parametrize("registry", ["https"], indirect=True)
def test_a_wrong_password_is_said_to_be_wrong(run: Run, tinyproxy: Tinyproxy, registry: Registry, user: str) -> None:
    ran = run("repos", "--proxy", tinyproxy.url(user), *registry.options, registry.address)
    assert ran.code == 6
    assert "wants to know who asks (401 Unauthorized)" in ran.err, "as tinyproxy says of a wrong password"
    assert "the user and password in --proxy are not the right ones" in ran.err
    assert user not in ran.err


def test_a_missing_password_is_asked_for(run: Run, tinyproxy: Tinyproxy, registry: Registry) -> None:
    ran = run("repos", "--proxy", f"127.0.0.1:{tinyproxy.port}", *registry.options, registry.address)
    assert ran.code == 6
    assert "wants to know who asks (407 Proxy Authentication Required; it takes Basic)" in ran.err
    assert f"http://USER:PASSWORD@127.0.0.1:{tinyproxy.port}" in ran.err


def test_the_words_of_a_proxy_that_gets_no_connection_are_shown(run: Run, tinyproxy: Tinyproxy) -> None:
    ran = run("repos", "--proxy", tinyproxy.url(), "--retries", "0", "127.0.0.1:1")
    assert ran.code == 6
    assert "Tinyproxy was unable to connect to the remote web server" in ran.err
