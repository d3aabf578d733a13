"""A list of tags with what is behind each. No peer does that."""

from ..content import TAGS
from ..programs import Program, Remote, Words
from ..workload import Limit, Site, Workload


def words(program: Program, site: Site) -> Words | None:
    return program.details(Remote(site.source, TAGS))


WORKLOAD = Workload("tags with details", words, {"": (Limit("wall", 1.0),)})
