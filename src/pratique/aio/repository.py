"""One repository, for coroutines."""

from __future__ import annotations

from ..client import repository as blocking
from .blob import Blob
from .face import Face, flow, found, verb


class Repository(Face[blocking.Repository]):
    """A repository of a registry, as `Registries.repository` gives it; its verbs are those of `pratique.Repository`."""

    tags = flow(blocking.Repository.tags)
    resolve = verb(blocking.Repository.resolve)
    manifest = verb(blocking.Repository.manifest)
    config = verb(blocking.Repository.config)
    image = verb(blocking.Repository.image)
    inspect = verb(blocking.Repository.inspect)
    inspections = flow(blocking.Repository.inspections)
    blob = found(blocking.Repository.blob, Blob)
    referrers = flow(blocking.Repository.referrers)
    tag = verb(blocking.Repository.tag)
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
