"""A list of very many tags in pages. Debian's docker-registry answers all of them at once, whatever it is asked."""

from ..content import MANY
from ..programs import Program, Remote, Words
from ..registries import OURS
from ..workload import BEST, Limit, Site, Workload, exactly


def words(program: Program, site: Site) -> Words | None:
    return program.tags(Remote(site.source, MANY), site.stock.sizes.page)


WORKLOAD = Workload(
    "list of tags in pages",
    words,
    {
        "": (
            Limit("wall", 1.0, BEST),
            exactly("requests", lambda sizes: -(-sizes.listed // sizes.page)),
        )
    },
    kinds=(OURS,),
)
