"""A store by the names in it, for coroutines."""

from __future__ import annotations

from typing import TypeVar

from ..client import store as blocking
from .blob import Blob
from .face import Face, flow, found, verb

Kind_co = TypeVar("Kind_co", bound=blocking.Store, covariant=True)


class Store(Face[Kind_co]):
    """A place with images and artifacts, as `open` gives it; its verbs are those of the store that `pratique.open` gives."""

    tags = flow(blocking.Store.tags)
    resolve = verb(blocking.Store.resolve)
    manifest = verb(blocking.Store.manifest)
    config = verb(blocking.Store.config)
    image = verb(blocking.Store.image)
    inspect = verb(blocking.Store.inspect)
    inspections = flow(blocking.Store.inspections)
    blob = found(blocking.Store.blob, Blob)
    referrers = flow(blocking.Store.referrers)
    tag = verb(blocking.Store.tag)
