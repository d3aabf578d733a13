"""An image of three layers of files, changed: its file system as a tar, one layer of all, one more on top, other compression."""

from ..content import FILES
from ..measure import Failed
from ..programs import Program, Remote, Words
from ..workload import BEST, COPIED, MEMORY, Limit, Site, Workload

FAST = (Limit("wall", 0.5, BEST), Limit("cpu", 0.5, BEST))


def target(site: Site) -> Remote:
    return Remote(site.target, f"{COPIED}/files", "1")


def beside(site: Site) -> Remote:
    """In another repository of the registry in which the image is: as most people do."""
    return Remote(site.source, f"{COPIED}/files", "1")


def source(site: Site) -> Remote:
    return Remote(site.source, FILES, "1")


def export(program: Program, site: Site) -> Words | None:
    return program.export(source(site))


def flatten(program: Program, site: Site) -> Words | None:
    return program.flatten(source(site), target(site))


def append(program: Program, site: Site) -> Words | None:
    return program.append(source(site), beside(site), site.stock.added)


def recompress(program: Program, site: Site) -> Words | None:
    return program.recompress(source(site), target(site))


def check(site: Site) -> None:
    """Raises Failed where nothing came of it."""
    if not site.second.digest(f"{COPIED}/files", "1"):
        raise Failed("nothing is at the target")


def check_beside(site: Site) -> None:
    if not site.first.digest(f"{COPIED}/files", "1"):
        raise Failed("nothing is beside the source")


WORKLOADS = (
    Workload("export", export, {"": (*FAST, MEMORY)}),
    Workload("flatten", flatten, {"": (*FAST, MEMORY)}, before=Site.clean, check=check, most_rounds=2),
    Workload("append", append, {"": (*FAST, MEMORY)}, before=Site.clean, check=check_beside),
    Workload("recompress", recompress, {"": FAST}, before=Site.clean, check=check),
)
