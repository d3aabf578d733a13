"""Which tags of a repository to take: by expression, by version, the newest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from ..errors import InvalidInput
from ..spec.digest import ALGORITHMS, Digest
from ..spec.versions import version_key

# `sha256-<hex>` and `sha256-<hex>.sig`: tags by which a digest's signatures and the like are found.
_DIGEST_TAG: Final = re.compile(rf"({'|'.join(ALGORITHMS)})-([0-9a-f]{{64,128}})(\..*)?")


@dataclass(frozen=True, slots=True)
class Choice:
    """What to take: tags that match `include` and not `exclude` as a whole, versions in `semver`, of these the `newest`."""

    include: re.Pattern[str] | None = None
    exclude: re.Pattern[str] | None = None
    semver: Callable[[str], bool] | None = None
    newest: int | None = None

    def of(self, tags: Iterable[str]) -> list[str]:
        """The tags that are taken, in their order; with `newest` the highest versions first."""
        chosen = [tag for tag in tags if self._takes(tag)]
        if self.newest is None:
            return chosen
        return sorted(chosen, key=version_key, reverse=True)[: self.newest]

    def _takes(self, tag: str) -> bool:
        if self.include is not None and not self.include.fullmatch(tag):
            return False
        if self.exclude is not None and self.exclude.fullmatch(tag):
            return False
        return self.semver is None or self.semver(tag)


def version_range(text: str) -> Callable[[str], bool]:
    """A test for a range of semantic versions, for instance `>=1.2 <2`. Raises InvalidInput.

    A tag may have a `v` before it and may leave out minor and patch; tags that are no versions are in no range, and
    candidates for a release only in a range that names one.
    """
    from semver import Version

    parts = text.replace(",", " ").split()
    candidates = any("-" in part for part in parts)

    def contains(tag: str) -> bool:
        try:
            version = Version.parse(tag.removeprefix("v"), optional_minor_and_patch=True)
        except ValueError:
            return False
        return (candidates or version.prerelease is None) and all(version.match(part) for part in parts)

    try:
        Version.parse("1.0.0")
        for part in parts:
            Version.parse("1.0.0").match(part)
    except ValueError:
        raise InvalidInput(f"not a range of versions: {text!r}", advice="a range looks like '>=1.2.0 <2.0.0'") from None
    if not parts:
        raise InvalidInput("the range of versions is empty")
    return contains


def digest_of(tag: str) -> Digest | None:
    """The digest that a digest tag is about; None for other tags."""
    found = _DIGEST_TAG.fullmatch(tag)
    if found is None or len(found[2]) != ALGORITHMS[found[1]]:
        return None
    return Digest(found[1], found[2])
