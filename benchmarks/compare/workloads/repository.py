"""A repository of many tags to another registry."""

from ..content import TAGS, tags_of
from ..programs import Program, Remote, Words
from ..workload import BEST, COPIED, MEMORY, Limit, Site, Workload, many, same

TARGET = f"{COPIED}/tags"  # the last part is that of the source: one program cannot say another


def words(program: Program, site: Site) -> Words | None:
    return program.repository(many(site, TAGS, site.stock.sizes.tags), Remote(site.target, TARGET))


def check(site: Site) -> None:
    for tag in tags_of(site.stock.sizes.tags):
        same(site.second.digest(TARGET, tag), site.first.digest(TAGS, tag))


WORKLOAD = Workload(
    "repository of tags",
    words,
    {"": (Limit("wall", 0.6, BEST), Limit("wall", 0.2, "skopeo"), MEMORY)},
    before=Site.clean,
    check=check,
    most_rounds=2,
)
