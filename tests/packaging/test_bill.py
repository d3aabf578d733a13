"""The bill of materials: what is in a release, against the lock and the files."""

from __future__ import annotations

import hashlib
import json
import tomllib
from importlib.metadata import requires
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from release.dependencies import locked

from .building import ROOT, Release


@pytest.fixture(scope="session")
def bill(release: Release) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(release.bill.read_text("utf-8"))
    return document


@pytest.fixture(scope="session")
def versions(bill: dict[str, Any]) -> dict[str, str]:
    """The components by name."""
    return {component["name"]: component["version"] for component in bill["components"]}


def test_it_is_cyclonedx(release: Release) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(release.bill.read_text("utf-8")) is None


def test_it_names_what_pratique_needs_as_it_is_locked(versions: dict[str, str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    direct = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    assert direct <= set(versions)
    assert versions.items() <= locked().items()


def test_it_names_what_these_need(versions: dict[str, str]) -> None:
    for name in versions.keys() - {"backports-zstd"}:  # Python's own from 3.14 on
        for requirement in map(Requirement, requires(name) or ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert canonicalize_name(requirement.name) in versions, f"{name} needs {requirement}"
    assert "cryptography" in versions  # of an extra: pyjwt[crypto]


def test_it_names_no_tool_of_ours(versions: dict[str, str]) -> None:
    assert versions.keys() & {"pytest", "hatchling", "mypy", "ruff", "opentelemetry-api", "requests"} == set()


def test_every_component_says_where_it_is_from_and_what_needs_it(bill: dict[str, Any]) -> None:
    for component in bill["components"]:
        assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
        assert component["licenses"], component["name"]
    needed = {each for dependency in bill["dependencies"] for each in dependency.get("dependsOn", ())}
    assert needed == {component["bom-ref"] for component in bill["components"]}


def test_it_has_the_files_of_the_release(release: Release, bill: dict[str, Any]) -> None:
    ours = bill["metadata"]["component"]
    assert (ours["name"], ours["version"]) == ("pratique", release.version)
    files = {each["url"]: each["hashes"][0]["content"] for each in ours["externalReferences"]}
    assert files == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (release.wheel, release.source, release.single)
    }
