"""The same with tokens: one for each repository and set of operations."""

from ..registries import TOKENS
from ..workload import Limit, Site, Workload, exactly
from . import digest, one, repository


def tokens(most: int) -> dict[str, tuple[Limit, ...]]:
    return {"": (exactly("tokens", most),)}


WORKLOADS = (
    Workload("digest of one with a token", digest.words, tokens(1), kinds=(TOKENS,)),
    Workload("push with a token", one.push, tokens(1), before=Site.clean, check=one.pushed, kinds=(TOKENS,)),
    Workload(
        "within a registry with tokens", one.mount, tokens(2), before=Site.clean, check=one.mounted, kinds=(TOKENS,)
    ),
    Workload(
        "repository of tags with tokens",
        repository.words,
        tokens(2),
        before=Site.clean,
        check=repository.check,
        kinds=(TOKENS,),
    ),
)
