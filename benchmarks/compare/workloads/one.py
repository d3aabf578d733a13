"""An image of one small layer: pushed, pushed again, copied within a registry. What counts is the number of requests."""

from ..content import ONE
from ..programs import Program, Remote, Words
from ..workload import COPIED, Limit, Site, Workload, digest_of, exactly, same

NAME = f"{COPIED}/one"


def push(program: Program, site: Site) -> Words | None:
    return program.copy(site.stock.one, Remote(site.target, NAME, "1"))


def pushed(site: Site) -> None:
    same(site.second.digest(NAME, "1"), digest_of(site.stock.one))


def there(site: Site) -> None:
    """Push it beforehand."""
    site.clean()
    site.copied(site.stock.one, Remote(site.target, NAME, "1"))


def mount(program: Program, site: Site) -> Words | None:
    return program.copy(Remote(site.source, ONE, "1"), Remote(site.source, NAME, "1"))


def mounted(site: Site) -> None:
    same(site.first.digest(NAME, "1"), site.first.digest(ONE, "1"))


def requests(most: int) -> dict[str, tuple[Limit, ...]]:
    return {"": (exactly("requests", most),)}


WORKLOADS = (
    Workload("push of one layer", push, requests(8), before=Site.clean, check=pushed),
    Workload("push of one layer again", push, requests(1), setup=there, check=pushed),
    Workload("one layer within a registry", mount, requests(7), before=Site.clean, check=mounted),
)
