"""The same with tokens: one for each repository and set of operations."""

from ..registries import TOKENS
from ..workload import Site, Workload, exactly
from . import digest, one, repository

LIMITS = {"": (exactly("tokens", 1),)}


WORKLOADS = (
    Workload("digest of one with a token", digest.words, LIMITS, kinds=(TOKENS,)),
    Workload("push with a token", one.push, LIMITS, before=Site.clean, check=one.pushed, kinds=(TOKENS,)),
    Workload("within a registry with tokens", one.mount, LIMITS, before=Site.clean, check=one.mounted, kinds=(TOKENS,)),
    Workload(
        "repository of tags with tokens",
        repository.words,
        LIMITS,
        before=Site.clean,
        check=repository.check,
        kinds=(TOKENS,),
    ),
)
