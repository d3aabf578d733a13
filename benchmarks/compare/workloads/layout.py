"""From a layout to a registry and back: an image of many layers."""

from ..content import MEDIUM
from ..programs import Program, Remote, Words
from ..workload import BEST, COPIED, MEMORY, Limit, Site, Workload, digest_of, same

LIMITS = {"http": (Limit("wall", 1.0, BEST),), "https": (Limit("wall", 0.9, BEST),), "": (MEMORY,)}


def push(program: Program, site: Site) -> Words | None:
    return program.copy(site.stock.medium, Remote(site.target, f"{COPIED}/medium", "1"))


def pushed(site: Site) -> None:
    same(site.second.digest(f"{COPIED}/medium", "1"), digest_of(site.stock.medium))


def pull(program: Program, site: Site) -> Words | None:
    return program.copy(Remote(site.source, MEDIUM, "1"), site.layout)


def pulled(site: Site) -> None:
    same(digest_of(site.layout), site.first.digest(MEDIUM, "1"))


PUSH = Workload("layout to registry", push, LIMITS, before=Site.clean, check=pushed)
PULL = Workload("registry to layout", pull, LIMITS, before=Site.clean, check=pulled)
