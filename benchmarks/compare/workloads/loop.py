"""The digests of many references: one command of ours, a loop where a program takes one reference."""

from ..content import MANY
from ..programs import Program, Words
from ..workload import BEST, Limit, Site, Workload, exactly, many


def words(program: Program, site: Site) -> Words | None:
    return program.digests(many(site, MANY, site.stock.sizes.digests))


WORKLOAD = Workload(
    "digests of many",
    words,
    {"": (Limit("wall", 0.1, BEST), exactly("requests", lambda sizes: sizes.digests))},
    most_rounds=1,
)
