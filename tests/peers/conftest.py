"""Other people's programs, `docker-registry`, `skopeo`, `umoci`, `buildah` and `docker`: started for a test, ended with it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Protocol

import bcrypt
import pytest
import trustme

from pratique.auth.secret import Secret
from pratique.server.access.rules import Access, Rule, Tokens
from pratique.server.app import RegistryApp
from pratique.server.listen.listener import Listener
from pratique.server.storage.repositories import Storage

from .cargo import CREDS, PASSWORD, USER, Place

# Read once: each test's environment is cleaned.
IN_CI: Final = os.environ.get("CI") == "true"
LEFT_OUT: Final = os.environ.get("PRATIQUE_PEERS") == "no"

LISTENING: Final = re.compile(r'msg="listening on 127\.0\.0\.1:(\d+)')
PATIENCE: Final = 10  # seconds between asking a program to end and ending it


def find_program(name: str) -> str:
    """Return the path of a peer, or end the test: skipped for a person, failed in CI, which must have all."""
    if LEFT_OUT:
        pytest.skip("PRATIQUE_PEERS=no")
    here = Path(sys.executable).parent
    program = shutil.which(name, path=os.pathsep.join([str(here), os.environ.get("PATH", os.defpath)]))
    if program is not None:
        return program
    if IN_CI:
        pytest.fail(f"{name} is not installed")
    pytest.skip(f"{name} is not installed")


# --- docker-registry ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class TokenAuth:
    """What a registry is told about the token service that it trusts."""

    realm: str
    service: str
    issuer: str
    certificates: Path  # PEM; tokens are signed by the key of one of these


@dataclass(frozen=True)
class DockerRegistry:
    """A registry that runs."""

    port: int
    storage: Path
    log: list[str] = field(repr=False)  # grows while the registry runs
    ca: trustme.CA | None = field(default=None, repr=False)
    stop: Callable[[], None] = field(default=lambda: None, repr=False)  # after it the log is whole

    @property
    def address(self) -> str:
        """The host and port, as they stand in a reference."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The root of the registry, without a slash at its end."""
        return f"{'http' if self.ca is None else 'https'}://{self.address}"

    def trust(self) -> ssl.SSLContext:
        """Return a context for clients that trusts this registry's certificate only."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.ca is not None:
            self.ca.configure_trust(context)
        return context


class StartsRegistry(Protocol):
    """The shape of the `docker_registry` fixture."""

    def __call__(
        self,
        *,
        users: Mapping[str, str] | None = None,
        token: TokenAuth | None = None,
        ca: trustme.CA | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> DockerRegistry: ...


def write_htpasswd(path: Path, users: Mapping[str, str]) -> None:
    """Write a file of users and passwords in the only format that the registry reads: bcrypt."""
    lines = (
        f"{user}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(rounds=4)).decode()}\n"
        for user, password in users.items()
    )
    path.write_text("".join(lines), encoding="utf-8")


def write_certificate(folder: Path, ca: trustme.CA) -> dict[str, str]:
    """Write a certificate for loopback, and its key; return the registry's settings that name them."""
    certificate = ca.issue_cert("127.0.0.1", "localhost", "::1")
    chain, key = folder / "certificate.pem", folder / "key.pem"
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(chain, append=True)
    certificate.private_key_pem.write_to_path(key)
    return {"certificate": str(chain), "key": str(key)}


def describe_access(
    folder: Path, users: Mapping[str, str] | None, token: TokenAuth | None
) -> dict[str, dict[str, str]]:
    """Return the `auth` section of the registry's configuration."""
    if users is not None and token is not None:
        raise ValueError("a registry has users or a token service, not both")
    if users is not None:
        write_htpasswd(folder / "htpasswd", users)
        return {"htpasswd": {"realm": "peers", "path": str(folder / "htpasswd")}}
    if token is not None:
        return {
            "token": {
                "realm": token.realm,
                "service": token.service,
                "issuer": token.issuer,
                "rootcertbundle": str(token.certificates),
            }
        }
    return {}


def wait_for_port(output: IO[str], log: list[str]) -> int:
    """Read what the registry says until it says where it listens."""
    for line in output:
        log.append(line)
        if found := LISTENING.search(line):
            return int(found[1])
    pytest.fail("docker-registry did not start:\n" + "".join(log))


