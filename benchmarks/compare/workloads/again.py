"""A repository of many tags to another registry, where all of it is already: a HEAD a tag and side, and the list."""

from ..content import TAGS, tags_of
from ..programs import Remote
from ..workload import BEST, MEMORY, Limit, Site, Workload
from . import repository


def setup(site: Site) -> None:
    """Bring everything there."""
    site.clean()
    words = site.pratique.repository(
        Remote(site.source, TAGS), Remote(site.target, repository.TARGET), tags_of(site.stock.sizes.tags)
    )
    assert words
    site.starter.run(words)


WORKLOAD = Workload(
    "the same again",
    repository.words,
    {
        "": (
            Limit("wall", 0.9, BEST),
            Limit("wall", 0.2, "skopeo"),
            Limit("requests", lambda sizes: 2 * sizes.tags + 1, exact=True),
            MEMORY,
        )
    },
    setup=setup,
    check=repository.check,
)
