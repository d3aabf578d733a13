"""Commands that read: tags, repos, digest, inspect, manifest, config, blob."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pratique.spec import media
from pratique.spec.digest import Digest
from tests.commands import Run
from tests.registries import sample

from .conftest import CREDS

INDEX = sample().root
OLD = sample("old").root


def test_tags_of_a_closed_repository_behind_an_open_ping(run: Run, registry: str) -> None:
    assert run("tags", "--creds", CREDS, f"{registry}/foo").out == "0.9\n1.0\nlatest\n"
    assert run("tags", f"{registry}/bar").out == "0.9\n1.0\nlatest\n"
    refused = run("tags", f"{registry}/foo")
    assert refused.code == 4
    assert refused.out == ""
    assert f"no credentials were found for {registry}/foo, {registry}" in refused.err
    assert f"pratique login {registry}" in refused.err
    assert len(refused.err.splitlines()) == 1


def test_tags_are_sorted_limited_and_filtered(run: Run, registry: str) -> None:
    bar = f"{registry}/bar"
    assert run("tags", "--sort", "version", bar).out.split() == ["1.0", "0.9", "latest"]
    assert run("tags", "--sort", "name", "--limit", "1", bar).out.split() == ["0.9"]
    assert run("tags", "--limit", "2", "--page-size", "1", bar).out.split() == ["0.9", "1.0"]
    assert run("tags", "--include", r"\d.*", "--exclude", "0.*", bar).out.split() == ["1.0"]
    assert run("tags", "--full-ref", "--limit", "1", bar).out == f"{bar}:0.9\n"
    assert run("tags", "--include", "(", bar).code == 2


def test_tags_of_several_repositories_and_from_standard_input(run: Run, registry: str) -> None:
    both = run("tags", "--creds", CREDS, "-", f"{registry}/bar", stdin=f"{registry}/foo\n\n")
    assert both.out.split() == [
        f"{registry}/{name}:{tag}" for name in ("foo", "bar") for tag in ("0.9", "1.0", "latest")
    ]
    some = run("tags", "--json", f"{registry}/foo", f"{registry}/bar")
    assert some.code == 1
    assert some.json[0] == {"repository": f"{registry}/bar", "tags": ["0.9", "1.0", "latest"]}
    assert some.json[1]["error"]["kind"] == "Unauthorized"


def test_tags_with_details(run: Run, registry: str) -> None:
    table = run("tags", "--details", "--sort", "date", "--limit", "1", f"{registry}/bar").out.splitlines()
    assert table[0].split() == ["TAG", "DIGEST", "CREATED", "SIZE", "PLATFORMS"]
    assert len(table) == 2
    found = run("tags", "--details", "--json", f"{registry}/bar").json["tags"]
    assert [entry["tag"] for entry in found] == ["0.9", "1.0", "latest"]
    assert found[1]["digest"] == str(INDEX.descriptor.digest)
    assert found[1]["platforms"] == ["linux/amd64", "linux/arm64"]
    assert found[1]["created"] == "2026-01-01T00:00:00+00:00"
    content = {part.descriptor.digest: part.descriptor.size for part in (*sample().below, sample().root)}
    assert found[1]["size"] == sum(content.values())


def test_repos(run: Run, registry: str) -> None:
    assert run("repos", "--creds", CREDS, registry).out == "bar\nfoo\n"
    assert run("repos", "--creds", CREDS, "--json", "--limit", "1", registry).json["repositories"] == ["bar"]
    assert run("repos", "--creds", CREDS, "--full-ref", registry).out == f"{registry}/bar\n{registry}/foo\n"
    assert run("repos", registry).code == 4


def test_digest(run: Run, registry: str) -> None:
    assert run("digest", f"{registry}/bar:1.0").out == f"{INDEX.descriptor.digest}\n"
    assert run("digest", "--full-ref", f"{registry}/bar").out == f"{registry}/bar@{INDEX.descriptor.digest}\n"
    one = run("digest", "--platform", "linux/arm64/v8", f"{registry}/bar:1.0").out.strip()
    assert one == str(sample().below[-1].descriptor.digest)
    several = run("digest", f"{registry}/bar:1.0", f"{registry}/bar:none", f"{registry}/bar:0.9")
    assert several.code == 1
    assert several.out.splitlines() == [
        f"{INDEX.descriptor.digest}  {registry}/bar:1.0",
        f"{OLD.descriptor.digest}  {registry}/bar:0.9",
    ]
    assert "404 Not Found" in several.err
    assert run("digest", f"{registry}/bar:none").code == 3
    assert run("digest", "--platform", "linux/s390x", f"{registry}/bar:1.0").code == 3


def test_inspect(run: Run, registry: str) -> None:
    found = run("inspect", "--json", f"{registry}/bar:1.0").json
    assert found["digest"] == str(INDEX.descriptor.digest)
    assert [image["platform"] for image in found["images"]] == ["linux/amd64", "linux/arm64"]
    assert found["images"][0]["config"]["Labels"] == {"org.opencontainers.image.title": "hello"}
    shown = run("inspect", "--platform", "linux/arm64", f"{registry}/bar:1.0").out
    assert "org.opencontainers.image.title  hello" in shown
    assert "linux/amd64" not in shown


def test_manifest_and_config_and_blob_are_bytes_as_they_are(run: Run, registry: str, tmp_path: Path) -> None:
    reference = f"{registry}/bar:1.0"
    assert run("manifest", "get", reference).out == INDEX.raw.decode()
    child = run("manifest", "get", "--platform", "linux/amd64", reference).out
    assert Digest.of(child.encode()) == sample().below[2].descriptor.digest
    config = run("config", "get", "--platform", "linux/amd64", reference).out
    assert Digest.of(config.encode()) == Digest.parse(json.loads(child)["config"]["digest"])
    layer = json.loads(child)["layers"][0]["digest"]
    file = tmp_path / "layer.tar.gz"
    got = run("blob", "get", f"{registry}/bar@{layer}", "--output", str(file))
    assert got.code == 0
    assert str(Digest.of(file.read_bytes())) == layer
    assert run("blob", "head", "--json", f"{registry}/bar@{layer}").json["size"] == file.stat().st_size


def test_manifest_head_and_json(run: Run, registry: str) -> None:
    head = run("manifest", "head", "--json", f"{registry}/bar:1.0").json
    assert head["mediaType"] == media.OCI_INDEX
    assert head["size"] == len(INDEX.raw)
    assert run("manifest", "get", "--json", f"{registry}/bar:1.0").json["manifest"] == json.loads(INDEX.raw)
    assert "Digest" in run("manifest", "head", f"{registry}/bar:1.0").out


def test_config_of_an_index_wants_a_platform(run: Run, registry: str) -> None:
    asked = run("config", "get", f"{registry}/bar:1.0")
    assert asked.code == 3
    assert "linux/amd64, linux/arm64" in asked.err


def test_a_blob_that_is_not_there_leaves_no_file(run: Run, registry: str, tmp_path: Path) -> None:
    file = tmp_path / "nothing"
    assert run("blob", "get", f"{registry}/bar@{Digest.of(b'nothing')}", "-o", str(file)).code == 3
    assert list(tmp_path.glob("*nothing*")) == []
    assert run("blob", "get", f"{registry}/bar:1.0").code == 2


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_credentials_are_good_for_reading_in_both_schemes(run: Run, served: Callable[..., str], scheme: str) -> None:
    address = served(f'scheme = "{scheme}"\n[users]\nu = "p"\n', creds="u:p", repositories=("app",))
    assert run("tags", "--creds", "u:p", f"{address}/app").out.split() == ["0.9", "1.0", "latest"]
    assert run("tags", "--creds", "u:wrong", f"{address}/app").code == 4
    assert run("digest", "--creds", "u:p", f"{address}/app").code == 0