def leash() -> list[str]:
    """Return what to put before a command so that it ends even when these tests are killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv is not None else []


@contextlib.contextmanager
def serving(program: str, configuration: Path, log: list[str]) -> Iterator[int]:
    """Run `docker-registry serve`, give its port, and end it whatever happens."""
    command = [*leash(), program, "serve", str(configuration)]
    environment = {"PATH": os.defpath, "HOME": str(configuration.parent)}
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=configuration.parent,
    ) as process:
        assert process.stdout is not None
        reader = threading.Thread(target=log.extend, args=(process.stdout,), daemon=True)
        try:
            port = wait_for_port(process.stdout, log)
            reader.start()  # a registry whose output nobody reads would stand still
            yield port
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
            if reader.ident is not None:
                reader.join()


@pytest.fixture
def docker_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartsRegistry]:
    """Start Debian's registry on a free port; every registry that a test starts ends with the test.

    `users` (names and passwords) or `token` close it; `ca` puts it behind TLS; `settings` replaces whole
    sections of its configuration.
    """
    program = find_program("docker-registry")
    with contextlib.ExitStack() as registries:

        def start(
            *,
            users: Mapping[str, str] | None = None,
            token: TokenAuth | None = None,
            ca: trustme.CA | None = None,
            settings: Mapping[str, object] | None = None,
        ) -> DockerRegistry:
            folder = tmp_path_factory.mktemp("docker-registry")
            storage = folder / "storage"
            http: dict[str, object] = {"addr": "127.0.0.1:0", "secret": "peers"}
            if ca is not None:
                http["tls"] = write_certificate(folder, ca)
            configuration = {
                "version": "0.1",
                "log": {"level": "info"},
                "storage": {"filesystem": {"rootdirectory": str(storage)}, "delete": {"enabled": True}},
                "http": http,
                "auth": describe_access(folder, users, token),
                **(settings or {}),
            }
            file = folder / "config.yml"
            file.write_text(json.dumps(configuration), encoding="utf-8")  # JSON is YAML
            log: list[str] = []
            running = registries.enter_context(contextlib.ExitStack())
            port = running.enter_context(serving(program, file, log))
            return DockerRegistry(port, storage, log, ca, running.close)

        yield start


@pytest.fixture
def ca() -> trustme.CA:
    """A certificate authority that only this test knows."""
    return trustme.CA()


# --- Registries of either make --------------------------------------------------------------------


class Serves(Protocol):
    """The shape of the `serve` fixture."""

    def __call__(self, kind: str, *, tls: bool = False) -> Place: ...


@pytest.fixture
def serve(
    docker_registry: StartsRegistry, ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serves]:
    """Start a registry with an empty repository that only USER may write to.

    The kinds are docker-registry with `htpasswd`, docker-registry with `tokens` of our token service, and `ours`, which
    has tokens as well.
    """
    with contextlib.ExitStack() as listeners:

        def ours(folder: Path, *, tls: bool) -> tuple[Listener, RegistryApp]:
            rules = (Rule("team/*", {USER: frozenset({"pull", "push", "delete"})}),)
            tokens = Tokens(others=("theirs",), issuer="pratique tests")
            access = Access(users={USER: Secret(PASSWORD)}, rules=rules, scheme="bearer", tokens=tokens)
            app = RegistryApp(Storage(folder / "storage"), access)
            files = write_certificate(folder, ca) if tls else {}
            certificate, key = (Path(files[name]) if tls else None for name in ("certificate", "key"))
            return listeners.enter_context(Listener(app.handle, certificate=certificate, key=key)), app

        def start(kind: str, *, tls: bool = False) -> Place:
            folder = tmp_path_factory.mktemp(kind)
            authority: Path | None = None
            if tls:
                authority = folder / "authority" / "ca.crt"
                authority.parent.mkdir()
                ca.cert_pem.write_to_path(authority)
            if kind == "htpasswd":
                address = docker_registry(users={USER: PASSWORD}, ca=ca if tls else None).address
            else:
                listener, app = ours(folder, tls=tls)
                address = listener.address
                if kind == "tokens":
                    address = docker_registry(token=_trust(folder, listener, app), ca=ca if tls else None).address
            return Place(kind, f"{address}/team/app", CREDS, authority)

        yield start


def _trust(folder: Path, service: Listener, app: RegistryApp) -> TokenAuth:
    assert app.tokens is not None
    certificates = folder / "tokens.pem"
    certificates.write_bytes(app.tokens.certificates)
    return TokenAuth(realm=f"{service.url}/token", service="theirs", issuer="pratique tests", certificates=certificates)


@pytest.fixture
def place(request: pytest.FixtureRequest, serve: Serves, tmp_path: Path) -> Place:
    """An empty store of the kind that is the parameter."""
    kind = str(request.param)
    if kind in ("oci", "dir"):
        return Place(kind, str(tmp_path / "place"))
    if kind in ("oci-archive", "docker-archive"):
        return Place(kind, str(tmp_path / "place.tar"))
    return serve(kind)


# --- skopeo, buildah and umoci --------------------------------------------------------------------


class RunsSkopeo(Protocol):
    """The shape of the `skopeo` fixture."""

    def __call__(self, *arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]: ...


class RunsPeer(Protocol):
    """The shape of the `buildah` and `umoci` fixtures."""

    def __call__(self, *arguments: str | Path) -> str: ...


def furnish(home: Path) -> dict[str, str]:
    """Make a home without the machine's settings, where every image is welcome; return the environment for it."""
    settings = home / ".config" / "containers"
    settings.mkdir(parents=True)
    (settings / "registries.conf").touch()
    (settings / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TMPDIR": str(home),
        "XDG_RUNTIME_DIR": str(home),
    }


