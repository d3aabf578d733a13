"""The digests of many references: one command of ours, a loop where a program takes one reference."""

from ..content import MANY, tags_of
from ..programs import Program, Remote, Words
from ..workload import BEST, Limit, Site, Workload


def words(program: Program, site: Site) -> Words | None:
    tags = tags_of(site.stock.sizes.digests)
    written = site.scratch / "references"
    written.write_text("".join(f"{Remote(site.source, MANY, tag)}\n" for tag in tags))
    return program.digests(Remote(site.source, MANY), tags, written)


WORKLOAD = Workload(
    "digests of many",
    words,
    {"": (Limit("wall", 0.1, BEST), Limit("requests", lambda sizes: sizes.digests, exact=True))},
)
