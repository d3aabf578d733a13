"""The bill of materials (SBOM): what a release is made of, as CycloneDX's JSON."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import Distribution
from pathlib import Path
from typing import Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from .dependencies import PROJECT, Graph, installed, locked

_LICENSES: Final = LicenseFactory()


def write(path: Path, project: Distribution, graph: Graph, files: Iterable[Path], epoch: int) -> None:
    """Write the bill of a project and what it needs; `files` are what is released, `epoch` is in seconds since 1970."""
    versions = locked() | {PROJECT: project.version}
    components = {name: _component(name, versions[name], installed(name)) for name in graph}
    root = components[PROJECT] = _component(PROJECT, project.version, project)
    root.type = ComponentType.APPLICATION
    root.external_references.update(map(_reference, files))
    bom = Bom(components=[component for component in components.values() if component is not root])
    bom.metadata.component = root
    bom.metadata.timestamp = datetime.fromtimestamp(epoch, UTC)
    for name, below in graph.items():
        bom.register_dependency(components[name], [components[each] for each in below])
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"{root.purl}#{epoch}")
    path.write_text(JsonV1Dot6(bom).output_as_string(indent=2) + "\n", "utf-8")


def _component(name: str, version: str, found: Distribution | None) -> Component:
    """A distribution in its locked version, with what the installed one says of itself."""
    url = PackageURL("pypi", None, name, version)
    return Component(
        name=name,
        version=version,
        purl=url,
        bom_ref=str(url),
        description=found.metadata["Summary"] if found else None,
        licenses=map(_LICENSES.make_from_string, _licenses(found) if found else ()),
    )


def _licenses(found: Distribution) -> list[str]:
    """The licence as an expression of SPDX, or in the words that came before these (PEP 639), if it is told."""
    said = found.metadata
    for word in ("License-Expression", "License"):
        if word in said and "\n" not in said[word]:
            return [said[word]]
    return [line.rpartition(" :: ")[2] for line in said.get_all("Classifier", ()) if line.startswith("License :: ")]


def _reference(file: Path) -> ExternalReference:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=digest)]
    return ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=XsUri(file.name), hashes=hashes)
