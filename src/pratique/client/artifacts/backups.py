"""Whole repositories, tags and referrers, saved in one layout or archive and brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...errors import InvalidInput
from ...expressions import expression
from ...http.events import Observer
from ...stores.crew import JOBS
from ...stores.locations import LAYOUT, OCI_ARCHIVE, REGISTRY, STANDARD_STREAM, Location
from ...transfer.copy import Result
from ...transfer.repository import Failure
from ..copying import copy_tags
from ..places import Place, located

if TYPE_CHECKING:
    import re

    from ..registries import Registries

# Lists of referrers under tags (distribution specification, §Referrers tag schema): they are made anew where they are wanted.
LISTS: Final = expression(r"sha(?:256|512)-[0-9a-f]{64}")
ARCHIVES: Final = (".tar", ".tar.gz", ".tgz", ".tar.zst")


def backup(
    repository: Place,
    target: Place,
    *,
    include: str | re.Pattern[str] | None = None,
    exclude: str | re.Pattern[str] | None = None,
    referrers: bool = True,
    keep_going: bool = False,
    registries: Registries | None = None,
    tell: Observer | None = None,
    dry_run: bool = False,
    jobs: int = JOBS,
) -> list[Result | Failure]:
    """Save all tags of a repository, with what refers to what they name, in a layout or archive; every digest is kept.

    Or those tags that match the regular expression `include` and not `exclude`, as a whole. `target` is `oci:PATH`,
    `oci-archive:PATH`, or a path, which is an archive where it ends in `.tar`, `.tar.gz` or `.tar.zst`; "-" is an archive on
    standard output. A backup into a layout adds what is new; an archive appears when it is whole, in place of the old one. With
    `keep_going` tags that fail are among the results; else the first failure is raised. What no tag leads to cannot be found, and
    is not saved. Raises what `copy_tags` raises.
    """
    source, kept = located(repository), saved(target)
    if source.kind != REGISTRY:
        raise InvalidInput(f"{source} is no repository of a registry", advice="`copy` copies from store to store")
    return copy_tags(
        source,
        kept,
        include=include,
        exclude=exclude,
        semver=_is_own,
        referrers=referrers,
        keep_going=keep_going,
        registries=registries,
        tell=tell,
        dry_run=dry_run,
        jobs=jobs,
    )


def restore(
    source: Place,
    repository: Place,
    *,
    include: str | re.Pattern[str] | None = None,
    exclude: str | re.Pattern[str] | None = None,
    referrers: bool = True,
    keep_going: bool = False,
    no_clobber: bool = False,
    registries: Registries | None = None,
    tell: Observer | None = None,
    dry_run: bool = False,
    jobs: int = JOBS,
) -> list[Result | Failure]:
    """Bring a backup back into a repository, this one or another, with what refers to it; tags that exist are moved.

    `no_clobber` leaves tags that exist as they are; "-" is an archive on standard input. The rest is as with `backup`.
    """
    kept, target = saved(source), located(repository)
    if target.kind != REGISTRY:
        raise InvalidInput(f"{target} is no repository of a registry", advice="`copy` copies from store to store")
    return copy_tags(
        kept,
        target,
        include=include,
        exclude=exclude,
        semver=_is_own,
        referrers=referrers,
        keep_going=keep_going,
        no_clobber=no_clobber,
        registries=registries,
        tell=tell,
        dry_run=dry_run,
        jobs=jobs,
    )


def saved(place: Place) -> Location:
    """The layout or archive that is meant; a path alone is never taken for a registry. Raises InvalidInput."""
    if isinstance(place, str) and not place.startswith((f"{LAYOUT}:", f"{OCI_ARCHIVE}:", "dir:", "docker")):
        is_archive = place == STANDARD_STREAM or place.lower().endswith(ARCHIVES)
        place = Location(OCI_ARCHIVE if is_archive else LAYOUT, place)
    location = located(place)
    if location.kind not in (LAYOUT, OCI_ARCHIVE) or not location.path:
        raise InvalidInput(f"{location} cannot hold a backup", advice="an oci:PATH or an oci-archive:PATH can")
    return location


def _is_own(tag: str) -> bool:
    """Whether a tag was given by somebody, and is no list of referrers."""
    return LISTS.fullmatch(tag) is None
