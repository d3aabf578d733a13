"""Whole repositories, tags and referrers, saved in one layout or archive and brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...errors import InvalidInput
from ...expressions import expression
from ...stores.locations import LAYOUT, OCI_ARCHIVE, REGISTRY, STANDARD_STREAM, Location
from ...transfer.copy import Result
from ...transfer.repository import Failure
from ...values import as_dict, frozen
from ..copying import copy_tags
from ..keywords import HowWritten, Writing
from ..places import Place, located

if TYPE_CHECKING:
    import re
    from typing import Unpack

# Lists of referrers under tags (distribution specification, §Referrers tag schema): they are made anew where they are wanted.
LISTS: Final = expression(r"sha(?:256|512)-[0-9a-f]{64}")
ARCHIVES: Final = (".tar", ".tar.gz", ".tgz", ".tar.zst")


class Saving(Writing, total=False):
    """What of a repository is saved or brought back: the keywords that both functions take, and those of `Writing`."""

    include: str | re.Pattern[str] | None
    """Only tags that match this regular expression as a whole."""
    exclude: str | re.Pattern[str] | None
    """Not those that match this one."""
    referrers: bool
    """What refers to what the tags name goes along, which is usual."""
    keep_going: bool
    """Tags that fail are among the results; else the first failure is raised."""


def backup(repository: Place, target: Place, **saving: Unpack[Saving]) -> list[Result | Failure]:
    """Save all tags of a repository, with what refers to what they name, in a layout or archive; every digest is kept.

    `target` is `oci:PATH`, `oci-archive:PATH`, or a path, which is an archive where it ends in `.tar`, `.tar.gz` or `.tar.zst`;
    "-" is an archive on standard output. A backup into a layout adds what is new; an archive appears when it is whole, in place
    of the old one. What no tag leads to cannot be found, and is not saved. `saving` are the keywords of `Saving`.
    Raises what `copy_tags` raises.
    """
    return _How(**saving).copy(_repository(repository), saved(target))


def restore(
    source: Place, repository: Place, *, no_clobber: bool = False, **saving: Unpack[Saving]
) -> list[Result | Failure]:
    """Bring a backup back into a repository, this one or another, with what refers to it; tags that exist are moved.

    `no_clobber` leaves tags that exist as they are; "-" is an archive on standard input. The rest is as with `backup`.
    """
    return _How(**saving).copy(saved(source), _repository(repository), no_clobber=no_clobber)


@frozen
class _How(HowWritten):
    """The keywords of `Saving`."""

    include: str | re.Pattern[str] | None = None
    exclude: str | re.Pattern[str] | None = None
    referrers: bool = True
    keep_going: bool = False

    def copy(self, source: Location, target: Location, *, no_clobber: bool = False) -> list[Result | Failure]:
        """Copy the tags that are somebody's own."""
        return copy_tags(source, target, semver=_is_own, no_clobber=no_clobber, **as_dict(self))


def _repository(place: Place) -> Location:
    """A repository of a registry. Raises InvalidInput for anything else."""
    location = located(place)
    if location.kind != REGISTRY:
        raise InvalidInput(f"{location} is no repository of a registry", advice="`copy` copies from store to store")
    return location


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
