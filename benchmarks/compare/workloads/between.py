"""From registry to registry: a large image."""

from ..content import LARGE
from ..programs import Program, Remote, Words
from ..workload import BEST, COPIED, MEMORY, Limit, Site, Workload, same


def words(program: Program, site: Site) -> Words | None:
    return program.copy(Remote(site.source, LARGE, "1"), Remote(site.target, f"{COPIED}/large", "1"))


def check(site: Site) -> None:
    same(site.second.digest(f"{COPIED}/large", "1"), site.first.digest(LARGE, "1"))


WORKLOAD = Workload(
    "registry to registry",
    words,
    {"http": (Limit("wall", 0.95, BEST),), "https": (Limit("wall", 0.85, BEST),), "": (MEMORY,)},
    before=Site.clean,
    check=check,
)