@pytest.fixture
def skopeo(tmp_path_factory: pytest.TempPathFactory) -> RunsSkopeo:
    """Run skopeo with none of the machine's settings; its failure is the caller's to judge."""
    program = find_program("skopeo")
    home = tmp_path_factory.mktemp("skopeo")
    environment = furnish(home)

    def run(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [program, "--insecure-policy", *map(str, arguments)]
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, env=environment, cwd=home, check=False
        )

    return run


# What buildah says where the kernel does not let it unpack a layer: in a container without privileges, in a chroot.
KERNEL_REFUSES: Final = re.compile(r"ApplyLayer.*remount /")


def succeeding(program: str, home: Path, settings: list[str], environment: Mapping[str, str]) -> RunsPeer:
    """Run a program that has to succeed; the value is what it prints."""

    def run(*arguments: str | Path) -> str:
        ran = subprocess.run(
            [program, *settings, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment,
            cwd=home,
            check=False,
        )
        if KERNEL_REFUSES.search(ran.stderr):
            pytest.skip(f"the kernel does not let {program} unpack a layer here: {ran.stderr.strip()[-200:]}")
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    return run


@pytest.fixture
def buildah(tmp_path_factory: pytest.TempPathFactory) -> RunsPeer:
    """Run buildah, with storage of its own that asks nothing of the kernel: no daemon, no mounts, no user namespaces."""
    program = find_program("buildah")
    home = tmp_path_factory.mktemp("buildah")
    environment = furnish(home) | {
        "BUILDAH_ISOLATION": "chroot",
        "CONTAINERS_REGISTRIES_CONF": str(home / ".config" / "containers" / "registries.conf"),
    }
    if os.geteuid() != 0:  # it would make a namespace first; as root it would leave out devices
        environment["_CONTAINERS_USERNS_CONFIGURED"] = "done"
    settings = ["--root", str(home / "root"), "--runroot", str(home / "run"), "--storage-driver", "vfs"]
    return succeeding(program, home, settings, environment)


@pytest.fixture
def umoci(tmp_path_factory: pytest.TempPathFactory) -> RunsPeer:
    """Run umoci."""
    program = find_program("umoci")
    home = tmp_path_factory.mktemp("umoci")
    return succeeding(program, home, [], {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home)})


# --- docker ---------------------------------------------------------------------------------------


@dataclass
class Docker:
    """Docker's client, which needs no engine to log in and to look at manifests."""

    program: str
    home: Path

    def __call__(
        self, *arguments: str, stdin: str = "", authority: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run it; `authority` is the only one that it trusts."""
        environment = {"HOME": str(self.home), "DOCKER_CONFIG": str(self.home), "PATH": os.defpath}
        if authority:
            environment["SSL_CERT_FILE"] = str(authority)
        command = [self.program, *arguments]
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, env=environment, cwd=self.home, check=False
        )


@pytest.fixture
def docker(tmp_path_factory: pytest.TempPathFactory) -> Docker:
    return Docker(find_program("docker"), tmp_path_factory.mktemp("docker"))
