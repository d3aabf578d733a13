"""The version: what it costs to start."""

from ..programs import PYTHON, Program, Words
from ..registries import OURS
from ..workload import Limit, Site, Workload


def words(program: Program, _: Site) -> Words | None:
    return program.version()


WORKLOAD = Workload("version", words, {"": (Limit("wall", 1.5, PYTHON),)}, kinds=(OURS,))
