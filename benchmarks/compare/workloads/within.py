"""Within one registry: a large image, whose blobs are mounted."""

from ..content import LARGE
from ..programs import Program, Remote, Words
from ..workload import BEST, COPIED, MEMORY, Limit, Site, Workload, same


def words(program: Program, site: Site) -> Words | None:
    return program.copy(Remote(site.source, LARGE, "1"), Remote(site.source, f"{COPIED}/large", "1"))


def check(site: Site) -> None:
    same(site.first.digest(f"{COPIED}/large", "1"), site.first.digest(LARGE, "1"))


WORKLOAD = Workload(
    "within a registry",
    words,
    {"": (Limit("wall", 0.9, BEST), Limit("content", 0, exact=True), MEMORY)},
    before=Site.clean,
    check=check,
)
