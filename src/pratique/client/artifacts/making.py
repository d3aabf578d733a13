"""Artifacts made of files, and attached to what is there: signatures, SBOMs, charts, documents."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...errors import InvalidInput, Unsupported
from ...image.artifact import UNKNOWN_TYPE, artifact, empty
from ...spec.descriptor import Descriptor
from ...spec.platform import Platform, wished
from ...stores.base import NAMELESS
from ...stores.locations import LAYOUT, REGISTRY, Location
from ...transfer.copy import Result
from ...values import field, frozen, replace
from ..keywords import How, Making
from ..places import Place, Places, checked, located, names_at, places, vacant
from .annotations import Annotations
from .parts import Part, PushedFile, config_part, parts, platform_part
from .publishing import Artifact, publish
from .referrers import subject_of

if TYPE_CHECKING:
    from typing import Unpack

AnyFile = str | PushedFile


class Describing(Making, total=False):
    """What is said of an artifact: the keywords that both functions of this module take, and those of `Making`."""

    config: AnyFile | None
    """A file as `FILE[:MEDIATYPE]` or PushedFile; without one the config is the empty descriptor (manifest.md)."""
    annotations: Mapping[str, str] | None
    """Those of the manifest."""
    config_annotations: Mapping[str, str] | None
    """Those of the config's descriptor."""
    annotation_file: str | Path | None
    """A file that has those of everything, in the form of oras; what is given beside it comes first."""


def push_artifact(
    target: Place,
    files: Iterable[AnyFile] = (),
    *,
    artifact_type: str = "",
    artifact_platform: str | Platform | None = None,
    **describing: Unpack[Describing],
) -> Result:
    """Make an artifact of files and folders, and put it into a store, under the tag of `target` and further `tags`.

    Files are `FILE[:MEDIATYPE]` or PushedFile; `artifact_platform` makes a config that names a platform. Without files it has a
    type, a config or annotations. The same files give the same digest: a folder is packed reproducibly, and no date is added.
    Without any tag it is put there by its digest. `describing` are the keywords of `Describing`; the result's plan has the
    manifest as its `root`.

    Raises NotFound, InvalidInput, Refused, Unreachable, Misbehaved, Unsupported, and ContentMismatch for a file that changes
    meanwhile.
    """
    location = vacant(target)
    how = _How(**describing)
    if how.config is not None and artifact_platform is not None:
        raise InvalidInput("an artifact has one config: a file, or one that names a platform")
    content = how.content(files, artifact_type, wished(artifact_platform) if artifact_platform is not None else None)
    if content == NOTHING:
        raise InvalidInput(
            "nothing is to be pushed: no file, no type, no config and no annotation", advice="name a FILE, or a type"
        )
    names = names_at(location, how.tags)
    with places(how.registries, how.tell) as opened:
        return how.put(content, location, names, opened)


def attach(
    subject: Place,
    files: Iterable[AnyFile] = (),
    *,
    artifact_type: str,
    platform: str | Platform | None = None,
    **describing: Unpack[Describing],
) -> Result:
    """Make an artifact that refers to a manifest, beside it (manifest.md, `subject`): to an index, or to one `platform` of it.

    It is found by what it refers to, also on a registry without the referrers API, whose tag schema is kept. The rest is as
    with `push_artifact`; Unsupported is raised for an archive, which is written as a whole.
    """
    location = located(subject)
    how = _How(**describing)
    if location.kind not in (REGISTRY, LAYOUT):
        raise Unsupported(
            f"{location} is written as a whole; nothing can be attached to what is in it",
            advice="copy it to a layout (oci:PATH), attach there, and copy it back with --referrers",
        )
    content = how.content(files, artifact_type)
    with places(how.registries, how.tell) as opened:
        found = subject_of(opened, opened.source(location, beside=location), location.name, platform)
        return how.put(content, location, checked(how.tags) or (NAMELESS,), opened, subject=found)


@frozen
class _Content:
    """What an artifact is to be made of."""

    files: tuple[PushedFile, ...] = ()
    artifact_type: str = ""
    config: PushedFile | Platform | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    config_annotations: Mapping[str, str] = field(default_factory=dict)

    def made(self, folder: Path, subject: Descriptor | None) -> Artifact:
        """The manifest and its blobs; what has to be packed or kept is in `folder`. Raises NotFound, InvalidInput."""
        layers = parts(self.files, folder)
        described = self._config(folder / "config")
        config = described.descriptor if described else empty()
        manifest = artifact(
            [part.descriptor for part in layers],
            artifact_type=self.artifact_type or (UNKNOWN_TYPE if isinstance(self.config, Platform) else ""),
            config=replace(config, annotations={**config.annotations, **self.config_annotations}),
            annotations=self.annotations,
            subject=subject,
        )
        blobs = {part.descriptor.digest: part.content for part in (*layers, *([described] if described else []))}
        return Artifact(manifest, blobs)

    def _config(self, kept: Path) -> Part | None:
        if isinstance(self.config, Platform):
            return platform_part(self.config)
        return config_part(self.config, kept) if self.config is not None else None


NOTHING: Final = _Content()


@frozen
class _How(How):
    """The keywords of `Describing`."""

    config: AnyFile | None = None
    annotations: Mapping[str, str] | None = field(default=None, hash=False)
    config_annotations: Mapping[str, str] | None = field(default=None, hash=False)
    annotation_file: str | Path | None = None

    def content(self, files: Iterable[AnyFile], artifact_type: str, platform: Platform | None = None) -> _Content:
        """What an artifact is made of, by these and by the file of annotations. Raises NotFound, InvalidInput."""
        said = Annotations.read(Path(self.annotation_file)) if self.annotation_file else Annotations()
        listed = [PushedFile.parse(file) if isinstance(file, str) else file for file in files]
        config = PushedFile.parse(self.config) if isinstance(self.config, str) else self.config
        return _Content(
            tuple(said.on(listed)),
            artifact_type,
            platform or config,
            {**said.manifest, **(self.annotations or {})},
            {**said.config, **(self.config_annotations or {})},
        )

    def put(
        self,
        content: _Content,
        location: Location,
        names: Sequence[str],
        opened: Places,
        subject: Descriptor | None = None,
    ) -> Result:
        """An artifact, put where it belongs under its names."""
        with tempfile.TemporaryDirectory(prefix="pratique-") as folder:
            source = content.made(Path(folder), subject)
            return publish(source, opened.target(location), names, opened, dry_run=self.dry_run, jobs=self.jobs)
