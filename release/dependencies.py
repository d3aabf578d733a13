"""What Pratique needs when it runs: the distributions that its wheel names, and those that these name, as they are locked."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, PathDistribution, distribution
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT: Final = "pratique"
LOCK: Final = Path(__file__).parents[1] / "requirements.lock"

_LOCKED: Final = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)
_EXTRA: Final = re.compile(r"""\bextra\s*==\s*['"]([^'"]+)['"]""")

Graph = dict[str, list[str]]


def locked() -> dict[str, str]:
    """The version of every distribution in the lock, whatever it is for."""
    return {canonicalize_name(name): version for name, version in _LOCKED.findall(LOCK.read_text("utf-8"))}


def of_wheel(path: Path) -> Distribution:
    """The distribution in a wheel."""
    with zipfile.ZipFile(path) as wheel:
        [metadata] = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return PathDistribution(zipfile.Path(path, metadata.removesuffix("METADATA")))


def installed(name: str) -> Distribution | None:
    """The distribution as it is installed beside this program, or None."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def needed(project: Distribution) -> Graph:
    """Which locked distributions each one needs, from the project on; its extras are left out.

    They are those of every system and every Python that the lock is for. What one needs that is not installed here is not known.
    """
    versions = locked()
    found: dict[str, set[str]] = {}
    seen: set[tuple[str, frozenset[str]]] = set()

    def follow(name: str, distribution: Distribution | None, extras: frozenset[str]) -> None:
        if (name, extras) in seen:
            return
        seen.add((name, extras))
        below = found.setdefault(name, set())
        for requirement in _held((distribution and distribution.requires) or (), extras):
            other = canonicalize_name(requirement.name)
            if other in versions:
                below.add(other)
                follow(other, installed(other), frozenset(requirement.extras))

    follow(PROJECT, project, frozenset())
    return {name: sorted(below) for name, below in sorted(found.items())}


def _held(requirements: Iterable[str], extras: frozenset[str]) -> Iterator[Requirement]:
    """Those that hold with these extras, on whatever system."""
    for requirement in map(Requirement, requirements):
        asked = set(_EXTRA.findall(str(requirement.marker or "")))
        if not asked or asked & extras:
            yield requirement
