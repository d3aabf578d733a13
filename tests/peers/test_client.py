"""Our client against Debian's docker-registry, with what Debian's skopeo pushed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from pratique.server.access.file import load as load_access
from pratique.server.app import RegistryApp
from pratique.server.listen.listener import Listener
from pratique.server.storage.repositories import Storage
from pratique.spec.digest import Digest
from tests.commands import Run
from tests.registries import push, repository, sample

from .conftest import DockerRegistry, RunsSkopeo, StartsRegistry, TokenAuth

CREDS = "ada:love:lace"
USERS = {"ada": "love:lace"}
INDEX = sample().root
TOKENS = """
scheme = "bearer"
refusal = 403
[users]
ada = "love:lace"
bob = "reads"
[[repositories]]
pattern = "team/*"
allow = { ada = ["pull", "push", "delete"], bob = ["pull"] }
[tokens]
others = ["theirs"]
"""


@pytest.fixture
def theirs(docker_registry: StartsRegistry, tmp_path: Path) -> Iterator[DockerRegistry]:
    """Their registry, that trusts our token service."""
    (tmp_path / "access.toml").write_text(TOKENS)
    app = RegistryApp(Storage(tmp_path / "tokens"), load_access(tmp_path / "access.toml"))
    assert app.tokens is not None
    certificates = tmp_path / "certificates.pem"
    certificates.write_bytes(app.tokens.certificates)
    with Listener(app.handle) as service:
        realm = f"{service.url}/token"
        yield docker_registry(
            token=TokenAuth(realm=realm, service="theirs", issuer="pratique", certificates=certificates)
        )


def fill(address: str, creds: str | None = CREDS, name: str = "team/app") -> None:
    with repository(address, name, creds) as target:
        push(target, sample(), "1.0", "latest")
        push(target, sample("old"), "0.9")


def test_a_registry_with_a_password_is_read(run: Run, docker_registry: StartsRegistry) -> None:
    address = docker_registry(users=USERS).address
    fill(address)
    app = f"{address}/team/app"
    assert sorted(run("tags", "--creds", CREDS, app).out.split()) == ["0.9", "1.0", "latest"]
    assert run("repos", "--creds", CREDS, address).out == "team/app\n"
    assert run("digest", "--creds", CREDS, f"{app}:1.0").out.strip() == str(INDEX.descriptor.digest)
    assert run("manifest", "get", "--creds", CREDS, f"{app}:1.0").out == INDEX.raw.decode()
    assert run("inspect", "--creds", CREDS, "--json", f"{app}:1.0").json["images"][1]["platform"] == "linux/arm64"
    assert run("tags", "--creds", "ada:wrong", app).code == 4
    assert run("tags", app).code == 4
    assert run("digest", "--creds", CREDS, f"{app}:none").code == 3


def test_a_registry_that_cannot_delete_tags_says_what_would_go_with_one(
    run: Run, docker_registry: StartsRegistry
) -> None:
    address = docker_registry().address
    fill(address, None)
    refused = run("delete", f"{address}/team/app:1.0")
    assert refused.code == 8
    assert str(INDEX.descriptor.digest) in refused.err
    assert "shared with latest" in refused.err
    assert "--manifest" in refused.err
    assert sorted(run("tags", f"{address}/team/app").out.split()) == ["0.9", "1.0", "latest"]
    assert run("delete", "--manifest", f"{address}/team/app:1.0").code == 0
    assert run("tags", f"{address}/team/app").out.split() == ["0.9"]


def test_a_registry_behind_tls(run: Run, docker_registry: StartsRegistry, ca: trustme.CA, tmp_path: Path) -> None:
    address = docker_registry(users=USERS, ca=ca).address
    authority = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(authority)
    assert run("repos", "--ca-file", str(authority), "--creds", CREDS, address).code == 0
    untrusted = run("repos", "--creds", CREDS, address)
    assert untrusted.code == 6
    assert "is not trusted" in untrusted.err
    assert run("repos", "--no-tls-verify", "--creds", CREDS, address).code == 0
    plain = run("repos", "--plain-http", "--creds", CREDS, address)
    assert plain.code != 0


def test_a_registry_that_trusts_our_token_service(run: Run, theirs: DockerRegistry) -> None:
    fill(theirs.address)
    app = f"{theirs.address}/team/app"
    assert sorted(run("tags", "--creds", "bob:reads", app).out.split()) == ["0.9", "1.0", "latest"]
    explained = run("auth", "explain", "--json", "--creds", CREDS, "--for", "delete", app).json
    assert explained["permitted"] is True
    assert [step["scopes"] for step in explained["steps"] if step["step"] == "token_asked"] == [
        ["repository:team/app:delete"]
    ]
    refused = run("delete", "--json", "--creds", "bob:reads", f"{app}@{INDEX.descriptor.digest}")
    assert refused.code == 4
    assert refused.error["wanted"] == "repository:team/app:delete"
    assert run("delete", "--creds", CREDS, f"{app}@{INDEX.descriptor.digest}").code == 0
    assert run("tags", "--creds", "bob:reads", app).out.split() == ["0.9"]


def test_skopeo_pushes_what_we_read(
    run: Run, docker_registry: StartsRegistry, skopeo: RunsSkopeo, tmp_path: Path
) -> None:
    address = docker_registry(users=USERS).address
    fill(address)
    source, target = f"docker://{address}/team/app:1.0", f"docker://{address}/other:2"
    options = ("--src-tls-verify=false", "--dest-tls-verify=false", f"--src-creds={CREDS}", f"--dest-creds={CREDS}")
    copied = skopeo("copy", "--all", *options, source, target)
    assert copied.returncode == 0, copied.stderr
    assert run("digest", "--creds", CREDS, f"{address}/other:2").out.strip() == str(INDEX.descriptor.digest)
    raw = skopeo("inspect", "--raw", "--tls-verify=false", f"--creds={CREDS}", target).stdout
    assert run("manifest", "get", "--creds", CREDS, f"{address}/other:2").out == raw
    docker = f"docker://{address}/other:docker"
    converted = skopeo("copy", "--format=v2s2", "--override-arch=arm64", *options, source, docker)
    assert converted.returncode == 0, converted.stderr
    found = run("inspect", "--json", "--creds", CREDS, f"{address}/other:docker").json
    assert found["media_type"] == "application/vnd.docker.distribution.manifest.v2+json"
    assert found["images"][0]["platform"] == "linux/arm64"
    assert found["images"][0]["config"]["Labels"] == {"org.opencontainers.image.title": "hello"}


def test_skopeo_and_we_see_the_same_tags_and_configs(
    run: Run, docker_registry: StartsRegistry, skopeo: RunsSkopeo
) -> None:
    address = docker_registry().address
    fill(address, None)
    app = f"{address}/team/app"
    listed = json.loads(skopeo("list-tags", "--tls-verify=false", f"docker://{app}").stdout)
    assert run("tags", "--json", app).json["tags"] == listed["Tags"]
    config = skopeo(
        "inspect", "--config", "--raw", "--override-arch=amd64", "--tls-verify=false", f"docker://{app}:1.0"
    )
    ours = run("config", "get", "--platform", "linux/amd64", f"{app}:1.0").out
    assert json.loads(config.stdout) == json.loads(ours)
    assert Digest.of(ours.encode()) in {part.descriptor.digest for part in sample().below}
