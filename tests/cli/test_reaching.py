"""How commands reach a registry: proxies, certificates and plain http, from options and from the machine."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from pratique.server.access.file import load as load_access
from pratique.server.app import RegistryApp
from pratique.server.listen.listener import Listener
from pratique.server.storage.repositories import Storage
from tests.commands import Run
from tests.wire.forwarding import Forwarding

NOBODY = "192.0.2.1:5000"  # an address that is nobody's (RFC 5737): only the proxy knows it, as a port of this machine
SECRET = "S3CRET-of-the-proxy"
USER = f"foo:{SECRET}"


@pytest.fixture
def port(served: Callable[..., str]) -> int:
    return int(served().rpartition(":")[2])


@pytest.fixture
def proxy(port: int) -> Iterator[Forwarding]:
    with Forwarding({NOBODY: port}, USER) as running:
        yield running


def url(proxy: Forwarding, user: str = USER) -> str:
    return proxy.url("").replace("://", f"://{user}@")


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_of_the_environment(
    run: Run, proxy: Forwarding, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, url(proxy))
    ran = run("tags", "--plain-http", f"{NOBODY}/bar")
    assert ran.out.split() == ["0.9", "1.0", "latest"]
    assert proxy.lines[-1] == f"GET http://{NOBODY}/v2/bar/tags/list HTTP/1.1"


def test_a_proxy_of_dockers_file(run: Run, proxy: Forwarding, clean_environment: Path) -> None:
    file = clean_environment / ".docker" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"proxies": {"default": {"httpProxy": url(proxy)}}}))
    assert run("tags", "--plain-http", f"{NOBODY}/bar").code == 0
    assert len(proxy.seen) == 1


def test_a_proxy_of_the_command_stands_before_that_of_the_environment(
    run: Run, proxy: Forwarding, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "*")
    assert run("tags", "--plain-http", "--proxy", url(proxy), f"{NOBODY}/bar").code == 0


def test_no_proxy_and_none_go_around_it(
    run: Run, proxy: Forwarding, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", url(proxy))
    assert run("tags", f"localhost:{port}/bar").code == 0, "this machine is reached directly"
    assert run("tags", "--proxy", "none", f"127.0.0.1:{port}/bar").code == 0
    assert proxy.seen == []


def test_the_sides_of_a_copy_have_proxies_of_their_own(run: Run, proxy: Forwarding, port: int) -> None:
    ran = run(
        *("copy", "--src-proxy", url(proxy), "--src-plain-http", f"{NOBODY}/bar:1.0"),
        *("--dest-creds", "captain:secret-of-captain", f"localhost:{port}/foo:copied"),
    )
    assert ran.code == 0, ran.err
    assert proxy.lines
    assert all("/v2/bar/" in line for line in proxy.lines)


@pytest.mark.parametrize("given", [True, False])
def test_proxy_407_is_explained_and_no_password_is_shown(
    run: Run, proxy: Forwarding, monkeypatch: pytest.MonkeyPatch, given: bool
) -> None:
    monkeypatch.setenv("HTTP_PROXY", url(proxy, f"foo:wrong{SECRET}" if given else "x"))
    ran = run("tags", "--debug", "--plain-http", "--creds", f"captain:{SECRET}", f"{NOBODY}/foo")
    assert ran.code == 6
    assert f"the proxy {proxy.url('')} (HTTP_PROXY) wants to know who asks (407" in ran.err
    assert "the user and password in HTTP_PROXY are not the right ones" in ran.err
    assert len(proxy.seen) == 1
    assert "\nAuthorization" not in proxy.seen[0]
    encoded = base64.b64encode(f"foo:wrong{SECRET}".encode()).decode()
    assert not any(secret in ran.out + ran.err for secret in (SECRET, encoded))


def test_debug_and_explain_name_the_proxy_without_its_password(run: Run, proxy: Forwarding) -> None:
    options = ("--plain-http", "--proxy", url(proxy), f"{NOBODY}/bar")
    debug, table, document = (
        run("tags", "--debug", *options),
        run("auth", "explain", *options),
        run("auth", "explain", "--json", *options),
    )
    assert f"GET http://{NOBODY}/v2/bar/tags/list via proxy {proxy.url('')} -> 200 OK" in debug.err
    assert f"via proxy {proxy.url('')} ->" in table.out
    requests = [step for step in json.loads(document.out)["steps"] if step["step"] == "request"]
    assert {step["via"] for step in requests} == {proxy.url("")}
    assert SECRET not in debug.out + debug.err + table.out + table.err + document.out + document.err


@pytest.mark.parametrize(
    ("proxy", "code", "said"),
    [
        ("socks5://foo:S3CRET@127.0.0.1:1080", 8, "--proxy names a proxy that speaks socks5"),
        ("http://foo:S3CRET@", 2, "--proxy is not the URL of a proxy"),
    ],
)
def test_a_proxy_of_no_use_is_refused_by_the_option(run: Run, proxy: str, code: int, said: str) -> None:
    ran = run("tags", "--proxy", proxy, "r.test/foo")
    assert ran.code == code
    assert said in ran.err
    assert "S3CRET" not in ran.err


# Certificates


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA, tmp_path: Path) -> Iterator[str]:
    """A registry with TLS and an open repository; its address."""
    issued = authority.issue_cert("127.0.0.1", "localhost")
    certificate, key = tmp_path / "server.pem", tmp_path / "server.key"
    issued.cert_chain_pems[0].write_to_path(str(certificate))
    issued.private_key_pem.write_to_path(str(key))
    access = tmp_path / "access.toml"
    access.write_text('[[repositories]]\npattern = "*"\nallow = { anonymous = ["pull", "push"] }\n')
    app = RegistryApp(Storage(tmp_path / "storage"), load_access(access))
    with Listener(app.handle, certificate=certificate, key=key) as listener:
        yield listener.address


@pytest.fixture
def certs(clean_environment: Path, secure: str) -> Path:
    """The registry's folder of the user's certs.d."""
    folder = clean_environment / ".config" / "containers" / "certs.d" / secure
    folder.mkdir(parents=True)
    return folder


def test_certs_d_of_the_user_is_found(run: Run, secure: str, certs: Path, authority: trustme.CA) -> None:
    refused = run("repos", secure)
    assert refused.code == 6
    assert "is not trusted" in refused.err
    authority.cert_pem.write_to_path(str(certs / "ca.crt"))
    assert run("repos", secure).code == 0


def test_half_a_pair_in_certs_d_is_an_error_of_configuration(run: Run, secure: str, certs: Path) -> None:
    (certs / "client.key").touch()
    ran = run("repos", secure)
    assert ran.code == 2
    assert f"{certs} has client.key and no client.cert" in ran.err
    assert "Traceback" not in ran.err


def test_ca_file_is_for_this_command(run: Run, secure: str, authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    assert run("repos", "--ca-file", str(tmp_path / "ca.pem"), secure).code == 0
    assert run("repos", "--no-tls-verify", secure).code == 0
    assert run("repos", secure).code == 6
