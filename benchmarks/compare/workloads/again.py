"""A repository of many tags to another registry, where all of it is already: a HEAD a tag and side, and the list."""

from ..workload import BEST, MEMORY, Limit, Site, Workload, exactly
from . import repository


def setup(site: Site) -> None:
    """Bring everything there."""
    site.clean()
    words = repository.words(site.pratique, site)
    assert words
    site.starter.run(words)


WORKLOAD = Workload(
    "the same again",
    repository.words,
    {
        "": (
            Limit("wall", 0.9, BEST),
            Limit("wall", 0.2, "skopeo"),
            exactly("requests", lambda sizes: 2 * sizes.tags + 1),
            MEMORY,
        )
    },
    setup=setup,
    check=repository.check,
    most_rounds=2,
)
