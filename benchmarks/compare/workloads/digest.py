"""The digest of one reference."""

from ..content import ONE
from ..programs import PYTHON, Program, Remote, Words
from ..workload import Limit, Site, Workload, exactly


def words(program: Program, site: Site) -> Words | None:
    return program.digest(Remote(site.source, ONE, "1"))


WORKLOAD = Workload("digest of one", words, {"": (Limit("wall", 4, PYTHON), exactly("requests", 1))})
