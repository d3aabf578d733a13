"""Other people's clients at every door of our registry: open, with passwords, with tokens; over http and over TLS.

docs/registry.md has the table of what is proved here. What each can do beside that is tested in the files named after them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import dxf
import oras.client  # type: ignore[import-untyped]
import oras.layout  # type: ignore[import-untyped]
import pytest
import trustme

import pratique.testing
from pratique.server.access.file import load as load_access
from pratique.server.app import RegistryApp
from pratique.server.listen.listener import Listener
from pratique.server.listen.proxies import Proxies
from pratique.server.storage.repositories import Storage
from tests.commands import Run

from .cargo import CREDS, IMAGE, INDEX, NAME, PASSWORD, USER, Place, assert_holds, digest, parts, write_layout
from .conftest import Docker, RunsPeer, RunsSkopeo
from .servers import behind_nginx

ACCESS: Final = f"""
scheme = "%s"
%s
[users]
{USER} = "{PASSWORD}"
[[repositories]]
pattern = "team/*"
allow = {{ {USER} = ["pull", "push", "delete"] }}
"""
DOORS: Final = {
    "open": None,
    "basic": ACCESS % ("basic", ""),
    "bearer": ACCESS % ("bearer", ""),
    "forbidding": ACCESS % ("bearer", "refusal = 403"),  # for a token that does not suffice
}
EVERY: Final = tuple(f"{scheme} {transport}" for scheme in ("open", "basic", "bearer") for transport in ("http", "tls"))
SECURE: Final = tuple(door for door in EVERY if "open" in door or "tls" in door)
FORBIDDING: Final = tuple(door.replace("bearer", "forbidding") for door in EVERY)

at_every_door = pytest.mark.parametrize("door", EVERY, indirect=True)


@pytest.fixture
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty repository of ours, and what lets a client in."""
    scheme, transport = str(request.param).split()
    with pratique.testing.registry(tls=transport == "tls", access=DOORS[scheme]) as registry:
        authority: Path | None = None
        if registry.ca_file:
            authority = tmp_path / "certs" / "ca.crt"  # a folder of certs.d
            authority.parent.mkdir()
            authority.write_bytes(registry.ca_file.read_bytes())
        yield Place("ours", f"{registry.address}/team/app", CREDS if DOORS[scheme] else "", authority)


@pytest.fixture
def proxied(ca: trustme.CA, tmp_path: Path) -> Iterator[Place]:
    """The same with tokens, behind a proxy that speaks TLS for it, and whose word on that it takes."""
    (tmp_path / "access.toml").write_text(DOORS["bearer"] or "")
    app = RegistryApp(Storage(tmp_path / "storage"), load_access(tmp_path / "access.toml"))
    authority = tmp_path / "certs" / "ca.crt"
    authority.parent.mkdir()
    ca.cert_pem.write_to_path(str(authority))
    with (
        Listener(app.handle, proxies=Proxies(["127.0.0.1"])) as listener,
        behind_nginx(tmp_path, ca, listener.address) as address,
    ):
        yield Place("ours", f"{address}/team/app", CREDS, authority)


def has_come_in(run: Run, door: Place) -> str:
    """The digest that our own client sees under the name."""
    options = ["--ca-file", str(door.ca)] if door.ca else []
    return run("digest", *options, *(["--creds", door.creds] if door.creds else []), door.ours).out.strip()


@at_every_door
def test_pratique(run: Run, door: Place, tmp_path: Path) -> None:
    source = write_layout(tmp_path / "source", INDEX)
    assert run("copy", *door.options("dest"), source, door.ours).code == 0
    read = run("copy", *door.options("src"), door.ours, f"oci:{tmp_path / 'read'}:back")
    assert read.out.strip().endswith(digest(INDEX)), read.err
    assert_holds(tmp_path / "read", *parts(INDEX))


@at_every_door
def test_skopeo(run: Run, skopeo: RunsSkopeo, door: Place, tmp_path: Path) -> None:
    go_both_ways_by_skopeo(run, skopeo, door, tmp_path)


def test_skopeo_through_nginx(run: Run, skopeo: RunsSkopeo, proxied: Place, tmp_path: Path) -> None:
    go_both_ways_by_skopeo(run, skopeo, proxied, tmp_path)


def go_both_ways_by_skopeo(run: Run, skopeo: RunsSkopeo, door: Place, tmp_path: Path) -> None:
    source, back = write_layout(tmp_path / "source", INDEX), f"oci:{tmp_path / 'read'}:back"
    whole = ("copy", "--all", "--preserve-digests")
    pushed = skopeo(*whole, *door.settings("dest"), source, door.theirs)
    assert pushed.returncode == 0, pushed.stderr
    assert has_come_in(run, door) == digest(INDEX)
    pulled = skopeo(*whole, *door.settings("src"), door.theirs, back)
    assert pulled.returncode == 0, pulled.stderr
    assert_holds(tmp_path / "read", *parts(INDEX))
    deleted = skopeo("delete", *door.settings(), door.theirs)
    assert deleted.returncode == 0, deleted.stderr
    assert has_come_in(run, door) == ""


