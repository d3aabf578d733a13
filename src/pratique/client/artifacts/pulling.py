"""The files of an artifact, put into a folder of this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from ...errors import InvalidInput, NotFound
from ...http.events import Observer
from ...image import artifact
from ...image.artifact import TITLE, UNPACKED
from ...image.layers.pieces import Packed
from ...spec.descriptor import Descriptor
from ...spec.digest import Digest
from ...spec.manifest import Manifest
from ...spec.platform import wished
from ...stores.base import Source
from ...stores.content import pour
from ...stores.crew import JOBS, in_parallel
from ...stores.files import replacing
from ...stores.inspection import single
from ...stores.reading import opened
from ...transfer.events import Arrival, Done, Moved, Started
from ...values import frozen
from ..blob import measured
from ..places import Place, Places, located, places
from .landing import Existing, Landing, writing
from .parts import opened_file
from .referrers import attached_to, subject_of
from .unpacking import Unpacking

if TYPE_CHECKING:
    from ...spec.platform import Platform
    from ..registries import Registries

MOST_TOLD: Final = 20  # titles of an artifact that an error names

Outcome = Literal["pulled", "kept", "present", "planned"]


@frozen
class PulledFile:
    """A file or folder of an artifact: where it is now, and whether it was pulled, kept as it was, or there already."""

    path: Path
    descriptor: Descriptor
    outcome: Outcome


@frozen
class Pulled:
    """What was pulled: the manifest, its files in its order, its config where that was wanted, and what has no title."""

    manifest: Manifest
    files: tuple[PulledFile, ...]
    config: PulledFile | None = None
    untitled: tuple[Descriptor, ...] = ()


def pull_artifact(
    source: Place,
    folder: str | Path = ".",
    *,
    attached: str = "",
    titles: Iterable[str] = (),
    config: str | Path | None = None,
    platform: str | Platform | None = None,
    existing: Existing = "replace",
    unpack: bool = True,
    registries: Registries | None = None,
    tell: Observer | None = None,
    dry_run: bool = False,
    jobs: int = JOBS,
) -> Pulled:
    """Put the files of an artifact into a folder, under their titles, and nothing outside it.

    With `attached` it is the one artifact of this type that refers to `source`, which may be an index then. The files are all, or
    these `titles`; what has none is not pulled. The config becomes the file `config`, where that is said. `platform` chooses
    from an index.

    Each file appears when it is whole and verified; one that is there with the same content is not pulled again. `existing`
    says what becomes of other old files: "replace", "keep", or "refuse", which looks before it pulls anything. Folders that
    were packed are unpacked, or without `unpack` left as they are.

    Raises NotFound where there is no such thing or no title in it, InvalidInput for titles and packed files that lead out of the
    folder and for what is in the way, ContentMismatch, Refused, Unreachable, Misbehaved.
    """
    location = located(source)
    with places(registries, tell) as opened:
        reading = opened.source(location)
        manifest = _manifest(opened, reading, location.name, platform, attached)
        untitled = artifact.untitled(manifest)
        wanted = _wanted(manifest, Landing(Path(folder), existing), list(titles), unpack)
        if untitled and not wanted and config is None:
            raise NotFound(
                f"{location} has no files: nothing of it has a title", advice="`pratique copy` takes it as it is"
            )
        described = [] if config is None else [_config(manifest, Path(config), existing)]
        pulling = _Pulling(opened, reading)
        done = pulling.plan([*wanted, *described]) if dry_run else pulling.pull([*wanted, *described], jobs)
        return Pulled(manifest, done[: len(wanted)], done[-1] if described else None, untitled)


def _manifest(opened: Places, source: Source, name: str, platform: str | Platform | None, attached: str) -> Manifest:
    """The manifest of the artifact. Raises NotFound, and InvalidInput where it is not clear which."""
    if not attached:
        return single(source, opened.manifest(source, name), wished(platform) if platform else None)[0]
    subject = subject_of(opened, source, name, platform)
    return single(source, opened.below(source, attached_to(source, subject.digest, attached)))[0]


@frozen
class _Wanted:
    """Content, and the names on the way to where it is to be; a folder is unpacked there."""

    descriptor: Descriptor
    landing: Landing
    names: tuple[str, ...]
    is_folder: bool = False

    @property
    def path(self) -> Path:
        """Where it is to be."""
        return self.landing.folder.joinpath(*self.names)


def _wanted(manifest: Manifest, landing: Landing, titles: list[str], unpack: bool) -> list[_Wanted]:
    """The files that are wanted. Raises NotFound, and InvalidInput for titles that make no sense."""
    found = {each.annotations[TITLE]: each for each in artifact.files(manifest)}
    unknown = next((title for title in titles if title not in found), None)
    if unknown is not None:
        raise NotFound(
            f"there is no file {unknown!r}", advice=f"there are: {_some(list(found)) or 'none with a title'}"
        )
    wanted = [each for each in artifact.files(manifest) if not titles or each.annotations[TITLE] in titles]
    named = [
        _Wanted(each, landing, artifact.path(each.annotations[TITLE]), unpack and artifact.is_folder(each))
        for each in wanted
    ]
    _check_distinct(named)
    return named


def _some(titles: list[str]) -> str:
    """Titles, or the first of very many."""
    more = f" and {len(titles) - MOST_TOLD} more" if len(titles) > MOST_TOLD else ""
    return f"{', '.join(titles[:MOST_TOLD])}{more}"


def _check_distinct(named: list[_Wanted]) -> None:
    """Raise InvalidInput where two cannot both be there: of one title, or one below the other, which is no folder."""
    advice = "`blob get` reads each by its digest"
    if len({each.names for each in named}) < len(named):
        raise InvalidInput("two files of the artifact have one title", advice=advice)
    files = {each.names for each in named if not each.is_folder}
    for each in named:
        if any(each.names[:count] in files for count in range(1, len(each.names))):
            raise InvalidInput(f"the artifact has {'/'.join(each.names)!r} below what is a file", advice=advice)


def _config(manifest: Manifest, path: Path, existing: Existing) -> _Wanted:
    """The config as a file. Raises NotFound, InvalidInput."""
    if manifest.config is None:
        raise NotFound(f"{manifest.digest} has no config")
    if not path.name:
        raise InvalidInput(f"{str(path)!r} is no name of a file")
    return _Wanted(manifest.config, Landing(path.parent, existing), (path.name,))


@frozen
class _Pulling:
    opened: Places
    source: Source

    def plan(self, wanted: list[_Wanted]) -> tuple[PulledFile, ...]:
        """What would be pulled."""
        return tuple(PulledFile(each.path, each.descriptor, "planned") for each in wanted)

    def pull(self, wanted: list[_Wanted], jobs: int) -> tuple[PulledFile, ...]:
        """Pull everything, several at once; packed folders are unpacked one after the other when all are there."""
        for each in wanted:
            if not _is_there(each):
                each.landing.check(each.names)
        with tempfile.TemporaryDirectory(prefix="pratique-") as folder:
            kept = [Path(folder, str(number)) for number in range(len(wanted))]
            found = list(in_parallel(lambda pair: self._one(*pair), list(zip(wanted, kept, strict=True)), jobs))
            for each, came in zip(wanted, found, strict=True):
                if isinstance(came, Unpacking):
                    came.unpack(each.landing)
        outcomes = ["pulled" if isinstance(came, Unpacking) else came for came in found]
        return tuple(PulledFile(each.path, each.descriptor, came) for each, came in zip(wanted, outcomes, strict=True))

    def _one(self, wanted: _Wanted, kept: Path) -> Outcome | Unpacking:
        """Pull a file, or a packed folder to where it is `kept` until it is unpacked."""
        wanted.landing.make()
        if wanted.is_folder:
            self._fetch(wanted.descriptor, kept)
            return _judged(wanted, kept)
        path = wanted.landing.path(wanted.names)
        if _is_there(wanted):
            self.opened.tell(Done(wanted.descriptor, Arrival.PRESENT))
            return "present"
        if wanted.landing.keeps(path):
            return "kept"
        self._fetch(wanted.descriptor, path)
        return "pulled"

    def _fetch(self, descriptor: Descriptor, path: Path) -> None:
        self.opened.tell(Started(descriptor))
        with writing(path), replacing(path) as file:

            def write(data: memoryview) -> None:
                file.write(data)
                self.opened.tell(Moved(descriptor, len(data)))

            pour(lambda: opened(self.source, descriptor), descriptor, write)
        self.opened.tell(Done(descriptor, Arrival.MOVED))


def _judged(wanted: _Wanted, kept: Path) -> Unpacking:
    """A packed folder that was read as a whole. Raises InvalidInput, ContentMismatch, Unsupported."""
    packed = Packed(lambda: opened_file(kept)(0), f"the folder {'/'.join(wanted.names)!r} of the artifact")
    unpacking = Unpacking(packed, wanted.names, Digest.find(wanted.descriptor.annotations.get(UNPACKED)))
    unpacking.judge()
    return unpacking


def _is_there(wanted: _Wanted) -> bool:
    """Whether a file has this content already."""
    path, descriptor = wanted.path, wanted.descriptor
    if path.is_symlink() or not path.is_file() or path.stat().st_size != descriptor.size:
        return False
    return measured(path, descriptor.digest.algorithm)[0] == descriptor.digest
