"""One repository, for coroutines."""

from __future__ import annotations

from ..client import repository as blocking
from .face import verb
from .store import Store


class Repository(Store[blocking.Repository]):
    """A repository of a registry, as `Registries.repository` gives it; its verbs are those of `pratique.Repository`."""

    push_manifest = verb(blocking.Repository.push_manifest)
    push_blob = verb(blocking.Repository.push_blob)
    delete_blob = verb(blocking.Repository.delete_blob)
    delete = verb(blocking.Repository.delete)

    @property
    def registry(self) -> str:
        """`host[:port]`, or `docker.io`."""
        return self.blocking.registry

    @property
    def name(self) -> str:
        """What it is called in its registry."""
        return self.blocking.name