@at_every_door
def test_buildah(run: Run, buildah: RunsPeer, door: Place, tmp_path: Path) -> None:
    image = buildah("pull", "--quiet", write_layout(tmp_path / "source", IMAGE)).strip()
    told = tmp_path / "digest"
    buildah("push", "--quiet", "--digestfile", told, *door.settings(), image, door.theirs)
    assert has_come_in(run, door) == told.read_text()
    buildah("rmi", "--all", "--force")
    assert buildah("pull", "--quiet", *door.settings(), door.theirs).strip() == image


@at_every_door
def test_umoci(run: Run, umoci: RunsPeer, door: Place, tmp_path: Path) -> None:
    """It knows layouts alone; we carry them."""
    made, back = tmp_path / "made", tmp_path / "back"
    umoci("init", "--layout", made)
    umoci("new", "--image", f"{made}:new")
    umoci("config", "--image", f"{made}:new", "--author", "umoci")
    pushed = run("copy", *door.options("dest"), f"oci:{made}:new", door.ours)
    assert pushed.code == 0, pushed.err
    assert run("copy", *door.options("src"), door.ours, f"oci:{back}:new").code == 0
    umoci("unpack", "--rootless", "--image", f"{back}:new", tmp_path / "bundle")
    assert json.loads(umoci("stat", "--json", "--image", f"{back}:new"))["history"]


@at_every_door
def test_docker(run: Run, docker: Docker, door: Place, tmp_path: Path) -> None:
    """Its client without an engine, and types of Docker's only. A list it pushes to this machine over http alone."""
    of_docker, source = door.called("docker"), write_layout(tmp_path / "source", IMAGE)
    written = run("copy", *door.options("dest"), "--format", "docker", source, of_docker.ours)
    assert written.code == 0, written.err
    run_docker = partial(docker, authority=door.ca)
    plain = () if door.ca else ("--insecure",)
    if door.creds:
        login = ("login", "-u", USER, "--password-stdin", door.address)
        assert run_docker(*login, stdin="wrong").returncode != 0
        assert run_docker("manifest", "inspect", *plain, of_docker.ours).returncode != 0
        assert run_docker(*login, stdin=PASSWORD).returncode == 0
    ran = run_docker("manifest", "inspect", "--verbose", *plain, of_docker.ours)
    assert json.loads(ran.stdout)["Descriptor"]["digest"] == written.out.strip().rpartition("@")[2]
    if door.ca:
        return
    for words in (("create", *plain, door.ours, of_docker.ours), ("push", *plain, door.ours)):
        ran = run_docker("manifest", *words)
        assert ran.returncode == 0, ran.stderr
    assert has_come_in(run, door) == ran.stdout.strip()


@pytest.mark.parametrize("door", FORBIDDING, indirect=True)
def test_oras(run: Run, door: Place, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A token that does not suffice is the end for it, unless it meets a 403."""
    write_layout(tmp_path / "source", INDEX)
    backend = "basic" if "basic" in request.node.name else "token"
    verify = str(door.ca) if door.ca else True
    client = oras.client.OrasClient(insecure=door.ca is None, tls_verify=verify, auth_backend=backend)
    if door.creds:
        client.auth.set_basic_auth(USER, PASSWORD)
    with client.session:
        oras.layout.NewLayout(str(tmp_path / "source")).push_to_registry(client, door.ours, NAME)
        assert has_come_in(run, door) == digest(INDEX)
        assert client.get_tags(door.where) == [NAME]
        oras.layout.NewLayoutFromRegistry(str(tmp_path / "read"), client, door.ours, NAME)
    assert_holds(tmp_path / "read", *parts(INDEX))


@pytest.mark.parametrize("door", SECURE, indirect=True)
def test_dxf(run: Run, door: Place) -> None:
    """It shows a password over TLS only."""
    go_both_ways_by_dxf(run, door)


def test_dxf_through_nginx(run: Run, proxied: Place) -> None:
    go_both_ways_by_dxf(run, proxied)


def go_both_ways_by_dxf(run: Run, door: Place) -> None:
    def prove(found: dxf.DXFBase, response: object) -> None:
        found.authenticate(USER, PASSWORD, response=response)  # type: ignore[arg-type]

    verify = str(door.ca) if door.ca else True
    proof = prove if door.creds else None
    with dxf.DXF(door.address, "team/app", proof, insecure=door.ca is None, tlsverify=verify) as found:
        for part in IMAGE.below:
            found.push_blob(data=iter([part.raw]), digest=str(part.descriptor.digest))
        found.set_manifest(NAME, IMAGE.root.raw.decode())
        assert has_come_in(run, door) == digest(IMAGE)
        assert found.list_aliases() == [NAME]
        for part in IMAGE.below:
            chunks = found.pull_blob(str(part.descriptor.digest))
            assert b"".join(chunks) == part.raw  # type: ignore[arg-type]
        found.del_alias(NAME)
    assert has_come_in(run, door) == ""
