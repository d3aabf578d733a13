"""Our registry with other people's programs: Debian's skopeo as a client, Debian's docker-registry on the same folder."""

from __future__ import annotations

import base64
import http.client
import io
import json
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pratique.auth.secret import Secret
from pratique.http.message import Request, Response
from pratique.server.access.keys import key_of
from pratique.server.access.rules import Access, Rule, Tokens
from pratique.server.app import RegistryApp
from pratique.server.listen.listener import Listener
from pratique.server.storage.repositories import Storage
from pratique.spec import media
from pratique.spec.digest import Digest
from pratique.values import replace

from .conftest import RunsSkopeo, StartsRegistry, TokenAuth

Serves = Callable[..., Listener]

USERS = {"ada": Secret("lovelace"), "bob": Secret("reads")}
RULES = (
    Rule("team/*", {"ada": frozenset({"pull", "push", "delete"}), "bob": frozenset({"pull"})}),
    Rule("public", {"anonymous": frozenset({"pull"}), "ada": frozenset({"push"})}),
)
ACCESS = {
    "open": Access(),
    "basic": Access(users=USERS, rules=RULES),
    "bearer": Access(users=USERS, rules=RULES, scheme="bearer"),
    "bearer, 403": Access(users=USERS, rules=RULES, scheme="bearer", refusal=403),
}


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serves]:
    """Serve a folder by our registry until the test ends."""
    with ExitStack() as listeners:

        def start(access: Access | None = None, folder: Path | None = None) -> Listener:
            app = RegistryApp(Storage(folder or tmp_path / "ours"), access)
            return listeners.enter_context(Listener(app.handle))

        yield start


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A small image as an OCI layout."""
    folder = tmp_path / "image"
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        member = tarfile.TarInfo("hello")
        member.size = 200_000
        archive.addfile(member, io.BytesIO(bytes(range(250)) * 800))
    layer_digest = store(folder, layer.getvalue())
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [layer_digest["digest"]]},
        "config": {},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "config": store(folder, json.dumps(config).encode()) | {"mediaType": media.OCI_CONFIG},
        "layers": [layer_digest | {"mediaType": media.OCI_LAYER}],
    }
    described = store(folder, json.dumps(manifest).encode()) | {"mediaType": media.OCI_MANIFEST}
    index = {"schemaVersion": 2, "manifests": [described]}
    (folder / "index.json").write_text(json.dumps(index))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return folder


def store(folder: Path, content: bytes) -> dict[str, Any]:
    """Put a blob into a layout; the value is its descriptor, without a type."""
    digest = Digest.of(content)
    path = folder / "blobs" / digest.algorithm / digest.encoded
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return {"digest": str(digest), "size": len(content)}


def blobs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "blobs").rglob("*") if path.is_file()}


def copy(skopeo: RunsSkopeo, source: str, target: str, login: str = "") -> None:
    arguments = ["copy", "--preserve-digests", "--dest-tls-verify=false", "--src-tls-verify=false"]
    if login:
        side = "dest" if target.startswith("docker:") else "src"
        arguments.append(f"--{side}-creds={login}")
    run = skopeo(*arguments, source, target)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("access", ACCESS.values(), ids=list(ACCESS))
def test_skopeo_pushes_and_pulls(
    serve: Serves, skopeo: RunsSkopeo, image: Path, tmp_path: Path, access: Access
) -> None:
    address = serve(access).address
    login = "ada:lovelace" if access.users else ""
    copy(skopeo, f"oci:{image}", f"docker://{address}/team/app:v1", login)
    copy(skopeo, f"docker://{address}/team/app:v1", f"oci:{tmp_path / 'back'}:v1", login)
    assert blobs(tmp_path / "back") == blobs(image)


@pytest.mark.parametrize("access", ACCESS.values(), ids=list(ACCESS))
def test_skopeo_lists_inspects_and_deletes(serve: Serves, skopeo: RunsSkopeo, image: Path, access: Access) -> None:
    listener = serve(access)
    login = "ada:lovelace" if access.users else ""
    creds = [f"--creds={login}"] if login else []
    reference = f"docker://{listener.address}/team/app:v1"
    copy(skopeo, f"oci:{image}", reference, login)
    listed = skopeo("list-tags", "--tls-verify=false", *creds, reference.removesuffix(":v1"))
    assert json.loads(listed.stdout)["Tags"] == ["v1"]
    inspected = skopeo("inspect", "--tls-verify=false", *creds, reference)
    assert (
        json.loads(inspected.stdout)["Digest"]
        == json.loads((image / "index.json").read_text())["manifests"][0]["digest"]
    )
    deleted = skopeo("delete", "--tls-verify=false", *creds, reference)
    assert deleted.returncode == 0, deleted.stderr
    assert skopeo("inspect", "--tls-verify=false", *creds, reference).returncode != 0


@pytest.mark.parametrize("name", ["basic", "bearer"])
@pytest.mark.parametrize("login", ["ada:byron", "bob:reads", ""])
def test_skopeo_is_refused(serve: Serves, skopeo: RunsSkopeo, image: Path, name: str, login: str) -> None:
    target = f"docker://{serve(ACCESS[name]).address}/team/app:v1"
    creds = [f"--dest-creds={login}"] if login else []
    run = skopeo("copy", "--dest-tls-verify=false", *creds, f"oci:{image}", target)
    assert run.returncode != 0
    assert "unauthorized" in run.stderr or "denied" in run.stderr


@pytest.mark.parametrize("name", ["open", "bearer"])
def test_skopeo_pulls_anonymously(serve: Serves, skopeo: RunsSkopeo, image: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "ours"
    copy(skopeo, f"oci:{image}", f"docker://{serve(None, folder).address}/public:v1")
    address = serve(ACCESS[name], folder).address
    copy(skopeo, f"docker://{address}/public:v1", f"oci:{tmp_path / 'back'}:v1")
    assert blobs(tmp_path / "back") == blobs(image)


def test_skopeo_shows_the_first_founding_report(skopeo: RunsSkopeo, tmp_path: Path) -> None:
    """After a ping that asks for nothing it never sends the credentials that it was given."""
    app = RegistryApp(Storage(tmp_path), Access(users=USERS, rules=RULES, ping="open"))
    seen: list[Request] = []

    def handle(request: Request) -> Response:
        seen.append(request)
        return app.handle(request)

    with Listener(handle) as listener:
        run = skopeo("list-tags", "--tls-verify=false", "--creds=ada:lovelace", f"docker://{listener.address}/team/app")
    assert run.returncode != 0
    assert [request.path for request in seen] == ["/v2/", "/v2/team/app/tags/list"]
    assert not any("Authorization" in request.headers for request in seen)


# --- The folder of Docker's distribution


def test_docker_registry_serves_what_we_wrote(
    serve: Serves, docker_registry: StartsRegistry, skopeo: RunsSkopeo, image: Path, tmp_path: Path
) -> None:
    theirs = docker_registry()
    copy(skopeo, f"oci:{image}", f"docker://{serve(None, theirs.storage).address}/team/app:v1")
    copy(skopeo, f"docker://{theirs.address}/team/app:v1", f"oci:{tmp_path / 'back'}:v1")
    assert blobs(tmp_path / "back") == blobs(image)
    assert get(theirs.address, "/v2/_catalog")[1] == {"repositories": ["team/app"]}
    assert get(theirs.address, "/v2/team/app/tags/list")[1] == {"name": "team/app", "tags": ["v1"]}


def test_we_serve_what_docker_registry_wrote(
    serve: Serves, docker_registry: StartsRegistry, skopeo: RunsSkopeo, image: Path, tmp_path: Path
) -> None:
    theirs = docker_registry()
    copy(skopeo, f"oci:{image}", f"docker://{theirs.address}/team/app:v1")
    ours = serve(None, theirs.storage)
    copy(skopeo, f"docker://{ours.address}/team/app:v1", f"oci:{tmp_path / 'back'}:v1")
    assert blobs(tmp_path / "back") == blobs(image)
    assert get(ours.address, "/v2/_catalog")[1] == {"repositories": ["team/app"]}


def test_either_deletes_what_the_other_wrote(
    serve: Serves, docker_registry: StartsRegistry, skopeo: RunsSkopeo, image: Path
) -> None:
    theirs = docker_registry()
    ours = serve(None, theirs.storage)
    for first, second in ((theirs.address, ours.address), (ours.address, theirs.address)):
        reference = "team/app:v1"
        copy(skopeo, f"oci:{image}", f"docker://{first}/{reference}")
        run = skopeo("delete", "--tls-verify=false", f"docker://{second}/{reference}")
        assert run.returncode == 0, run.stderr
        for address in (first, second):
            assert get(address, "/v2/team/app/manifests/v1")[0] == 404
            assert not get(address, "/v2/team/app/tags/list")[1]["tags"]


# --- Our token service in front of Docker's registry


DAY = 24 * 3600
LIGHTHOUSE = Tokens(service="harbour", others=("theirs",), issuer="pratique tests")


class Service:
    """Our token service, by a clock that can be set."""

    def __init__(self, folder: Path, tokens: Tokens = LIGHTHOUSE, ahead: float = 0) -> None:
        self.ahead = ahead  # seconds
        access = Access(scheme="bearer", users=USERS, rules=RULES, tokens=tokens)
        self.app = RegistryApp(Storage(folder), access, clock=lambda: time.time() + self.ahead)
        self.certificates = folder / "pratique" / "certificates.pem"

    def trust(self, listener: Listener) -> TokenAuth:
        """What a registry is told to trust it."""
        realm = f"{listener.url}/token"
        return TokenAuth(realm=realm, service="theirs", issuer="pratique tests", certificates=self.certificates)


def token(listener: Listener, scope: str, service: str = "theirs") -> str:
    return str(get(listener.address, f"/token?service={service}&scope={scope}", "ada:lovelace")[1]["token"])


def status(address: str, method: str, target: str, token: str) -> int:
    """How a request with a token is answered."""
    connection = http.client.HTTPConnection(address)
    connection.request(method, target, headers={"Authorization": f"Bearer {token}"})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def test_docker_registry_trusts_our_tokens(
    docker_registry: StartsRegistry, skopeo: RunsSkopeo, image: Path, tmp_path: Path
) -> None:
    service = Service(tmp_path / "ours")
    with Listener(service.app.handle) as listener:
        theirs = docker_registry(token=service.trust(listener))
        target = f"docker://{theirs.address}/team/app"
        copy(skopeo, f"oci:{image}", f"{target}:v1", "ada:lovelace")
        copy(skopeo, f"{target}:v1", f"oci:{tmp_path / 'back'}:v1", "bob:reads")
        assert blobs(tmp_path / "back") == blobs(image)
        run = skopeo("copy", "--dest-tls-verify=false", "--dest-creds=bob:reads", f"oci:{image}", f"{target}:v2")
        assert run.returncode != 0
        digest = json.loads((image / "index.json").read_text())["manifests"][0]["digest"]
        manifest = f"/v2/team/app/manifests/{digest}"
        assert status(theirs.address, "DELETE", manifest, token(listener, "repository:team/app:pull,push")) == 401
        assert status(theirs.address, "DELETE", manifest, token(listener, "repository:team/app:delete")) == 202


def test_docker_registry_trusts_the_next_key_that_it_was_told_of(
    docker_registry: StartsRegistry, tmp_path: Path
) -> None:
    """The certificates name the next key a day before it signs: a registry that was given them then takes both keys' tokens."""
    service = Service(tmp_path / "ours", replace(LIGHTHOUSE, rotate=2, life=10 * DAY), -2.5 * DAY)
    asked, scope = "/v2/team/app/tags/list", "repository:team/app:pull"
    with Listener(service.app.handle) as listener:
        first = token(listener, scope)
        early = docker_registry(token=service.trust(listener))
        service.ahead = -1.4 * DAY
        assert key_of(token(listener, scope)) == key_of(first)
        late = docker_registry(token=service.trust(listener))
        service.ahead = 0
        second = token(listener, scope)
        assert key_of(second) != key_of(first)
        assert [status(early.address, "GET", asked, each) for each in (first, second)] == [404, 401]
        assert [status(late.address, "GET", asked, each) for each in (first, second)] == [404, 404]


def test_docker_registry_takes_no_token_for_us_or_of_another_kind(
    docker_registry: StartsRegistry, tmp_path: Path
) -> None:
    service = Service(tmp_path / "ours")
    ed25519 = Service(tmp_path / "ed25519", replace(LIGHTHOUSE, algorithm="EdDSA"))
    asked, scope = "/v2/team/app/tags/list", "repository:team/app:pull"
    with Listener(service.app.handle) as listener, Listener(ed25519.app.handle) as other:
        theirs = docker_registry(token=service.trust(listener))
        assert status(theirs.address, "GET", asked, token(listener, scope)) == 404
        assert status(theirs.address, "GET", asked, token(listener, scope, "harbour")) == 401
        assert status(theirs.address, "GET", asked, token(other, scope)) == 401
        assert status(listener.address, "GET", asked, token(listener, scope)) == 401


def get(address: str, target: str, login: str = "") -> tuple[int, Any]:
    connection = http.client.HTTPConnection(address)
    headers = {"Authorization": "Basic " + base64.b64encode(login.encode()).decode()} if login else {}
    connection.request("GET", target, headers=headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, json.loads(content)
