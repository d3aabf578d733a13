"""Artifacts made of files, and attached to what is there: signatures, SBOMs, charts, documents."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidInput
from ..http.events import Observer
from ..image.artifact import artifact
from ..spec.descriptor import Descriptor
from ..spec.platform import wished
from ..stores.crew import JOBS
from ..stores.locations import Location
from ..transfer.copy import Result
from .parts import PushedFile, config_part, parts
from .places import Place, Places, given_name, located, places
from .publishing import Made, publish

if TYPE_CHECKING:
    from ..spec.platform import Platform
    from .registries import Registries

AnyFile = str | PushedFile


def push_artifact(
    target: Place,
    files: Iterable[AnyFile],
    *,
    artifact_type: str = "",
    config: str | None = None,
    annotations: Mapping[str, str] | None = None,
    tags: Sequence[str] = (),
    registries: Registries | None = None,
    tell: Observer | None = None,
    dry_run: bool = False,
    jobs: int = JOBS,
) -> Result:
    """Make an artifact of files and folders, and put it into a store, under the tag of `target` and further `tags`.

    Files are `FILE[:MEDIATYPE]` or PushedFile; a `config` is `FILE[:MEDIATYPE]`. The same files give the same digest: a folder is
    packed reproducibly, and no date is added. Without any tag it is put there by its digest. The result has the plan, whose
    `root` is the manifest; a `dry_run` makes it and sends nothing.

    Raises NotFound, InvalidInput, Refused, Unreachable, Misbehaved, Unsupported, and ContentMismatch for a file that changes
    meanwhile.
    """
    location = located(target)
    names = [name for name in (given_name(location), *tags) if name]
    if location.reference is not None and location.reference.digest is not None:
        raise InvalidInput(f"{location} names a digest, and what is pushed gets its own")
    with places(registries, tell) as opened:
        made = _Making(location, opened, dry_run, jobs)
        return made.of(files, names, artifact_type, config, annotations)


def attach(
    subject: Place,
    files: Iterable[AnyFile] = (),
    *,
    artifact_type: str,
    platform: str | Platform | None = None,
    config: str | None = None,
    annotations: Mapping[str, str] | None = None,
    tags: Sequence[str] = (),
    registries: Registries | None = None,
    tell: Observer | None = None,
    dry_run: bool = False,
    jobs: int = JOBS,
) -> Result:
    """Make an artifact that refers to a manifest, beside it (manifest.md, `subject`): to an index, or to one `platform` of it.

    It is found by what it refers to, also on a registry without the referrers API, whose tag schema is kept. The rest is as
    with `push_artifact`.
    """
    location = located(subject)
    with places(registries, tell) as opened:
        found = _subject(location, opened, platform)
        made = _Making(location, opened, dry_run, jobs)
        return made.of(files, tags, artifact_type, config, annotations, found)


class _Making:
    """An artifact on its way to a location."""

    def __init__(self, location: Location, opened: Places, dry_run: bool, jobs: int) -> None:
        self._location = location
        self._opened = opened
        self._dry_run = dry_run
        self._jobs = jobs

    def of(
        self,
        files: Iterable[AnyFile],
        tags: Sequence[str],
        artifact_type: str,
        config: str | None,
        annotations: Mapping[str, str] | None,
        subject: Descriptor | None = None,
    ) -> Result:
        """What came of it."""
        with tempfile.TemporaryDirectory(prefix="pratique-") as folder:
            made = parts((PushedFile.parse(file) if isinstance(file, str) else file for file in files), Path(folder))
            described = config_part(config) if config else None
            manifest = artifact(
                [part.descriptor for part in made],
                artifact_type=artifact_type,
                config=described.descriptor if described else None,
                annotations=annotations,
                subject=subject,
            )
            blobs = {part.descriptor.digest: part.content for part in (*made, *([described] if described else []))}
            target = self._opened.target(self._location)
            source = Made(manifest, blobs)
            return publish(source, target, tags, self._opened, dry_run=self._dry_run, jobs=self._jobs)


def _subject(location: Location, opened: Places, platform: str | Platform | None) -> Descriptor:
    """What is to be referred to. Raises NotFound."""
    source = opened.source(location, beside=location)
    if platform is None:
        return source.resolve(location.name)
    manifest = opened.manifest(source, location.name)
    return manifest.select(wished(platform)) if manifest.is_index else manifest.descriptor
