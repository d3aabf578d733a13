"""The peers start, answer and end: what the other tests of this folder build upon."""

from __future__ import annotations

import base64
import http.client
import json
from pathlib import Path

import pytest
import trustme

from .conftest import DockerRegistry, RunsSkopeo, StartsRegistry, TokenAuth


def ask(registry: DockerRegistry, user_and_password: str | None = None) -> tuple[int, str | None]:
    """Return the status of `GET /v2/`, and the challenge."""
    if registry.ca is None:
        connection = http.client.HTTPConnection(registry.address)
    else:
        connection = http.client.HTTPSConnection(registry.address, context=registry.trust())
    headers = {}
    if user_and_password is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(user_and_password.encode()).decode()
    try:
        connection.request("GET", "/v2/", headers=headers)
        response = connection.getresponse()
        response.read()
        return response.status, response.headers["WWW-Authenticate"]
    finally:
        connection.close()


def test_an_open_registry_answers(docker_registry: StartsRegistry) -> None:
    assert ask(docker_registry()) == (200, None)


def test_two_registries_do_not_share_a_port(docker_registry: StartsRegistry) -> None:
    first, second = docker_registry(), docker_registry()
    assert first.port != second.port
    assert ask(first) == ask(second) == (200, None)


def test_a_registry_with_users_asks_for_a_password(docker_registry: StartsRegistry) -> None:
    registry = docker_registry(users={"ada": "lovelace"})
    assert ask(registry) == (401, 'Basic realm="peers"')
    assert ask(registry, "ada:byron")[0] == 401
    assert ask(registry, "ada:lovelace")[0] == 200


def test_a_registry_with_a_token_service_names_it(
    docker_registry: StartsRegistry, ca: trustme.CA, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    ca.cert_pem.write_to_path(bundle)
    token = TokenAuth(realm="http://127.0.0.1:1/token", service="peers", issuer="harbour", certificates=bundle)
    status, challenge = ask(docker_registry(token=token))
    assert status == 401
    assert challenge == 'Bearer realm="http://127.0.0.1:1/token",service="peers"'


def test_a_registry_behind_tls_is_trusted_by_its_authority_only(
    docker_registry: StartsRegistry, ca: trustme.CA
) -> None:
    assert ask(docker_registry(ca=ca)) == (200, None)


def test_a_registry_that_cannot_start_says_why(docker_registry: StartsRegistry) -> None:
    with pytest.raises(pytest.fail.Exception, match="nosuchstorage"):
        docker_registry(settings={"storage": {"nosuchstorage": {}}})


def test_skopeo_reports_a_repository_that_is_missing(docker_registry: StartsRegistry, skopeo: RunsSkopeo) -> None:
    registry = docker_registry()
    ended = skopeo("list-tags", "--tls-verify=false", f"docker://{registry.address}/nowhere")
    assert ended.returncode != 0
    assert "404" in ended.stderr or "name unknown" in ended.stderr  # older and newer ones


def test_skopeo_pushes_and_lists(docker_registry: StartsRegistry, skopeo: RunsSkopeo, tmp_path: Path) -> None:
    (tmp_path / "version").write_text("Directory Transport Version: 1.1\n")
    config = b"{}"
    name = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    (tmp_path / name).write_bytes(config)
    media_type = "application/vnd.oci.image."
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_type + "manifest.v1+json",
        "config": {"mediaType": media_type + "config.v1+json", "digest": f"sha256:{name}", "size": 2},
        "layers": [],
    }
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    registry = docker_registry()
    there = f"docker://{registry.address}/harbour/ship"
    pushed = skopeo("copy", "--dest-tls-verify=false", f"dir:{tmp_path}", f"{there}:1")
    assert pushed.returncode == 0, pushed.stderr
    listed = skopeo("list-tags", "--tls-verify=false", there)
    assert json.loads(listed.stdout)["Tags"] == ["1"]
