"""The files of an artifact, put into a folder of this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..errors import InvalidInput, NotFound
from ..http.events import Observer
from ..image import artifact
from ..image.artifact import TITLE, UNPACKED
from ..image.layers.pieces import Packed
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import Manifest
from ..spec.platform import wished
from ..stores.base import Source
from ..stores.content import pour
from ..stores.crew import JOBS, all_done
from ..stores.files import replacing
from ..transfer.events import Arrival, Done, Moved, Started
from ..values import field, frozen
from .blob import measured
from .landing import Existing, Landing, writing
from .parts import opened_file
from .places import Place, Places, located, places
from .unpacking import Unpacking

if TYPE_CHECKING:
    from ..spec.platform import Platform
    from .registries import Registries

Outcome = Literal["pulled", "kept", "present", "planned"]


@frozen
class PulledFile:
    """A file or folder of an artifact: where it is now, and whether it was pulled, kept as it was, or there already."""

    path: Path
    descriptor: Descriptor
    outcome: Outcome


@frozen
class Pulled:
    """What was pulled: the manifest, and its files in its order."""

    manifest: Manifest
    files: tuple[PulledFile, ...]


def pull_artifact(
    source: Place,
    folder: str | Path = ".",
    *,
    platform: str | Platform | None = None,
    existing: Existing = "replace",
    unpack: bool = True,
    registries: Registries | None = None,
    tell: Observer | None = None,
    dry_run: bool = False,
    jobs: int = JOBS,
) -> Pulled:
    """Put the files of an artifact into a folder, under their titles, and nothing outside it.

    Each file appears when it is whole and verified; one that is there with the same content is not pulled again. `existing`
    says what becomes of other old files: "replace", "keep", or "refuse", which looks before it pulls anything. Folders that
    were packed are unpacked, or without `unpack` left as they are. `platform` chooses from an index.

    Raises NotFound where there is no such thing or it has no files, InvalidInput for titles and packed files that lead out of the
    folder and for what is in the way, ContentMismatch, Refused, Unreachable, Misbehaved.
    """
    location = located(source)
    with places(registries, tell) as opened:
        reading = opened.source(location)
        manifest = _chosen(opened, reading, location.name, platform)
        found = artifact.files(manifest)
        if not found:
            raise NotFound(
                f"{location} has no files: nothing of it has a title", advice="`pratique copy` takes it as it is"
            )
        pulling = _Pulling(opened, reading, Path(folder), existing, unpack)
        named = pulling.judged(found)
        if dry_run:
            planned = [PulledFile(pulling.folder.joinpath(*names), each, "planned") for names, each in named]
            return Pulled(manifest, tuple(planned))
        return Pulled(manifest, pulling.pull(named, jobs))


def _chosen(opened: Places, source: Source, name: str, platform: str | Platform | None) -> Manifest:
    manifest = opened.manifest(source, name)
    if not manifest.is_index:
        return manifest
    if platform is None:
        raise NotFound(f"{manifest.digest} is an index", advice=f"choose by its platform: {manifest.choices}")
    return opened.manifest(source, manifest.select(wished(platform)).digest)


Named = tuple[tuple[str, ...], Descriptor]


@frozen
class _Pulling:
    opened: Places
    source: Source
    folder: Path
    existing: Existing
    unpack: bool
    outcomes: dict[tuple[str, ...], Outcome] = field(default_factory=dict, compare=False)

    def judged(self, found: tuple[Descriptor, ...]) -> list[Named]:
        """The files with the names on the way to each. Raises InvalidInput."""
        named = [(artifact.path(each.annotations[TITLE]), each) for each in found]
        names = [path for path, _ in named]
        if len(set(names)) < len(names):
            raise InvalidInput("two files of the artifact have one title", advice="`blob get` reads each by its digest")
        return named

    def pull(self, named: list[Named], jobs: int) -> tuple[PulledFile, ...]:
        landing = Landing(self.folder, self.existing)
        for names, descriptor in named:
            if not self._is_there(landing.folder.joinpath(*names), descriptor):
                landing.check(names)
        packed = [each for each in named if self.unpack and artifact.is_folder(each[1])]
        all_done(lambda each: self._file(landing, *each), [each for each in named if each not in packed], jobs)
        for each in packed:
            self._folder(landing, *each)
        return tuple(PulledFile(landing.folder.joinpath(*names), each, self.outcomes[names]) for names, each in named)

    def _file(self, landing: Landing, names: tuple[str, ...], descriptor: Descriptor) -> None:
        path = landing.path(names)
        if self._is_there(path, descriptor):
            self.outcomes[names] = "present"
            self.opened.tell(Done(descriptor, Arrival.PRESENT))
            return
        self.outcomes[names] = "kept" if landing.keeps(path) else "pulled"
        if self.outcomes[names] == "pulled":
            self._fetch(descriptor, path)

    def _folder(self, landing: Landing, names: tuple[str, ...], descriptor: Descriptor) -> None:
        with tempfile.TemporaryDirectory(prefix="pratique-") as folder:
            kept = Path(folder) / "packed"
            self._fetch(descriptor, kept)
            packed = Packed(lambda: opened_file(kept)(0), f"the folder {'/'.join(names)!r} of the artifact")
            unpacking = Unpacking(packed, names, Digest.find(descriptor.annotations.get(UNPACKED)))
            unpacking.judge()
            unpacking.unpack(landing)
        self.outcomes[names] = "pulled"

    def _fetch(self, descriptor: Descriptor, path: Path) -> None:
        self.opened.tell(Started(descriptor))
        with writing(path), replacing(path) as file:

            def write(data: memoryview) -> None:
                file.write(data)
                self.opened.tell(Moved(descriptor, len(data)))

            pour(lambda: self.source.open(descriptor), descriptor, write)
        self.opened.tell(Done(descriptor, Arrival.MOVED))

    def _is_there(self, path: Path, descriptor: Descriptor) -> bool:
        """Whether a file has this content already."""
        if path.is_symlink() or not path.is_file() or path.stat().st_size != descriptor.size:
            return False
        return measured(path, descriptor.digest.algorithm)[0] == descriptor.digest
