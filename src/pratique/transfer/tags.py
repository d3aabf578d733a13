"""Which tags of a repository to take: by expression, by version, the newest."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from ..errors import InvalidInput
from ..expressions import expression
from ..spec.digest import ALGORITHMS, Digest
from ..spec.versions import version_key
from ..values import frozen

if TYPE_CHECKING:
    from semver import Version

# `sha256-<hex>` and `sha256-<hex>.sig`: tags by which a digest's signatures and the like are found.
_DIGEST_TAG: Final = expression(rf"({'|'.join(ALGORITHMS)})-([0-9a-f]{{64,128}})(\..*)?")
_BOUND: Final = expression(r"(>=|<=|!=|==|=|>|<|)v?(.+)")
_COMPARISONS: Final[dict[str, Callable[[Version, Version], bool]]] = {
    "": operator.eq,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@frozen
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


def pattern(text: str) -> re.Pattern[str]:
    """A regular expression that tags match as a whole. Raises InvalidInput."""
    try:
        return re.compile(text)
    except re.error as error:
        raise InvalidInput(f"not a regular expression: {text!r} ({error})") from None


def version_range(text: str) -> Callable[[str], bool]:
    """A test for a range of semantic versions, for instance `>=1.2 <2`. Raises InvalidInput.

    A tag may have a `v` before it and may leave out minor and patch; tags that are no versions are in no range, and
    candidates for a release only in a range that names one.
    """
    bounds = [_bound(part, text) for part in text.replace(",", " ").split()]
    if not bounds:
        raise InvalidInput("the range of versions is empty")
    candidates = any(limit.prerelease for _, limit in bounds)

    def contains(tag: str) -> bool:
        version = _version(tag.removeprefix("v"))
        if version is None or (version.prerelease and not candidates):
            return False
        return all(holds(version, limit) for holds, limit in bounds)

    return contains


def _bound(part: str, text: str) -> tuple[Callable[[Version, Version], bool], Version]:
    found = _BOUND.fullmatch(part)
    limit = _version(found[2]) if found else None
    if found is None or limit is None:
        raise InvalidInput(f"not a range of versions: {text!r}", advice="a range looks like '>=1.2 <2'")
    return _COMPARISONS[found[1]], limit


def _version(text: str) -> Version | None:
    from semver import Version

    try:
        return Version.parse(text, optional_minor_and_patch=True)
    except ValueError:
        return None


def digest_of(tag: str) -> Digest | None:
    """The digest that a digest tag is about; None for other tags."""
    found = _DIGEST_TAG.fullmatch(tag)
    if found is None or len(found[2]) != ALGORITHMS[found[1]]:
        return None
    return Digest(found[1], found[2])
